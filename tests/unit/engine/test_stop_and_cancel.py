"""Ending a dispatch before its time: by cancel in any state, by STOP, and what the latch holds back."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.contract.stop import StopView
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState, DispatchState


@in_virtual_time
async def test_cancel_while_active_releases_everybody() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 600.0)
        await one.accepted(ask.Cancel(dispatch_id=running.short_id))
        assert await one.over(running) is DispatchState.CANCELLED
        assert running.outcome_reason == "cancelled by ines"
        assert all(car.setpoint_kw == 0.0 for car in fleet)


@in_virtual_time
async def test_cancel_while_waiting_for_acks() -> None:
    fleet = cars(4, answer=Answer.NEVER)
    async with bench(fleet) as one:
        running = await one.dispatch("MA", 8.0, 600.0)
        await one.until(lambda: running.state is DispatchState.AWAITING_ACKS)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        assert await one.over(running) is DispatchState.CANCELLED
        assert all(len({received.seq for received in car.received}) == 2 for car in fleet)


@in_virtual_time
async def test_cancel_before_anything_was_sent_sends_nothing() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        one.journal.round_s = 1.0
        running = await one.dispatch("MA", 6.0, 600.0)
        running.end(DispatchState.CANCELLED, "cancelled by ines")
        assert await one.over(running) is DispatchState.CANCELLED
        assert all(car.received == [] for car in fleet)
        assert one.owned(running) == 0
        assert running.pending == 0


@in_virtual_time
async def test_cancel_while_releasing_or_over_is_refused() -> None:
    async with bench(cars(2, answer_s=1.0)) as one:
        running = await one.active("MA", 4.0, 10.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        refused = await one.refused(ask.Cancel(dispatch_id=running.dispatch_id))
        assert refused.reason is Refusal.WRONG_STATE
        assert await one.over(running) is DispatchState.COMPLETED
        assert (await one.refused(ask.Cancel(dispatch_id=running.dispatch_id))).reason is Refusal.WRONG_STATE


@in_virtual_time
async def test_stop_while_sending_drops_the_unsent_and_releases_the_published() -> None:
    fleet = cars(60)
    async with bench(fleet) as one:
        one.link.puback_s = 0.5
        running = await one.dispatch("MA", 120.0, 600.0)
        await one.until(lambda: sum(len(car.received) for car in fleet) >= 20)
        reply = await one.accepted(ask.Stop(reason="smoke in hall 3"))
        assert isinstance(reply.result, StopView)
        assert reply.result.dispatches == 1
        assert await one.over(running) is DispatchState.STOPPED
        assert "smoke in hall 3" in running.outcome_reason
        got = [car for car in fleet if car.received]
        assert 20 <= len(got) < 60
        assert all(car.setpoint_kw == 0.0 and len(car.received) == 2 for car in got)
        assert running.counts[CommandState.DROPPED] == 60 - len(got)
        assert (running.reason[running.command_state == CommandState.DROPPED] == Reason.STOPPED).all()
        assert one.owned(running) == 0


@in_virtual_time
async def test_stop_ends_every_dispatch_and_is_latched_until_resumed() -> None:
    fleet = cars(6)
    async with bench(fleet) as one:
        first = await one.active("MA", 4.0, 600.0, vehicles=("veh000000", "veh000001"))
        second = await one.active("FCR", 4.0, 600.0, vehicles=("veh000002", "veh000003"))
        await one.accepted(ask.Stop())
        assert await one.over(first) is DispatchState.STOPPED
        assert await one.over(second) is DispatchState.STOPPED
        engine = (await one.engine.snapshot()).engine
        assert engine.stopped
        assert engine.stopped_by == "ines"
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))
        assert refused.reason is Refusal.STOPPED
        await one.accepted(ask.Stop())
        await one.accepted(ask.Resume())
        assert (await one.refused(ask.Resume())).reason is Refusal.WRONG_STATE
        await one.active("MA", 4.0, 60.0)


@in_virtual_time
async def test_stop_ends_a_dispatch_that_has_not_begun() -> None:
    async with bench(cars(2)) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T15:00:00Z")
        await one.accepted(ask.Stop())
        await one.over(later)
        assert later.state in (DispatchState.CANCELLED, DispatchState.STOPPED)
        assert "STOP" in later.outcome_reason


@in_virtual_time
async def test_a_later_start_sends_nothing_before_and_decides_anew_then() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        later = await one.dispatch("MA", 30.0, 20.0, start_at="2026-11-23T13:40:00Z")
        assert later.state is DispatchState.ARMED
        await one.run_for(20.0)
        assert all(car.received == [] for car in fleet)
        fleet[0].available = False
        await one.until(lambda: later.state is DispatchState.ACTIVE)
        assert one.core.utc_ms() == pytest.approx(1_795_441_200_000, abs=500)
        assert later.row_list == [1, 2]
        assert await one.over(later) is DispatchState.COMPLETED


@in_virtual_time
async def test_a_later_start_may_be_cancelled() -> None:
    async with bench(cars(2)) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T15:00:00Z")
        await one.accepted(ask.Cancel(dispatch_id=later.short_id))
        assert await one.over(later) is DispatchState.CANCELLED
        assert one.events_of(later) == ["cancelled"]


@in_virtual_time
async def test_a_later_start_that_finds_nobody_expires() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        later = await one.dispatch("MA", 4.0, 60.0, start_at="2026-11-23T13:40:00Z")
        for car in fleet:
            car.available = False
        assert await one.over(later) is DispatchState.EXPIRED


@in_virtual_time
async def test_a_strict_later_start_does_not_send_a_shortfall() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        later = await one.dispatch("MA", 20.0, 60.0, start_at="2026-11-23T13:40:00Z", accept_partial=False)
        fleet[0].available = False
        assert await one.over(later) is DispatchState.EXPIRED
        assert all(car.received == [] for car in fleet)


@in_virtual_time
async def test_a_plan_armed_before_stop_is_not_sent_after_a_resume() -> None:
    async with bench(cars(4)) as one:
        planned = (await one.accepted(ask.Plan(signal="MA", power_kw=8.0, duration_s=60.0))).result
        assert isinstance(planned, PlanView)
        await one.accepted(ask.Arm(plan_id=planned.plan_id, revision=planned.revision))
        await one.accepted(ask.Stop(reason="smoke"))
        await one.accepted(ask.Resume())
        refused = await one.refused(ask.Operate(plan_id=planned.plan_id, revision=planned.revision))
        assert refused.reason is Refusal.NOT_ARMED
        assert not one.core.running
