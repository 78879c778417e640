"""A journal that takes nothing: nothing new goes out, what runs is released all the same."""

import pytest

from tests.unit.engine.bench import JournalError, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.journal.port import RequestRecord, RoundRecord


@in_virtual_time
async def test_no_dispatch_starts_and_nothing_is_published() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        one.journal.fails = JournalError
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=6.0, duration_s=60.0))
        assert refused.reason is Refusal.JOURNAL
        await one.run_for(2.0)
        assert all(car.received == [] for car in fleet)
        assert one.core.running == {}
        past = one.core.past[0]
        assert past.state is DispatchState.FAILED
        assert past.pending == 0
        assert (one.core.fleet.owner[:3] == -1).all()
        alarms = (await one.engine.snapshot()).alarms
        assert [alarm.kind for alarm in alarms if alarm.active] == ["journal_failing"]
        one.journal.fails = None
        await one.active("MA", 6.0, 10.0)
        await one.run_for(5.0)
        assert not any(alarm.active for alarm in (await one.engine.snapshot()).alarms)


@in_virtual_time
async def test_an_update_is_refused_and_not_published() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 30.0)
        one.journal.fails = JournalError
        refused = await one.refused(ask.Update(dispatch_id=running.dispatch_id, power_kw=12.0))
        assert refused.reason is Refusal.JOURNAL
        assert all(len(car.received) == 1 for car in fleet)
        assert running.pending == 0
        assert running.counts[CommandState.ACKED] == 2, "nothing went out: they are where they were"
        assert running.setpoint_kw.tolist() == [2.0, 2.0]
        assert one.view(running).acknowledged_kw == pytest.approx(4.0)
        assert await one.over(running) is DispatchState.COMPLETED
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]


@pytest.mark.parametrize("error", [JournalError, OSError, RuntimeError])
@in_virtual_time
async def test_a_release_goes_out_unjournalled(error: type[Exception]) -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 600.0)
        one.journal.fails = error
        await one.say(ask.Stop())
        assert await one.over(running) is DispatchState.STOPPED
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]


@in_virtual_time
async def test_a_stuck_journal_does_not_hold_a_release_back() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 600.0)
        one.journal.round_s = 10_000.0
        await one.accepted(ask.Stop())
        assert await one.over(running, 10.0) is DispatchState.STOPPED
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]


@in_virtual_time
async def test_a_round_is_journalled_before_its_first_publish() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        one.journal.round_s = 1.0
        running = await one.dispatch("MA", 4.0, 20.0)
        await one.run_for(0.9)
        assert all(car.received == [] for car in fleet)
        await one.over(running)
        kinds = [record.kind for record in one.journal.rounds]
        assert kinds == ["send", "release"]
        first = one.journal.rounds[0]
        assert isinstance(first, RoundRecord)
        assert first.vehicle_ids == ("veh000000", "veh000001")
        assert first.setpoint_kw.tolist() == [2.0, 2.0]
        assert first.baseline_kw.tolist() == [0.0, 0.0]
        assert one.journal.rounds[1].seq > first.seq


@in_virtual_time
async def test_renewals_wait_for_the_journal_and_do_not_hammer_it() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=60.0) as one:
        running = await one.active("MA", 4.0, 300.0)
        one.journal.fails = JournalError
        tried = 0
        commit = one.journal._commit

        def counted() -> None:
            nonlocal tried
            tried += 1
            commit()

        one.journal._commit = counted  # type: ignore[method-assign]  # to count attempts
        await one.run_for(45.0)
        assert all(len(car.received) == 1 for car in fleet)
        assert 5 <= tried <= 20
        one.journal.fails = None
        await one.run_for(5.0)
        assert all(len(car.received) == 2 for car in fleet)
        assert running.counts[CommandState.ACKED] == 2


@in_virtual_time
async def test_what_went_out_while_it_failed_is_journalled_when_it_works_again() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 600.0)
        one.journal.fails = JournalError
        await one.accepted(ask.Stop(reason="transformer is hot"))
        assert await one.over(running) is DispatchState.STOPPED
        one.journal.fails = None
        await one.run_for(1.0)
        kept = one.journal.records()
        (release,) = [record for record in kept if isinstance(record, RoundRecord) and record.kind == "release"]
        assert release.vehicle_ids == ("veh000000", "veh000001")
        (stop,) = [record for record in kept if isinstance(record, RequestRecord) and record.request == "stop"]
        assert (stop.outcome, "transformer is hot" in stop.asked) == ("accepted", True)


@in_virtual_time
async def test_the_alarm_is_over_when_the_journal_works_again_even_if_nobody_asks_for_anything() -> None:
    async with bench(cars(2)) as one:
        one.journal.fails = JournalError
        await one.refused(ask.Dispatch(signal="MA", power_kw=2.0, duration_s=60.0))
        await one.run_for(5.0)
        assert [alarm.kind for alarm in (await one.engine.snapshot()).alarms if alarm.active] == ["journal_failing"]
        one.journal.fails = None
        await one.run_for(6.0)
        assert not any(alarm.active for alarm in (await one.engine.snapshot()).alarms)


@in_virtual_time
async def test_a_plan_that_is_armed_and_sent_is_recorded_with_what_it_gives() -> None:
    async with bench(cars(3)) as one:
        planned = await one.accepted(ask.Plan(signal="MA", power_kw=6.0, duration_s=10.0))
        assert isinstance(planned.result, PlanView)
        plan = ask.Arm(plan_id=planned.result.plan_id, revision=1), ask.Operate(plan_id=planned.result.plan_id, revision=1)
        for request in plan:
            await one.accepted(request)
        assert [record.request for record in one.journal.requests] == ["arm", "operate"]
        assert all("MA ▲ 6 kW of ▲ 6 kW by equal, 3 vehicles" in record.detail for record in one.journal.requests)


@in_virtual_time
async def test_every_attempt_is_audited_refused_ones_too() -> None:
    async with bench(cars(1)) as one:
        await one.refused(ask.Dispatch(signal="FCR", power_kw=float("nan"), duration_s=60.0))
        running = await one.dispatch("MA", 2.0, 10.0)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        assert [(record.user, record.request, record.outcome) for record in one.journal.requests] == [
            ("ines", "dispatch", "INVALID"),
            ("ines", "dispatch", "accepted"),
            ("ines", "cancel", "accepted"),
        ]
