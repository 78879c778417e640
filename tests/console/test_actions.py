import importlib
import pkgutil
from collections import Counter
from functools import partial

import pytest
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, refreshed, running, text, until
from v2g_console.console import actions, screens
from v2g_console.console.actions import ACTIONS, Scope, action_of, actions_of, footer_actions
from v2g_console.console.app import ConsoleApp
from v2g_console.console.keys import key_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.replaying import ReplayApp
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.help import HelpScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.sites_app import SitesApp
from v2g_console.console.widgets.action_bar import fitting
from v2g_console.contract.requests import Retry

SCREENS: tuple[type[object], ...] = tuple(
    one
    for module in pkgutil.iter_modules(screens.__path__)
    for one in vars(importlib.import_module(f"{screens.__name__}.{module.name}")).values()
    if isinstance(one, type) and isinstance(getattr(one, "scope", None), Scope)
)


def test_ids_are_unique_and_a_key_means_one_thing_in_a_scope() -> None:
    assert max(Counter(action.id for action in ACTIONS).values()) == 1
    for scope in Scope:
        keys = Counter(key for action in actions_of(scope) for key in action.keys)
        assert all(count == 1 for count in keys.values()), (scope, keys)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_handler_where_its_key_works(action: actions.Action) -> None:
    apps = {Scope.GLOBAL: ConsoleApp, Scope.REPLAY: ReplayApp, Scope.SITES: SitesApp}
    owners = (apps[action.scope],) if action.scope in apps else tuple(s for s in SCREENS if getattr(s, "scope", None) is action.scope)
    assert owners
    assert all(hasattr(owner, f"do_{action.handler}") or hasattr(ConsoleApp, f"do_{action.handler}") for owner in owners)


def test_no_guard_fails_before_the_first_picture() -> None:
    model = ConsoleModel(FakePort(), ORIGIN)
    blocked = {action.id: action.blocked(model) for action in ACTIONS}
    assert all(reason for action_id, reason in blocked.items() if action_of(action_id).danger is not actions.Danger.NONE)


async def test_a_read_only_console_offers_nothing_that_acts() -> None:
    model = ConsoleModel(FakePort(pictures.read_only()), ORIGIN)
    await model.pull()
    acting = [action for action in ACTIONS if action.danger is not actions.Danger.NONE]
    assert acting and all("read-only" in (action.blocked(model) or "") for action in acting)


async def test_a_disabled_action_says_why_and_asks_nothing() -> None:
    port = FakePort(pictures.quiet())
    async with running(port) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: bool(app.notices))
        assert "no dispatch to retry" in app.notices[-1]
        await until(pilot, lambda: "Retry the unacknowledged" in text(app))
        assert port.asked(Retry) == []


async def test_retry_goes_to_the_selected_dispatch() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: bool(port.asked(Retry)))
        assert port.asked(Retry) == [Retry(dispatch_id=pictures.DISPATCH_ID)]
        assert port.origins == [ORIGIN]
        await until(pilot, lambda: bool(app.notices))
        assert "24 silent vehicles" in app.notices[-1]


def test_the_footer_keeps_what_matters_most_when_narrow() -> None:
    model = ConsoleModel(FakePort(), ORIGIN)
    assert [action.short for action in fitting(footer_actions(Scope.OVERVIEW, model), 24, model)] == ["STOP", "Help"]
    wide = [action.short for action in fitting(footer_actions(Scope.OVERVIEW, model), 200, model)]
    assert {"Fleet", "Dispatch", "STOP", "Retry", "Cancel", "Help", "Quit", "Filter"} <= set(wide)


async def test_what_can_be_done_to_a_dispatch_keeps_its_keys_at_80_columns() -> None:
    async with running(FakePort(pictures.normal()), (80, 24)) as (app, _):
        possible = {
            one.short for one in map(action_of, ("dispatch.retry", "dispatch.update", "dispatch.cancel")) if not one.blocked(app.model)
        }
        assert possible == {"Retry", "Update", "Cancel"}
        keys = text(app).splitlines()[-1]
        assert [word for word in (*possible, "STOP", "Dispatch", "Alarms", "Help") if word not in keys] == []


async def test_a_click_on_the_footer_does_what_the_key_does() -> None:
    async with running(FakePort()) as (app, pilot):
        at = text(app).splitlines()[-1].index("? Help")
        await pilot.click(offset=(at + 1, 35))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_help_lists_every_key_of_the_screen_and_the_reasons() -> None:
    async with running(FakePort(pictures.read_only()), (120, 60)) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        shown = text(app)
        for action in (*actions_of(Scope.OVERVIEW), *actions_of(Scope.GLOBAL)):
            assert not action.keys or action.title in shown
        assert "not now: this console is read-only" in shown
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))


def _shows(app: ConsoleApp, wanted: type[object]) -> bool:
    return isinstance(app.screen, wanted)


async def test_every_screen_is_reached_by_keys_and_left_again() -> None:
    async with running(FakePort()) as (app, pilot):
        for key, wanted in (("2", FleetScreen), ("1", OverviewScreen), ("d", ComposerScreen), ("escape", OverviewScreen)):
            await pilot.press(key)
            await until(pilot, partial(_shows, app, wanted))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, VehicleDetailScreen))
        await pilot.press("alt+2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert len(app.screen_stack) == 3
        for before in (VehicleDetailScreen, OverviewScreen):  # back to where one came from
            await pilot.press("escape")
            await until(pilot, partial(_shows, app, before))


async def test_slash_on_the_overview_leads_into_the_filter_of_the_fleet() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and isinstance(app.focused, Input))
        await pilot.press(*"veh000007")
        await until(pilot, lambda: "veh000007" in text(app) and "veh000006" not in text(app))


async def test_the_palette_offers_the_registry_and_runs_it() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: not isinstance(app.screen, ConsoleScreen))
        await pilot.press(*"theme: grey-light")
        await until(pilot, lambda: "Theme: grey-light" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "grey-light")


async def test_the_palette_tells_why_not() -> None:
    async with running(FakePort(pictures.read_only())) as (app, _):
        assert app.told_of(action_of("dispatch.compose")).startswith("not now: this console is read-only")


def test_keys_are_written_for_people() -> None:
    assert [key_text(key) for key in ("f8", "ctrl+p", "slash", "question_mark", "alt+1", "d", "escape")] == [
        "F8",
        "Ctrl+P",
        "/",
        "?",
        "Alt+1",
        "d",
        "Esc",
    ]


async def test_guards_follow_the_picture() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        assert action_of("dispatch.compose").blocked(app.model) is None
        port.show(pictures.stopped())
        await refreshed(pilot, app)
        assert action_of("dispatch.compose").blocked(app.model) == "STOP is latched: resume first (F9)"
        assert action_of("dispatch.resume").blocked(app.model) is None
