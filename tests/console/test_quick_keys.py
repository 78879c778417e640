"""Keys that were typed faster than screens open go into what the first of them opened, and to nothing below it."""

import pytest
from textual import events
from textual.widgets import Input

from tests.console.fake_port import FakePort
from tests.console.harness import running, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.update_target import UpdateTargetDialog
from v2g_console.contract.requests import Cancel, Operate, Retry, Stop, Update

ACTING = (Cancel, Operate, Retry, Stop, Update)


def burst(app: ConsoleApp, *keys: str) -> None:
    """As a terminal hands over what was typed meanwhile: all of it before the first key has done anything."""
    for key in keys:
        name = {"/": "slash"}.get(key, key)
        app.post_message(events.Key(name, key if len(key) == 1 else None))


@pytest.mark.parametrize(("screen", "field"), [("2", "#fleet-filter"), ("3", ""), ("6", "")], ids=["fleet", "dispatches", "journal"])
async def test_what_follows_the_filter_key_is_text_not_commands(screen: str, field: str) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        burst(app, screen, "/", *"scrudq")
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "scrudq")
        assert not field or app.focused is app.screen.query_one(field)
        assert not [request for kind in ACTING for request in port.asked(kind)] and not isinstance(app.screen, ChoiceDialog)


async def test_what_follows_the_key_of_the_composer_is_typed_into_it() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        burst(app, "d", "end", *["backspace"] * 3, *"450", "c", "s")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen) and app.screen.query_one("#composer-power", Input).value == "450")
        assert len(app.screen_stack) == 2


async def test_a_new_target_typed_at_once_is_in_the_field() -> None:
    async with running(FakePort()) as (app, pilot):
        burst(app, "u", *"1200", "c")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog) and app.screen.query_one(Input).value == "1200")


async def test_stop_does_not_wait_for_what_opens() -> None:
    async with running(FakePort()) as (app, pilot):
        app._opening += 1  # something opens, and does not get there
        burst(app, "c", "f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and app.screen.id == "ask-stop")
        assert [event.key for event in app._held_keys] == ["c"]


async def test_an_action_that_takes_long_does_not_make_the_console_deaf() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        burst(app, "r", "2")  # the answer to the first opens nothing
        await until(pilot, lambda: app.scope.value == "Fleet")
        assert not app._held_keys
