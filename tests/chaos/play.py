"""Playing a scenario with real processes, up to the point where everything is healed and at rest; then the evidence is gathered."""

import asyncio
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.broker.brokers import start_mosquitto, start_nats
from tests.broker.proxy import MqttProxy
from tests.chaos.actors import EngineProcess, Trace, Vehicles
from tests.chaos.acts import take_step
from tests.chaos.evidence import Circumstances, Evidence, gather
from tests.chaos.hostile import Hostile
from tests.chaos.plan import SITES, VEHICLES, Scenario
from tests.chaos.stage import Stage, active_dispatches
from v2g_console.contract import requests as ask
from v2g_console.contract.link import LinkState
from v2g_console.contract.replies import StatusView
from v2g_console.simulator.fleet import site_names

READY_S = 90.0
FRESH_S = 20.0
QUIET_S = 90.0
_POLL_S = 0.2


class ChaosError(Exception):
    """The harness itself could not do its work."""


@dataclass(slots=True)
class Played:
    """A scenario that was played: what it left, and what was done."""

    scenario: Scenario
    evidence: Evidence
    injected: Counter[str]
    asked: Counter[str]
    seconds: float


async def play(scenario: Scenario, folder: Path, mutant: str = "") -> Played:
    """Play it in `folder`. Raises ChaosError if the processes can't even be started."""
    began = time.monotonic()
    utc_minus_steady_s = time.time() - time.monotonic()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    start = start_nats if scenario.broker == "nats" else start_mosquitto
    broker = await asyncio.to_thread(start, folder / "broker")
    draw = Random(f"proxy/{scenario.seed}")
    try:
        async with MqttProxy(broker.port, draw) as link, MqttProxy(broker.port, draw) as cars:
            config = _config(folder, scenario, link.port)
            engine = EngineProcess(folder, config, list(scenario.orders), scenario.lease_s, mutant=mutant)
            hostile = Hostile(broker.url, scenario.seed)
            trace = Trace(folder / "trace.jsonl")
            stage = Stage(scenario, folder, broker, link, cars, engine, Vehicles(folder), hostile, trace)
            try:
                about = await _play(stage, utc_minus_steady_s)
            finally:
                await engine.end()
                await stage.vehicles.end()
                await hostile.close()
    finally:
        await asyncio.to_thread(broker.stop)
    about.process_faults += _tracebacks(folder)
    evidence = gather(folder / "journal.db", stage.vehicles.log, stage.asked, about)
    for kind, count in {**link.counts, **cars.counts}.items():
        stage.counted[f"packets: {kind}"] += count
    return Played(scenario, evidence, stage.injected, Counter(one.request for one in stage.asked), time.monotonic() - began)


async def _play(stage: Stage, utc_minus_steady_s: float) -> Circumstances:
    scenario, engine = stage.scenario, stage.engine
    await stage.vehicles.start(_fleet(stage), scenario.offset_s)
    await engine.start()
    await stage.hostile.start()
    await _until_ready(stage)
    stage.trace.begun_s = time.monotonic()
    await (_patiently(stage) if scenario.patient else asyncio.gather(*(take_step(stage, step, step.at_s) for step in scenario.steps)))
    _heal(stage)
    quiet = await _until_quiet(stage)
    finished_s = time.monotonic()
    status = await engine.status()
    about = Circumstances(
        utc_minus_steady_s=utc_minus_steady_s,
        finished_s=finished_s,
        export_kw=dict.fromkeys(site_names(SITES), scenario.export_kw) if scenario.export_kw else {},
        engine_clock_steps=scenario.clock_steps,
        vehicle_clock_offset=abs(scenario.offset_s) > 1.0,
        cars_hear_late=scenario.cars_hear_late,
        disorder=scenario.disorder,
        lease_s=scenario.lease_s,
        owed_at_end=status.fleet.owed if status is not None else -1,
        quiet_at_end=quiet or _owes_by_the_clock(scenario, status),
        retained_commands=await _retained(stage),
        process_faults=engine.faults,
    )
    code = await engine.end()
    if code is None:
        about.process_faults.append("the engine did not end at SIGTERM")
    for kill in engine.kills:
        stage.injected[f"engine killed: {kill}"] += 1
    return about


def _tracebacks(folder: Path) -> list[str]:
    """What broke inside a process without ending it."""
    found = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text("utf-8", "replace").splitlines()
        found += [f"{log.name}: {line[:300]}" for line in lines if "Traceback" in line]
    return found


def _owes_by_the_clock(scenario: Scenario, status: StatusView | None) -> bool:
    """With a date that jumped, power measured now seems to be of before the release and proves nothing: v1 ones may stay owed."""
    odd = scenario.clock_steps or abs(scenario.offset_s) > 1.0
    return odd and status is not None and not active_dispatches(status)


async def _retained(stage: Stage) -> int:
    """What a newcomer hears of commands."""
    newcomer = Hostile(stage.broker.url, -stage.scenario.seed - 1)
    await newcomer.start()
    try:
        return await newcomer.look_for_retained()
    finally:
        await newcomer.close()


def _config(folder: Path, scenario: Scenario, port: int) -> Path:
    nodes = [f"  - {{name: {site}, export_kw: {scenario.export_kw}}}" for site in site_names(SITES)] if scenario.export_kw else []
    lines = [
        f"mqtt: {{broker: 'tcp://127.0.0.1:{port}', client_id: 'chaos-{folder.name}', keepalive_s: 1,"
        " backoff_ms: 50, connect_timeout_s: 5}",
        "metrics: {enabled: false}",
        f"socket: {{path: '{folder}/engine.sock'}}",
        f"journal: {{backend: sqlite, path: '{folder}/journal.db'}}",
        "telemetry: {interval_s: 1, max_per_s: 400}",
        "fleet: {discovery_interval_s: 5}",
        f"dispatch: {{ack_timeout_seconds: 1, retries: 2, settle_s: 1, response_s: 1, reallocation: {scenario.reallocation},"
        " trust: {first_hold_s: 1, longest_hold_s: 3}}",
        *(["grid:", "  nodes:", *nodes] if nodes else []),
    ]
    file = folder / "config.yaml"
    file.write_text("\n".join(lines), "utf-8")
    return file


def _fleet(stage: Stage) -> list[str]:
    scenario = stage.scenario
    return [
        "--broker", f"tcp://127.0.0.1:{stage.cars.port}", "--vehicles", str(VEHICLES), "--sites", str(SITES), "--seed", str(scenario.seed),
        "--protocol", scenario.protocol, "--connections", "2", "--latency", "60", "--telemetry-interval", "0.7",
        "--availability-profile", "always", "--drop-rate", str(scenario.drop_rate), "--silent-rate", str(scenario.silent_rate),
        "--reject-rate", str(scenario.reject_rate), "--limit-rate", str(scenario.limit_rate),
    ]  # fmt: skip


async def _until_ready(stage: Stage) -> None:
    began_s = time.monotonic()
    while time.monotonic() < began_s + READY_S and not stage.engine.faults:
        status = await stage.engine.status()
        # A point of recovery or of a reconnection may kill it before it is ever ready: then the next one will be.
        if status is not None and status.engine.ready:
            patient = time.monotonic() < began_s + FRESH_S  # on a busy machine telemetry may be late all the time
            if (status.fleet.fresh if patient else status.fleet.vehicles) >= VEHICLES - 2:
                return
        await asyncio.sleep(_POLL_S)
    raise ChaosError(f"the engine does not get ready: {'; '.join(stage.engine.faults) or 'too slow'}; see {stage.folder}")


async def _until_quiet(stage: Stage) -> bool:
    """End what still runs; True once no dispatch is active and nothing is owed any more."""
    deadline, calm = time.monotonic() + QUIET_S, 0
    while time.monotonic() < deadline:
        status = await stage.engine.status()
        if status is None or status.link.state is not LinkState.UP:
            await asyncio.sleep(_POLL_S)
            continue
        for dispatch in active_dispatches(status):
            if stage.scenario.seed % 2 and dispatch.outcome_reason == "":
                await stage.engine.ask(ask.Cancel(dispatch_id=dispatch.dispatch_id))
        calm = 0 if active_dispatches(status) or status.fleet.owed else calm + 1
        if calm >= 2:
            return True
        await asyncio.sleep(_POLL_S)
    return False


def _heal(stage: Stage) -> None:
    for proxy in (stage.link, stage.cars):
        proxy.thaw()
        proxy.mute(False)
        proxy.refuse(False)
        proxy.shape = type(proxy.shape)()
    stage.engine.send(signal.SIGCONT)
    stage.vehicles.send(signal.SIGCONT)


async def _patiently(stage: Stage) -> None:
    under_way, before_s = [], 0.0
    for step in stage.scenario.steps:
        await asyncio.sleep(step.at_s - before_s)
        await _until_ready(stage)
        under_way.append(asyncio.create_task(take_step(stage, step, 0.0)))
        before_s = step.at_s
    await asyncio.gather(*under_way)
