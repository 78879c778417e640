"""An answer that comes when its screen is being left, or lies under another question: it breaks nothing and closes no other screen."""

import asyncio

import pytest

from tests.console.harness import running, until
from tests.console.test_composer import HoldingPort, armed, composing
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.update_target import UpdateTargetDialog
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import Operate, Plan

TURNS = (1, 2, 3, 5, 8, 12)
"""Steps of the message loop between leaving and the answer: a screen needs some of them to lose its parts."""


async def turned(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", TURNS)
async def test_a_plan_that_comes_while_the_composer_is_being_left_has_nowhere_to_be_shown(turns: int) -> None:
    port = HoldingPort(Plan)
    async with running(port, (40, 10)) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: bool(port.asked(Plan)))
        app.screen.dismiss(None)
        await turned(turns)
        port.held.set_result(None)
        await pilot.pause()
        assert isinstance(app.screen, OverviewScreen) and not app.crash_report


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
async def test_what_became_of_a_send_is_told_once_and_closes_no_other_screen(turns: int, refused: bool) -> None:
    port = HoldingPort(Operate)
    if refused:
        port.answers[Operate] = lambda _: Refused(request="operate", reason=Refusal.LINK_DOWN, message="no link", hint="see the link pane")
    async with composing(port, (40, 10)) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("f5")
        await until(pilot, lambda: bool(port.asked(Operate)))
        composer.do_back()
        await turned(turns)
        port.held.set_result(None)
        await until(pilot, lambda: any(("no link" if refused else "sent: FCR") in one for one in app.notices))
        assert isinstance(app.screen, OverviewScreen) and len(app.screen_stack) == 1 and not app.crash_report


async def test_a_send_that_is_answered_under_another_question_leaves_that_question_alone() -> None:
    port = HoldingPort(Operate)
    async with composing(port) as (app, pilot, composer, clock):
        await armed(pilot, composer, clock)
        await pilot.press("f5")
        await until(pilot, lambda: bool(port.asked(Operate)))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        port.held.set_result(None)
        await until(pilot, lambda: any("sent: FCR" in one for one in app.notices))
        assert isinstance(app.screen, ChoiceDialog), "the question of STOP is not answered by that"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert not [one for one in app.screen_stack if isinstance(one, ComposerScreen)]


async def test_a_preview_that_comes_under_another_question_leaves_that_question_alone() -> None:
    port = HoldingPort(Plan)
    async with running(port) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"900", "enter")
        await until(pilot, lambda: bool(port.asked(Plan)))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        port.held.set_result(None)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, ChoiceDialog) and "STOP" in app.screen.heading
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
