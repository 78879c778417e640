"""What was asked, acknowledged, delivered, and what is uncertain."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import DispatchCompleted
from v2g_console.transport.port import PublishOutcome


@in_virtual_time
async def test_delivered_is_null_before_anything_is_settled() -> None:
    async with bench(cars(2)) as one:
        running = await one.active("MA", 4.0, 30.0)
        view = one.view(running)
        assert view.delivered_kw is None
        assert view.delivered_coverage == 0.0
        await one.run_for(8.0)
        assert one.view(running).delivered_kw == pytest.approx(4.0)


@in_virtual_time
async def test_coverage_says_how_much_of_the_fleet_is_behind_the_figure() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        for car in fleet[:3]:
            car.reports = False
        running = await one.active("MA", 8.0, 20.0)
        await one.run_for(10.0)
        view = one.view(running)
        assert view.delivered_kw == pytest.approx(2.0)
        assert view.delivered_coverage == 0.25


@in_virtual_time
async def test_an_acknowledged_vehicle_that_does_not_follow_shows_in_delivered_only() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        fleet[0].follows = False
        running = await one.active("MA", 4.0, 30.0)
        await one.run_for(10.0)
        view = one.view(running)
        assert view.acknowledged_kw == pytest.approx(4.0)
        assert view.delivered_kw == pytest.approx(2.0)
        assert view.shortfall_kw == pytest.approx(0.0)


@in_virtual_time
async def test_a_silent_vehicle_is_uncertain_until_measured() -> None:
    fleet = cars(2)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet) as one:
        fleet[0].reports = False
        running = await one.active("MA", 4.0, 30.0)
        assert one.view(running).uncertain_kw == pytest.approx(2.0)
        fleet[0].reports = True
        await one.run_for(3.0)
        view = one.view(running)
        assert view.uncertain_kw == 0.0
        assert view.delivered_kw == pytest.approx(4.0)
        assert view.acknowledged_kw == pytest.approx(2.0)


@in_virtual_time
async def test_a_shortfall_counts_in_the_target_s_direction() -> None:
    async with bench(cars(2)) as one:
        running = await one.active("MA", -40.0, 30.0)
        view = one.view(running)
        assert view.allocated_kw == pytest.approx(-22.0)
        assert view.shortfall_kw == pytest.approx(18.0)


@in_virtual_time
async def test_the_final_figures_are_those_of_the_active_time() -> None:
    fleet = [Car(f"veh00000{n}", natural_kw=-7.4) for n in range(2)]
    async with bench(fleet) as one:
        running = await one.active("NEBEF", 8.0, 40.0)
        await one.run_for(25.0)
        fleet[0].reports = False  # measured in the first half and early in the second
        await one.over(running)
        await one.run_for(30.0)
        done = [event for event in one.told if isinstance(event, DispatchCompleted)]
        assert len(done) == 1
        assert done[0].acknowledged_kw == pytest.approx(8.0)
        assert done[0].delivered_kw == pytest.approx(8.0)
        assert done[0].delivered_coverage == 1.0
        assert (done[0].released, done[0].owed) == (2, 0)
        assert one.view(running).delivered_kw == pytest.approx(8.0)


@in_virtual_time
async def test_delivery_measured_only_in_the_first_half_does_not_count_at_the_end() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 30.0)
        await one.run_for(10.0)
        fleet[0].reports = False
        await one.over(running)
        await one.run_for(0.1)
        done = [event for event in one.told if isinstance(event, DispatchCompleted)]
        assert done[0].delivered_kw == pytest.approx(2.0)
        assert done[0].delivered_coverage == 0.5


@in_virtual_time
async def test_a_vehicle_whose_update_was_lost_is_uncertain_not_gone() -> None:
    fleet = cars(1)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 60.0)
        fleet[0].reports = False
        one.link.broker_says = {"veh000000": PublishOutcome.REFUSED}
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=9.0))
        view = one.view(running)
        assert view.acknowledged_kw == 0.0
        assert view.uncertain_kw > 0.0


@in_virtual_time
async def test_nothing_is_missing_before_the_start_nor_after_a_cancel_before_it() -> None:
    async with bench(cars(2)) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T15:00:00Z")
        view = one.view(later)
        assert view.shortfall_kw == 0.0 and view.starts_in_s is not None and view.starts_in_s > 0.0
        await one.accepted(ask.Cancel(dispatch_id=later.dispatch_id))
        await one.over(later)
        assert one.view(later).shortfall_kw == 0.0 and one.view(later).starts_in_s is None
