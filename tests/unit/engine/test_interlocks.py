"""Interlocks: each limit by itself, and on every path through the engine; STOP, cancel and release pass them all."""

from dataclasses import replace

import pytest

from tests.unit.engine.bench import OPERATOR, Bench, JournalError, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.config.settings import InterlockSettings
from v2g_console.contract import requests as ask
from v2g_console.contract.link import LinkState
from v2g_console.contract.replies import PlanView, Refusal, Refused
from v2g_console.domain.states import DispatchState
from v2g_console.engine.interlocks import TABLE, Moment, Step, failing
from v2g_console.transport.port import PublishOutcome

NO_LIMITS = InterlockSettings()
BUSY = Moment(
    Step.SEND, NO_LIMITS, 100.0, others_up_kw=900.0, others_down_kw=900.0, dispatches=99, at_once_kw=100.0, spent_kw=900.0, opposite_s=0.0,
    link_suspect=True,
)  # fmt: skip


def limits(**values: object) -> dict[str, dict[str, object]]:
    """The section of a configuration."""
    return {"interlocks": values}


def refusing(moment: Moment) -> list[str]:
    """The names of the interlocks that don't let it pass."""
    return [interlock.name for interlock, _ in failing(moment)]


def test_without_limits_everything_passes() -> None:
    assert refusing(BUSY) == []


@pytest.mark.parametrize(
    ("limit", "moment", "refused"),
    [
        ({"total_up_kw": 500}, replace(BUSY, others_up_kw=400.0), False),
        ({"total_up_kw": 499.9}, replace(BUSY, others_up_kw=400.0), True),
        ({"total_up_kw": 500}, replace(BUSY, others_up_kw=900.0, target_kw=-100.0), False),
        ({"total_down_kw": 500}, replace(BUSY, others_down_kw=400.0, target_kw=-100.0), False),
        ({"total_down_kw": 500}, replace(BUSY, others_down_kw=401.0, target_kw=-100.0), True),
        ({"total_up_kw": 500}, replace(BUSY, step=Step.RETRY), False),
        ({"most_dispatches": 3}, replace(BUSY, dispatches=2), False),
        ({"most_dispatches": 3}, replace(BUSY, dispatches=3), True),
        ({"most_dispatches": 3}, replace(BUSY, dispatches=9, step=Step.UPDATE), False),
        ({"change_kw_per_min": 100}, replace(BUSY, spent_kw=0.0), False),
        ({"change_kw_per_min": 100}, replace(BUSY, spent_kw=1.0), True),
        ({"reversal_pause_s": 60}, replace(BUSY, opposite_s=59.0), True),
        ({"reversal_pause_s": 60}, replace(BUSY, opposite_s=60.0), False),
        ({"link_suspect": "refuse"}, BUSY, True),
        ({"link_suspect": "refuse"}, replace(BUSY, link_suspect=False), False),
        ({}, replace(BUSY, journal_error="no space left on device"), True),
    ],
)
def test_each_interlock_by_itself(limit: dict[str, object], moment: Moment, refused: bool) -> None:
    moment = replace(moment, limits=InterlockSettings.model_validate(limit))
    expected = next(iter(limit), "journal")
    assert refusing(moment) == ([expected] if refused else [])


def test_every_interlock_says_what_to_do() -> None:
    assert all(interlock.hint for interlock in TABLE)
    assert len({interlock.name for interlock in TABLE}) == len(TABLE)


def named(reply: object, name: str) -> bool:
    """True for a refusal by that interlock, with a hint."""
    assert isinstance(reply, Refused), reply
    return reply.reason is Refusal.INTERLOCK and reply.message.startswith(f"{name}: ") and bool(reply.hint)


async def every_way_in(one: Bench, signal: str, power_kw: float, name: str) -> None:
    """The plan warns; arming and sending in one go are refused."""
    plan = (await one.accepted(ask.Plan(signal=signal, power_kw=power_kw, duration_s=60.0))).result
    assert isinstance(plan, PlanView)
    assert any(f"interlock {name}: " in warning for warning in plan.warnings), plan.warnings
    assert named(await one.say(ask.Arm(plan_id=plan.plan_id, revision=1)), name)
    assert named(await one.say(ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=60.0)), name)


@in_virtual_time
async def test_the_total_holds_over_all_dispatches_and_updates() -> None:
    fleet = cars(10)
    async with bench(fleet, sections=limits(total_up_kw=50.0)) as one:
        first = await one.active("MA", 30.0, 600.0, vehicles=tuple(car.vehicle_id for car in fleet[:5]))
        await every_way_in(one, "MA", 25.0, "total_up_kw")
        second = await one.active("MA", 20.0, 600.0, vehicles=tuple(car.vehicle_id for car in fleet[5:]))
        assert named(await one.say(ask.Update(dispatch_id=second.dispatch_id, power_kw=21.0)), "total_up_kw")
        assert second.target_kw == 20.0
        await one.accepted(ask.Update(dispatch_id=first.dispatch_id, power_kw=20.0))
        await one.run_for(1.0)
        await one.accepted(ask.Update(dispatch_id=second.dispatch_id, power_kw=30.0))
        await one.accepted(ask.Cancel(dispatch_id=first.dispatch_id))


@in_virtual_time
async def test_an_armed_plan_is_looked_at_again_when_it_is_operated() -> None:
    fleet = cars(6)
    async with bench(fleet, sections=limits(total_up_kw=20.0)) as one:
        plan = (await one.accepted(ask.Plan(signal="MA", power_kw=15.0, duration_s=60.0, vehicles=("veh000000", "veh000001")))).result
        assert isinstance(plan, PlanView)
        await one.accepted(ask.Arm(plan_id=plan.plan_id, revision=1))
        await one.dispatch("MA", 15.0, 60.0, vehicles=("veh000004", "veh000005"))
        assert named(await one.say(ask.Operate(plan_id=plan.plan_id, revision=1)), "total_up_kw")


@in_virtual_time
async def test_releases_that_nobody_confirmed_count_until_they_are() -> None:
    fleet = cars(4)
    async with bench(fleet, sections=limits(total_up_kw=20.0)) as one:
        running = await one.active("MA", 20.0, 600.0, vehicles=("veh000000", "veh000001"))
        for car in fleet[:2]:
            car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert named(await one.say(ask.Dispatch(signal="MA", power_kw=2.0, duration_s=60.0)), "total_up_kw")
        for car in fleet[:2]:
            car.answer, car.reports = Answer.YES, True
        await one.run_for(30.0)
        await one.active("MA", 20.0, 60.0)


@in_virtual_time
async def test_a_scheduled_dispatch_is_looked_at_again_when_it_begins() -> None:
    fleet = cars(6)
    async with bench(fleet, sections=limits(total_up_kw=20.0, most_dispatches=1)) as one:
        later = await one.dispatch("MA", 15.0, 60.0, start_at="2026-11-23T13:40:00Z")
        assert named(
            await one.say(ask.Dispatch(signal="MA", power_kw=25.0, duration_s=60.0, start_at="2026-11-23T14:40:00Z")), "total_up_kw"
        )
        await one.active("MA", 10.0, 600.0)
        assert await one.over(later) is DispatchState.EXPIRED
        assert "total_up_kw" in later.outcome_reason


@in_virtual_time
async def test_only_so_many_dispatches_at_once_and_those_that_release_count() -> None:
    fleet = cars(4, answer_s=1.0)
    async with bench(fleet, sections=limits(most_dispatches=1)) as one:
        running = await one.active("MA", 4.0, 600.0, vehicles=("veh000000",))
        await every_way_in(one, "MA", 4.0, "most_dispatches")
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: running.state is DispatchState.RELEASING)
        assert named(await one.say(ask.Dispatch(signal="MA", power_kw=2.0, duration_s=60.0)), "most_dispatches")
        await one.over(running)
        await one.active("MA", 4.0, 60.0)


@in_virtual_time
async def test_the_total_changes_only_so_fast() -> None:
    fleet = cars(10)
    async with bench(fleet, sections=limits(change_kw_per_min=30.0)) as one:
        await every_way_in(one, "MA", 31.0, "change_kw_per_min")
        running = await one.active("MA", 20.0, 600.0)
        assert named(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=35.0)), "change_kw_per_min")
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=30.0))
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert all(car.setpoint_kw == 0.0 for car in fleet if car.received)
        assert named(await one.say(ask.Dispatch(signal="MA", power_kw=5.0, duration_s=60.0)), "change_kw_per_min")
        await one.run_for(61.0)
        await one.active("MA", 30.0, 60.0)


@in_virtual_time
async def test_a_slow_course_goes_on_as_fast_as_it_may() -> None:
    fleet = cars(10)
    async with bench(fleet, sections=limits(change_kw_per_min=30.0), ramp_kw_per_s=1.0) as one:
        running = await one.active("MA", 40.0, 600.0)
        await one.run_for(55.0)
        assert one.view(running).allocated_kw <= 30.01
        await one.run_for(20.0)
        assert one.view(running).allocated_kw == pytest.approx(40.0, abs=1.0)


@in_virtual_time
async def test_directions_need_a_pause_between_them() -> None:
    fleet = [Car(f"veh{n:06d}", natural_kw=-2.0) for n in range(6)]
    async with bench(fleet, sections=limits(reversal_pause_s=30.0)) as one:
        running = await one.active("MA", 10.0, 600.0, vehicles=("veh000000", "veh000001"))
        await every_way_in(one, "MA", -10.0, "reversal_pause_s")
        assert named(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=-5.0)), "reversal_pause_s")
        await one.active("MA", 10.0, 600.0, vehicles=("veh000002",))
        for each in list(one.core.running.values()):
            await one.accepted(ask.Cancel(dispatch_id=each.dispatch_id))
            await one.over(each)
        await one.run_for(10.0)
        assert named(await one.say(ask.Dispatch(signal="MA", power_kw=-5.0, duration_s=60.0)), "reversal_pause_s")
        await one.run_for(21.0)
        await one.active("MA", -5.0, 60.0)


@in_virtual_time
async def test_requests_are_limited_by_person_but_stop_and_cancel_never() -> None:
    async with bench(cars(4), sections=limits(requests_per_minute=3)) as one:
        running = await one.active("MA", 4.0, 600.0)
        for _ in range(2):
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=4.0))
        assert named(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=4.0)), "requests_per_minute")
        await one.accepted(ask.Status())
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.accepted(ask.Stop())
        assert named(await one.say(ask.Resume()), "requests_per_minute")
        await one.run_for(61.0)
        await one.accepted(ask.Resume())


@in_virtual_time
async def test_a_suspect_link_may_be_refused() -> None:
    async with bench(cars(4), sections=limits(link_suspect="refuse")) as one:
        running = await one.active("MA", 4.0, 600.0)
        one.link.state = LinkState.SUSPECT
        await every_way_in(one, "MA", 4.0, "link_suspect")
        assert named(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=6.0)), "link_suspect")
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        assert await one.over(running) is DispatchState.CANCELLED


@in_virtual_time
async def test_a_failing_journal_refuses_at_the_door_until_it_may_be_tried_again() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        one.journal.fails = JournalError
        first = await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))
        second = await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))
        assert (first.reason, second.reason) == (Refusal.JOURNAL, Refusal.JOURNAL)
        assert second.message.startswith("journal: ")
        assert all(car.received == [] for car in fleet)
        one.journal.fails = None
        await one.run_for(1.1)
        await one.active("MA", 4.0, 60.0)


@in_virtual_time
async def test_a_retry_counts_what_it_sends_again() -> None:
    fleet = cars(4)
    async with bench(fleet, sections=limits(total_up_kw=20.0)) as one:
        fleet[0].answer, fleet[0].follows = Answer.NEVER, False
        silent = await one.dispatch("MA", 11.0, 600.0, vehicles=("veh000000",))
        await one.until(lambda: silent.state is DispatchState.ACTIVE)
        await one.run_for(10.0)  # measured: it does not follow, so it counts no more
        silent.target_kw = 5.0  # its target is not what this is about
        await one.active("MA", 15.0, 600.0, vehicles=("veh000001", "veh000002"))
        assert named(await one.say(ask.Retry(dispatch_id=silent.dispatch_id)), "total_up_kw")


@in_virtual_time
async def test_a_gap_is_not_closed_while_the_silent_may_still_follow() -> None:
    fleet = cars(6)
    async with bench(fleet, sections=limits(total_up_kw=20.0), reallocation="balanced") as one:
        for car in fleet[:2]:
            car.answer, car.reports = Answer.NEVER, False  # they follow, but nobody knows
        running = await one.dispatch("MA", 20.0, 600.0)
        await one.until(lambda: all(car.received for car in fleet))
        one.link.broker_says = {car.vehicle_id: PublishOutcome.FAILED for car in fleet[:2]}  # what comes next never arrives
        most_kw = 0.0
        for _ in range(300):
            await one.run_for(0.1)
            most_kw = max(most_kw, sum(car.setpoint_kw or 0.0 for car in fleet))
        assert most_kw == pytest.approx(20.0)
        for car in fleet[:2]:
            car.answer, car.reports = Answer.YES, True
        one.link.broker_says = {}
        await one.run_for(30.0)
        assert one.view(running).acknowledged_kw == pytest.approx(20.0, abs=0.5)


@in_virtual_time
async def test_every_refusal_is_audited_with_the_interlock() -> None:
    async with bench(cars(2), sections=limits(total_up_kw=2.0)) as one:
        await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))
        record = one.journal.requests[-1]
        assert (record.user, record.request, record.outcome) == (OPERATOR.user, "dispatch", "INTERLOCK")
        assert record.detail.startswith("total_up_kw: ")
