"""Vehicles that leave a dispatch under way, are taken by another or anew: nobody is commanded by who lost them, nobody is forgotten."""

import asyncio

import pytest

from tests.unit.engine.bench import JournalError, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.dispatch import ReleaseState
from v2g_console.transport.port import PublishOutcome


@in_virtual_time
async def test_a_dispatch_may_lose_vehicles_while_it_still_sends() -> None:
    fleet = cars(30)
    async with bench(fleet) as one:
        one.link.puback_s = 0.3
        low = await one.dispatch("MA", 60.0, 60.0)
        await one.until(lambda: sum(len(car.received) for car in fleet) >= 10)
        high = await one.dispatch("aFRR_UP", 330.0, 30.0, preempt=True)
        assert await one.over(high) is DispatchState.COMPLETED
        assert await one.over(low) is DispatchState.COMPLETED
        assert all(car.power_kw(0) == 0.0 for car in fleet)


@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_vehicles_taken_by_a_dispatch_that_can_not_send_are_released(protocol: int) -> None:
    fleet = cars(4, protocol)
    async with bench(fleet) as one:
        low = await one.active("MA", 40.0, 60.0)
        one.journal.round_s = 0.5
        high = await one.dispatch("aFRR_UP", 40.0, 30.0, preempt=True)
        one.journal.fails = JournalError
        assert await one.over(high) is DispatchState.FAILED
        one.journal.fails, one.journal.round_s = None, 0.0
        await one.run_for(20.0)
        assert all(car.power_kw(0) == 0.0 for car in fleet)
        await one.over(low)


@in_virtual_time
async def test_what_was_let_go_is_not_sent_again_after_a_reconnect_or_a_retry() -> None:
    fleet = cars(6, 2)
    async with bench(fleet, reallocation="balanced") as one:
        one.link.broker_says[fleet[0].vehicle_id] = PublishOutcome.FAILED
        running = await one.active("MA", 30.0, 200.0)
        await one.run_for(6.0)
        assert running.left[0]
        one.link.broker_says.clear()
        one.link.down()
        await one.run_for(1.0)
        one.link.up()
        await one.run_for(60.0)
        refused = await one.refused(ask.Retry(dispatch_id=running.dispatch_id))
        assert refused.reason is Refusal.WRONG_STATE
        assert [received for received in fleet[0].received if received.release is False] == []


@in_virtual_time
async def test_who_answers_while_being_let_go_is_not_renewed() -> None:
    fleet = cars(4, 2)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet, reallocation="balanced", lease_s=30.0, retries=0) as one:
        running = await one.dispatch("MA", 24.0, 200.0)
        await one.run_for(1.0)
        one.journal.round_s = 0.5
        await one.until(lambda: running.reallocating)
        await one.run_for(0.1)  # its round is on its way into the journal
        assert running.command_state[0] == CommandState.TIMED_OUT
        fleet[0].answer = Answer.YES
        one.link.acknowledge(fleet[0], fleet[0]._ack(fleet[0].received[-1].command))
        one.journal.round_s = 0.0
        await one.run_for(60.0)
        after = [received.release for received in fleet[0].received]
        first = after.index(True)
        assert not any(release is False for release in after[first:])
        assert running.release_state[0] in (ReleaseState.OWED, ReleaseState.CONFIRMED)


@in_virtual_time
async def test_a_refused_target_is_none_and_is_not_tried_for_ever() -> None:
    fleet = cars(4, 2, site="lyon-2")
    sections = {"grid": {"nodes": [{"name": "lyon-2", "import_kw": 10.0}]}}
    async with bench(fleet, sections=sections) as one:
        running = await one.active("MA", -5.0, 100.0, vehicles=(fleet[0].vehicle_id,))
        fleet[3].natural_kw = -11.0  # the site is beyond its limit by itself
        await one.run_for(5.0)
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=-9.0))
        assert refused.reason is Refusal.LIMIT
        assert running.target_kw == -5.0
        assert one.view(running).requested_kw == -5.0
        fleet[3].natural_kw = 0.0
        await one.run_for(5.0)
        assert fleet[0].power_kw(0) == pytest.approx(-5.0)


@in_virtual_time
async def test_an_update_the_journal_did_not_take_can_be_repeated() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        one.journal.fails = JournalError
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        assert refused.reason is Refusal.JOURNAL
        assert running.target_kw == 8.0
        one.journal.fails = None
        await one.run_for(2.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=20.0))
        await one.run_for(3.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize("signal", ["MA", "aFRR_DOWN", "NEBEF"])
@in_virtual_time
async def test_a_target_of_0_kw_can_be_given_twice(signal: str) -> None:
    fleet = cars(4, natural_kw=-7.4, priority=False)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active(signal, 8.0, 60.0)
        for _ in range(2):
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=0.0))
            await one.run_for(6.0)
            assert sum(car.power_kw(0) for car in fleet) == pytest.approx(4 * -7.4, abs=1.0)
        assert running.target_kw == 0.0


@in_virtual_time
async def test_a_first_step_too_small_for_anybody_is_made_larger() -> None:
    fleet = cars(4, 2, min_charge_kw=4.0)
    async with bench(fleet, full_activation_s=40.0) as one:
        running = await asyncio.wait_for(one.active("MA", -20.0, 120.0), 60.0)
        await one.run_for(60.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(-20.0, abs=1.0)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))


@in_virtual_time
async def test_a_moving_target_is_no_gap_while_its_answers_are_on_their_way() -> None:
    fleet = cars(8, 2)
    fleet[0].answer = Answer.NEVER
    async with bench(fleet, reallocation="balanced", retries=0) as one:
        running = await one.dispatch("MA", 24.0, 100.0)
        await one.run_for(1.0)
        for car in fleet[1:]:
            car.answer_s = 1.5
        one.journal.round_s = 0.3  # the silent one is being let go when the target moves
        await one.until(lambda: running.reallocating)
        await one.run_for(0.1)  # its round is on its way into the journal
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        most = 0.0
        for _ in range(80):
            await one.run_for(0.1)
            most = max(most, sum(car.power_kw(one.clock.utc() * 1000) for car in fleet))
        assert most <= 40.0 + 6.0


@in_virtual_time
async def test_a_preempting_dispatch_keeps_the_site_s_limit_whatever_the_loser_did() -> None:
    fleet = cars(4, 2, site="lyon-2")
    sections = {"grid": {"nodes": [{"name": "lyon-2", "export_kw": 12.0}]}}
    async with bench(fleet, sections=sections) as one:
        await one.active("MA", -40.0, 100.0)
        await one.run_for(6.0)
        await one.active("aFRR_UP", 40.0, 50.0, preempt=True)
        await one.run_for(2.0)
        assert sum(car.power_kw(one.clock.utc() * 1000) for car in fleet) == pytest.approx(12.0, abs=0.1)
