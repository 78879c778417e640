"""A shortfall after refusals, limits, silence and under-delivery is shared by the others and the reserve, and sent."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Strategy
from v2g_console.contract.replies import VehicleView
from v2g_console.domain.states import DispatchState


def delivered_kw(fleet: list[Car], utc_ms: float) -> float:
    """What the cars really give above their natural power."""
    return sum(car.power_kw(utc_ms) - car.natural_kw for car in fleet)


@pytest.mark.parametrize("strategy", ["balanced", "probabilistic"])
@in_virtual_time
async def test_refusing_silent_and_deaf_vehicles_are_replaced(strategy: str) -> None:
    fleet = cars(20, protocol=2)
    fleet[0].answer = fleet[1].answer = Answer.REJECTED
    fleet[2].answer = fleet[3].answer = Answer.NEVER  # obey, but say nothing
    fleet[4].answer, fleet[4].follows = Answer.NEVER, False  # deaf
    async with bench(fleet, reallocation=strategy) as one:
        running = await one.active("MA", 60.0, 120.0)
        await one.run_for(8.0)
        assert delivered_kw(fleet, one.clock.utc() * 1000) == pytest.approx(60.0, abs=1.0)
        assert one.view(running).acknowledged_kw == pytest.approx(60.0, abs=1.0)
        assert [event.kind for event in one.told if isinstance(event, Strategy)][:1] == ["reallocation"]


@in_virtual_time
async def test_the_reserve_is_used_too() -> None:
    fleet = cars(10)
    for number, car in enumerate(fleet):
        car.soc = 0.9 - 0.03 * number  # so that merit uses two and leaves the rest
    fleet[0].follows = False  # acknowledges and does nothing, as a v1 vehicle may
    async with bench(fleet, reallocation="balanced", allocator="merit") as one:
        running = await one.active("MA", 22.0, 120.0)
        before = len(running)
        await one.run_for(12.0)
        assert len(running) > before
        assert delivered_kw(fleet, one.clock.utc() * 1000) == pytest.approx(22.0, abs=1.0)


@in_virtual_time
async def test_what_can_not_be_met_is_tried_again_only_now_and_then() -> None:
    fleet = cars(4, protocol=2)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 44.0, 60.0)
        await one.run_for(30.0)
        assert running.state is DispatchState.ACTIVE
        assert one.view(running).acknowledged_kw == pytest.approx(33.0, abs=0.1)
        assert max(len(car.received) for car in fleet) <= 2


@in_virtual_time
async def test_nothing_is_sent_anew_without_a_strategy() -> None:
    fleet = cars(6, protocol=2)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet, reallocation="none") as one:
        await one.active("MA", 12.0, 60.0)
        await one.run_for(15.0)
        assert [len(car.received) for car in fleet] == [1] * 6


@in_virtual_time
async def test_a_vehicle_that_leaves_is_replaced() -> None:
    fleet = cars(10)
    async with bench(fleet, reallocation="balanced") as one:
        await one.active("MA", 20.0, 120.0)
        fleet[0].available, fleet[0].follows = False, False
        await one.run_for(10.0)
        assert delivered_kw(fleet, one.clock.utc() * 1000) == pytest.approx(20.0, abs=1.0)


@in_virtual_time
async def test_a_failing_vehicle_is_on_hold_and_an_operator_can_reset_it() -> None:
    fleet = cars(6, protocol=2)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 12.0, 20.0)
        await one.run_for(3.0)
        shown = (await one.accepted(ask.Fleet(vehicle_id=fleet[0].vehicle_id))).result
        assert isinstance(shown, VehicleView)
        assert shown.failures == 1
        assert 0 < shown.hold_s <= 30.0
        await one.over(running)
        second = await one.active("MA", 6.0, 20.0)
        assert one.row(fleet[0].vehicle_id) not in second.row_list
        await one.accepted(ask.Cancel(dispatch_id=second.dispatch_id))
        await one.over(second)
        await one.accepted(ask.ResetTrust(vehicle_id=fleet[0].vehicle_id))
        third = await one.active("MA", 6.0, 20.0)
        assert one.row(fleet[0].vehicle_id) in third.row_list


@in_virtual_time
async def test_a_site_is_never_over_its_limit_even_if_every_silent_vehicle_obeys_late() -> None:
    fleet = [*cars(6, protocol=2, site="paris-nord"), *cars(6, protocol=2, site="lyon-2", first=6)]
    for car in fleet[:2]:
        car.answer = Answer.NEVER  # they obey all the same
    grid = {"grid": {"nodes": [{"name": "paris-nord", "export_kw": 30.0}, {"name": "lyon-2", "export_kw": 40.0}]}}
    async with bench(fleet, reallocation="balanced", sections=grid) as one:
        await one.active("MA", 60.0, 120.0)
        for _ in range(40):
            await one.run_for(0.5)
            now_ms = one.clock.utc() * 1000
            assert sum(car.power_kw(now_ms) for car in fleet[:6]) <= 30.0 + 1e-4
            assert sum(car.power_kw(now_ms) for car in fleet[6:]) <= 40.0 + 1e-4
        assert delivered_kw(fleet, one.clock.utc() * 1000) == pytest.approx(60.0, abs=1.0)
