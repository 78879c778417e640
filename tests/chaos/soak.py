"""`python -m tests.chaos.soak --minutes 10`: a large fleet, steady telemetry, dispatch after dispatch and a broker that dies now and then.

Afterwards the engine must be as large as it was after warming up: memory within 5 %, no more tasks, threads or files. The engine keeps its
last 100 dispatches; warming up is as many of them in a row, so that what may fill up is full.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from tests.broker.brokers import Broker, start_mosquitto
from tests.chaos.__main__ import say
from tests.chaos.actors import EngineProcess, Vehicles
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Accepted
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES

DISPATCH_EVERY_S = 20.0
DISPATCH_S = 10.0
SAMPLE_S = 5.0
TOLD_EVERY_S = 30.0
WARM_UP_DISPATCHES = 110
WARM_UP_EVERY_S = 0.6
WARM_UP_S = 150.0
MEMORY_SHARE = 0.05
BROKER_DIES_S = (40.0, 80.0)
TELEMETRY_PER_S = 200
SIGNALS = ("MA", "FCR", "aFRR_DOWN", "NEBEF", "aFRR_UP")
_MOST_MORE_TASKS = 2  # a request or a round may be under way just then
_MOST_MORE_THREADS = 2  # a pool gets its next worker when two jobs meet; a leak would be one a dispatch or a broker death
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine at `at_s` of the run."""

    at_s: float
    memory_mib: float
    tasks: int
    threads: int
    files: int
    active: int
    owed: int


@dataclass(slots=True)
class Soak:
    """One run."""

    folder: Path
    broker: Broker
    engine: EngineProcess
    vehicles: Vehicles
    began_s: float = 0.0
    dispatches: int = 0
    refused: int = 0
    broker_deaths: int = 0

    async def warm_up(self) -> int:
        """Short dispatches in quick succession; how many were taken."""
        draw, taken, ends_s = Random("soak warm"), 0, time.monotonic() + WARM_UP_S
        while taken < WARM_UP_DISPATCHES and time.monotonic() < ends_s:
            power_kw = round(draw.uniform(300.0, 1500.0), 1)
            reply = await self.engine.ask(ask.Dispatch(signal=draw.choice(SIGNALS), power_kw=power_kw, duration_s=1.0))
            taken += isinstance(reply, Accepted)
            await asyncio.sleep(WARM_UP_EVERY_S)
        await asyncio.sleep(DISPATCH_S)  # the last ones end
        return taken

    async def dispatching(self) -> None:
        """A dispatch every 20 s."""
        draw = Random("soak")
        while True:
            signal = draw.choice(SIGNALS)
            request = ask.Dispatch(signal=signal, power_kw=round(draw.uniform(300.0, 1500.0), 1), duration_s=DISPATCH_S)
            taken = isinstance(await self.engine.ask(request), Accepted)
            self.dispatches += taken
            self.refused += not taken
            await asyncio.sleep(DISPATCH_EVERY_S)

    async def killing_the_broker(self) -> None:
        """Now and then, for about a second."""
        draw = Random("soak broker")
        while True:
            await asyncio.sleep(draw.uniform(*BROKER_DIES_S))
            await asyncio.to_thread(self.broker.kill)
            await asyncio.sleep(draw.uniform(0.2, 2.0))
            await asyncio.to_thread(self.broker.restart)
            self.broker_deaths += 1

    async def sampling(self, minutes: float) -> list[Sample]:
        """Readings every 5 s."""
        samples: list[Sample] = []
        process, told_at = psutil.Process(self.engine.pid), 0.0
        while (at_s := time.monotonic() - self.began_s) < minutes * 60.0:
            status = await self.engine.status()
            if status is not None:
                active = sum(view.state not in TERMINAL_DISPATCH_STATES for view in status.dispatches)
                memory_mib = process.memory_info().rss / (1 << 20)
                sample = Sample(at_s, memory_mib, status.engine.tasks, process.num_threads(), process.num_fds(), active, status.fleet.owed)
                samples.append(sample)
                if at_s >= told_at:
                    told_at = at_s + TOLD_EVERY_S
                    say(
                        f"{at_s:6.0f} {sample.memory_mib:11.1f} {sample.tasks:6} {sample.threads:8} {sample.files:6} "
                        f"{self.dispatches:11} {sample.owed:6} {self.broker_deaths:14}"
                    )
            await asyncio.sleep(SAMPLE_S)
        return samples


def verdict(samples: list[Sample]) -> list[str]:
    """What has grown between the time after warming up and the end; empty: nothing."""
    span = max(3, len(samples) // 5)
    first, last = samples[:span], samples[-span:]
    grown = []
    before_mib, after_mib = (statistics.median(one.memory_mib for one in part) for part in (first, last))
    change = after_mib / before_mib - 1.0
    say(f"\nmemory {before_mib:.1f} MiB after warming up, {after_mib:.1f} MiB at the end: {change:+.1%}")
    if change > MEMORY_SHARE:
        grown.append(f"memory grew by {change:.1%}")
    for name, more in (("tasks", _MOST_MORE_TASKS), ("threads", _MOST_MORE_THREADS), ("files", 0)):
        before, after = (min(getattr(one, name) for one in part) for part in (first, last))
        say(f"{name:<8} at least {before} after warming up, {after} at the end")
        if after > before + more:
            grown.append(f"{after - before} {name} were leaked")
    return grown


async def run(minutes: float, vehicles: int, folder: Path) -> int:
    """The exit code: 1 if something was leaked."""
    broker = await asyncio.to_thread(start_mosquitto, folder / "broker")
    config = folder / "config.yaml"
    lines = [
        f"mqtt: {{broker: '{broker.url}', client_id: soak}}",
        "metrics: {port: 0}",
        f"socket: {{path: '{folder}/engine.sock'}}",
        f"journal: {{backend: sqlite, path: '{folder}/journal.db'}}",
        "dispatch: {settle_s: 2, lease_s: 30}",
        f"telemetry: {{interval_s: {vehicles / TELEMETRY_PER_S}}}",
    ]
    await asyncio.to_thread(config.write_text, "\n".join(lines), "utf-8")
    soak = Soak(folder, broker, EngineProcess(folder, config, [], 0.0), Vehicles(folder))
    arguments = [
        "--broker",
        broker.url,
        "--vehicles",
        str(vehicles),
        "--protocol",
        "mixed",
        "--silent-rate",
        "0.02",
        "--reject-rate",
        "0.02",
    ]
    arguments += ["--telemetry-interval", str(vehicles / TELEMETRY_PER_S), "--availability-profile", "always", "--sites", "20"]
    try:
        await soak.vehicles.start(arguments)
        await soak.engine.start()
        return await _measured(soak, minutes, vehicles)
    finally:
        await soak.engine.end()
        await soak.vehicles.end()
        await asyncio.to_thread(broker.stop)


async def _measured(soak: Soak, minutes: float, vehicles: int) -> int:
    async with asyncio.timeout(_READY_S):
        while True:
            status = await soak.engine.status()
            if status is not None and status.fleet.fresh >= 0.95 * vehicles:
                break
            await asyncio.sleep(0.5)
    say(f"{vehicles} vehicles, {TELEMETRY_PER_S} telemetry/s, a dispatch every {DISPATCH_EVERY_S:.0f} s, {minutes:g} minutes")
    say(f"warmed up with {await soak.warm_up()} short dispatches\n")
    soak.began_s = time.monotonic()
    say("    at s  memory MiB  tasks  threads  files  dispatches   owed  broker deaths")
    background = [asyncio.create_task(soak.dispatching()), asyncio.create_task(soak.killing_the_broker())]
    try:
        samples = await soak.sampling(minutes)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
    grown = [*verdict(samples), *soak.engine.faults, *(f"the engine was started again: {kill}" for kill in soak.engine.kills)]
    size_mib = sum(file.stat().st_size for file in soak.folder.glob("journal.db*")) / (1 << 20)
    say(f"{soak.dispatches} dispatches, {soak.refused} refused, {soak.broker_deaths} broker deaths, journal {size_mib:.1f} MiB")
    for text in grown:
        say(f"LEAK: {text}")
    return 1 if grown else 0


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--vehicles", type=int, default=2000)
    given = parser.parse_args()
    return asyncio.run(run(given.minutes, given.vehicles, Path(tempfile.mkdtemp(prefix="soak-"))))


if __name__ == "__main__":
    sys.exit(main())
