"""Running the console against a scripted engine in tests, and reading its screen as text."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.console.fake_port import FakePort
from v2g_console.console.app import ConsoleApp
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.contract.requests import Origin

ORIGIN = Origin(user="ana", way="console")
TURNS = 400


class SteppedClock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def running(
    port: FakePort,
    size: tuple[int, int] = (120, 36),
    options: ConsoleOptions | None = None,
    clock: SteppedClock | None = None,
) -> AsyncIterator[tuple[ConsoleApp, Pilot[ConsoleExit]]]:
    """The console at that size (columns, rows), after its first picture was drawn; its clock moves only if a test moves it."""
    app = ConsoleApp(port, ORIGIN, options or ConsoleOptions(), clock or SteppedClock())
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.model.snapshot is not None or bool(app.model.contact().problem) or port.gate is not None)
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot[ConsoleExit], condition: Callable[[], bool]) -> None:
    """Let the console work until `condition` holds; fails after a bounded number of turns."""
    for _ in range(TURNS):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("the console never got there")


async def refreshed(pilot: Pilot[ConsoleExit], app: ConsoleApp) -> None:
    """One whole refresh tick from now on."""
    number = app.model.snapshot
    app.tick()
    await until(pilot, lambda: not app.pulling)
    await pilot.pause()
    assert number is None or app.model.snapshot is not None


def rows(app: ConsoleApp) -> list[str]:
    """What is on the screen, a string a row, from the compositor itself."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def text(app: ConsoleApp) -> str:
    """The whole screen."""
    return "\n".join(rows(app))
