"""Several dispatches at once: free vehicles first, then by rank and only on request; what moved is shown on both."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.domain.states import CommandState, DispatchState


@in_virtual_time
async def test_a_higher_rank_takes_only_what_the_free_vehicles_lack() -> None:
    fleet = cars(10)
    async with bench(fleet) as one:
        low = await one.active("MA", 66.0, 120.0, vehicles=tuple(car.vehicle_id for car in fleet[:6]))
        plan = (await one.accepted(ask.Plan(signal="aFRR_UP", power_kw=55.0, duration_s=60.0, preempt=True))).result
        assert isinstance(plan, PlanView)
        assert plan.preempts[0][0] == low.short_id
        assert plan.preempts[0][1] == pytest.approx(11.0, abs=0.1) or plan.preempts[0][1] >= 11.0
        high = await one.active("aFRR_UP", 55.0, 60.0, preempt=True)
        assert one.view(high).acknowledged_kw == pytest.approx(55.0, abs=0.1)
        assert [name for name, _ in one.view(high).moved] == [low.short_id]
        assert one.view(low).moved[0] == (high.short_id, -one.view(high).moved[0][1])
        assert low.counts[CommandState.SUPERSEDED] >= 1
        (taken,) = one.view(low).taken
        assert (taken.short_id, taken.signal, taken.vehicles) == (high.short_id, "aFRR_UP", low.counts[CommandState.SUPERSEDED])
        assert await one.over(high) is DispatchState.COMPLETED
        assert await one.over(low) is DispatchState.COMPLETED
        assert all(car.power_kw(0) == 0.0 for car in fleet)


@in_virtual_time
async def test_without_preempt_and_against_a_higher_rank_nothing_is_taken() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        await one.active("FCR", 20.0, 120.0)
        assert (await one.refused(ask.Dispatch(signal="aFRR_UP", power_kw=5.0, duration_s=30.0))).reason is Refusal.NO_VEHICLES
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=5.0, duration_s=30.0, preempt=True))
        assert refused.reason is Refusal.NO_VEHICLES
        assert "IN_USE" in refused.message


@in_virtual_time
async def test_the_loser_makes_up_for_what_it_lost() -> None:
    fleet = cars(10)
    async with bench(fleet, reallocation="balanced") as one:
        low = await one.active("MA", 33.0, 120.0, vehicles=tuple(car.vehicle_id for car in fleet[:6]))
        await one.active("aFRR_UP", 66.0, 60.0, preempt=True)
        await one.run_for(10.0)
        assert one.view(low).acknowledged_kw == pytest.approx(33.0, abs=1.0)


@in_virtual_time
async def test_a_strict_signal_refuses_a_shortfall_unless_partial_is_accepted() -> None:
    fleet = cars(2)
    async with bench(fleet, strict=["FCR"]) as one:
        assert (await one.refused(ask.Dispatch(signal="FCR", power_kw=500.0, duration_s=30.0))).reason is Refusal.SHORTFALL
        await one.accepted(ask.Dispatch(signal="FCR", power_kw=500.0, duration_s=30.0, accept_partial=True))
