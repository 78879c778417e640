"""What is told of a dispatch follows it: what limits it, who is left out, how it tracks; what is asked of vehicles is booked meanwhile."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask


@in_virtual_time
async def test_what_limits_a_dispatch_follows_its_target() -> None:
    fleet = [*cars(3, 2, site="lyon-2"), *cars(3, 2, site="paris-nord", first=3)]
    grid = {"grid": {"nodes": [{"name": "lyon-2", "export_kw": 12.0}]}}
    async with bench(fleet, sections=grid) as one:
        running = await one.active("MA", 12.0, 120.0)
        assert one.view(running).limits == ()
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=60.0))
        assert one.view(running).limits[0][0] == "SITE_LIMIT"
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=12.0))
        assert one.view(running).limits == ()


@in_virtual_time
async def test_what_limits_a_dispatch_follows_a_reallocation() -> None:
    fleet = cars(4, 2)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 44.0, 60.0)
        assert one.view(running).limits == ()
        await one.run_for(5.0)
        assert one.view(running).limits, "33 of 44 kW, and somebody must be the reason"


@in_virtual_time
async def test_who_is_left_out_follows_an_update() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        fleet[3].available = False
        one.link.describe(fleet[3])
        one.link.report(fleet[3])
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        assert one.view(running).left_out == {"NOT_AVAILABLE": 1}


@in_virtual_time
async def test_a_tracking_score_is_shown_once_the_run_is_long_enough_to_mean_something() -> None:
    async with bench(cars(4, 2)) as one:
        running = await one.active("aFRR_UP", 8.0, 600.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        await one.run_for(40.0)
        assert one.view(running).tracking is None
        await one.run_for(25.0)
        assert one.view(running).tracking is not None


@in_virtual_time
async def test_participation_is_booked_while_a_dispatch_runs_and_once_only() -> None:
    fleet = cars(2, 2, battery_kwh=10.0)
    async with bench(fleet) as one:
        running = await one.active("MA", 10.0, 360.0, vehicles=(fleet[0].vehicle_id,))
        await one.run_for(180.0)
        half = one.core.standing.participation(2)
        assert half[0] == pytest.approx(1 - 2.718281828 ** -(10.0 * 180 / 3600 / 10.0), rel=0.02)
        assert half[1] == 0.0
        await one.over(running, 400.0)
        assert one.core.standing.participation(2)[0] == pytest.approx(1 - 2.718281828 ** -(10.0 * 360 / 3600 / 10.0), rel=0.03)
