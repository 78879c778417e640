"""A send that is held: counted down, called back by Esc, and by anything an operator must see first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.composer_flow import Step
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.contract.requests import Operate

DELAY_S = 3.0
Held = tuple[ConsoleApp, Pilot[ConsoleExit], ComposerScreen, SteppedClock]


@asynccontextmanager
async def held(port: FakePort) -> AsyncIterator[Held]:
    """A plan armed, read, and sent with a delay."""
    clock = SteppedClock()
    async with running(port) as (app, pilot):
        composer = ComposerScreen(app.model, app.glyphs, clock, DELAY_S)
        await app.push_screen(composer)
        await until(pilot, lambda: composer.flow.current)
        await pilot.press("enter")
        await until(pilot, lambda: composer.flow.step is Step.ARMED)
        clock.now_s += 1.0
        await pilot.press("f5")
        assert composer.flow.step is Step.HELD
        yield app, pilot, composer, clock


async def test_it_goes_out_when_the_time_is_over_and_not_before() -> None:
    port = FakePort()
    async with held(port) as (app, pilot, _, clock):
        assert "SENDS IN" in text(app) and "Esc calls it back" in text(app) and " 3.0 s" in text(app)
        clock.now_s += DELAY_S - 0.6
        await until(pilot, lambda: " 0.6 s" in text(app))
        assert port.asked(Operate) == []
        clock.now_s += 0.7
        await until(pilot, lambda: len(port.asked(Operate)) == 1)
        await until(pilot, lambda: any("their answers are coming in" in notice for notice in app.notices))


async def test_esc_calls_it_back() -> None:
    port = FakePort()
    async with held(port) as (app, pilot, composer, clock):
        await pilot.press("escape")
        assert "called back: nothing was sent" in text(app) and composer.flow.step is Step.EDITING
        clock.now_s += 60.0
        await refreshed(pilot, app)
        assert port.asked(Operate) == []


async def test_another_press_sends_nothing_sooner() -> None:
    port = FakePort()
    async with held(port) as (_, pilot, _, clock):
        for _ in range(10):
            clock.now_s += 0.1
            await pilot.press("f5", "enter")
        assert port.asked(Operate) == []


async def test_stop_in_the_meantime_calls_it_back() -> None:
    port = FakePort()
    async with held(port) as (app, pilot, composer, clock):
        await pilot.press("f8")
        await until(pilot, lambda: app.screen.id == "ask-stop")
        clock.now_s += 60.0
        await until(pilot, lambda: composer.flow.step is Step.EDITING)
        assert port.asked(Operate) == []


async def test_what_forbids_a_send_calls_it_back_with_the_reason() -> None:
    port = FakePort()
    async with held(port) as (app, pilot, composer, clock):
        port.show(pictures.stopped())
        await refreshed(pilot, app)
        clock.now_s += 60.0
        await until(pilot, lambda: composer.flow.step is Step.EDITING)
        assert "called back, nothing was sent: STOP is latched" in text(app)
        assert port.asked(Operate) == []


async def test_a_held_send_leaves_the_engine_time_to_take_it() -> None:
    async with held(FakePort()) as (_, _, composer, _):
        assert composer.flow.armed_s + DELAY_S < 10.0
