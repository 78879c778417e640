"""Above the limit one person asks and another approves: on a whole engine, also against people who try to get round it."""

import asyncio

import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import ApprovalAsked, ApprovalEnded
from v2g_console.contract.record import JournalPage
from v2g_console.contract.replies import Accepted, PlanView, Refusal, Refused, Reply, StatusView
from v2g_console.contract.snapshot import ApprovalView, DispatchView
from v2g_console.domain.states import DispatchState
from v2g_console.engine.access import AUTOMATIC
from v2g_console.engine.approvals import MOST, MOST_OF_ONE
from v2g_console.engine.dispatch import Running
from v2g_console.journal.port import DispatchRecord

LIMIT_KW = 20.0
SECTIONS = {
    "access": {
        "roles": [{"role": "operator", "users": ["omar", "olga"]}, {"role": "supervisor", "users": ["sven", "sara", "ines"]}],
        "four_eyes_above_kw": LIMIT_KW,
        "approval_timeout_s": 120.0,
    }
}
OMAR, OLGA, SVEN, SARA = (ask.Origin(user=user, way="socket") for user in ("omar", "olga", "sven", "sara"))
BIG = ask.Dispatch(signal="MA", power_kw=30.0, duration_s=60.0, note="peak")


def refused(reply: Reply) -> Refused:
    assert isinstance(reply, Refused), reply
    return reply


def accepted(reply: Reply) -> Accepted:
    assert isinstance(reply, Accepted), reply
    return reply


async def held(one: Bench, request: ask.Request = BIG, origin: ask.Origin = OMAR) -> ApprovalView:
    """A request that must be held."""
    reply = refused(await one.say(request, origin))
    assert reply.reason is Refusal.NEEDS_APPROVAL, reply
    assert reply.approval is not None
    return reply.approval


async def approve(one: Bench, view: ApprovalView, origin: ask.Origin = SVEN) -> Reply:
    return await one.say(ask.Approve(approval_id=view.approval_id, revision=view.revision), origin)


async def active(one: Bench, power_kw: float) -> Running:
    done = accepted(await one.say(ask.Dispatch(signal="MA", power_kw=power_kw, duration_s=300.0), OMAR))
    running = one.core.running[done.dispatch_id]
    await one.until(lambda: running.state is DispatchState.ACTIVE)
    return running


async def waiting(one: Bench) -> tuple[ApprovalView, ...]:
    reply = (await one.accepted(ask.Status())).result
    assert isinstance(reply, StatusView)
    return reply.approvals


def outcomes(one: Bench) -> list[tuple[str, str, str]]:
    return [(event.outcome, event.by, event.decided_by) for event in one.told if isinstance(event, ApprovalEnded)]


def untouched(fleet: list[Car]) -> bool:
    return all(car.received == [] for car in fleet)


@in_virtual_time
async def test_above_the_limit_nothing_is_sent_until_another_supervisor_approves() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        view = await held(one)
        assert (view.by, view.power_kw, view.limit_kw, view.revision, view.note) == ("omar", 30.0, LIMIT_KW, 1, "peak")
        assert view.vehicles == 8
        assert view.allocated_kw == pytest.approx(30.0)
        await one.run_for(30.0)
        assert untouched(fleet)
        assert one.core.running == {}
        assert (await one.engine.snapshot()).approvals == await waiting(one) == (view,)

        done = accepted(await approve(one, view))
        assert isinstance(done.result, DispatchView)
        assert (done.result.by, done.result.approved_by) == ("omar", "sven")
        running = one.core.running[done.dispatch_id]
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        assert sum(len(car.received) for car in fleet) == 8
        assert await waiting(one) == ()
        await one.run_for(0.2)
        assert outcomes(one) == [("approved", "omar", "sven")]


@in_virtual_time
async def test_both_names_are_in_the_record() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        done = accepted(await approve(one, view))
        told = [(r.user, r.request, r.outcome, r.detail) for r in one.journal.requests]
        assert told[0][:3] == ("omar", "dispatch", "NEEDS_APPROVAL")
        assert view.approval_id in told[0][3]
        assert told[1][:3] == ("sven", "approve", "accepted")
        assert told[1][3] == f"{done.dispatch_id} {view.approval_id} dispatch MA ▲ 30 kW asked by omar"
        await one.run_for(0.2)
        begun = one.journal.rounds[0].begun
        assert begun is not None
        assert (begun.user, begun.approved_by) == ("omar", "sven")


@pytest.mark.parametrize(("power_kw", "needs"), [(20.0, False), (-20.0, False), (20.001, True), (-20.001, True), (1e300, True)])
@in_virtual_time
async def test_the_limit_is_of_the_size_asked_for_not_of_what_the_fleet_can_give(power_kw: float, needs: bool) -> None:
    async with bench(cars(2, natural_kw=-2.0), sections=SECTIONS) as one:
        reply = await one.say(ask.Dispatch(signal="MA", power_kw=power_kw, duration_s=60.0), OMAR)
        assert isinstance(reply, Refused) == needs, reply


@in_virtual_time
async def test_nobody_approves_what_he_asked_himself_not_even_a_supervisor_by_another_way() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one, BIG, SVEN)
        for way in ("socket", "console", "cli", "commands"):
            reply = refused(await approve(one, view, ask.Origin(user="sven", way=way)))
            assert reply.reason is Refusal.FORBIDDEN
            assert "sven asked this" in reply.message
        reply = refused(await one.say(ask.Reject(approval_id=view.approval_id), SVEN))
        assert reply.reason is Refusal.FORBIDDEN
        assert one.core.running == {}
        accepted(await approve(one, view, SARA))


@in_virtual_time
async def test_an_operator_can_t_approve_and_the_attempt_is_written_down() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        assert refused(await approve(one, view, OLGA)).reason is Refusal.FORBIDDEN
        assert refused(await one.say(ask.Reject(approval_id=view.approval_id), OLGA)).reason is Refusal.FORBIDDEN
        assert [(r.user, r.request, r.outcome) for r in one.journal.requests][1:] == [
            ("olga", "approve", "FORBIDDEN"),
            ("olga", "reject", "FORBIDDEN"),
        ]
        assert await waiting(one) == (view,)


@in_virtual_time
async def test_an_approval_counts_once() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        accepted(await approve(one, view))
        again = refused(await approve(one, view, SARA))
        assert again.reason is Refusal.UNKNOWN_APPROVAL
        assert len(one.core.running) == 1


@in_virtual_time
async def test_an_approval_of_an_unknown_id_is_refused_in_words() -> None:
    async with bench(cars(1), sections=SECTIONS) as one:
        for approval_id in ("", "ap-000000", "\x1b[2J" * 100):
            reply = refused(await one.say(ask.Approve(approval_id=approval_id, revision=1), SVEN))
            assert reply.reason is Refusal.UNKNOWN_APPROVAL
            assert len(reply.message) < 200
            assert "\x1b" not in reply.message


@in_virtual_time
async def test_operating_an_armed_plan_is_held_too_and_the_plan_is_used_up() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        plan = accepted(await one.say(ask.Plan(signal="MA", power_kw=30.0, duration_s=60.0), OMAR)).result
        assert isinstance(plan, PlanView)
        assert any("another supervisor must approve" in text for text in plan.warnings)
        accepted(await one.say(ask.Arm(plan_id=plan.plan_id, revision=1), OMAR))
        view = await held(one, ask.Operate(plan_id=plan.plan_id, revision=1))
        assert view.request == "operate"
        again = refused(await one.say(ask.Operate(plan_id=plan.plan_id, revision=1), OMAR))
        assert again.reason is Refusal.UNKNOWN_PLAN
        # Somebody else operating it would be one person as well.
        done = accepted(await approve(one, view))
        assert one.core.running[done.dispatch_id].origin.user == "omar"


@in_virtual_time
async def test_a_fleet_that_changed_is_shown_to_the_second_person_anew() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        view = await held(one, ask.Dispatch(signal="MA", power_kw=80.0, duration_s=60.0))
        for car in fleet[:4]:
            car.available = False
        await one.run_for(3.0)
        changed = refused(await approve(one, view))
        assert changed.reason is Refusal.PLAN_CHANGED
        assert changed.approval is not None
        assert changed.plan is not None
        assert (changed.approval.revision, changed.approval.vehicles) == (2, 4)
        assert one.core.running == {}
        old = refused(await approve(one, view))
        assert old.reason is Refusal.PLAN_CHANGED
        assert old.approval is not None
        assert old.approval.revision == 2
        done = accepted(await approve(one, changed.approval))
        assert len(one.core.running[done.dispatch_id]) == 4


@in_virtual_time
async def test_what_nobody_decides_expires() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        view = await held(one)
        await one.run_for(119.0)
        assert await waiting(one) == (view,)
        await one.run_for(2.5)
        assert await waiting(one) == ()
        assert refused(await approve(one, view)).reason is Refusal.UNKNOWN_APPROVAL
        assert untouched(fleet)
        assert outcomes(one) == [("expired", "omar", "")]


@in_virtual_time
async def test_rejecting_and_taking_back() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        first, second = await held(one), await held(one, BIG, OLGA)
        accepted(await one.say(ask.Reject(approval_id=first.approval_id, reason="not today"), SVEN))
        assert refused(await one.say(ask.Cancel(dispatch_id=second.approval_id), OMAR)).reason is Refusal.FORBIDDEN
        accepted(await one.say(ask.Cancel(dispatch_id=second.approval_id), OLGA))
        await one.run_for(0.2)
        assert outcomes(one) == [("rejected", "omar", "sven"), ("withdrawn", "olga", "olga")]
        assert [event.reason for event in one.told if isinstance(event, ApprovalEnded)] == ["not today", ""]
        for view in (first, second):
            assert refused(await approve(one, view, SARA)).reason is Refusal.UNKNOWN_APPROVAL
        assert untouched(fleet)
        rejected = next(r for r in one.journal.requests if r.request == "reject")
        assert rejected.detail == f"{first.approval_id} dispatch MA ▲ 30 kW asked by omar"


@in_virtual_time
async def test_stop_drops_what_waits_and_nothing_is_approved_while_it_is_latched() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        before = await held(one)
        accepted(await one.say(ask.Stop(), OLGA))
        assert refused(await approve(one, before)).reason is Refusal.UNKNOWN_APPROVAL
        accepted(await one.say(ask.Resume(), SARA))
        assert await waiting(one) == ()
        assert refused(await approve(one, before)).reason is Refusal.UNKNOWN_APPROVAL
        assert untouched(fleet)
        await one.run_for(0.2)
        assert outcomes(one) == [("stopped", "omar", "olga")]


@in_virtual_time
async def test_what_is_impossible_now_waits_on() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        one.core.read_only = True
        assert refused(await approve(one, view)).reason is Refusal.READ_ONLY
        one.core.read_only = False
        one.core.stop.stopped, one.core.stop.by = True, "olga"
        assert refused(await approve(one, view)).reason is Refusal.STOPPED
        one.core.stop.stopped = False
        accepted(await approve(one, view))


@in_virtual_time
async def test_who_may_no_longer_ask_gets_no_approval_either() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        del one.engine._access._role_of_user["omar"]
        reply = refused(await approve(one, view))
        assert reply.reason is Refusal.FORBIDDEN
        assert "omar is viewer" in reply.message
        assert one.core.running == {}


@in_virtual_time
async def test_nobody_fills_the_list_alone_and_it_is_bounded() -> None:
    roles = [{"role": "operator", "users": [f"op{number}" for number in range(10)]}, {"role": "supervisor", "users": ["sven"]}]
    async with bench(cars(8), sections={"access": {**SECTIONS["access"], "roles": roles}}) as one:
        for number in range(10):
            for _ in range(MOST_OF_ONE):
                reply = refused(await one.say(BIG, ask.Origin(user=f"op{number}", way="socket")))
                enough = len(await waiting(one)) == MOST
                assert reply.reason is (Refusal.BUSY if enough and reply.reason is Refusal.BUSY else Refusal.NEEDS_APPROVAL)
            assert refused(await one.say(BIG, ask.Origin(user=f"op{number}", way="socket"))).reason is Refusal.BUSY
        assert len(await waiting(one)) == MOST
        first = (await waiting(one))[0]
        assert len([1 for view in await waiting(one) if view.by == first.by]) == MOST_OF_ONE
        accepted(await approve(one, first))
        assert len(await waiting(one)) == MOST - 1


@in_virtual_time
async def test_an_update_above_the_limit_is_held_and_keeps_the_old_target_meanwhile() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id[:6], power_kw=40.0))
        assert (view.request, view.before_kw, view.power_kw, view.dispatch_id) == ("update", 10.0, 40.0, running.dispatch_id)
        await one.run_for(2.0)
        assert running.target_kw == 10.0
        done = accepted(await approve(one, view))
        assert done.dispatch_id == running.dispatch_id
        assert (running.target_kw, running.approved_by) == (40.0, "sven")
        # What was approved covers less of the same, not more and not the other way.
        accepted(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=25.0), OMAR))
        accepted(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0), OMAR))
        await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.1))
        await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=-25.0))
        await one.run_for(0.2)
        noted = [record for record in one.journal.records() if isinstance(record, DispatchRecord)]
        begun = [*noted, *(entry.begun for entry in one.journal.rounds if entry.begun is not None)]  # what a restart will find
        assert {(record.target_kw, record.approved_by) for record in begun} >= {(10.0, ""), (40.0, "sven")}


@in_virtual_time
async def test_an_update_whose_dispatch_has_another_target_by_now_is_shown_anew() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        accepted(await one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=15.0), OLGA))
        changed = refused(await approve(one, view))
        assert changed.reason is Refusal.PLAN_CHANGED
        assert changed.approval is not None
        assert (changed.approval.revision, changed.approval.before_kw) == (2, 15.0)
        accepted(await approve(one, changed.approval))
        assert running.target_kw == 40.0


@in_virtual_time
async def test_an_update_waits_no_longer_than_its_dispatch() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        accepted(await one.say(ask.Cancel(dispatch_id=running.dispatch_id), OMAR))
        assert refused(await approve(one, view)).reason is Refusal.WRONG_STATE
        await one.over(running)
        await one.run_for(1.5)
        assert await waiting(one) == ()


@in_virtual_time
async def test_a_refused_update_leaves_no_approval_behind() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        one.journal.fails = JournalError
        assert refused(await approve(one, view)).reason is Refusal.JOURNAL
        one.journal.fails = None
        assert (running.approved_by, running.approved_kw, running.target_kw) == ("", 0.0, 10.0)
        assert await waiting(one) == (view,)


@pytest.mark.parametrize(
    ("first_ends", "second_ends", "approved"),
    [("refused", "taken", ("sara", 30.0)), ("refused", "refused", ("", 0.0)), ("taken", "refused", ("sven", 40.0))],
)
@in_virtual_time
async def test_of_two_approved_updates_at_once_who_approved_is_true_of_the_target_that_is_left(
    first_ends: str, second_ends: str, approved: tuple[str, float]
) -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        first = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        second = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=30.0), OLGA)
        one.journal.round_s = 1.0
        asked = [asyncio.ensure_future(approve(one, first, SVEN))]
        await one.run_for(0.5)
        shown = refused(await approve(one, second, SARA)).approval  # its dispatch has another target by now
        assert shown is not None
        assert shown.before_kw == 40.0
        asked.append(asyncio.ensure_future(approve(one, shown, SARA)))
        await one.run_for(0.1)
        for reply, ends in zip(asked, (first_ends, second_ends), strict=True):
            one.journal.fails = JournalError if ends == "refused" else None
            await one.until(reply.done)
            assert isinstance(reply.result(), Refused) is (ends == "refused")
        one.journal.fails, one.journal.round_s = None, 0.0
        assert (running.approved_by, running.approved_kw) == approved
        assert running.target_kw == (approved[1] or 10.0)


@in_virtual_time
async def test_a_dispatch_whose_approval_the_journal_does_not_take_sends_nothing() -> None:
    fleet = cars(8)
    async with bench(fleet, sections=SECTIONS) as one:
        view = await held(one)
        one.journal.fails = JournalError
        reply = refused(await approve(one, view))
        assert reply.reason is Refusal.JOURNAL
        await one.run_for(1.0)
        assert untouched(fleet)
        assert not one.core.running


@in_virtual_time
async def test_what_can_not_be_sent_is_refused_at_once_and_not_held() -> None:
    async with bench([], sections=SECTIONS) as one:
        assert refused(await one.say(BIG, OMAR)).reason is Refusal.NO_VEHICLES
        assert refused(await one.say(ask.Dispatch(signal="FCRX", power_kw=30.0, duration_s=60.0), OMAR)).reason is Refusal.UNKNOWN_SIGNAL
        assert refused(await one.say(ask.Update(dispatch_id="x", power_kw=30.0), OMAR)).reason is Refusal.UNKNOWN_DISPATCH
        assert await waiting(one) == ()


@in_virtual_time
async def test_signal_sources_need_a_supervisor_above_the_limit_too() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one, BIG, ask.Origin(user="schedule", way=AUTOMATIC))
        accepted(await approve(one, view))
        await one.run_for(0.2)
        asked = [event for event in one.told if isinstance(event, ApprovalAsked)]
        assert [(event.by, event.way, event.power_kw, event.limit_kw) for event in asked] == [("schedule", AUTOMATIC, 30.0, LIMIT_KW)]


@in_virtual_time
async def test_a_dry_run_needs_nobody() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        reply = accepted(await one.say(ask.Dispatch(signal="MA", power_kw=30.0, duration_s=60.0, dry_run=True), OMAR))
        assert isinstance(reply.result, PlanView)
        assert await waiting(one) == ()


@in_virtual_time
async def test_an_approved_update_is_not_sent_where_no_update_could_be() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        one.core.closing = True
        reply = refused(await approve(one, view))
        assert (reply.reason, running.target_kw) == (Refusal.WRONG_STATE, 10.0)
        one.core.closing = False
        accepted(await approve(one, view))


@in_virtual_time
async def test_a_dispatch_goes_on_if_the_approval_of_its_new_target_can_t_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: object) -> None:
        raise JournalError("no space left on device")

    async with bench(cars(8), sections=SECTIONS) as one:
        running = await active(one, 10.0)
        view = await held(one, ask.Update(dispatch_id=running.dispatch_id, power_kw=40.0))
        monkeypatch.setattr(one.journal, "commit_request", full)
        await approve(one, view)
        assert running.outcome is None
        assert running.state is DispatchState.ACTIVE or running.sends


@in_virtual_time
async def test_the_journal_tells_the_whole_story() -> None:
    async with bench(cars(8), sections=SECTIONS) as one:
        view = await held(one)
        accepted(await approve(one, view))
        await one.run_for(0.2)
        page = accepted(await one.say(ask.Journal(limit=50), SVEN)).result
        assert isinstance(page, JournalPage)
        story = "\n".join(f"{row.kind} {row.by} {row.text}" for row in reversed(page.rows))
        assert story.index("approval.asked") < story.index("approval.ended")
        assert view.approval_id in story
