"""A broker without an ACL, and somebody hostile on it: what the engine itself can refuse, and what a flood costs."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.broker.brokers import Broker, start_mosquitto
from tests.broker.links import Links, TestLink, eventually
from tests.broker.test_dispatch import CarV1, room
from v2g_console.config.settings import DispatchSettings, FleetSettings, MqttSettings, TelemetrySettings
from v2g_console.contract.events import DispatchCompleted, DispatchEnded
from v2g_console.contract.replies import VehicleView
from v2g_console.contract.requests import Dispatch, Fleet, Status
from v2g_console.domain.ids import split_command_id
from v2g_console.transport.aiomqtt_private import OWN_PACKET_LIMIT
from v2g_console.transport.codec import encode_ack
from v2g_console.transport.wire import Ack

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def open_broker(tmp_path: Path) -> Iterator[Broker]:
    """mosquitto without users or ACL."""
    broker = start_mosquitto(tmp_path / "broker")
    yield broker
    broker.stop()


class MuteCar(CarV1):
    """Describes and measures itself, but never acknowledges."""

    async def _answer(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/command"):
            self.raw.append(payload)
        else:
            await super()._answer(topic, payload)


async def test_what_speaks_for_another_vehicle_is_refused_and_changes_nothing(open_broker: Broker, links: Links) -> None:
    mute = await MuteCar.up(links, open_broker.url, "veh-a")
    await CarV1.up(links, open_broker.url, "veh-b")
    spy = await links.up(open_broker.url, "vehicle/+/command", client_id="spy")
    quick = DispatchSettings(ack_timeout_seconds=1.5, retries=0, reallocation="none")
    async with room(MqttSettings(broker=open_broker.url), dispatch=quick) as control:
        await control.fleet_of(2)
        lies = {
            "v2g/vehicle/state/veh-x": {"vehicle_id": "veh-a", "soc": 0.01, "power_kw": 0, "available": False},
            "v2g/fleet/response/veh-x": {"ID": "veh-a", "IsV2G": False, "MaxPower": 0, "BatteryKWh": 1},
        }
        for topic, payload in lies.items():
            await spy.send(topic, json.dumps(payload).encode())
        await control.until_link(lambda link: link.refused.get("id_mismatch") == 2)
        vehicle = await control.ask(Fleet(vehicle_id="veh-a"))
        assert isinstance(vehicle, VehicleView)
        assert vehicle.soc == pytest.approx(0.8)
        assert (await control.ask(Status())).fleet.vehicles == 2, "veh-x was not made"

        await control.ask(Dispatch(signal="MA", power_kw=10.0, duration_s=3.0))
        await eventually(lambda: len(mute.raw) == 1 and len(spy.messages) == 2)
        stolen = str(json.loads(mute.raw[0])["command_id"])
        parts = split_command_id(stolen)
        assert parts is not None
        await spy.send("vehicle/veh-b/ack", encode_ack(Ack(stolen)))
        await spy.send("vehicle/veh-x/ack", encode_ack(Ack(stolen)))
        for guess in (
            f"{parts[0][:-1]}{int(parts[0][-1], 16) ^ 1:x}-{parts[1]}-{parts[2]}",
            f"{'0' * 32}-{parts[1]}-0",
            f"{parts[0]}-{parts[1]}-99",
            "-1-1",
            stolen[:8],
        ):
            await spy.send("vehicle/veh-a/ack", encode_ack(Ack(guess)))
        await control.until_link(lambda link: link.refused.get("wrong_vehicle") == 2)
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted), ended
        assert (ended.vehicles, ended.acked, ended.silent) == (2, 1, 1), "nobody answered for veh-a"
    await links.close()


async def test_ids_can_not_be_guessed_from_those_of_before(open_broker: Broker, links: Links) -> None:
    await CarV1.up(links, open_broker.url, "veh-a")
    spy = await links.up(open_broker.url, "vehicle/+/command", client_id="spy")
    async with room(MqttSettings(broker=open_broker.url)) as control:
        await control.fleet_of(1)
        for _ in range(2):
            await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=1.0))
            await control.until(DispatchEnded)
    ids = {str(json.loads(payload)["command_id"]).partition("-")[0] for _, payload, _ in spy.messages}
    first, second = (int(one, 16) for one in ids)
    assert all(len(one) == 32 for one in ids)
    assert 30 <= (first ^ second).bit_count() <= 98, "128 bits of which about half differ by chance"
    await links.close()


async def flood(link: TestLink, messages: int, vehicles: int, prefix: str) -> None:
    """Telemetry of many made-up vehicles as fast as it goes."""
    payload = b'{"soc":0.5,"power_kw":0.0,"ts":%d}' % 1_795_438_800
    for number in range(messages):
        await link.send(f"v2g/vehicle/state/{prefix}{number % vehicles}", payload, 0)


@asynccontextmanager
async def flooding(link: TestLink, budget_per_s: int) -> AsyncIterator[None]:
    """Ten times the budget, without a pause."""

    async def for_ever() -> None:
        while True:
            await asyncio.gather(flood(link, budget_per_s, 400, "flood-"), asyncio.sleep(0.1))

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_ten_times_the_telemetry_is_shed_and_counted_while_every_ack_arrives(open_broker: Broker, links: Links) -> None:
    budget_per_s = 100
    cars = [await CarV1.up(links, open_broker.url, f"veh-{letter}") for letter in "abc"]
    hostile = await links.up(open_broker.url, client_id="hostile")
    sections = {
        "telemetry": TelemetrySettings(interval_s=1.0, max_per_s=budget_per_s),
        "fleet": FleetSettings(max_vehicles=50),
        "dispatch": DispatchSettings(ack_timeout_seconds=4.0),
    }
    async with room(MqttSettings(broker=open_broker.url), **sections) as control:
        await control.fleet_of(3)
        async with flooding(hostile, budget_per_s):
            await control.until_link(lambda link: link.shed > 5 * budget_per_s)
            await control.ask(Dispatch(signal="MA", power_kw=9.0, duration_s=2.0))
            ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted), ended
        assert (ended.vehicles, ended.acked, ended.silent, ended.released, ended.owed) == (3, 3, 0, 3, 0)
        assert [len(car.commands) for car in cars] == [2, 2, 2], "nothing had to be sent again"
        link = await control.link()
        assert link.shed > 0
        assert (await control.ask(Status())).fleet.vehicles == 50
        assert link.refused.get("fleet_full", 0) > 0
        assert len(link.recent_refused) <= 20
    await links.close()


async def test_a_flood_of_new_ids_ends_at_the_limit_and_keeps_little_of_each(open_broker: Broker, links: Links) -> None:
    hostile = await links.up(open_broker.url, client_id="hostile")
    most = 2000
    async with room(
        MqttSettings(broker=open_broker.url),
        fleet=FleetSettings(max_vehicles=most),
        telemetry=TelemetrySettings(interval_s=1.0, max_per_s=1_000_000),
    ) as control:
        await control.until_link(lambda link: link.state == "up")
        await flood(hostile, most, most, "x" * 50)
        await control.until_link(lambda link: link.in_total >= most)
        before = psutil.Process().memory_info().rss
        await flood(hostile, 20_000, 20_000, "y" * 50)
        await hostile.send("v2g/vehicle/state/last", b"{}")
        await control.until_link(lambda link: link.refused.get("bad_shape", 0) == 1)
        assert (await control.ask(Status())).fleet.vehicles == most
        assert (await control.link()).refused["fleet_full"] >= 15_000  # QoS 0: the broker may shed some itself
        assert psutil.Process().memory_info().rss - before < 20_000_000
    await links.close()


HUGE_BYTES = 24_000_000


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_a_message_of_many_megabytes_costs_one_refusal_on_an_untuned_broker(protocol: str, links: Links, tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path / "broker", tuned=False)
    try:
        await CarV1.up(links, broker.url, "veh-b")
        hostile = await links.up(broker.url, client_id="hostile", protocol="3.1.1")
        witness = await links.up(broker.url, "vehicle/veh-a/ack", client_id="witness", protocol=protocol)
        async with room(MqttSettings.model_validate({"broker": broker.url, "protocol": protocol})) as control:
            await control.fleet_of(1)
            for qos in (1, 0):
                await hostile.send("vehicle/veh-a/ack", b'{"command_id":"' + b"x" * HUGE_BYTES + b'"}', qos)
            await hostile.send("vehicle/veh-a/ack", b"not json")
            await control.until_link(lambda link: link.refused.get("bad_json") == 1)
            link = await control.link()
            assert link.refused.get("too_large", 0) == (2 if protocol == "3.1.1" else 0), "a broker of MQTT 5 keeps them back itself"
            assert (link.state, link.reconnects) == ("up", 0)
            await eventually(lambda: witness.messages[-1:] == [("vehicle/veh-a/ack", b"not json", False)])
            assert max(len(payload) for _, payload, _ in witness.messages) < 2 * OWN_PACKET_LIMIT, "the rest was never kept"
            await control.ask(Dispatch(signal="MA", power_kw=5.0, duration_s=1.0))
            assert (await control.until(DispatchEnded)).acked == 1
    finally:
        await links.close()
        broker.stop()
