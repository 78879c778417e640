"""Commands a second over a real broker, with the engine and with the bare adapter, interleaved in one run.

    python bench/roundtrip.py [--vehicles 100 1000 10000 50000] [--qos 0 1] [--rounds 5] [--busy]

Starts a tuned mosquitto and the fast responder of `bench/responder.py` in processes of their own. For each size and QoS a round is: the
bare adapter publishes one command a vehicle and waits for the last ack; the engine does the same from `operate` to the last ack, and on to
the end of the release. Rows are medians; the ratio is engine time over bare time to the last ack. `--busy` adds the row "publishing
beside a busy console": the same with a thread that runs Python code all the time, at the process's switch interval and at Python's own.
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from v2g_console.config.os_users import own_user
from v2g_console.config.settings import (
    DispatchSettings,
    FleetSettings,
    JournalSettings,
    MetricsSettings,
    MqttSettings,
    PredictionSettings,
    QosSettings,
    Settings,
    SocketSettings,
    TelemetrySettings,
)
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Cancel, Dispatch, Origin
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES, DispatchState
from v2g_console.runtime.run import SWITCH_INTERVAL_S
from v2g_console.runtime.services import Services
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.codec import encode_command
from v2g_console.transport.inbound import Inbound
from v2g_console.transport.port import Outgoing
from v2g_console.transport.refused import RefusedLog
from v2g_console.transport.topics import Topics
from v2g_console.transport.wire import Ack, CommandV1

HERE = Path(__file__).resolve().parent
ORIGIN = Origin(user=own_user(), way="cli")
PYTHONS_SWITCH_INTERVAL_S = 0.005


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one round."""

    bare_s: float
    last_ack_s: float
    completed_s: float


@contextmanager
def mosquitto() -> Iterator[str]:
    """A mosquitto with the shipped tuning on a free port; its URL."""
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "mosquitto.conf"
        tuning = (HERE.parent / "deploy" / "mosquitto" / "tuning.conf").read_text("utf-8")
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{tuning}", "utf-8")
        process = subprocess.Popen([binary, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until_listening(port)
            yield f"tcp://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(5)


def _until_listening(port: int) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("mosquitto did not start")


@contextmanager
def responder(broker: str, vehicles: int, qos: int) -> Iterator[None]:
    """The fast responder, subscribed."""
    command = [sys.executable, str(HERE / "responder.py"), "--broker", broker, "--vehicles", str(vehicles), "--qos", str(qos)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if b"ready" not in process.stdout.readline():
            raise SystemExit("the responder did not start")
        yield
    finally:
        process.terminate()
        process.wait(10)


def settings_for(broker: str, qos: int) -> Settings:
    """An engine that waits long enough for the last ack of the largest fleet."""
    return Settings(
        mqtt=MqttSettings(broker=broker, client_id=f"bench-{qos}", qos=QosSettings.model_validate({"command": qos, "ack": qos})),
        dispatch=DispatchSettings(ack_timeout_seconds=60.0, retries=0),
        telemetry=TelemetrySettings(interval_s=600.0, max_per_s=1_000_000),
        fleet=FleetSettings(max_vehicles=200_000),
        metrics=MetricsSettings(enabled=False),
        journal=JournalSettings(backend="memory"),
        socket=SocketSettings(enabled=False),
        prediction=PredictionSettings(engine="none"),
    )


class BareAdapter:
    """The link without an engine: publishes, decodes and counts acks, nothing else."""

    def __init__(self, broker: str, vehicles: int, qos: int) -> None:
        settings = settings_for(broker, qos)
        self._vehicles, self._qos = vehicles, qos
        self._topics = Topics.from_settings(settings.mqtt, settings.telemetry)
        self._missing, self._last = 0, asyncio.Event()
        refused = RefusedLog()
        inbound = Inbound(self._topics, self._on_ack, lambda *_: None, lambda *_: None, lambda _: None, refused)
        mqtt = settings.mqtt.model_copy(update={"client_id": "bench-bare"})
        subscriptions = [one for one in self._topics.engine_subscriptions() if one.topic_filter == settings.mqtt.ack_topic]
        self._link = AiomqttLink(mqtt, subscriptions, inbound, lambda _: None, refused=refused)

    def _on_ack(self, _vehicle_id: str, _ack: Ack) -> None:
        self._missing -= 1
        if not self._missing:
            self._last.set()

    async def start(self) -> None:
        """Connect."""
        await self._link.start()
        if not await self._link.wait_up(5):
            raise SystemExit(f"no link: {self._link.health().cause_text}")

    async def round(self) -> float:
        """Seconds from the first publish to the last ack."""
        self._missing = self._vehicles
        self._last.clear()

        def commands() -> Iterator[Outgoing]:
            for number in range(self._vehicles):
                vehicle_id = f"bench{number:06d}"
                command = CommandV1(f"{number:032x}-1763900000000-{number}", vehicle_id, 5.0, 1763900000000)
                yield Outgoing(self._topics.command(vehicle_id), encode_command(command), self._qos, 60.0)

        begun = time.monotonic()
        await self._link.publish_many(commands(), lambda *_: None)
        await asyncio.wait_for(self._last.wait(), 120)
        return time.monotonic() - begun

    async def close(self) -> None:
        """Disconnect."""
        await self._link.close()


class EngineUnderTest:
    """An engine that knows the whole fleet."""

    def __init__(self, broker: str, vehicles: int, qos: int) -> None:
        self.services = Services(settings_for(broker, qos), read_only=False, demo=False)
        self._vehicles = vehicles

    async def start(self) -> None:
        """Start, and wait until every vehicle is known and measured."""
        await self.services.start()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            summary = (await self.services.engine.snapshot()).summary
            if summary.fresh >= self._vehicles:
                return
            await asyncio.sleep(0.2)
        raise SystemExit("the fleet was not discovered")

    async def round(self) -> tuple[float, float]:
        """Seconds from operate to the last ack, and to the end of the release."""
        engine = self.services.engine
        # 0.1 kW a vehicle, so that every one of them takes part.
        request = Dispatch(signal="MA", power_kw=0.1 * self._vehicles, duration_s=300.0, allocator="equal")
        seen, begun = 0, time.monotonic()
        reply = await engine.request(request, ORIGIN)
        assert isinstance(reply, Accepted), reply
        assert isinstance(reply.result, DispatchView)
        if reply.result.vehicles != self._vehicles:
            raise SystemExit(f"{reply.result.vehicles} of {self._vehicles} vehicles take part")
        acked_s = 0.0
        while True:
            batch = await engine.events(seen, 10.0)
            seen = batch.next_number
            for event in batch.events:
                state = getattr(event, "state", None)
                if getattr(event, "dispatch_id", None) != reply.dispatch_id:
                    continue
                if state == DispatchState.ACTIVE.value and not acked_s:
                    acked_s = time.monotonic() - begun
                    answered = getattr(event, "acked", 0)
                    if answered != self._vehicles:
                        raise SystemExit(f"only {answered} of {self._vehicles} acknowledged")
                    await engine.request(Cancel(dispatch_id=reply.dispatch_id), ORIGIN)
                elif state in TERMINAL_DISPATCH_STATES and acked_s:
                    return acked_s, time.monotonic() - begun

    async def close(self) -> None:
        """Stop."""
        await self.services.wind_down("release")
        await self.services.close()


async def rounds_of(broker: str, vehicles: int, qos: int, count: int) -> list[Times]:
    """Bare and engine by turns, each warmed up by one round that does not count."""
    times = []
    for _ in range(count):
        # Never both at once: each would be sent the other's acknowledgements, and work on them.
        bare = BareAdapter(broker, vehicles, qos)
        await bare.start()
        await bare.round()
        bare_s = await bare.round()
        await bare.close()
        engine = EngineUnderTest(broker, vehicles, qos)
        await engine.start()
        await engine.round()
        last_ack_s, completed_s = await engine.round()
        await engine.close()
        times.append(Times(bare_s, last_ack_s, completed_s))
    return times


def row(vehicles: int, qos: int, times: list[Times]) -> str:
    """One line of the table."""
    bare = statistics.median(one.bare_s for one in times)
    acked = statistics.median(one.last_ack_s for one in times)
    completed = statistics.median(one.completed_s for one in times)
    ratio = statistics.median(one.last_ack_s / one.bare_s for one in times)
    return (
        f"{vehicles:>9} {qos:>4} {vehicles / bare:>14,.0f} {vehicles / acked:>18,.0f} {vehicles / completed:>20,.0f} {ratio:>7.2f}"
        f" {acked * 1000:>12,.0f}"
    )


def busy_rows(broker: str, vehicles: int, count: int) -> None:
    """Publishing beside a thread that never pauses."""
    print(f"\npublishing beside a busy console, {vehicles} vehicles, QoS 1 (median commands/s from operate to last ack)")
    for name, busy, interval_s in (
        ("idle console", False, SWITCH_INTERVAL_S),
        ("busy console, our switch interval", True, SWITCH_INTERVAL_S),
        ("busy console, Python's own interval", True, PYTHONS_SWITCH_INTERVAL_S),
    ):
        sys.setswitchinterval(interval_s)
        stop = threading.Event()
        thread = threading.Thread(target=_spin, args=(stop,), daemon=True)
        if busy:
            thread.start()
        try:
            with responder(broker, vehicles, 1):
                times = asyncio.run(_engine_only(broker, vehicles, count))
        finally:
            stop.set()
        print(f"  {name:<38} {vehicles / statistics.median(times):>10,.0f}")
    sys.setswitchinterval(SWITCH_INTERVAL_S)


async def _engine_only(broker: str, vehicles: int, count: int) -> list[float]:
    engine = EngineUnderTest(broker, vehicles, 1)
    await engine.start()
    times = [(await engine.round())[0] for _ in range(count)]
    await engine.close()
    return times


def _spin(stop: threading.Event) -> None:
    """What a console does at worst: pure-Python work without a pause."""
    text = "veh000123 5.0 kW 0.71 paris-nord acked"
    while not stop.is_set():
        for part in text.split():
            text.replace(part, part.upper()).center(120)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, nargs="+", default=[100, 1_000, 10_000, 50_000])
    parser.add_argument("--qos", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with mosquitto() as broker:
        heads = ("vehicles", "QoS", "bare cmd/s", "engine to ack /s", "engine to release /s", "ratio", "to ack ms")
        print(" ".join(f"{head:>{width}}" for head, width in zip(heads, (9, 4, 14, 18, 20, 7, 12), strict=True)))
        for vehicles in options.vehicles:
            for qos in options.qos:
                with responder(broker, vehicles, qos):
                    print(row(vehicles, qos, asyncio.run(rounds_of(broker, vehicles, qos, options.rounds))), flush=True)
        if options.busy:
            busy_rows(broker, 2_000, options.rounds)


if __name__ == "__main__":
    main()
