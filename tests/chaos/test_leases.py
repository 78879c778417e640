"""Leases on real brokers: renewed at half-life, over by themselves when the engine is gone, nothing applied late, old or twice.

`dispatch.lease_s` may not be configured this short: the settings are changed after they were checked.
"""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.broker.brokers import Broker, start_mosquitto, start_nats
from tests.broker.links import Links, eventually
from tests.broker.proxy import MqttProxy, Proxy, Shape
from tests.broker.test_dispatch import room, vehicles
from tests.chaos.gateway import in_order
from v2g_console.config.settings import DispatchSettings, MqttSettings
from v2g_console.contract.events import DispatchActive, DispatchCancelled
from v2g_console.contract.requests import Cancel, Dispatch, Update
from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
from v2g_console.transport.codec import encode_description, encode_telemetry
from v2g_console.transport.wire import Description, Telemetry

LEASE_S = 2.0
SHORT = DispatchSettings(response_s=0.2, ack_timeout_seconds=0.5, reallocation="none", allocator="equal").model_copy(
    update={"lease_s": LEASE_S}
)
COUNT = 6


@pytest.fixture(params=[pytest.param("mosquitto-5", marks=pytest.mark.mosquitto), "nats"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """MQTT 5, and 3.1.1 which knows no expiry."""
    started = start_nats(tmp_path / "broker") if request.param == "nats" else start_mosquitto(tmp_path / "broker")
    yield started
    started.stop()


def fleet_of(url: str, diary: Path) -> SimulateOptions:
    """A few v2 vehicles with a diary."""
    return SimulateOptions(
        broker=url, vehicles=COUNT, protocol=ProtocolMix.V2, latency_ms=5.0, telemetry_interval_s=0.3, connections=1, log=diary,
        availability_profile=AvailabilityProfile.ALWAYS,
    )  # fmt: skip


def lines(diary: Path, event: str) -> list[dict[str, Any]]:
    """What the vehicles wrote of one kind."""
    return [line for line in map(json.loads, diary.read_text("utf-8").splitlines()) if line["event"] == event]


def of_each(diary: Path) -> list[list[dict[str, Any]]]:
    """The commands of each vehicle."""
    ordered = sorted(lines(diary, "command"), key=lambda line: str(line["vehicle_id"]))  # stable: in the order they came
    return [list(group) for _, group in itertools.groupby(ordered, key=lambda line: str(line["vehicle_id"]))]


@pytest.mark.parametrize("broker", [pytest.param("mosquitto-5", marks=pytest.mark.mosquitto)], indirect=True)
async def test_a_lease_is_renewed_at_half_life_and_ends_by_itself_when_the_engine_is_gone(broker: Broker, tmp_path: Path) -> None:
    diary = tmp_path / "diary.jsonl"
    async with (
        Proxy(broker.port) as proxy,
        vehicles(fleet_of(broker.url, diary)),
        room(MqttSettings(broker=f"tcp://127.0.0.1:{proxy.port}"), dispatch=SHORT) as control,
    ):
        await control.fleet_of(COUNT)
        await control.ask(Dispatch(signal="MA", power_kw=12.0, duration_s=120.0))
        count = (await control.until(DispatchActive)).vehicles
        await eventually(lambda: all(len(each) >= 3 for each in of_each(diary)), "two renewals each")
        for each in of_each(diary):
            assert {line["decision"] for line in each} == {"applied"}
            assert len({line["target_kw"] for line in each}) == 1, "a renewal changes nothing but the end"
            gaps = [later["timestamp_ms"] - earlier["timestamp_ms"] for earlier, later in itertools.pairwise(each)]
            assert all(LEASE_S * 500 <= gap < LEASE_S * 1000 for gap in gaps), gaps
            assert all(line["valid_until_ms"] - line["timestamp_ms"] == LEASE_S * 1000 for line in each)
        proxy.refuse(True)
        proxy.cut()
        gone_s = time.monotonic()
        await eventually(lambda: len({line["vehicle_id"] for line in lapsed(diary)}) == count, "every lease ended")
        assert time.monotonic() - gone_s < LEASE_S + 3.0
        assert all(line["target_kw"] is None for line in lapsed(diary)), "back to the driver's plan"
        proxy.refuse(False)


def lapsed(diary: Path) -> list[dict[str, Any]]:
    """Ends of leases."""
    return [line for line in lines(diary, "change") if line["why"] == "lease end"]


async def test_a_command_that_comes_after_its_time_is_refused_by_the_vehicle(broker: Broker, tmp_path: Path) -> None:
    diary = tmp_path / "diary.jsonl"
    async with (
        Proxy(broker.port) as proxy,
        vehicles(fleet_of(f"tcp://127.0.0.1:{proxy.port}", diary)),
        room(MqttSettings(broker=broker.url), dispatch=SHORT) as control,
    ):
        await control.fleet_of(COUNT)
        proxy.freeze()
        begun = await control.ask(Dispatch(signal="MA", power_kw=12.0, duration_s=120.0))
        active = await control.until(DispatchActive)
        assert active.silent == active.vehicles > 0
        proxy.thaw()
        await eventually(lambda: len(of_each(diary)) == active.vehicles, "the late commands arrive")
        await control.ask(Cancel(dispatch_id=begun.dispatch_id))
        ended = await control.until(DispatchCancelled)
        assert ended.owed == 0
        for each in of_each(diary):
            late = [line for line in each if not line.get("release")]
            assert late
            assert {line["decision"] for line in late} <= {"expired", "repeated", "superseded"}
            assert all(line["utc_s"] * 1000 > line["accept_until_ms"] for line in late)
            assert all(line.get("target_kw") is None for line in each), "nothing was applied"


@pytest.mark.mosquitto
@pytest.mark.parametrize("late", [False, True])
async def test_a_v1_vehicle_that_comes_back_late_finds_no_command(late: bool, tmp_path: Path) -> None:
    started = start_mosquitto(tmp_path / "broker")
    links = Links("5")
    try:
        car = await links.up(started.url, "v2g/fleet/discovery")
        async with session(started.port) as sleeping:
            await sleeping.subscribe("vehicle/veh000001/command", qos=1)
        async with room(MqttSettings(broker=started.url), dispatch=SHORT) as control:
            await eventually(lambda: car.messages, "hello")
            await car.send("v2g/fleet/response/veh000001", description())
            await car.send(
                "v2g/vehicle/state/veh000001", encode_telemetry("veh000001", Telemetry(0.7, 0.0, True, None, time.time(), False))
            )
            await control.fleet_of(1)
            await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
            await control.until(DispatchActive)
            over_s = time.monotonic() + 2.8 if late else 0.0  # whole seconds, in the message and in the broker
            await eventually(lambda: time.monotonic() > over_s)
            async with session(started.port) as awake:
                await car.send("vehicle/veh000001/command", b"the end")
                first = await anext(aiter(awake.messages))
                assert (first.payload == b"the end") is late, first.payload
    finally:
        await links.close()
        started.stop()


def session(port: int) -> aiomqtt.Client:
    """The connection of a vehicle for which the broker keeps what comes while it is away."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
    properties.SessionExpiryInterval = 60
    return aiomqtt.Client(
        "127.0.0.1", port, identifier="veh000001", protocol=aiomqtt.ProtocolVersion.V5, clean_start=False, properties=properties
    )


def description() -> bytes:
    """A v1 vehicle."""
    told = Description(
        is_v2g=True, max_charge_kw=11.0, max_discharge_kw=11.0, battery_kwh=60.0, soc=0.7, available=True, priority=False, charging=None,
        departure_s=None, min_soc=None, availability_prob=1.0, degradation=0.0, segment="", site="", fleet="", reserve_soc=0.0,
        charge_limit_soc=1.0, min_charge_kw=0.0, min_discharge_kw=0.0, consent=True, protocol=1,
    )  # fmt: skip
    return encode_description("veh000001", told)


async def test_no_vehicle_applies_an_older_command_after_a_newer_one_or_the_same_one_twice(broker: Broker, tmp_path: Path) -> None:
    diary = tmp_path / "diary.jsonl"
    async with (
        MqttProxy(broker.port, Random(7)) as proxy,
        vehicles(fleet_of(f"tcp://127.0.0.1:{proxy.port}", diary)),
        room(MqttSettings(broker=broker.url), dispatch=SHORT) as control,
    ):
        await control.fleet_of(COUNT)
        proxy.shape = Shape(duplicate=0.5, reorder=0.5, late_s=0.3)
        begun = await control.ask(Dispatch(signal="MA", power_kw=6.0, duration_s=120.0))
        await control.until(DispatchActive)
        for power_kw in (12.0, 30.0, 18.0, 24.0):
            await control.ask(Update(dispatch_id=begun.dispatch_id, power_kw=power_kw))
        await eventually(lambda: proxy.counts["duplicate"] > 20 and proxy.counts["reorder"] > 20, "disorder")
        proxy.shape = Shape()
        await eventually(lambda: sum(each[-1]["target_kw"] or 0.0 for each in of_each(diary)) == pytest.approx(24.0, abs=0.1), "24 kW")
        commands = lines(diary, "command")
        assert in_order(commands)
        taken = [line["command_id"] for line in commands if line["decision"] in ("applied", "limited")]
        assert len(taken) == len(set(taken)), "a repeated command is answered, not applied again"
        assert {"repeated", "superseded"} & {line["decision"] for line in commands}
        await control.ask(Cancel(dispatch_id=begun.dispatch_id))
        assert (await control.until(DispatchCancelled)).owed == 0
