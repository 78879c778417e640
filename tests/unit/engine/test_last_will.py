"""A vehicle's last will: lost at once, by its own topic only, until it reports again."""

import json

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, VehicleView
from v2g_console.transport.codec import encode_offline, encode_telemetry
from v2g_console.transport.wire import Telemetry


async def page(one: Bench, vehicle_id: str) -> VehicleView:
    view = (await one.accepted(ask.Fleet(vehicle_id=vehicle_id))).result
    assert isinstance(view, VehicleView)
    return view


@in_virtual_time
async def test_a_last_will_makes_lost_at_once_and_the_next_report_takes_it_back() -> None:
    fleet = cars(3, 2)
    async with bench(fleet, sections={"telemetry": {"interval_s": 600.0}}) as one:
        topic = one.link.topics.state("veh000001")
        fleet[1].reports = False
        one.link.inbound(topic, encode_offline("veh000001"))
        assert (await page(one, "veh000001")).quality == "lost"
        await one.run_for(5.0)
        summary = (await one.engine.snapshot()).summary
        assert (summary.vehicles, summary.available, summary.lost) == (3, 2, 1)
        assert (await page(one, "veh000001")).quality == "lost", "no tick takes it back"
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.left_out == {"LOST": 1}
        one.link.describe(fleet[1])
        await one.run_for(1.5)
        assert (await page(one, "veh000001")).quality == "lost", "what it is says nothing of how it is"
        old = Telemetry(0.5, 0.0, True, None, one.clock.utc() - 30.0, False)
        one.link.on_message(topic, encode_telemetry("veh000001", old), True)
        await one.run_for(1.5)
        assert (await page(one, "veh000001")).quality == "lost", "a kept report is from before"
        fleet[1].reports = True
        one.link.report(fleet[1])
        await one.run_for(1.5)
        assert (await page(one, "veh000001")).quality == "fresh"


@pytest.mark.parametrize(
    ("topic", "payload", "retained", "cause"),
    [
        ("veh000001", {"vehicle_id": "veh000000", "online": False}, False, "id_mismatch"),
        ("veh000001", {"vehicle_id": "\x1b", "online": False}, False, "bad_id"),
        ("veh000000", {"vehicle_id": "veh000000", "online": False}, True, "retained"),
        ("veh000000", {"online": "no"}, False, "bad_shape"),
        ("veh000000", {"online": True}, False, "bad_shape"),
    ],
)
@in_virtual_time
async def test_wills_of_others_kept_ones_and_malformed_ones_change_nothing(
    topic: str, payload: dict[str, object], retained: bool, cause: str
) -> None:
    async with bench(cars(2, 2)) as one:
        one.link.on_message(one.link.topics.state(topic), json.dumps(payload).encode(), retained)
        assert [(await page(one, name)).quality for name in ("veh000000", "veh000001")] == ["fresh", "fresh"]
        refused = one.link.on_message._refused.counts  # type: ignore[attr-defined]  # it is the Inbound
        assert {str(name): count for name, count in refused.items()} == {cause: 1}


@in_virtual_time
async def test_the_will_of_an_unknown_vehicle_makes_none_and_a_report_may_say_online() -> None:
    async with bench(cars(1, 2)) as one:
        one.link.inbound(one.link.topics.state("stranger"), encode_offline("stranger"))
        assert len(one.core.fleet) == 1
        one.link.inbound(one.link.topics.state("veh000000"), b'{"soc": 0.41, "power_kw": 0, "online": true}')
        assert (await page(one, "veh000000")).soc == pytest.approx(0.41, abs=0.001)
