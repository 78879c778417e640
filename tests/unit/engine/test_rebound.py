"""The rebound: releases of a normal end wait while their site could not bear everybody charging at once; STOP does not wait."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import DispatchCompleted, DispatchPlanned, Strategy
from v2g_console.contract.replies import PlanView
from v2g_console.domain.states import DispatchState

LIMIT_KW = 40.0
GRID = {"grid": {"nodes": [{"name": "depot", "import_kw": LIMIT_KW, "base_load_kw": 5.0}]}, "telemetry": {"interval_s": 2.0}}


def drawn_kw(fleet: list[Car], utc_s: float) -> float:
    """What the site draws."""
    return 5.0 - sum(car.power_kw(utc_s * 1000) for car in fleet)


def released(car: Car) -> bool:
    return bool(car.received and car.received[-1].release)


@in_virtual_time
async def test_vehicles_that_may_all_charge_at_once_are_released_a_few_at_a_time() -> None:
    fleet = cars(8, 2, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=GRID, response_s=1.0) as one:
        running = await one.active("MA", 30.0, 20.0)
        for car in fleet:
            car.natural_kw = -11.0 if car.vehicle_id < "veh000002" else 0.0  # what their drivers want by now
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(1.0)
        # 5 kW of load, and 11 kW for each that goes, with the others still at what they were told
        assert 1 <= sum(map(released, fleet)) <= 4
        while running.dispatch_id in one.core.running:
            await one.run_for(0.2)
            assert drawn_kw(fleet, one.clock.utc()) <= LIMIT_KW + 1e-6
        assert all(map(released, fleet))
        assert not [event for event in one.told if isinstance(event, Strategy) and event.kind == "rebound"]


@in_virtual_time
async def test_what_finds_no_room_is_released_all_the_same_and_that_is_told() -> None:
    fleet = cars(8, 2, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=GRID) as one:
        running = await one.active("MA", 30.0, 20.0)
        for car in fleet:
            car.natural_kw = -11.0
        await one.over(running)
        assert running.ends_at is not None
        assert 25.0 <= one.clock.monotonic() - running.ends_at <= 29.0, "leases end 30 s after the dispatch"
        assert all(map(released, fleet))
        (said,) = [event for event in one.told if isinstance(event, Strategy) and event.kind == "rebound"]
        assert "no room" in said.text


@in_virtual_time
async def test_stop_does_not_wait_for_room() -> None:
    fleet = cars(8, 2, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=GRID) as one:
        running = await one.active("MA", 30.0, 60.0)
        await one.accepted(ask.Stop())
        await one.run_for(0.5)
        assert all(map(released, fleet))
        await one.over(running)


@in_virtual_time
async def test_stop_hurries_a_release_that_waits() -> None:
    fleet = cars(8, 2, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=GRID) as one:
        running = await one.active("MA", 30.0, 20.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(1.0)
        assert not all(map(released, fleet))
        await one.accepted(ask.Stop())
        await one.run_for(1.0)
        assert all(map(released, fleet))


@in_virtual_time
async def test_a_v1_vehicle_goes_to_a_known_power_and_need_not_wait() -> None:
    fleet = cars(8, 1, site="depot", natural_kw=-4.0, soc=0.5)
    async with bench(fleet, sections=GRID) as one:
        running = await one.active("MA", 30.0, 20.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(0.5)
        assert [car.power_kw(0) for car in fleet] == pytest.approx([-4.0] * 8, abs=0.1)


@in_virtual_time
async def test_the_end_of_charging_waits_for_the_export_limit() -> None:
    """Vehicles that draw what the sun gives: when they stop, it flows out."""
    sun = {"grid": {"nodes": [{"name": "depot", "export_kw": 1.0}]}}
    fleet = [*cars(4, 2, site="depot", soc=0.5), Car("solar", 2, natural_kw=20.0, site="depot")]
    async with bench(fleet, sections=sun) as one:
        running = await one.active("MA", -24.0, 20.0, vehicles=tuple(car.vehicle_id for car in fleet[:4]))
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(1.0)
        assert not any(map(released, fleet[:4]))


@in_virtual_time
async def test_how_long_it_holds_and_what_comes_back_is_told_before_during_and_at_the_end() -> None:
    fleet = [*cars(2, 2, soc=0.6, min_soc=0.3), *cars(2, 2, natural_kw=-7.4, soc=0.5, first=2)]
    async with bench(fleet, reallocation="none") as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=20.0, duration_s=1800.0))).result
        assert isinstance(plan, PlanView)
        assert plan.rebound_kw == pytest.approx(10.0)
        # 0.3 of 60 kWh at 5 kW from the meter on, with 6 % lost
        assert plan.holds_s == pytest.approx(0.3 * 60 * 0.94 / 5.0 * 3600.0, rel=0.01)
        running = await one.active("MA", 20.0, 1800.0)
        await one.run_for(10.0)
        view = one.view(running)
        assert view.holds_s == pytest.approx(plan.holds_s, rel=0.01)
        assert view.rebound_kw == pytest.approx(10.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        await one.run_for(10.0)
        assert one.view(running).rebound_kw < 9.0
        running.ends_at = one.clock.monotonic()
        await one.over(running)
        (planned,) = [event for event in one.told if isinstance(event, DispatchPlanned)]
        (done,) = [event for event in one.told if isinstance(event, DispatchCompleted)]
        assert planned.holds_s == pytest.approx(plan.holds_s, rel=0.01)
        assert 0.0 < done.rebound_kw < 9.0
