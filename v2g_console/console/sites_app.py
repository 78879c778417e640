"""The console over several engines: each has its own screens, selections and dialogs, and none waits for another."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.command import CommandPalette
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import AwaitMount

from v2g_console.console.actions import Action, Scope, actions_of
from v2g_console.console.app import ConsoleApp, EndSwitch, run_app
from v2g_console.console.background import start_work
from v2g_console.console.farewell import sites_rows
from v2g_console.console.guards import may_stop_here
from v2g_console.console.model import ConsoleModel
from v2g_console.console.operating import NO
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.outcomes import Outcomes
from v2g_console.console.per_site import PerSite
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.base import bindings_of
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.site_chooser import SiteChooser
from v2g_console.console.screens.stop_all import StopAllScreen
from v2g_console.console.sites import Site, SiteWay, neighbour, sites_of
from v2g_console.console.stop_all import Outcome, StopAll
from v2g_console.console.textual_private import rebind
from v2g_console.console.widgets.site_strip import SiteStrip
from v2g_console.console.widgets.site_tag import BELONGS_TEXT, SiteTag, hang_site_tag
from v2g_console.contract.events import AlarmRaised
from v2g_console.contract.requests import Origin

_OF_NO_SITE: Final = (CommandPalette, SiteChooser, StopAllScreen)
"""Dialogs that act on no site, or on all: they don't keep the operator where he is."""
_ROOMY_LINES, _ROOMY_CELLS = 14, 60


class SitesApp(ConsoleApp):
    """`sites` in the order they were named, at least two; `shown` is on screen. `model` is that of the site a handler was called for: it
    stays the same until the handler ends, wherever the operator goes meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(actions_of(Scope.SITES))

    DEFAULT_MODE = "site-1"
    # What one site is in the middle of must not hold up, or be told of, another.
    outcomes: PerSite[Outcomes] = PerSite(Outcomes)
    pulling: PerSite[bool] = PerSite(bool)
    _under_way: PerSite[set[str]] = PerSite(set)

    def __init__(
        self, ways: Sequence[SiteWay], origin: Origin, options: ConsoleOptions, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._acting: ContextVar[Site | None] = ContextVar("acting", default=None)
        self._shown: Site | None = None
        self.own: dict[tuple[str, Site | None], object] = {}
        super().__init__(ways[0].port, origin, options, monotonic_s)
        self.sites = sites_of(ways, self._first_model, origin, monotonic_s)
        self._shown = self.sites[0]
        for site in self.sites:
            site.model.keys = options.keys
            self.add_mode(site.mode, partial(OverviewScreen, site.model, self.glyphs))
        rebind(self, bindings_of(actions_of(Scope.GLOBAL) + actions_of(Scope.SITES), options.keys), options.keys)

    @property
    def model(self) -> ConsoleModel:
        """What is known of the site that is acted on: that of the handler which asks, else the one on screen."""
        return self._first_model if self._shown is None else self.acting.model

    @model.setter
    def model(self, model: ConsoleModel) -> None:
        self._first_model = model

    @property
    def shown(self) -> Site:
        """The site on screen."""
        assert self._shown is not None
        return self._shown

    @property
    def acting(self) -> Site:
        """The site of the handler that asks, else the one on screen."""
        return self._acting.get() or self.shown

    @property
    def acting_or_none(self) -> Site | None:
        """As `acting`; None while the console is being made."""
        return self._acting.get() or self._shown

    @contextmanager
    def acting_for(self, site: Site) -> Iterator[None]:
        """Whatever is called or begun within is about `site`."""
        token = self._acting.set(site)
        try:
            yield
        finally:
            self._acting.reset(token)

    # Pictures: each site is asked by a task of its own.

    def tick(self) -> None:
        """Ask every site for its picture that is not being asked already; nobody waits for anybody."""
        self.lock_if_due()
        for site in self.sites:
            with self.acting_for(site):
                if not self.pulling and site.due(site is self.shown):
                    self.pulling = True
                    start_work(self, "refresh", self._pull)
        self.show_model()

    def show_model(self) -> None:
        """Draw what is on screen; news of another site change the strip only."""
        if self.acting is self.shown:
            with self.acting_for(self.shown):
                super().show_model()
        else:
            for screen in self.screen_stack if self.is_running else ():
                for strip in screen.query(SiteStrip):
                    strip.show_sites()

    # What is told names its site, and an alarm elsewhere is told where the operator looks.

    def told_as(self, text: str) -> str:
        """With the site it is about."""
        site = self._acting.get()
        return text if site is None else f"{site.name}: {text}"

    def _tell_alarm(self, alarm: AlarmRaised) -> None:
        """The banner shows only what is on screen here."""
        if self.acting is self.shown:
            super()._tell_alarm(alarm)
        else:
            self.say(f"ALARM {alarm.text}: {alarm.response}", "error" if alarm.priority == 1 else "warning")

    def lock_if_due(self) -> None:
        """Each engine has its own rule for consoles that nobody touches."""
        for site in self.sites:
            with self.acting_for(site):
                super().lock_if_due()

    def touched(self) -> None:
        """Whoever is at one site is at the console."""
        for site in self.sites:
            site.model.view_lock.touch()

    async def action_invoke(self, action_id: str) -> None:
        """As everywhere, for the site on screen at this moment."""
        with self.acting_for(self.shown):
            await super().action_invoke(action_id)

    def offered_actions(self) -> tuple[Action, ...]:
        """The palette goes to other sites too."""
        return actions_of(Scope.SITES) + super().offered_actions()

    # Going from one site to another.

    def do_next_site(self) -> Awaitable[None] | None:
        """The next one, round the end."""
        return self._go_to(neighbour(self.sites, self.shown, 1))

    def do_previous_site(self) -> Awaitable[None] | None:
        """The one before, round the end."""
        return self._go_to(neighbour(self.sites, self.shown, -1))

    async def do_choose_site(self) -> None:
        """A list of all, unless a dialog keeps the operator here."""
        if self._keeps_here() is not None:
            self._refuse_to_leave()
        elif not any(isinstance(screen, SiteChooser) for screen in self.screen_stack):
            number = await self.push_screen_wait(SiteChooser(self.sites, self.shown, self.glyphs))
            if number is not None:
                await self._go_to_later(self.sites[number - 1])

    async def action_show_site(self, number: int) -> None:
        """A click in the strip."""
        await self._go_to_later(self.sites[number - 1])

    def _go_to(self, site: Site) -> Awaitable[None] | None:
        """At once, so that the next key is about `site` already; only while a screen is on its way, after that."""
        if self._navigation.locked():
            return self._go_to_later(site)
        self._switch(site)
        return None

    async def _go_to_later(self, site: Site) -> None:
        async with self._navigation:
            self._switch(site)

    def _switch(self, site: Site) -> None:
        """Draw `site`; refused while a dialog is open that belongs to the one on screen."""
        if self._keeps_here() is not None:
            self._refuse_to_leave()
        elif site is not self.shown:
            self._shown = site
            with self.acting_for(site):  # what Textual begins here (the site's first screen) is about that site for good
                self.switch_mode(site.mode)
                self.show_model()

    def _keeps_here(self) -> Screen[Any] | None:
        """The dialog that belongs to the site on screen, if one is open."""
        return next((one for one in self.screen_stack if isinstance(one, ModalScreen) and not isinstance(one, _OF_NO_SITE)), None)

    def _refuse_to_leave(self) -> None:
        """Said in the dialog itself, since some dialogs show no toasts."""
        tags = list(self.screen.query(SiteTag))
        for tag in tags:
            tag.refuse()
        (self.note if tags else self.say)(f"this dialog {BELONGS_TEXT}", "warning")

    # Screens stay in the stack of their own site.

    def push_screen(self, screen: Any, callback: Any = None, wait_for_dismiss: bool = False, *, mode: str | None = None) -> Any:
        """As Textual's. What a handler wants to show after the operator went to another site is dropped: it would be answered for that."""
        site = self.acting
        if site is not self.shown:
            self.say("nothing more is asked there, since another site is on screen now", "warning")
            return _never() if wait_for_dismiss else AwaitMount(self.screen, [])
        pushed = super().push_screen(screen, callback, wait_for_dismiss, mode=mode)  # type: ignore[call-overload]  # wants a literal
        if isinstance(screen, ModalScreen) and not isinstance(screen, _OF_NO_SITE):
            screen.call_later(hang_site_tag, screen, site.name)
        return pushed

    # STOP: here, or everywhere.

    async def do_stop(self) -> None:
        """STOP DISPATCH at the site on screen; all sites are an answer of its own."""
        if any(screen.id == "ask-stop" for screen in self.screen_stack):
            return
        site, not_here = self.acting, may_stop_here(self.model)
        everywhere = Choice("all", "A", f"STOP ALL {len(self.sites)}")
        wide = self.size.width >= _ROOMY_CELLS
        no, here = (NO, Choice("stop", "y", "Yes, STOP")) if wide else (Choice("stay", "n", "No"), Choice("stop", "y", "STOP"))
        choices = [everywhere] if not_here is not None else [here, everywhere]
        names = safe_text(f" stops all {len(self.sites)}: {', '.join(one.name for one in self.sites)}", min(66, self.size.width - 6))
        question = [
            *self._stop_words(),
            self.load_line(),
            line(("y", "bold"), f" stops {site.name} only") if not_here is None else line((f"{site.name}: {not_here}", "bold")),
            line(("A", "bold"), names),
        ]
        match await self.push_screen_wait(ChoiceDialog("STOP DISPATCH", question, no, choices, id="ask-stop")):
            case "stop":
                await self.stop_now()
            case "all":
                await self._stop_all()

    def _stop_words(self) -> list[Content]:
        """What STOP does; in few words where the answers would not fit on screen else."""
        if self.size.height < _ROOMY_LINES:
            return [line("Every vehicle back to its baseline.")]
        return [line("Sends every vehicle back to its baseline and blocks new"), line("dispatches until somebody resumes.")]

    async def _stop_all(self) -> None:
        stop = StopAll(self.sites)
        screen = StopAllScreen(stop)
        asked = asyncio.create_task(stop.ask(screen.show_outcomes))
        self.push_screen(screen)
        await asked
        for one in stop.outcomes:
            if one.outcome is Outcome.TAKEN:
                with self.acting_for(one.site):
                    self.outcomes.follow_stop(one.site.model.snapshot)
        self._acting.set(None)  # what follows is about all of them
        self.say(stop.summary(), "warning" if stop.complete else "error")


def _never() -> asyncio.Future[Any]:
    """An answer that never comes: whoever waits for it ends."""
    cancelled: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    return cancelled


def run_sites(
    ways: Sequence[SiteWay], origin: Origin, options: ConsoleOptions, come_back: str, switch: EndSwitch | None = None
) -> ConsoleExit:
    """As `app.run_console`, over several engines. `come_back`: the command that shows the same sites again."""
    app = SitesApp(ways, origin, options)
    return run_app(app, switch, lambda: sites_rows([site.model for site in app.sites], come_back))
