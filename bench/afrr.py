"""Follows an aFRR target that moves every 4 seconds with simulated vehicles over a real broker, and scores how well.

    python bench/afrr.py [--vehicles 1000] [--seconds 100] [--cycle 4] [--broker mosquitto|nats] [--case clean faults] [--seed 1]

Engine, broker and vehicles are processes of their own. The target is a seeded random walk between 5 % and 100 % of 2 kW a vehicle, given
as `update` requests. `clean`: 80 ms to an ack; `faults`: 5 % of the commands lost, 200 ms of latency with as much jitter, 2 % of the
vehicles losing their connection now and then. Scores as in `v2g_console/allocation/tracking.py`: by the engine's own live collector, which
sees acks and telemetry only, and by the true power of the vehicles. `sent`: from the request to the last publish of its moves; `acked`:
until the last of them is answered or given up. The score forgives much (4 s of latency cost nothing, 70 % of the power still 0.90, a
fleet that stays where it is about 0.5), so `error` is the plain one: mean |true - target| / mean |target|, at every moment and without
any shift.
Exit code 1 if a true score is below 0.95 (clean) or 0.90 (faults), the error above 10 %, or a cycle's moves took longer to send than the
cycle.
"""

import argparse
import asyncio
import json
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.broker.brokers import Broker, start_mosquitto, start_nats
from v2g_console.allocation.tracking import TrackingCollector, TrackingScore
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import (
    JournalSettings,
    MetricsSettings,
    MqttSettings,
    PredictionSettings,
    Settings,
    SocketSettings,
)
from v2g_console.contract.replies import Accepted, StatusView
from v2g_console.contract.requests import Cancel, Dispatch, Origin, Request, Status, Update
from v2g_console.contract.snapshot import DispatchView
from v2g_console.engine.dispatch import TRACKING, Running
from v2g_console.runtime.run import SWITCH_INTERVAL_S
from v2g_console.runtime.services import Services

ORIGIN = Origin(user=own_user(), way="cli")
FLEET = Path(__file__).resolve().parent / "afrr_fleet.py"
KW_A_VEHICLE = 2.0
LEAST_SHARE, STEP_SHARE = 0.05, 0.08
GOALS = {"clean": 0.95, "faults": 0.90}
CASES: dict[str, dict[str, float]] = {
    "clean": {},
    "faults": {"drop_rate": 0.05, "latency_ms": 200.0, "disconnect_rate": 0.02},
}
MOST_ERROR = 0.10
_START_S = 60.0


@dataclass(slots=True)
class Truth:
    """What the process of the vehicles tells, newest last: `(monotonic s, kW)`, and its counters."""

    points: list[tuple[float, float]] = field(default_factory=list)
    commands: int = 0
    lost: int = 0

    async def listen(self, lines: asyncio.StreamReader) -> None:
        """Until the process ends."""
        while line := await lines.readline():
            told = json.loads(line)
            self.points.append((told["at_s"], told["true_kw"]))
            self.commands, self.lost = told["commands"], told["lost"]


@dataclass(frozen=True, slots=True)
class Followed:
    """One run. Times in seconds, one a cycle; `targets` are `(monotonic s, kW)`; `believed` and `true` None if the run was too short.

    `error`: mean |true - target| / mean |target| from the second target on, without any shift in time.
    """

    vehicles: int
    believed: TrackingScore | None
    true: TrackingScore | None
    sent_s: list[float]
    acked_s: list[float]
    commands_a_cycle: float
    lost: int
    targets: list[tuple[float, float]]
    last_true_kw: float
    error: float


def walk(most_kw: float, cycles: int, seed: int) -> list[float]:
    """Targets in kW: a random walk that is reflected at its ends."""
    draw, share, targets = random.Random(f"afrr/{seed}"), 0.4, []
    for _ in range(cycles):
        share += draw.gauss(0.0, STEP_SHARE)
        share = 2.0 - share if share > 1.0 else 2.0 * LEAST_SHARE - share if share < LEAST_SHARE else share
        targets.append(round(min(max(share, LEAST_SHARE), 1.0) * most_kw, 1))
    return targets


async def follow(broker: str, *, vehicles: int, cycles: int, cycle_s: float, seed: int, options: dict[str, float]) -> Followed:
    """Start vehicles and engine on `broker`, move the target, end everything."""
    told = json.dumps({"broker": broker, "vehicles": vehicles, "seed": seed, **options})
    fleet = await asyncio.create_subprocess_exec(sys.executable, str(FLEET), told, stdout=asyncio.subprocess.PIPE)
    assert fleet.stdout is not None
    truth = Truth()
    listening = asyncio.create_task(truth.listen(fleet.stdout))
    try:
        await _until(lambda: bool(truth.points), "the vehicles did not start")
        services = Services(_settings(broker, vehicles), read_only=False, demo=False)
        try:
            await services.start()
            await _measured(services, vehicles)
            followed = await _follow(services, truth, walk(KW_A_VEHICLE * vehicles, cycles, seed), vehicles, cycle_s)
            await services.wind_down("release")
        finally:
            await services.close()
    finally:
        fleet.terminate()
        await fleet.wait()
        await listening
    return followed


def _settings(broker: str, vehicles: int) -> Settings:
    return Settings(
        mqtt=MqttSettings(broker=broker, client_id=f"afrr-{vehicles}"),
        metrics=MetricsSettings(enabled=False),
        socket=SocketSettings(enabled=False),
        prediction=PredictionSettings(engine="none"),
        journal=JournalSettings(backend="memory"),  # the default one is that of the operator
    )


async def _ask(services: Services, request: Request) -> Any:
    reply = await services.engine.request(request, ORIGIN)
    if not isinstance(reply, Accepted):
        raise RuntimeError(f"refused: {reply}")
    return reply.result


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        await asyncio.sleep(0.01)


async def _measured(services: Services, vehicles: int) -> None:
    """Until the engine knows and has measured the whole fleet."""
    deadline = time.monotonic() + _START_S
    while True:
        status = await _ask(services, Status())
        assert isinstance(status, StatusView)
        if status.fleet.fresh >= 0.97 * vehicles:  # unsteady vehicles may be away just now
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {status.fleet.fresh} of {vehicles} vehicles were measured")
        await asyncio.sleep(0.1)


async def _follow(services: Services, truth: Truth, targets_kw: list[float], vehicles: int, cycle_s: float) -> Followed:
    seconds = len(targets_kw) * cycle_s
    view = await _ask(services, Dispatch(signal="aFRR_UP", power_kw=targets_kw[0], duration_s=seconds + 60.0))
    assert isinstance(view, DispatchView)
    running = services.engine._core.find(view.dispatch_id)
    assert running is not None
    began = time.monotonic()
    targets, sent_s, acked_s = [(began, targets_kw[0])], [], []
    await asyncio.sleep(cycle_s)
    commands_before = truth.commands
    for number, target_kw in enumerate(targets_kw[1:], 1):
        asked = time.monotonic()
        targets.append((asked, target_kw))
        view = await _ask(services, Update(dispatch_id=view.dispatch_id, power_kw=target_kw))
        sent_s.append(time.monotonic() - asked)
        next_at = began + (number + 1) * cycle_s
        await _answered(running, next_at)
        acked_s.append(time.monotonic() - asked)
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
    believed = running.tracking.score()
    last_true_kw, commands = truth.points[-1][1], truth.commands - commands_before
    await _ask(services, Cancel(dispatch_id=view.dispatch_id))
    points = [point for point in truth.points if began <= point[0]]
    true = _score(targets, points)
    cycles = len(sent_s)
    return Followed(
        vehicles, believed, true, sent_s, acked_s, commands / max(1, cycles), truth.lost, targets, last_true_kw, _error(targets, points)
    )


async def _answered(running: Running, until_s: float) -> None:
    """Until every command has its answer, or `until_s` (monotonic); the engine wakes us at each tick."""
    while running.pending and (left_s := until_s - time.monotonic()) > 0.0:
        running.changed.clear()
        try:
            async with asyncio.timeout(left_s):
                await running.changed.wait()
        except TimeoutError:
            return


def _score(targets: list[tuple[float, float]], points: list[tuple[float, float]]) -> TrackingScore | None:
    """The score of the true power, by the engine's own rules."""
    collector, at = TrackingCollector(TRACKING), 0
    for at_s, true_kw in points:
        while at + 1 < len(targets) and targets[at + 1][0] <= at_s:
            at += 1
        collector.feed(at_s, targets[at][1], true_kw)
    return collector.score()


def _error(targets: list[tuple[float, float]], points: list[tuple[float, float]]) -> float:
    """The plain error, with the target that was in force at each point."""
    times, wanted = np.array([at_s for at_s, _ in targets]), np.array([kw for _, kw in targets])
    later = [point for point in points if point[0] >= targets[1][0]]
    at = np.searchsorted(times, [at_s for at_s, _ in later], side="right") - 1
    return float(np.mean(np.abs(np.array([kw for _, kw in later]) - wanted[at])) / np.mean(np.abs(wanted[at])))


def row(case: str, found: Followed) -> str:
    """One line of the table."""
    believed, true = (asdict(score) if score else {} for score in (found.believed, found.true))
    nothing = float("nan")
    parts = " ".join(f"{true.get(name, nothing):>6.3f}" for name in ("correlation", "delay", "precision", "score"))
    own = " ".join(f"{believed.get(name, nothing):>6.3f}" for name in ("correlation", "delay", "precision", "score"))
    times = " ".join(f"{value * 1000:>6.0f}" for value in (*_p50_p95(found.sent_s), *_p50_p95(found.acked_s)))
    head = f"{case:<7} {found.vehicles:>8} {len(found.sent_s):>6}"
    return f"{head} | {parts} {found.error:>6.1%} | {own} | {found.commands_a_cycle:>9.1f} {found.lost:>6} | {times}"


def _p50_p95(times_s: list[float]) -> tuple[float, float]:
    return statistics.median(times_s), sorted(times_s)[min(len(times_s) - 1, int(0.95 * len(times_s)))]


def start(kind: str, folder: Path) -> Broker:
    """A broker on a free port."""
    return start_nats(folder) if kind == "nats" else start_mosquitto(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=100.0, help="of each case")
    parser.add_argument("--cycle", type=float, default=4.0, help="seconds between two targets")
    parser.add_argument("--broker", choices=("mosquitto", "nats"), default="mosquitto")
    parser.add_argument("--case", choices=tuple(CASES), nargs="+", default=list(CASES))
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.getLogger("mqtt").setLevel(logging.ERROR)  # many publishes at once are normal here
    print(f"{'':<23} | {'true power':^34} | {'as the engine sees it':^27} | {'commands':>16} | {'sent ms':^13} {'acked ms':^13}")
    scores = f"{'corr':>6} {'delay':>6} {'prec':>6} {'score':>6}"
    print(
        f"{'case':<7} {'vehicles':>8} {'cycles':>6} | {scores} {'error':>6} | {scores} | {'a cycle':>9} {'lost':>6} |"
        + f"{'p50':>7}{'p95':>7}" * 2
    )
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        broker = start(told.broker, Path(folder))
        try:
            for case in told.case:
                cycles = max(2, round(told.seconds / told.cycle))
                found = asyncio.run(
                    follow(broker.url, vehicles=told.vehicles, cycles=cycles, cycle_s=told.cycle, seed=told.seed, options=CASES[case])
                )
                print(row(case, found), flush=True)
                kept &= (
                    found.true is not None
                    and found.true.score >= GOALS[case]
                    and found.error <= MOST_ERROR
                    and max(found.sent_s) <= told.cycle
                )
        finally:
            broker.stop()
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
