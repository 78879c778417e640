"""Finding the fleet, and knowing when it is found."""

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import EngineReady
from v2g_console.contract.replies import VehicleView
from v2g_console.transport.codec import encode_telemetry
from v2g_console.transport.wire import Telemetry


def stranger(one: Bench, vehicle_id: str) -> None:
    one.link.inbound(one.link.topics.state(vehicle_id), encode_telemetry(vehicle_id, Telemetry(0.5, -7.4, True, None, None, False)))


@in_virtual_time
async def test_ready_is_told_once_the_fleet_has_gone_quiet() -> None:
    async with bench(cars(5)) as one:
        await one.run_for(0.1)
        ready = [event for event in one.told if isinstance(event, EngineReady)]
        assert [(event.vehicles, event.protocol) for event in ready] == [(5, "MQTT 5")]
        assert 200 <= ready[0].startup_ms <= 400


@in_virtual_time
async def test_a_described_fleet_is_not_asked_again_before_its_time() -> None:
    async with bench(cars(5)) as one:
        await one.run_for(290.0)
        assert one.link.hellos == 1
        await one.run_for(20.0)
        assert one.link.hellos == 2


@in_virtual_time
async def test_a_vehicle_that_never_describes_itself_causes_one_hello_and_takes_no_part() -> None:
    async with bench(cars(2)) as one:
        await one.run_for(20.0)
        before = one.link.hellos
        for _ in range(30):
            stranger(one, "wanderer-7")
            await one.run_for(2.0)
        assert one.link.hellos == before + 1
        running = await one.active("MA", 50.0)
        assert sorted(running.row_list) == [0, 1]
        view = (await one.accepted(ask.Fleet(vehicle_id="wanderer-7"))).result
        assert isinstance(view, VehicleView)
        assert view.battery_kwh == 0.0
        assert (await one.engine.snapshot()).summary.undescribed == 1


@in_virtual_time
async def test_hostile_messages_stop_nothing() -> None:
    async with bench([Car("veh000000")]) as one:
        topics = one.link.topics
        for topic in (topics.ack("veh000000"), topics.state("veh000000"), topics.description("veh000000"), "v2g/vehicle/state/../x", "x"):
            for payload in (b"", b"\xff\xfe", b"{}", b"[" * 5000, b'{"soc": NaN, "power_kw": 1}', b'{"command_id": 7}', b"x" * 70_000):
                one.link.inbound(topic, payload)
        await one.active("MA", 2.0)
        assert len(one.core.fleet) == 1
