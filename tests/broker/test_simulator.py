"""Simulated vehicles on a real broker: found, commanded, acknowledged, released, and back after the broker was away."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.runtime.embedded_broker import EmbeddedBroker
from v2g_console.simulator import dialogue
from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
from v2g_console.simulator.run import RunningFleet, simulate
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.codec import decode_ack, decode_description, decode_telemetry, encode_command, says_offline
from v2g_console.transport.port import Outgoing, PublishOutcome
from v2g_console.transport.topics import Kind, Topics
from v2g_console.transport.wire import Ack, CommandV1, CommandV2, Description, Telemetry

DISPATCH: Final = "5d8f0b5e6c1f4a7e9b3a1c2d3e4f5a6b"
TOPICS: Final = Topics.from_settings(MqttSettings(), TelemetrySettings(mode="hybrid"))


class ControlRoom:
    """The engine's side of the wire, and everything it heard."""

    def __init__(self, url: str) -> None:
        settings = MqttSettings(broker=url, client_id="control-room")
        self.link = AiomqttLink(settings, TOPICS.engine_subscriptions(), self._on_message, lambda _health: None, announce_status=False)
        self.acks: list[tuple[str, Ack]] = []
        self.telemetry: dict[str, list[Telemetry]] = {}
        self.described: dict[str, Description] = {}
        self.state_topics_heard: set[str] = set()
        self.wills: list[str] = []

    def _on_message(self, topic: str, payload: bytes, _retained: bool) -> None:
        heard = TOPICS.classify(topic)
        assert heard is not None, topic
        match heard.kind:
            case Kind.ACK:
                self.acks.append((heard.vehicle_id, decode_ack(payload)))
            case Kind.TELEMETRY:
                self.state_topics_heard.add(topic)
                if says_offline(payload, heard.vehicle_id):
                    self.wills.append(heard.vehicle_id)
                    return
                self.telemetry.setdefault(heard.vehicle_id, []).append(decode_telemetry(payload, heard.vehicle_id))
            case _:
                self.described[heard.vehicle_id] = decode_description(payload, heard.vehicle_id)

    async def say(self, topic: str, payload: bytes) -> None:
        outcome = await self.link.publish(Outgoing(topic, payload, 1))
        assert outcome in (PublishOutcome.SENT, PublishOutcome.NO_SUBSCRIBER)

    async def order_v1(self, vehicle_id: str, power_kw: float, position: int = 0) -> str:
        command_id = f"{DISPATCH}-{int(time.time() * 1000)}-{position}"
        await self.say(TOPICS.command(vehicle_id), encode_command(CommandV1(command_id, vehicle_id, power_kw, int(time.time() * 1000))))
        return command_id

    def ack_of(self, command_id: str) -> Ack | None:
        return next((ack for _, ack in self.acks if ack.command_id == command_id), None)


async def until(condition: Callable[[], bool], what: str, deadline_s: float = 40.0) -> None:
    ends = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < ends, f"not within {deadline_s:g} s: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def on_the_air(broker_url: str, **changes: Any) -> AsyncIterator[tuple[RunningFleet, ControlRoom]]:
    """A running fleet and a control room on the broker."""
    options = SimulateOptions(broker=broker_url, availability_profile=AvailabilityProfile.ALWAYS, latency_ms=20.0, **changes)
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(simulate(options, stop, ready.set_result))
    room = ControlRoom(broker_url)
    try:
        await room.link.start()
        assert await room.link.wait_up(10.0)
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=20.0)
        yield await ready, room
    finally:
        stop.set()
        await running
        await room.link.close()


def idle_v2g(fleet: RunningFleet) -> str:
    """A vehicle that can be asked for anything."""
    return next(
        station.vehicle.spec.vehicle_id
        for station in fleet.stations
        if station.vehicle.spec.is_v2g and station.vehicle.spec.consent and station.vehicle.soc > 0.6 and station.vehicle.plugged
    )


@pytest.fixture
def broker_url() -> Any:
    with EmbeddedBroker() as broker:
        yield broker.url


@pytest.mark.parametrize(
    "connections",
    [{"connections": 1}, {"connections": 4}, {"one_connection_each": True}],
    ids=["one wildcard", "four shared", "one each"],
)
async def test_everybody_answers_hello_and_only_its_own_commands(broker_url: str, connections: dict[str, Any]) -> None:
    async with on_the_air(broker_url, vehicles=40, protocol=ProtocolMix.MIXED, **connections) as (fleet, room):
        await room.say(TOPICS.discovery, b"hello")
        await until(lambda: len(room.described) == 40 and len(room.telemetry) == 40, "all 40 described and measured")
        assert {described.protocol for described in room.described.values()} == {1, 2}
        vehicle_id = idle_v2g(fleet)
        command_id = await room.order_v1(vehicle_id, 3.0)
        await until(lambda: room.ack_of(command_id) is not None, "the ack")
        assert [name for name, _ in room.acks] == [vehicle_id]
        assert fleet.tally.commands == 1
        assert fleet.true_power_kw()[vehicle_id] == 3.0


async def test_a_v1_vehicle_is_dispatched_reports_and_is_released(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=20, protocol=ProtocolMix.V1) as (fleet, room):
        vehicle_id = idle_v2g(fleet)
        command_id = await room.order_v1(vehicle_id, 5.0)
        await until(lambda: room.ack_of(command_id) is not None, "the ack")
        assert room.ack_of(command_id) == Ack(command_id)
        await until(lambda: any(t.power_kw == 5.0 for t in room.telemetry.get(vehicle_id, [])), "telemetry of the new power")
        measured = next(t for t in room.telemetry[vehicle_id] if t.power_kw == 5.0)
        assert measured.charging is True  # inverted, as v1 vehicles have it
        assert measured.ts_s == int(measured.ts_s or 0.5)
        release_id = await room.order_v1(vehicle_id, 0.0, position=1)
        await until(lambda: room.ack_of(release_id) is not None, "the ack of the release")
        assert fleet.true_power_kw()[vehicle_id] == 0.0


async def test_an_order_over_the_limit_changes_nothing_and_is_acked_by_v1(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=20, protocol=ProtocolMix.V1) as (fleet, room):
        vehicle_id = idle_v2g(fleet)
        command_id = await room.order_v1(vehicle_id, 500.0)
        await until(lambda: room.ack_of(command_id) is not None, "the ack")
        assert fleet.true_power_kw()[vehicle_id] == 0.0


async def test_a_v2_vehicle_says_what_it_applies_and_lets_go_at_the_end_of_its_lease(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=20, protocol=ProtocolMix.V2) as (fleet, room):
        vehicle_id, now_ms = idle_v2g(fleet), int(time.time() * 1000)
        command = CommandV2(
            command_id=f"{DISPATCH}-{now_ms}-0",
            vehicle_id=vehicle_id,
            power_kw=99.0,
            timestamp=now_ms,
            v=2,
            dispatch_id=DISPATCH,
            signal="FCR",
            seq=now_ms,
            accept_until=now_ms + 5000,
            valid_until=now_ms + 60_000,
            hold_s=1,
            fallback_kw=None,
            release=False,
        )
        await room.say(TOPICS.command(vehicle_id), encode_command(command))
        await until(lambda: room.ack_of(command.command_id) is not None, "the ack")
        ack = room.ack_of(command.command_id)
        assert ack is not None
        limit_kw = next(s.vehicle.spec.battery.max_discharge_kw for s in fleet.stations if s.vehicle.spec.vehicle_id == vehicle_id)
        assert (ack.status, ack.applied_kw, ack.reason) == ("limited", limit_kw, "OVER_LIMIT")
        await until(lambda: fleet.true_power_kw()[vehicle_id] == 0.0, "the end of the lease")


async def test_a_poll_is_answered_where_each_protocol_answers(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=20, protocol=ProtocolMix.MIXED, telemetry_interval_s=3600.0) as (fleet, room):
        await room.say(TOPICS.telemetry_request, b"now")
        await until(lambda: len(room.telemetry) == 20, "all answers")
        for station in fleet.stations:
            spec = station.vehicle.spec
            expected = TOPICS.state(spec.vehicle_id) if spec.protocol == 1 else TOPICS.pulled_telemetry(spec.vehicle_id)
            assert expected in room.state_topics_heard


async def test_malformed_and_foreign_commands_are_counted_and_harm_nobody(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=20) as (fleet, room):
        vehicle_id = idle_v2g(fleet)
        topic = TOPICS.command(vehicle_id)
        foreign = CommandV1("abc-1-0", "veh999999", 5.0, int(time.time() * 1000))
        hostile = (b"", b"{", b"\xff\xfe", b"[" * 9000, b'{"power_kw": NaN}', b"x" * 10_000, encode_command(foreign))
        for payload in hostile:
            await room.say(topic, payload)
        await until(lambda: fleet.tally.refused == len(hostile), "all refused")
        command_id = await room.order_v1(vehicle_id, 2.0)
        await until(lambda: room.ack_of(command_id) is not None, "the ack of a good command")
        assert [ack.command_id for _, ack in room.acks] == [command_id]


async def test_rates_of_loss_and_silence_show(broker_url: str) -> None:
    async with on_the_air(broker_url, vehicles=30, drop_rate=1.0) as (fleet, room):
        vehicle_id = idle_v2g(fleet)
        await room.order_v1(vehicle_id, 2.0)
        await until(lambda: fleet.tally.dropped == 1, "the drop")
        assert fleet.true_power_kw()[vehicle_id] == 0.0
    async with on_the_air(broker_url, vehicles=30, silent_rate=1.0, telemetry_interval_s=3600.0) as (fleet, room):
        vehicle_id = idle_v2g(fleet)
        await room.order_v1(vehicle_id, 2.0)
        await until(lambda: any(t.power_kw == 2.0 for t in room.telemetry.get(vehicle_id, [])), "it obeyed and reports")
        assert room.acks == []


async def test_vehicles_are_back_after_the_broker_was_away() -> None:
    first = EmbeddedBroker()
    first.start()
    second = EmbeddedBroker(mqtt_port=first.port)
    try:
        async with on_the_air(first.url, vehicles=12, connections=3) as (fleet, room):
            first.stop()
            await until(lambda: all(health.state != "up" for health in fleet.links()), "all links down")
            second.start()
            await until(lambda: all(health.state == "up" for health in fleet.links()), "all links up again", 30.0)
            assert await room.link.wait_up(30.0)
            await room.say(TOPICS.discovery, b"hello")
            await until(lambda: len(room.described) == 12, "all described")
            command_id = await room.order_v1(idle_v2g(fleet), 2.0)
            await until(lambda: room.ack_of(command_id) is not None, "the ack")
    finally:
        first.stop()
        second.stop()


async def test_a_vehicle_with_its_own_connection_really_leaves_and_comes_back(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "UP_TIME_S", (0.1, 0.3))
    monkeypatch.setattr(dialogue, "OUTAGE_S", (0.2, 0.3))
    options = {"vehicles": 3, "one_connection_each": True, "disconnect_rate": 1.0, "telemetry_interval_s": 0.2}
    async with on_the_air(broker_url, **options) as (fleet, room):
        await until(lambda: len(fleet.links()) < 3, "a connection is closed")
        await until(lambda: all(station.outages >= 2 for station in fleet.stations), "everybody left twice")
        assert set(room.wills) == set(fleet.true_power_kw())  # who really leaves says so
        heard = {name: len(told) for name, told in room.telemetry.items()}
        await until(lambda: len(heard) == 3 and all(len(room.telemetry[name]) > heard[name] for name in heard), "everybody is heard again")


PROGRAM: Final = """
import sys
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.run import run_simulator
sys.exit(run_simulator(SimulateOptions(broker=sys.argv[1], vehicles=8, connections=2, ready_fd=1, stop_with_stdin=sys.argv[2] == "stdin")))
"""


ALONE: Final = """
import sys
from v2g_console.simulator.options import ProtocolMix, SimulateOptions
from v2g_console.simulator.run import run_simulator
options = SimulateOptions(
    broker=sys.argv[1], vehicles=4, protocol=ProtocolMix.MIXED, one_connection_each=True, telemetry_interval_s=3600.0, ready_fd=1
)
sys.exit(run_simulator(options))
"""


async def test_vehicles_that_are_killed_leave_their_will_where_they_speak_v2(broker_url: str) -> None:
    room = ControlRoom(broker_url)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ALONE, broker_url, stdout=subprocess.PIPE)
    try:
        await room.link.start()
        assert await room.link.wait_up(10.0)
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20.0)
        await room.say(TOPICS.discovery, b"hello")
        await until(lambda: len(room.described) == 4, "all described")
        assert room.wills == []
        process.kill()
        speak_v2 = {name for name, described in room.described.items() if described.protocol == 2}
        await until(lambda: set(room.wills) == speak_v2 and len(speak_v2) == 2, "the wills")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await room.link.close()


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "stdin"])
def test_the_process_says_ready_and_ends_clean(broker_url: str, end: str) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, broker_url, end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdin is not None and process.stderr is not None
            assert json.loads(process.stdout.readline()) == {"event": "ready", "vehicles": 8, "connections": 2, "pid": process.pid}
            if end == "stdin":
                process.stdin.close()
            else:
                os.kill(process.pid, getattr(signal, end))
            assert process.wait(10) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


async def test_a_broker_address_that_can_not_be_used_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"mqtt\.broker"):
        await simulate(SimulateOptions(broker="http://127.0.0.1:1883"), asyncio.Event(), lambda _fleet: None)
