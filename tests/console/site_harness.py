"""Running a console over several scripted engines."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, text, until
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.sites import Site, SiteWay
from v2g_console.console.sites_app import SitesApp
from v2g_console.console.widgets.site_strip import SiteStrip
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Request
from v2g_console.contract.snapshot import Snapshot

NAMES = ("paris", "lyon", "nice")


@asynccontextmanager
async def sites_running(
    ports: Sequence[FakePort],
    names: Sequence[str] = NAMES,
    size: tuple[int, int] = (120, 36),
    clock: SteppedClock | None = None,
    options: ConsoleOptions | None = None,
) -> AsyncIterator[tuple[SitesApp, Pilot[ConsoleExit]]]:
    """The console over `ports`, after every engine that answers has given its first picture; its clock moves only if a test moves it."""
    ways = [SiteWay(name, port) for name, port in zip(names, ports, strict=False)]
    app = SitesApp(ways, ORIGIN, options or ConsoleOptions(attached="/run/a.sock"), clock or SteppedClock())
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: all(_heard(site, port) for site, port in zip(app.sites, ports, strict=True)))
        app.tick()
        await pilot.pause()
        yield app, pilot


def _heard(site: Site, port: FakePort) -> bool:
    return site.model.snapshot is not None or bool(site.model.contact().problem) or port.gate is not None


async def ticked(pilot: Pilot[ConsoleExit], app: SitesApp, clock: SteppedClock, later_s: float = 2.0) -> None:
    """Time goes on, and every site that answers has been asked once more."""
    clock.now_s += later_s
    app.tick()
    await pilot.pause(0.02)
    app.tick()
    await pilot.pause()


def strip(app: SitesApp) -> str:
    """The line with all sites."""
    (row,) = app.screen.query_one(SiteStrip).rows
    return row.plain


async def until_text(pilot: Pilot[ConsoleExit], app: SitesApp, wanted: str) -> None:
    """Until it is on screen."""
    await until(pilot, lambda: wanted in text(app))


async def at(pilot: Pilot[ConsoleExit], app: SitesApp, name: str) -> None:
    """Until that site is on screen."""
    await until(pilot, lambda: app.shown.name == name)
    await pilot.pause()


def ports(*shown: Snapshot) -> list[FakePort]:
    """An engine for each picture, else three with an ordinary one."""
    return [FakePort(picture) for picture in shown or (pictures.normal(), pictures.normal(), pictures.normal())]


class Held:
    """Holds answers to one kind of request back until told."""

    def __init__(self, port: FakePort, kind: type[Request], answer: Callable[[Request], Reply] | None = None) -> None:
        self.gate = asyncio.Event()
        self.waiting = False
        ordinary = port.request

        async def request(asked: Request, origin: object) -> Reply:
            if isinstance(asked, kind):
                self.waiting = True
                await self.gate.wait()
            return await ordinary(asked, origin) if answer is None else answer(asked)  # type: ignore[arg-type]  # the kind it was chosen by

        port.request = request  # type: ignore[method-assign,assignment] # this one engine is slow
