"""A whole dispatch against real brokers: engine and simulated vehicles over MQTT, from discovery to the last release."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.broker.brokers import DEPLOY, Broker, TlsFiles, start_mosquitto
from tests.broker.conftest import write_certificate
from tests.broker.links import DEADLINE_S, Links, TestLink, eventually
from v2g_console.config.os_users import own_user
from v2g_console.config.settings import (
    DispatchSettings,
    JournalSettings,
    MetricsSettings,
    MqttSettings,
    Settings,
    SocketSettings,
    TelemetrySettings,
)
from v2g_console.contract.events import DispatchActive, DispatchCompleted, DispatchEnded, Event
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.replies import Accepted, StatusView, VehicleView
from v2g_console.contract.requests import Dispatch, Fleet, Origin, Request, Status
from v2g_console.runtime.services import Services
from v2g_console.simulator.options import ProtocolMix, SimulateOptions
from v2g_console.simulator.run import RunningFleet, simulate
from v2g_console.transport.codec import decode_command, encode_ack, encode_description, encode_telemetry
from v2g_console.transport.wire import Ack, CommandV1, Description, Telemetry

PROMPT = DispatchSettings(response_s=0.2)  # simulated vehicles follow at once
OPERATOR = Origin(user=own_user(), way="console")


class Room:
    """An engine on a broker, and everything it told."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.engine = services.engine
        self.told: list[Event] = []
        self._seen = 0

    async def ask(self, request: Request) -> Any:
        """The result of a request that must be accepted."""
        reply = await self.engine.request(request, OPERATOR)
        assert isinstance(reply, Accepted), reply
        return reply.result

    async def link(self) -> LinkHealth:
        """The link as `status` shows it."""
        status = await self.ask(Status())
        assert isinstance(status, StatusView)
        return status.link

    async def until(self, kind: Any) -> Any:
        """The next event of a kind."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            batch = await self.engine.events(self._seen, 1.0)
            self._seen = batch.next_number
            self.told.extend(batch.events)
            for event in batch.events:
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind} came; told: {[type(event).__name__ for event in self.told]}")

    async def until_link(self, condition: Callable[[LinkHealth], bool]) -> None:
        """Wait until the link's reading is as wanted."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition(await self.link()):
            assert time.monotonic() < deadline, await self.link()
            await asyncio.sleep(0.02)

    async def fleet_of(self, vehicles: int) -> None:
        """Wait until so many vehicles are known and measured."""
        deadline = time.monotonic() + DEADLINE_S
        while (await self.ask(Status())).fleet.fresh < vehicles:
            assert time.monotonic() < deadline, "the fleet was not discovered"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def room(mqtt: MqttSettings, **sections: Any) -> AsyncIterator[Room]:
    """An engine for the time of a test."""
    quiet = {
        "metrics": MetricsSettings(enabled=False),
        "socket": SocketSettings(enabled=False),
        "journal": JournalSettings(backend="memory"),
        "telemetry": TelemetrySettings(interval_s=1.0),
    }
    services = Services(Settings(mqtt=mqtt, **(quiet | sections)), read_only=False, demo=False)
    await services.start()
    try:
        yield Room(services)
    finally:
        await services.wind_down("release")
        await services.close()


@asynccontextmanager
async def vehicles(options: SimulateOptions) -> AsyncIterator[RunningFleet]:
    """Simulated vehicles for the time of a test."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(simulate(options, stop, ready.set_result))
    try:
        yield await asyncio.wait_for(ready, DEADLINE_S)
    finally:
        stop.set()
        await running


SIGNALS = [("FCR", 60.0), ("FCR", -60.0), ("aFRR_UP", 80.0), ("aFRR_DOWN", 50.0), ("MA", 80.0), ("NEBEF", 40.0), ("EcoWatt", 40.0)]


@pytest.mark.parametrize(
    ("flavour", "signal", "power_kw"),
    [*(("mosquitto-5", *one) for one in SIGNALS), ("mosquitto-3.1.1", *SIGNALS[0]), ("nats", *SIGNALS[0])],
    indirect=["flavour"],
)
async def test_every_signal_is_dispatched_delivered_and_released(flavour: str, broker: Broker, signal: str, power_kw: float) -> None:
    options = SimulateOptions(
        broker=broker.url, vehicles=60, protocol=ProtocolMix.MIXED, latency_ms=5.0, telemetry_interval_s=0.5, connections=2
    )
    protocol: Any = {"mosquitto-5": "5", "mosquitto-3.1.1": "3.1.1"}.get(flavour, "auto")
    async with vehicles(options) as fleet, room(MqttSettings(broker=broker.url, protocol=protocol), dispatch=PROMPT) as control:
        await control.fleet_of(55)
        before = fleet.true_power_kw()
        await control.ask(Dispatch(signal=signal, power_kw=power_kw, duration_s=4.0))  # telemetry stamps are whole seconds
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted), ended
        wanted = -abs(power_kw) if signal == "aFRR_DOWN" else power_kw
        assert ended.acknowledged_kw == pytest.approx(wanted, rel=0.01)
        assert ended.delivered_kw == pytest.approx(wanted, rel=0.05)
        assert (ended.acked, ended.silent, ended.rejected, ended.owed) == (ended.vehicles, 0, 0, 0)
        after = fleet.true_power_kw()
        assert not [one for one, kw in after.items() if kw > max(0.0, before[one]) + 0.1], "nobody injects after the release"


async def test_a_dispatch_over_mutual_tls_under_the_shipped_acl(authority: trustme.CA, server_files: TlsFiles, tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path / "broker", tls=server_files, require_certificate=True, acl=DEPLOY / "acl")
    links = Links("auto")

    def identity(name: str) -> dict[str, Any]:
        folder = tmp_path / name
        folder.mkdir()
        files = write_certificate(authority, authority.issue_cert(f"{name}.test", common_name=name), folder)
        return {
            "auth_method": "tls",
            "ca_bundle": server_files.ca,
            "client_cert": files.certificate,
            "client_key": files.key,
            "use_tls": True,
        }

    try:
        cars = [await CarV1.up(links, broker.url, f"veh-{letter}", identity(f"veh-{letter}")) for letter in "abc"]
        mqtt = MqttSettings.model_validate({"broker": broker.url, "client_id": "v2g-console", **identity("v2g-console")})
        async with room(mqtt) as control:
            await control.fleet_of(3)
            health = await control.link()
            assert health.tls_version.startswith("TLSv1")
            assert health.certificate_days is not None
            await control.ask(Dispatch(signal="FCR", power_kw=9.0, duration_s=2.0))
            ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted)
        assert (ended.vehicles, ended.acked, ended.released, ended.owed) == (3, 3, 3, 0)
        assert [len(car.commands) for car in cars] == [2, 2, 2]
    finally:
        await links.close()
        broker.stop()


class CarV1:
    """A vehicle written after `wire.md` alone: the Go names, an ack that means received, a setpoint that lasts until the next one."""

    def __init__(self, vehicle_id: str) -> None:
        self.vehicle_id = vehicle_id
        self.power_kw = 0.0
        self.commands: list[CommandV1] = []
        self.raw: list[bytes] = []
        self.link: TestLink
        self.life: asyncio.Task[None]

    @classmethod
    async def up(cls, links: Links, url: str, vehicle_id: str, tls: dict[str, Any] | None = None) -> "CarV1":
        """Connected and listening."""
        car = cls(vehicle_id)
        filters = (f"vehicle/{vehicle_id}/command", "v2g/fleet/discovery", "v2g/telemetry/request")
        car.link = await links.up(url, *filters, client_id=vehicle_id, **(tls or {}))
        car.life = asyncio.create_task(car._live())
        return car

    async def _live(self) -> None:
        """Answer what comes, in its order, until the test ends."""
        while True:
            await eventually(lambda: self.link.messages, f"a message to {self.vehicle_id}")
            topic, payload, _ = self.link.messages.pop(0)
            await self._answer(topic, payload)

    async def _answer(self, topic: str, payload: bytes) -> None:
        if topic == "v2g/fleet/discovery":
            told = Description(
                True, 7.4, 7.4, 50.0, 0.8, True, False, None, None, None, 1.0, 0.0, "commuter", "", "", 0.0, 1.0, 0.0, 0.0, True, 1
            )
            await self.link.send(f"v2g/fleet/response/{self.vehicle_id}", encode_description(self.vehicle_id, told), 0)
        elif topic == "v2g/telemetry/request":
            await self._measure()
        else:
            command = decode_command(payload, self.vehicle_id)
            assert isinstance(command, CommandV1)
            self.commands.append(command)
            self.raw.append(payload)
            self.power_kw = command.power_kw
            await self.link.send(f"vehicle/{self.vehicle_id}/ack", encode_ack(Ack(command.command_id)))
            await self._measure()

    async def _measure(self) -> None:
        told = Telemetry(0.8, self.power_kw, True, self.power_kw > 0, time.time(), False)
        await self.link.send(f"v2g/vehicle/state/{self.vehicle_id}", encode_telemetry(self.vehicle_id, told), 0)


async def test_a_v1_vehicle_as_in_the_wire_document_is_dispatched_and_released(broker: Broker, links: Links) -> None:
    car = await CarV1.up(links, broker.url, "veh-v1")
    async with room(MqttSettings(broker=broker.url)) as control:
        await control.fleet_of(1)
        await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=2.0))
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted)
        assert (ended.acknowledged_kw, ended.acked, ended.owed) == (5.0, 1, 0)
    setpoint, release = car.commands
    assert (setpoint.power_kw, release.power_kw) == (5.0, 0.0)
    assert car.raw[0].startswith(b'{"command_id":"')
    assert set(setpoint.__struct_fields__) == {"command_id", "vehicle_id", "power_kw", "timestamp"}
    assert release.command_id != setpoint.command_id


async def test_hostile_and_broken_messages_cost_a_counter_and_nothing_else(broker: Broker, links: Links) -> None:
    car = await CarV1.up(links, broker.url, "veh-good")
    bad = await links.up(broker.url)
    async with room(MqttSettings(broker=broker.url)) as control:
        await control.fleet_of(1)
        hostile = [
            ("v2g/fleet/response/veh-1", b'{"ID": "veh-1", "SoC":'),
            ("v2g/fleet/response/veh-2", b"\xff\xfe not utf-8"),
            ("v2g/fleet/response/[bold]veh", b'{"ID":"[bold]veh","SoC":0.5}'),
            ("v2g/vehicle/state/veh-3", b'{"vehicle_id":"veh-good","soc":0.5,"power_kw":0,"ts":1}'),
            ("v2g/vehicle/state/veh-4", b'{"vehicle_id":"veh-4","soc":1e999,"power_kw":0,"ts":1}'),
            ("v2g/vehicle/state/veh-5", b'{"vehicle_id":"veh-5","soc":7,"power_kw":0,"ts":1}'),
            ("vehicle/veh-6/ack", b"[" * 9000),
            ("vehicle/veh-7/ack", b'{"command_id":"' + b"x" * 10_000 + b'"}'),
        ]
        for topic, payload in hostile:
            await bad.send(topic, payload)
        await bad.send("vehicle/veh-good/ack", encode_ack(Ack("0123456789abcdef0123456789abcdef-1-0")))  # an ack for nobody
        await control.until_link(lambda link: sum(link.refused.values()) >= len(hostile))
        await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=2.0))
        await eventually(lambda: car.commands)
        await bad.send("vehicle/veh-good/ack", encode_ack(Ack(car.commands[0].command_id)))  # a duplicate
        await bad.send("vehicle/veh-other/ack", encode_ack(Ack(car.commands[0].command_id)))  # somebody else's
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted)
        assert (ended.vehicles, ended.acked) == (1, 1)
        vehicle = await control.ask(Fleet(vehicle_id="veh-good"))
        assert isinstance(vehicle, VehicleView)
        assert vehicle.acks == 1
        for text in (one.excerpt + one.topic for one in (await control.link()).recent_refused):
            assert text.isprintable()


async def test_a_broker_killed_in_mid_dispatch_is_survived(broker: Broker) -> None:
    options = SimulateOptions(broker=broker.url, vehicles=30, latency_ms=5.0, telemetry_interval_s=0.5, connections=2)
    async with vehicles(options), room(MqttSettings(broker=broker.url, backoff_ms=50.0)) as control:
        await control.fleet_of(28)
        await control.ask(Dispatch(signal="MA", power_kw=30.0, duration_s=8.0))
        await control.until(DispatchActive)
        broker.kill()
        await control.until_link(lambda link: link.state != "up")
        broker.restart()
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted)
        assert ended.acked == ended.vehicles
        assert ended.released + ended.owed == ended.vehicles
        assert (await control.link()).reconnects >= 1
