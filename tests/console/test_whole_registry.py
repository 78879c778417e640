"""Every action of the registry, in every state in which something is forbidden: it works or says why, and nothing acts that must not."""

from dataclasses import replace
from typing import get_args

import pytest
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, running
from tests.console.test_walk import WAYS, engine_port, escape_to_overview, go, scope_of
from v2g_console.console.actions import ACTIONS, Action, Danger, Scope, action_of, actions_of
from v2g_console.console.model import ConsoleModel
from v2g_console.console.rights import ASKS
from v2g_console.contract.link import LinkState
from v2g_console.contract.requests import LOOKS_ONLY, Lock, Request
from v2g_console.contract.snapshot import Snapshot

ROLE_DENIED = {str(kind.__struct_config__.tag): "operator" for kind in get_args(Request) if kind not in LOOKS_ONLY}
WRITES = frozenset(ROLE_DENIED)
WRITING = [action for action in ACTIONS if WRITES & set(ASKS.get(action.id, ()))]
THROUGH_A_LOCK = {"dispatch.stop", "dispatch.stop_here", "console.unlock"}


def viewed() -> Snapshot:
    return replace(pictures.normal(), engine=pictures.engine(role="viewer", denied=ROLE_DENIED))


async def model_of(picture: Snapshot, *, gone: str = "", locked: bool = False) -> ConsoleModel:
    port, clock = FakePort(picture), SteppedClock()
    model = ConsoleModel(port, ORIGIN, clock)
    await model.pull()
    model.selected_vehicle_id = picture.fleet.ids[0] if len(picture.fleet) else None
    model.fleet_view.marks.add(picture.fleet.ids[:3])
    model.view_lock.locked = locked
    port.gone = gone
    await model.pull()
    return model


@pytest.mark.parametrize("state", ["normal", "quiet", "empty", "read_only", "stopped", "alarmed", "cut", "viewed"])
async def test_a_guard_gives_a_reason_a_person_understands_or_none(state: str) -> None:
    model = await model_of(viewed() if state == "viewed" else getattr(pictures, state)())
    for action in ACTIONS:
        reason = action.blocked(model)
        assert reason is None or (len(reason) > 10 and reason.isprintable() and "None" not in reason), action.id


@pytest.mark.parametrize("action", WRITING, ids=lambda action: action.id)
async def test_nothing_writes_in_read_only_mode_as_viewer_or_with_the_engine_gone(action: Action) -> None:
    assert "read-only" in (action.blocked(await model_of(pictures.read_only())) or "")
    assert "needs the role operator" in (action.blocked(await model_of(viewed())) or "")
    assert "the engine does not answer" in (action.blocked(await model_of(pictures.normal(), gone="socket closed")) or "")
    assert action.blocked(ConsoleModel(FakePort(), ORIGIN)) is not None


@pytest.mark.parametrize("action", WRITING, ids=lambda action: action.id)
async def test_a_locked_console_lets_only_stop_and_unlock_through(action: Action) -> None:
    reason = action.blocked(await model_of(pictures.normal(), locked=True))
    assert action.id in THROUGH_A_LOCK or "view-only" in (reason or "")
    if action.id in THROUGH_A_LOCK:
        assert reason is None


async def test_stop_is_possible_whatever_else_is_wrong() -> None:
    stop = action_of("dispatch.stop")
    for picture in (pictures.normal(), pictures.quiet(), pictures.empty(), pictures.alarmed(), pictures.cut()):
        assert stop.blocked(await model_of(picture)) is None


async def test_with_stop_latched_nothing_new_starts() -> None:
    model = await model_of(pictures.stopped())
    for action_id in ("dispatch.compose", "dispatch.update", "composer.arm", "composer.send"):
        assert "STOP is latched" in (action_of(action_id).blocked(model) or ""), action_id
    assert action_of("dispatch.resume").blocked(model) is None
    assert action_of("stop.list").blocked(model) is None


async def test_with_the_link_down_only_what_can_reach_a_vehicle_is_kept_back() -> None:
    model = await model_of(pictures.cut())
    assert model.snapshot is not None and model.snapshot.link.state is LinkState.DOWN
    told = action_of("dispatch.compose").blocked(model)
    assert told is None or "link" in told
    assert action_of("dispatch.cancel").blocked(model) is None


def acting_requests(port: FakePort) -> list[Request]:
    return [request for request in port.requests if not isinstance(request, (*LOOKS_ONLY, Lock))]


GLOBALS = [action for action in ACTIONS if action.scope is Scope.GLOBAL and action.id != "app.quit"]


@pytest.mark.parametrize("state", ["read_only", "viewed", "gone"])
async def test_every_global_action_invoked_one_after_the_other_asks_for_nothing_that_acts(state: str) -> None:
    port = FakePort(viewed() if state == "viewed" else pictures.read_only() if state == "read_only" else pictures.normal())
    async with running(port) as (app, pilot):
        if state == "gone":
            port.gone = "socket closed"
            await app.model.pull()
        for action in GLOBALS:
            before = len(app.notices)
            blocked = action.blocked(app.model)
            await app.action_invoke(action.id)
            await pilot.pause()
            if blocked is not None:
                assert f"{action.title}: {blocked}"[:60] in app.notices[-1], action.id
                assert len(app.notices) > before
            await pilot.press("escape")
        assert acting_requests(port) == []


async def test_every_action_of_every_screen_asks_for_nothing_that_acts_in_read_only_mode() -> None:
    """With alarms, marks and a latched STOP on screen, and `y` for every question that might be asked: keys only look."""
    port = engine_port()
    port.show(replace(pictures.alarmed(), engine=pictures.engine(read_only=True, denied={})))
    tried = set()
    async with running(port) as (app, pilot):
        for scope in WAYS:
            if scope is Scope.COMPOSER:
                continue  # not reached: see below
            await escape_to_overview(app, pilot)
            await go(app, pilot, scope)
            depth = len(app.screen_stack)
            for action in actions_of(scope):
                if action.handler == "back":
                    continue
                while len(app.screen_stack) > depth or isinstance(app.focused, Input):
                    await pilot.press("escape")
                await app.action_invoke(action.id)
                await pilot.press("y")
                tried.add(action.id)
        await escape_to_overview(app, pilot)
        await pilot.press("d")
        await pilot.pause()
        assert scope_of(app) is Scope.OVERVIEW and "read-only" in app.notices[-1]
        assert not app.crash_report
    assert tried >= {"alarms.ack", "alarms.shelve", "fleet.mark", "journal.export"}
    assert acting_requests(port) == []


async def test_nothing_that_acts_is_asked_without_an_answer_to_its_question() -> None:
    """Retry, acknowledging and opening are what one key does; all the rest waits behind a question, whose default is no."""
    port = FakePort(pictures.alarmed())
    async with running(port) as (app, pilot):
        for action in GLOBALS:
            if action.id in {"dispatch.retry", "alarm.ack"} or action.danger is Danger.NONE:
                continue
            await app.action_invoke(action.id)
            await pilot.pause()
            await pilot.press("enter", "enter")
            await pilot.pause()
            await pilot.press("escape", "escape")
        assert [request for request in acting_requests(port) if type(request).__name__ not in {"Arm"}] == []
