"""Roles, approvals and the lock, as the console shows and keeps them."""

from dataclasses import replace
from typing import get_args

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, running, text, until
from tests.console.test_composer import armed, composing
from v2g_console.console.actions import ACTIONS, Action, Danger, action_of
from v2g_console.console.app import ConsoleApp
from v2g_console.console.model import ConsoleModel
from v2g_console.console.rights import ASKS, kept_back, nothing_to_decide
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.widgets.action_bar import ActionBar
from v2g_console.contract.events import ApprovalAsked, ApprovalEnded
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import LOOKS_ONLY, Approve, Cancel, Lock, Operate, Reject, Request, Retry, Stop, Unlock
from v2g_console.contract.snapshot import ApprovalView, Snapshot

NAMES = {str(kind.__struct_config__.tag) for kind in get_args(Request)}
LOOKING = {str(kind.__struct_config__.tag) for kind in LOOKS_ONLY}
# What the engine tells a viewer: every request that is more than a look, with the least role for it.
VIEWER_MAY_NOT = dict.fromkeys(NAMES - LOOKING, "operator") | {"plan": "operator", "journal": "auditor", "resume": "supervisor"}
ACTING = tuple(action for action in ACTIONS if not LOOKING.issuperset(ASKS.get(action.id, ())))


def as_(picture: Snapshot, **changes: object) -> Snapshot:
    return replace(picture, engine=msgspec.structs.replace(picture.engine, **changes))


def viewer() -> Snapshot:
    return as_(pictures.normal(), user="vic", role="viewer", denied=VIEWER_MAY_NOT)


def approval(number: int = 1, by: str = "omar", **changes: object) -> ApprovalView:
    view = ApprovalView(
        approval_id=f"ap-00000{number}",
        revision=3,
        request="dispatch",
        by=by,
        way="socket",
        asked_ms=pictures.NOW_MS - 20_000,
        expires_ms=pictures.NOW_MS + 100_000,
        limit_kw=400.0,
        signal="FCR",
        power_kw=500.0,
        duration_s=300.0,
        allocated_kw=480.0,
        shortfall_kw=20.0,
        vehicles=61,
        scope="depot-lyon",
        note="evening [bold]peak\x1b",
        preempts=(("#7f3a", 35.0),),
    )
    return msgspec.structs.replace(view, **changes)


def waiting(*approvals: ApprovalView) -> Snapshot:
    return replace(as_(pictures.quiet(), user="ana", role="supervisor"), approvals=approvals)


def locking(after_s: float = 600.0) -> Snapshot:
    return as_(pictures.normal(), lock_after_s=after_s)


def acted(port: FakePort) -> list[object]:
    """Requests that are more than a look, but for those about the lock itself."""
    return [request for request in port.requests if not isinstance(request, (*LOOKS_ONLY, Lock, Unlock))]


def locked(app: ConsoleApp) -> bool:
    return app.model.view_lock.locked


# Roles


async def test_every_action_that_can_change_something_says_what_it_asks() -> None:
    model = ConsoleModel(FakePort(pictures.read_only()), ORIGIN)
    await model.pull()
    changing = {action.id for action in ACTIONS if action.danger is not Danger.NONE or "read-only" in (action.blocked(model) or "")}
    assert changing == {action.id for action in ACTING}
    assert ASKS.keys() <= {action.id for action in ACTIONS}
    assert {name for asks in ASKS.values() for name in asks} <= NAMES


@pytest.mark.parametrize("action", ACTING, ids=lambda action: action.id)
async def test_a_viewer_may_do_nothing_that_acts_and_is_told_why(action: Action) -> None:
    model = ConsoleModel(FakePort(viewer()), ORIGIN)
    await model.pull()
    assert "needs the role" in (action.blocked(model) or "")
    assert "vic is viewer" in (action.blocked(model) or "")


async def test_an_operator_may_stop_and_not_resume() -> None:
    picture = as_(pictures.stopped(), role="operator", denied={"resume": "supervisor"})
    model = ConsoleModel(FakePort(picture), ORIGIN)
    await model.pull()
    assert action_of("dispatch.resume").blocked(model) == "needs the role supervisor, and ana is operator"
    assert kept_back("dispatch.stop", model) is None


@pytest.mark.parametrize("picture", [viewer(), as_(pictures.normal(), read_only=True)], ids=["viewer", "read-only"])
async def test_no_key_of_the_registry_gets_anything_to_act_out_of_a_console_that_only_looks(no_dwell: None, picture: Snapshot) -> None:
    port = FakePort(picture)
    async with running(port) as (app, pilot):
        for action in ACTING:
            await app.action_invoke(action.id)
            await pilot.pause()
            assert not isinstance(app.screen, ChoiceDialog), action.id
        assert acted(port) == []
        assert len(app.notices) == len(ACTING)


async def test_the_header_says_who_and_as_what() -> None:
    async with running(FakePort(viewer()), size=(120, 36)) as (app, _):
        assert "VIEWER vic" in text(app).splitlines()[0]
        assert "READ-ONLY" in text(app).splitlines()[0]
    async with running(FakePort(), size=(80, 24)) as (app, _):
        assert "OPR ana" in text(app).splitlines()[0]


# The lock


async def test_a_console_nobody_touches_becomes_view_only_and_the_engine_writes_it_down() -> None:
    port, clock = FakePort(locking()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 599.0
        await refreshed(pilot, app)
        assert not locked(app)
        clock.now_s += 1.0
        await refreshed(pilot, app)
        await until(pilot, lambda: bool(port.asked(Lock)))
        assert port.asked(Lock) == [Lock(idle_s=600.0)]
        assert locked(app)
        await refreshed(pilot, app)
        assert "LOCKED" in text(app).splitlines()[0]


async def test_a_touch_delays_the_lock_and_does_not_open_it() -> None:
    port, clock = FakePort(locking()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 500.0
        await pilot.press("down")
        clock.now_s += 500.0
        await refreshed(pilot, app)
        assert not locked(app)
        clock.now_s += 200.0
        # The key comes before the tick: it must find the console locked, not act and then lock.
        await pilot.press("r")
        await until(pilot, lambda: any("view-only" in notice for notice in app.notices))
        await pilot.press("down", "r")
        await refreshed(pilot, app)
        assert locked(app)
        assert port.asked(Retry) == []


async def test_a_locked_console_still_stops_and_nothing_else(no_dwell: None) -> None:
    port, clock = FakePort(locking()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 700.0
        await refreshed(pilot, app)
        for action in ACTING:
            if "stop" not in ASKS[action.id] and "unlock" not in ASKS[action.id]:
                assert "view-only" in (action.blocked(app.model) or ""), action.id
        drawn = {part.text: None if part.style is None else part.style.color for part in app.screen.query_one(ActionBar).render_line(0)}
        for short, dimmed in (("Dispatch", True), ("Retry", True), ("Update", True), ("Cancel", True), ("Help", False), ("STOP", False)):
            assert (drawn[short] != drawn["Quit"]) is dimmed, short
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Stop)))
        assert len(acted(port)) == 1


async def test_a_dialog_left_open_acts_no_more_once_the_console_is_locked(no_dwell: None) -> None:
    port, clock = FakePort(locking()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        clock.now_s += 700.0
        await pilot.press("y")
        await until(pilot, lambda: any("L takes it back into use" in notice for notice in app.notices))
        await pilot.pause()
        assert port.asked(Cancel) == []


async def test_unlocking_is_a_question_of_its_own_and_counts_only_when_it_is_written_down(no_dwell: None) -> None:
    port, clock = FakePort(locking()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 700.0
        await refreshed(pilot, app)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert port.asked(Unlock) == []
        port.answers[Unlock] = lambda _: Refused(request="unlock", reason=Refusal.JOURNAL, message="the journal did not take it")
        for _ in range(2):
            await pilot.press("L")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("y")
            await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
            await until(pilot, lambda: bool(port.asked(Unlock)))
            await pilot.pause()
            assert locked(app) == (Unlock in port.answers)
            port.answers.pop(Unlock, None)
        assert action_of("dispatch.compose").blocked(app.model) is None


@pytest.mark.parametrize(
    "changes",
    [{"lock_after_s": 0.0}, {"lock_after_s": 600.0, "read_only": True}, {"lock_after_s": 600.0, "denied": {"unlock": "operator"}}],
)
async def test_who_can_not_act_or_has_no_such_rule_is_never_locked(changes: dict[str, object]) -> None:
    port, clock = FakePort(as_(pictures.normal(), **changes)), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 100_000.0
        await refreshed(pilot, app)
        assert not locked(app)


# Approvals


async def test_what_waits_is_on_every_screen_with_its_keys() -> None:
    async with running(FakePort(waiting(approval()))) as (app, pilot):
        await pilot.press("2")
        await pilot.pause()
        await refreshed(pilot, app)
        assert "omar asks FCR ▲ 500 kW for 05:00" in text(app)
        assert "A approves, X rejects" in text(app)
        assert "approve 1" in text(app).splitlines()[0]


async def test_the_second_person_reads_it_all_and_the_harmless_answer_comes_first(no_dwell: None) -> None:
    port = FakePort(waiting(approval()))
    async with running(port) as (app, pilot):
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        shown = text(app)
        told = (
            "FCR ▲ 500 kW for 05:00",
            "asked by omar (socket)",
            "61 vehicles",
            "short 20 kW",
            "only depot-lyon",
            "takes 35 kW from #7f3a",
        )
        assert [words for words in told if words not in shown] == []
        assert "evening [bold]peak\\x1b" in shown
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert port.asked(Approve) == []
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("A", "A", "y")
        await until(pilot, lambda: bool(port.asked(Approve)))
        assert port.asked(Approve) == [Approve(approval_id="ap-000001", revision=3)]


async def test_rejecting_one_of_two_picks_it_by_number(no_dwell: None) -> None:
    port = FakePort(waiting(approval(1), approval(2, by="olga"), approval(3, by="ana")))
    async with running(port) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "olga" in text(app)
        assert "ap-000003" not in text(app)
        await pilot.press("2")
        await until(pilot, lambda: "Reject ap-000002" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Reject)))
        assert port.asked(Reject) == [Reject(approval_id="ap-000002")]


async def test_nobody_is_offered_to_approve_his_own() -> None:
    async with running(FakePort(waiting(approval(by="ana")))) as (app, _):
        assert action_of("approval.approve").blocked(app.model) == nothing_to_decide(app.model)
        assert "what waits was asked by you: another supervisor decides" in str(nothing_to_decide(app.model))
        assert "waits for another supervisor" in text(app)
        assert "A approves" not in text(app)


async def test_an_operator_sees_what_waits_and_can_t_decide() -> None:
    picture = as_(waiting(approval()), role="operator", denied={"approve": "supervisor", "reject": "supervisor"})
    async with running(FakePort(picture)) as (app, _):
        assert action_of("approval.approve").blocked(app.model) == "needs the role supervisor, and ana is operator"
        assert "waits for another supervisor" in text(app)


async def test_asking_and_deciding_are_told_at_once() -> None:
    port = FakePort(waiting(approval()))
    port.event_log = [
        ApprovalAsked(
            ts="t",
            approval_id="ap-000001",
            request="dispatch",
            by="omar",
            way="cli",
            signal="FCR",
            power_kw=500.0,
            limit_kw=400.0,
            expires_s=300.0,
        ),
        ApprovalEnded(ts="t", approval_id="ap-000001", outcome="rejected", by="omar", decided_by="sven", reason="not today"),
    ]
    async with running(port) as (app, pilot):
        await until(pilot, lambda: len(app.notices) >= 2)
        assert app.notices[0] == "omar asks for FCR ▲ 500 kW: it waits for another supervisor"
        assert app.notices[1] == "ap-000001 of omar rejected by sven: not today"


async def test_a_plan_that_needs_a_second_person_leaves_the_composer_and_says_so() -> None:
    port = FakePort()
    port.answers[Operate] = lambda _: Refused(
        request="operate",
        reason=Refusal.NEEDS_APPROVAL,
        message="ap-000001: 300 kW is above 200 kW",
        hint="by somebody else",
        approval=approval(),
    )
    async with composing(port) as (app, pilot, composer, clock):
        await until(pilot, lambda: composer.flow.current)
        await armed(pilot, composer, clock)
        await pilot.press("f5")
        await until(pilot, lambda: not composer.is_attached)
        assert len(port.asked(Operate)) == 1
        await until(pilot, lambda: "300 kW is above 200 kW" in text(app))
