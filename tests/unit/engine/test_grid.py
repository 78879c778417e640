"""Limits of sites and feeders bind a plan, are named as the cause, and count everybody else at his worst."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Strategy
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState

GRID = {
    "grid": {
        "nodes": [
            {"name": "feeder-1", "export_kw": 40.0},
            {"name": "paris-nord", "parent": "feeder-1", "export_kw": 30.0, "base_load_kw": 5.0},
            {"name": "lyon-2", "parent": "feeder-1", "import_kw": 10.0},
        ]
    }
}


@in_virtual_time
async def test_a_plan_keeps_sites_and_feeder_and_names_them() -> None:
    fleet = [*cars(6, 2, site="paris-nord"), *cars(6, 2, site="lyon-2", first=6)]
    async with bench(fleet, sections=GRID) as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=120.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(45.0, abs=0.01)  # 40 out of the feeder and 5 for the load behind it
        assert {name for name, _ in plan.limits} & {"SITE_LIMIT", "NODE_LIMIT"}
        down = (await one.accepted(ask.Plan(signal="MA", power_kw=-120.0, duration_s=60.0, sites=("lyon-2",)))).result
        assert isinstance(down, PlanView)
        assert down.allocated_kw == pytest.approx(-10.0, abs=0.01)


@in_virtual_time
async def test_vehicles_of_another_dispatch_count_at_a_site() -> None:
    fleet = cars(8, 2, site="paris-nord")
    async with bench(fleet, sections=GRID) as one:
        await one.active("MA", 25.0, 120.0, vehicles=tuple(car.vehicle_id for car in fleet[:4]))
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=40.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(10.0, abs=0.05)  # 30 + 5 - 25


@in_virtual_time
async def test_a_site_beyond_its_limit_already_is_refused_by_name() -> None:
    fleet = cars(4, 2, site="lyon-2", natural_kw=-7.0)
    async with bench(fleet, sections=GRID) as one:
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=-5.0, duration_s=60.0))
        assert refused.reason is Refusal.LIMIT
        assert "lyon-2" in refused.message


@in_virtual_time
async def test_the_whole_fleet_may_have_a_limit() -> None:
    async with bench(cars(8), sections={"grid": {"fleet_export_kw": 20.0}}) as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=60.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(20.0, abs=0.01)


@in_virtual_time
async def test_every_unanswered_setpoint_counts_not_only_the_newest() -> None:
    fleet = cars(4, 2, site="paris-nord")
    async with bench(fleet, sections=GRID) as one:
        running = await one.active("MA", 12.0, 120.0, vehicles=tuple(car.vehicle_id for car in fleet[:2]))
        for car in fleet[:2]:
            car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=22.0))
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=6.0))
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=22.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.allocated_kw == pytest.approx(13.0, abs=0.1)  # 30 + 5, less the 22 that may still be obeyed


@in_virtual_time
async def test_vehicles_that_move_to_a_full_site_are_released_and_others_make_up_for_them() -> None:
    fleet = [*cars(4, 2, site="paris-nord"), *cars(3, 2, site="lyon-2", first=4)]
    async with bench(fleet, sections=GRID, reallocation="balanced") as one:
        running = await one.active("MA", -9.0, 600.0, vehicles=tuple(car.vehicle_id for car in fleet[4:]))
        other = await one.active("MA", -16.0, 600.0, sites=("paris-nord",))
        await one.run_for(8.0)
        for car in fleet[:2]:
            car.site = "lyon-2"  # 9 of 10 kW are drawn there already, and these bring 4 kW each
            one.link.describe(car)
        await one.run_for(2.0)
        assert [car.setpoint_kw for car in fleet[:2]] == [None, None]
        assert [one.core.fleet.reason[one.row(car.vehicle_id)] for car in fleet[:2]] == [Reason.SITE_LIMIT] * 2
        told = [event.text for event in one.told if isinstance(event, Strategy) and event.kind == "moved"]
        assert told == ["2 vehicles are released (8.0 kW): they moved to a site that has no room for them"]
        await one.run_for(10.0)
        assert other.sends
        assert sum(car.setpoint_kw or 0.0 for car in fleet[2:4]) == pytest.approx(-16.0)
        assert running.counts[CommandState.ACKED] == 3


@in_virtual_time
async def test_a_vehicle_that_moves_to_a_site_with_room_serves_on() -> None:
    fleet = cars(2, 2, site="paris-nord")
    async with bench(fleet, sections=GRID) as one:
        await one.active("MA", -16.0, 600.0)
        await one.run_for(8.0)
        fleet[0].site = "lyon-2"
        one.link.describe(fleet[0])
        await one.run_for(3.0)
        assert [car.setpoint_kw for car in fleet] == [-8.0, -8.0]
