"""One owner per vehicle, and baselines that stay frozen until a release is confirmed."""

import numpy as np
import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.domain.vehicle import Baseline
from v2g_console.engine.clock import parse_rfc3339


@in_virtual_time
async def test_overlapping_dispatches_never_share_a_vehicle() -> None:
    async with bench(cars(4)) as one:
        first = await one.dispatch("MA", 22.0, 60.0, vehicles=("veh000000", "veh000001"))
        second = await one.dispatch("FCR", 100.0, 60.0)
        assert sorted(second.row_list) == [2, 3]
        assert second.left_out == {"IN_USE": 2}
        third = await one.refused(ask.Dispatch(signal="FCR", power_kw=5.0, duration_s=60.0))
        assert third.reason is Refusal.NO_VEHICLES
        assert "4 IN_USE" in third.message
        assert one.owned(first) == one.owned(second) == 2


@in_virtual_time
async def test_a_plan_says_who_is_in_use() -> None:
    async with bench(cars(3)) as one:
        await one.active("MA", 20.0, 60.0, vehicles=("veh000000", "veh000001"))
        plan = (await one.accepted(ask.Plan(signal="FCR", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.left_out["IN_USE"] == 2
        assert plan.vehicles == 1


@in_virtual_time
async def test_who_could_not_serve_anyway_is_not_told_as_in_use() -> None:
    fleet = cars(3)
    fleet[0].soc = 0.4  # enough for MA, too little for FCR
    async with bench(fleet) as one:
        await one.active("MA", 20.0, 60.0, vehicles=("veh000000", "veh000001"))
        plan = (await one.accepted(ask.Plan(signal="FCR", power_kw=30.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.left_out == {"SOC_BELOW_MIN": 1, "IN_USE": 1}


@in_virtual_time
async def test_vehicles_are_free_again_after_the_end() -> None:
    async with bench(cars(2)) as one:
        for _ in range(3):
            running = await one.active("MA", 10.0, 5.0)
            assert one.owned(running) == 2
            await one.over(running)
            assert one.owned(running) == 0


@in_virtual_time
async def test_the_baseline_is_measured_when_a_vehicle_is_taken_and_frozen_while_it_is_owned() -> None:
    fleet = cars(2, natural_kw=-7.4)
    async with bench(fleet) as one:
        running = await one.active("NEBEF", 6.0, 30.0)
        assert running.baseline_kw.tolist() == [-7.4, -7.4]
        for car in fleet:
            car.natural_kw = -3.0
        await one.run_for(10.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=9.0))
        await one.run_for(5.0)
        assert running.baseline_kw.tolist() == [-7.4, -7.4]
        assert one.core.fleet.baseline_kw[:2].tolist() == [-7.4, -7.4]


@in_virtual_time
async def test_power_measured_soon_after_a_release_is_no_baseline() -> None:
    fleet = cars(1, natural_kw=-7.4)
    async with bench(fleet) as one:
        running = await one.active("NEBEF", 3.0, 20.0)
        await one.over(running)
        fleet[0].natural_kw = fleet[0].setpoint_kw = -5.0
        await one.run_for(5.0)
        again = await one.dispatch("NEBEF", 3.0, 20.0)
        assert again.baseline_kw.tolist() == [-7.4]
        assert one.core.fleet.baseline_kind[0] == Baseline.FROZEN
        await one.over(again)
        fleet[0].natural_kw = fleet[0].setpoint_kw = -5.0
        await one.run_for(one.settings.dispatch.settle_s + 5.0)
        third = await one.dispatch("NEBEF", 3.0, 20.0)
        assert third.baseline_kw.tolist() == [-5.0]
        assert one.core.fleet.baseline_kind[0] == Baseline.MEASURED


@in_virtual_time
async def test_a_vehicle_whose_release_is_owed_is_not_dispatched_and_keeps_its_baseline() -> None:
    fleet = cars(2, natural_kw=-7.4)
    fleet[0].answer, fleet[0].follows = Answer.NEVER, True
    async with bench(fleet) as one:
        running = await one.active("NEBEF", 10.0, 20.0)
        fleet[0].follows = False  # it holds what it was told and takes nothing more
        fleet[0].natural_kw = -2.4
        await one.over(running)
        assert one.core.fleet.owed[0]
        await one.run_for(30.0)
        assert one.core.fleet.owed[0]
        plan = (await one.accepted(ask.Plan(signal="NEBEF", power_kw=10.0, duration_s=60.0))).result
        assert isinstance(plan, PlanView)
        assert plan.left_out == {"BLOCKED": 1}
        values, kinds = one.core.fleet.baselines(one.clock.monotonic(), 10.0)
        assert (values[0], kinds[0]) == (-7.4, Baseline.FROZEN)


@in_virtual_time
async def test_a_charging_vehicle_without_fresh_power_has_no_baseline() -> None:
    fleet = [Car("veh000000", reports=False), Car("veh000001")]
    async with bench(fleet) as one:
        values, kinds = one.core.fleet.baselines(one.clock.monotonic(), 10.0)
        row = one.row("veh000000")
        assert np.isnan(values[row])
        assert kinds[row] == Baseline.MISSING
        running = await one.active("MA", 50.0)
        assert running.row_list == [one.row("veh000001")]
        assert running.left_out == {"NO_BASELINE": 1}


@in_virtual_time
async def test_two_later_dispatches_for_the_same_time_do_not_share_a_vehicle() -> None:
    async with bench(cars(2)) as one:
        start = "2026-11-23T13:40:00Z"
        wait_s = parse_rfc3339(start) - one.clock.utc()
        first = await one.dispatch("MA", 30.0, 30.0, start_at=start)
        second = await one.dispatch("FCR", 30.0, 30.0, start_at=start)
        await one.run_for(wait_s + 2.0)
        assert not set(first.row_list) & set(second.row_list)
        assert sorted([*first.row_list, *second.row_list]) == [0, 1]


@pytest.mark.parametrize("allocator", ["equal", "smart"])
@in_virtual_time
async def test_v1_and_v2_vehicles_serve_one_dispatch(allocator: str) -> None:
    fleet = [Car("veh000000", 1), Car("veh000001", 2)]
    async with bench(fleet) as one:
        running = await one.active("MA", 16.0, 20.0, allocator=allocator)
        assert sorted(running.row_list) == [0, 1]
        assert running.without_lease_kw == pytest.approx(abs(float(running.setpoint_kw[running.row_list.index(one.row("veh000000"))])))
        assert [len(car.received) for car in fleet] == [1, 1]
