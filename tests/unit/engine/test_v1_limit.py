"""Vehicles without a lease: all dispatches together keep `v1_max_kw`, whatever is planned, updated or reallocated."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView

LIMIT_KW = 15.0


def without_lease_kw(fleet: list[Car]) -> float:
    """What v1 vehicles hold on our word."""
    return sum(abs(car.power_kw(0) - car.natural_kw) for car in fleet if car.protocol == 1)


async def kept(one: Bench, fleet: list[Car], seconds: float) -> None:
    for _ in range(int(seconds)):
        await one.run_for(1.0)
        assert without_lease_kw(fleet) <= LIMIT_KW + 1e-3


@in_virtual_time
async def test_a_second_dispatch_has_only_what_the_first_leaves() -> None:
    fleet = cars(6)
    async with bench(fleet, v1_max_kw=LIMIT_KW) as one:
        await one.active("MA", 10.0, 120.0)
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0, vehicles=("veh000005",)))).result
        assert isinstance(plan, PlanView)
        await one.accepted(ask.Stop())
        await one.accepted(ask.Resume())
        await one.run_for(20.0)
        first = await one.active("MA", 10.0, 120.0, vehicles=("veh000000", "veh000001"))
        second = (await one.accepted(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(second, PlanView)
        assert second.allocated_kw == pytest.approx(5.0)
        await one.active("MA", 30.0, 120.0)
        await kept(one, fleet, 3)
        assert without_lease_kw(fleet) == pytest.approx(LIMIT_KW)
        await one.accepted(ask.Cancel(dispatch_id=first.dispatch_id))
        await one.over(first)
        await one.run_for(20.0)
        third = (await one.accepted(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(third, PlanView)
        assert third.allocated_kw == pytest.approx(10.0)


@in_virtual_time
async def test_an_update_keeps_the_limit_too_and_v2_vehicles_give_the_rest() -> None:
    fleet = [*cars(4), *cars(2, 2, first=4)]
    async with bench(fleet, v1_max_kw=LIMIT_KW) as one:
        running = await one.active("MA", 12.0, 120.0)
        for target_kw in (34.0, -34.0, 37.0, 60.0):
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=target_kw))
            await kept(one, fleet, 8)
            assert sum(car.power_kw(0) for car in fleet) == pytest.approx(min(target_kw, 37.0), abs=1.0)


@in_virtual_time
async def test_a_reallocation_keeps_the_limit_too() -> None:
    fleet = [*cars(6), *cars(2, 2, first=6)]
    fleet[6].answer = Answer.REJECTED
    async with bench(fleet, v1_max_kw=LIMIT_KW, reallocation="balanced") as one:
        await one.active("MA", 30.0, 120.0)
        await kept(one, fleet, 20)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(26.0, abs=1.0)
