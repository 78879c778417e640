"""With the keyboard alone: every action of every screen, any screen in three keys, and Esc back to where one came from."""

from collections.abc import Callable
from functools import partial

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.console.actions import ACTIONS, Action, Scope, actions_of
from v2g_console.console.app import ConsoleApp
from v2g_console.console.keys import key_text
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.help import HelpScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.contract.record import JournalRow

WAYS: dict[Scope, tuple[str, ...]] = {
    Scope.OVERVIEW: ("1",),
    Scope.FLEET: ("2",),
    Scope.DISPATCHES: ("3",),
    Scope.ALARMS: ("4",),
    Scope.LINK: ("5",),
    Scope.JOURNAL: ("6",),
    Scope.OUTLOOK: ("7",),
    Scope.DIAGNOSTICS: ("0",),
    Scope.HANDOVER: ("H",),
    Scope.STOP_LIST: ("f7",),
    Scope.HELP: ("question_mark",),
    Scope.COMPOSER: ("d",),
    Scope.DISPATCH: ("3", "enter"),
    Scope.VEHICLE: ("2", "enter"),
    Scope.JOURNAL_ENTRY: ("6", "enter"),
}
WITHOUT_A_SCREEN = {Scope.GLOBAL, Scope.REPLAY, Scope.SITES}
MOST_ESCAPES = 8


def engine_port(stopped: bool = False) -> FakePort:
    port = FakePort(pictures.stopped() if stopped else pictures.alarmed())
    port.journal_rows = [JournalRow(number=n, utc_ms=pictures.NOW_MS, kind="request", by="ana", text=f"stop {n}") for n in (2, 1)]
    return port


def scope_of(app: ConsoleApp) -> Scope | None:
    return getattr(app.screen, "scope", None)


async def go(app: ConsoleApp, pilot: Pilot[ConsoleExit], scope: Scope) -> None:
    """To a screen from anywhere, by its keys; what a screen asks for first is waited for."""
    for key in WAYS[scope]:
        before = app.screen
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not before or len(WAYS[scope]) == 1 or key == "down")  # noqa: B023 - awaited in this turn
        await pilot.pause()
    await until(pilot, lambda: scope_of(app) is scope)


async def escape_to_overview(app: ConsoleApp, pilot: Pilot[ConsoleExit]) -> int:
    """How many times Esc it takes."""
    for pressed in range(MOST_ESCAPES):
        await pilot.pause()
        if isinstance(app.screen, OverviewScreen) and not isinstance(app.focused, Input):
            return pressed
        await pilot.press("escape")
    raise AssertionError(f"Esc does not lead back: {app.screen_stack}")


def test_every_screen_has_a_way_of_at_most_three_keys_from_every_other() -> None:
    """The first key is one that works everywhere, and no screen has another use for it; in the composer Esc comes before it."""
    assert set(WAYS) == set(Scope) - WITHOUT_A_SCREEN
    assert all(len(way) <= 2 for way in WAYS.values())
    everywhere = {key for action in actions_of(Scope.GLOBAL) for key in action.keys}
    assert {way[0] for way in WAYS.values()} <= everywhere
    for start in WAYS:
        used = {key for action in actions_of(start) for key in action.keys}
        assert not [end for end, way in WAYS.items() if end is not start and way[0] in used], start


@pytest.mark.parametrize("wanted", [Scope.HANDOVER, Scope.DISPATCH], ids=lambda scope: scope.name)
async def test_the_composer_is_left_for_another_screen_in_three_keys(wanted: Scope) -> None:
    async with running(engine_port()) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        for key in ("escape", *WAYS[wanted]):
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: scope_of(app) is wanted)


@pytest.mark.parametrize("scope", [scope for scope in WAYS if scope is not Scope.OVERVIEW], ids=lambda scope: scope.name)
async def test_every_screen_is_reached_from_the_overview_and_esc_leads_back(scope: Scope) -> None:
    async with running(engine_port(stopped=scope is Scope.STOP_LIST)) as (app, pilot):
        await go(app, pilot, scope)
        assert await escape_to_overview(app, pilot) <= 3


async def test_every_level_two_screen_is_reached_from_every_other_and_the_stack_stays_short() -> None:
    async with running(engine_port()) as (app, pilot):
        level_two = [scope for scope, way in WAYS.items() if len(way) == 1 and way[0] not in {"f7", "question_mark", "d"}]
        for _ in range(2):
            for scope in level_two[::-1]:
                await go(app, pilot, scope)
                assert len(app.screen_stack) <= len(level_two)
        assert await escape_to_overview(app, pilot) == 0


async def test_esc_goes_back_to_where_one_came_from() -> None:
    async with running(engine_port()) as (app, pilot):
        await go(app, pilot, Scope.VEHICLE)
        vehicle = app.screen
        await go(app, pilot, Scope.ALARMS)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is vehicle)
        await pilot.press("escape")
        await until(pilot, lambda: scope_of(app) is Scope.FLEET)
        await go(app, pilot, Scope.ALARMS)
        await pilot.press("2")  # on the way already: back to it, not on top of it
        await until(pilot, lambda: scope_of(app) is Scope.FLEET)
        assert [getattr(screen, "scope", None) for screen in app.screen_stack] == [Scope.OVERVIEW, Scope.FLEET]


async def test_the_header_says_where_one_is() -> None:
    async with running(engine_port()) as (app, pilot):
        assert "V2G CONSOLE" in text(app).splitlines()[0]
        await go(app, pilot, Scope.VEHICLE)
        assert isinstance(app.screen, VehicleDetailScreen)
        name = app.screen.vehicle_id
        await until(pilot, lambda: f"Fleet › {name}" in text(app).splitlines()[0])
        await go(app, pilot, Scope.LINK)
        await until(pilot, lambda: f"{name} › MQTT link" in text(app).splitlines()[0])


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_a_narrow_header_keeps_the_last_crumb_and_the_link(size: tuple[int, int]) -> None:
    async with running(engine_port(), size) as (app, pilot):
        await go(app, pilot, Scope.LINK)
        await until(pilot, lambda: "MQTT link" in text(app).splitlines()[0])
        assert "●" in text(app).splitlines()[0]


async def test_keys_faster_than_screens_leave_a_stack_in_order() -> None:
    async with running(engine_port()) as (app, pilot):
        await pilot.press(*"23232345623232345")
        await until(pilot, lambda: scope_of(app) is Scope.LINK)
        scopes = [getattr(screen, "scope", None) for screen in app.screen_stack]
        assert scopes[0] is Scope.OVERVIEW and len(scopes) == len(set(scopes))


async def test_a_screen_asked_for_does_not_take_a_question_away() -> None:
    async with running(engine_port()) as (app, pilot):
        await pilot.press("q", "2", "q", "3")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await app.do_go_fleet()
        assert isinstance(app.screen, ChoiceDialog)
        assert sum(isinstance(screen, ChoiceDialog) for screen in app.screen_stack) == 1


def _keyed(scope: Scope) -> list[tuple[Action, str]]:
    """Its own keys; on the overview the global ones too."""
    everywhere = actions_of(Scope.GLOBAL) if scope is Scope.OVERVIEW else ()
    return [(action, action.keys[0]) for action in (*actions_of(scope), *everywhere) if action.keys and action.id != "app.quit"]


@pytest.mark.parametrize("scope", list(WAYS), ids=lambda scope: scope.name)
async def test_every_key_of_every_action_on_every_screen_does_no_harm(scope: Scope) -> None:
    """No exception, and Esc leads back from wherever it led."""
    async with running(engine_port(stopped=scope is Scope.STOP_LIST)) as (app, pilot):
        for action, key in _keyed(scope):
            await go(app, pilot, scope)
            await pilot.press(key)
            await pilot.pause()
            shown: Callable[[], str] = partial(text, app)
            assert shown(), action.id
            await escape_to_overview(app, pilot)


@pytest.mark.parametrize("scope", [scope for scope in WAYS if scope is not Scope.COMPOSER], ids=lambda scope: scope.name)
async def test_footer_and_help_tell_the_same_keys(scope: Scope) -> None:
    async with running(engine_port(stopped=scope is Scope.STOP_LIST), (120, 120)) as (app, pilot):
        await go(app, pilot, scope)
        assert isinstance(app.screen, ConsoleScreen)
        footer = text(app).splitlines()[-1]
        told = [action for action in ACTIONS if action.short and action.keys and f"{key_text(action.keys[0])} {action.short} " in footer]
        assert told
        if scope is Scope.HELP:
            return
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        for action in told:
            assert action.scope not in {scope, Scope.GLOBAL} or action.title in text(app), action.id


async def test_the_palette_and_the_composer_are_left_by_esc_too() -> None:
    async with running(engine_port()) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("escape", "d")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
