"""Changing a dispatch under way."""

import asyncio

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import CommandState, DispatchState


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize("targets_kw", [(16.0,), (4.0,), (-8.0,), (20.0, -20.0, 6.0)])
@in_virtual_time
async def test_an_update_moves_the_fleet_to_the_new_target(protocol: int, targets_kw: tuple[float, ...]) -> None:
    fleet = cars(4, protocol)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        end = running.ends_at
        for target_kw in targets_kw:
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=target_kw))
            await one.run_for(8.0)
            assert sum(car.power_kw(0) for car in fleet) == pytest.approx(target_kw, abs=0.02)
            view = one.view(running)
            assert view.acknowledged_kw == pytest.approx(target_kw, abs=0.02)
            assert view.requested_kw == target_kw
        assert running.ends_at == end
        await one.over(running)
        assert all(car.power_kw(0) == 0.0 for car in fleet)


@in_virtual_time
async def test_an_update_may_take_free_vehicles_with_a_baseline_of_their_own() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 22.0, 60.0, allocator="smart")
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=44.0))
        await one.run_for(1.0)
        assert sorted(running.row_list) == [0, 1, 2, 3]
        assert one.owned(running) == 4
        await one.over(running)
        assert all(car.power_kw(0) == 0.0 for car in fleet)


@in_virtual_time
async def test_nothing_is_sent_within_the_dead_band() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.5))
        await one.run_for(1.0)
        assert all(len(car.received) == 1 for car in fleet)


@pytest.mark.parametrize("power_kw", [float("nan"), float("inf"), float("-inf")])
@in_virtual_time
async def test_an_update_without_sense_is_refused(power_kw: float) -> None:
    async with bench(cars(2)) as one:
        running = await one.active("MA", 4.0, 60.0)
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=power_kw))
        assert refused.reason is Refusal.INVALID
        assert running.target_kw == 4.0


@in_virtual_time
async def test_an_update_against_the_signal_s_direction_is_refused() -> None:
    async with bench(cars(2)) as one:
        running = await one.active("aFRR_UP", 4.0, 60.0)
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=-4.0))
        assert refused.reason is Refusal.INVALID


@in_virtual_time
async def test_an_update_while_releasing_is_refused() -> None:
    async with bench(cars(2, answer_s=1.0)) as one:
        running = await one.active("MA", 4.0, 10.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        assert refused.reason is Refusal.WRONG_STATE


@in_virtual_time
async def test_updates_on_top_of_each_other_end_at_the_last_target() -> None:
    fleet = cars(30)
    async with bench(fleet) as one:
        one.link.puback_s = 0.3
        running = await one.dispatch("MA", 60.0, 60.0)
        await one.until(lambda: sum(len(car.received) for car in fleet) >= 10)
        both = asyncio.gather(
            one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=120.0)),
            one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=-90.0)),
        )
        await one.run_for(10.0)
        await both
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(-90.0, abs=0.1)
        assert one.view(running).acknowledged_kw == pytest.approx(-90.0, abs=0.1)


@in_virtual_time
async def test_retry_asks_the_silent_once_more_and_nobody_else() -> None:
    fleet = cars(3)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet, retries=0) as one:
        running = await one.active("MA", 6.0, 60.0)
        fleet[0].answer = Answer.YES
        await one.accepted(ask.Retry(dispatch_id=running.dispatch_id))
        await one.run_for(1.0)
        assert [len(car.received) for car in fleet] == [2, 1, 1]
        assert running.counts[CommandState.ACKED] == 3
        refused = await one.refused(ask.Retry(dispatch_id=running.dispatch_id))
        assert refused.reason is Refusal.WRONG_STATE and "nobody is silent" in refused.message


@in_virtual_time
async def test_retry_says_that_silent_vehicles_were_given_up_and_not_that_nobody_is_silent() -> None:
    fleet = cars(6)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet, retries=0, reallocation="balanced") as one:
        running = await one.active("MA", 6.0, 60.0)
        await one.run_for(30.0)
        assert one.view(running).progress.silent == 1
        refused = await one.refused(ask.Retry(dispatch_id=running.dispatch_id))
        assert refused.reason is Refusal.WRONG_STATE and "already given up" in refused.message


@in_virtual_time
async def test_a_target_is_approached_in_a_straight_line_within_its_activation_time() -> None:
    fleet = cars(20)
    async with bench(fleet, full_activation_s=40.0) as one:
        running = await one.dispatch("MA", 80.0, 120.0)
        seen = []
        for _ in range(10):
            await one.run_for(5.0)
            seen.append(sum(car.power_kw(0) for car in fleet))
        for number, kw in enumerate(seen[:8], start=1):
            assert kw == pytest.approx(min(80.0, 2.0 * 5.0 * number), abs=4.0), seen
        assert seen[-1] == pytest.approx(80.0, abs=1.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        await one.run_for(20.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(50.0, abs=4.0)


@in_virtual_time
async def test_a_ramp_bounds_the_change_per_second() -> None:
    fleet = cars(20)
    async with bench(fleet, ramp_kw_per_s=2.0) as one:
        await one.dispatch("MA", 80.0, 120.0)
        before = 0.0
        for _ in range(45):
            await one.run_for(1.0)
            now = sum(car.power_kw(0) for car in fleet)
            assert now - before <= 2.0 * 2 + 1.5
            before = now
        assert before == pytest.approx(80.0, abs=1.0)
