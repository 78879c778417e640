"""No vehicle's setpoint changes faster than its ramp: at the first send, along an update, in a reallocation. Releases don't wait."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.tags import TagDone, TagKind, TagScope
from v2g_console.domain.states import DispatchState
from v2g_console.engine.ramps import RAMP_STEP_S
from v2g_console.engine.views import dispatch_detail

RAMP = 0.5


def steepest(car: Car, from_kw: float) -> float:
    """The steepest change of its setpoints, in kW/s; the first counts over one step."""
    found, before_kw, before_s = 0.0, from_kw, None
    for received in car.received:
        if received.release:
            continue
        took_s = RAMP_STEP_S if before_s is None else min(RAMP_STEP_S, received.at_s - before_s)
        change_kw = abs(received.command.power_kw - before_kw)
        found = max(found, change_kw / took_s) if change_kw > 1e-5 else found
        before_kw, before_s = received.command.power_kw, received.at_s
    return found


async def goes_to(one: Bench, fleet: list[Car], target_kw: float, seconds: float) -> None:
    await one.run_for(seconds)
    natural_kw = sum(car.natural_kw for car in fleet)
    assert sum(car.power_kw(one.clock.utc() * 1000) for car in fleet) - natural_kw == pytest.approx(target_kw, abs=1.0)


@pytest.mark.parametrize("told", [True, False])
@in_virtual_time
async def test_a_first_send_and_updates_go_step_by_step(told: bool) -> None:
    fleet = cars(4, 2, natural_kw=-4.0, ramp_kw_per_s=RAMP if told else 0.0)
    async with bench(fleet, vehicle_ramp_kw_per_s=0.0 if told else RAMP) as one:
        running = await one.dispatch("MA", 40.0, 120.0)
        await one.run_for(0.9)
        assert [car.power_kw(0) for car in fleet] == [-4.0 + RAMP * RAMP_STEP_S] * 4
        view = one.view(running)
        assert [name for name, _ in view.limits] == ["RAMP"]
        assert view.limits[0][1] == pytest.approx(32.0)
        assert {row.reason for row in dispatch_detail(one.core, running, 10).rows} == {"RAMP"}
        await goes_to(one, fleet, 40.0, 22.0)
        assert one.view(running).limits == ()
        assert {row.reason for row in dispatch_detail(one.core, running, 10).rows} == {""}
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=-20.0))
        await goes_to(one, fleet, -20.0, 34.0)
        assert max(steepest(car, car.natural_kw) for car in fleet) == pytest.approx(RAMP, rel=0.02)


@in_virtual_time
async def test_quick_vehicles_stand_in_for_slow_ones() -> None:
    fleet = [*cars(3, 2, ramp_kw_per_s=0.1), *cars(3, 2, first=3)]
    async with bench(fleet) as one:
        running = await one.dispatch("MA", 30.0, 120.0)
        await goes_to(one, fleet, 30.0, 3.0)
        assert all(car.power_kw(0) < 1.0 for car in fleet[:3])
        assert running.state is DispatchState.ACTIVE
        await one.run_for(20.0)
        assert max(steepest(car, 0.0) for car in fleet[:3]) <= 0.1 * 1.02


@in_virtual_time
async def test_who_says_a_ramp_is_not_held_to_the_configured_one() -> None:
    fleet = [*cars(1, 2, ramp_kw_per_s=2.0), *cars(1, 2, first=1)]
    async with bench(fleet, vehicle_ramp_kw_per_s=0.25) as one:
        await one.dispatch("MA", 22.0, 120.0)
        await one.run_for(0.5)
        assert [car.power_kw(0) for car in fleet] == [8.0, 1.0]


@in_virtual_time
async def test_a_reallocation_keeps_to_the_ramps_and_goes_on_until_the_gap_is_closed() -> None:
    fleet = cars(4, 2, ramp_kw_per_s=RAMP)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 20.0, 120.0)
        await goes_to(one, fleet, 20.0, 12.0)
        for car in fleet[:2]:
            car.available, car.follows = False, False
        await one.run_for(3.0)
        assert {row.reason for row in dispatch_detail(one.core, running, 10).rows} == {"", "RAMP"}
        await one.run_for(25.0)
        assert sum(car.power_kw(0) for car in fleet[2:]) == pytest.approx(20.0, abs=1.0)
        assert max(steepest(car, 0.0) for car in fleet) <= RAMP * 1.02


@in_virtual_time
async def test_a_broken_bound_and_the_release_don_t_wait_for_the_ramp() -> None:
    fleet = cars(2, 2, ramp_kw_per_s=RAMP)
    async with bench(fleet) as one:
        running = await one.dispatch("MA", 20.0, 30.0)
        await goes_to(one, fleet, 20.0, 24.0)
        fleet[0].consent = False
        one.link.describe(fleet[0])
        await one.run_for(0.5)
        assert fleet[0].power_kw(0) == 0.0
        await one.over(running)
        assert fleet[1].power_kw(0) == 0.0


@in_virtual_time
async def test_a_slow_charger_crosses_the_hole_below_its_minimum() -> None:
    fleet = cars(2, 2, natural_kw=0.0, soc=0.5, min_charge_kw=4.1, ramp_kw_per_s=0.2)
    async with bench(fleet) as one:
        await one.dispatch("MA", -16.0, 120.0)
        await one.run_for(1.0)
        assert [car.power_kw(0) for car in fleet] == [-4.1, -4.1]
        await goes_to(one, fleet, -16.0, 30.0)
        assert all(not -4.1 < received.command.power_kw < 0 for car in fleet for received in car.received)


@in_virtual_time
async def test_the_slow_are_named_and_not_those_who_joined_before_them_in_the_fleet() -> None:
    fleet = [*cars(1, 2), *cars(2, 2, first=1, ramp_kw_per_s=RAMP)]
    async with bench(fleet) as one:
        hung = await one.accepted(ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name=fleet[0].vehicle_id, note="works"))
        assert isinstance(hung.result, TagDone)
        running = await one.active("MA", 2.0, 120.0)
        await one.accepted(ask.Untag(tag_id=hung.result.tag.tag_id, note="done"))
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=25.0))
        await one.run_for(0.5)
        reasons = {row.vehicle_id: row.reason for row in dispatch_detail(one.core, running, 10).rows}
        assert reasons == {fleet[0].vehicle_id: "", fleet[1].vehicle_id: "RAMP", fleet[2].vehicle_id: "RAMP"}
