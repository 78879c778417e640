"""Limits of sites and feeders bind a plan, are named as the cause, and count everybody else at his worst."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal

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
