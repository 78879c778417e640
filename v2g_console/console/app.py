"""The Textual application: one refresh tick, the screens, the themes, and the one place where actions are carried out."""

import asyncio
import inspect
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from v2g_console.console.actions import ACTIONS, Action, Danger, Scope, action_of, actions_of
from v2g_console.console.background import start_work
from v2g_console.console.event_text import told_of_event
from v2g_console.console.farewell import farewell
from v2g_console.console.glyphs import glyphs_for
from v2g_console.console.idle_imports import import_all
from v2g_console.console.keys import key_text
from v2g_console.console.model import SHOWN_PRIORITY, ConsoleModel, ShowsSnapshot
from v2g_console.console.navigating import NavigatingApp
from v2g_console.console.options import ConsoleExit, ConsoleOptions, Severity
from v2g_console.console.palette import ActionProvider
from v2g_console.console.patient_terminal import write_patiently
from v2g_console.console.replay import ReplayPort
from v2g_console.console.screens.base import ConsoleScreen, bindings_of
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.terminal import wants_no_color
from v2g_console.console.textual_private import forget_stop_signals, rebind
from v2g_console.console.themes import BUILT_IN, variables
from v2g_console.console.theming import ThemingApp
from v2g_console.contract.events import AlarmRaised, ApprovalAsked, Event
from v2g_console.contract.port import EnginePort
from v2g_console.contract.requests import Origin

log = logging.getLogger(__name__)
BELL_EVERY_S: Final = 5.0
IDLE_AFTER_S: Final = 0.5


class ConsoleCrashError(RuntimeError):
    """The console broke; the message is its report, without values of variables."""


class ConsoleApp(ThemingApp, NavigatingApp):
    """The console over one engine. `shelf` holds the themes; `model` what is known."""

    TITLE = "V2G CONSOLE"
    COMMANDS: ClassVar = {lambda: ActionProvider}
    # Textual would bind its own palette key; the registry has ours.
    ENABLE_COMMAND_PALETTE = False
    # Tab is decided before the next key goes anywhere: Textual's own would let keys typed quickly after it land in the old field.
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of(actions_of(Scope.GLOBAL)),
        Binding("tab", "focus_next", "Next", show=False, priority=True),
        Binding("shift+tab", "focus_previous", "Previous", show=False, priority=True),
    ]
    CSS = """
    ConsoleScreen { background: $background; color: $foreground; scrollbar-size-vertical: 1; }
    .-ascii Pane, .-ascii FleetPane, .-ascii ChoiceDialog > Vertical { border: ascii $line; }
    .-ascii Pane:focus, .-ascii FleetPane:focus-within { border: ascii $focus; }
    .-ascii * { scrollbar-size: 0 0; }
    .-ascii SearchIcon { display: none; }
    """

    def __init__(
        self,
        port: EnginePort,
        origin: Origin,
        options: ConsoleOptions,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        # Decided before Textual's own set-up, which removes NO_COLOR: with native colours on, its filter then takes every colour away.
        super().__init__(ConsoleModel(port, origin, monotonic_s), ansi_color=True if wants_no_color() else None)
        self.options = options
        self.model.recording = options.recording
        self.model.keys = options.keys
        of_replay = actions_of(Scope.REPLAY) if self.model.replay is not None else ()
        rebind(self, bindings_of(actions_of(Scope.GLOBAL) + of_replay, options.keys), options.keys)
        self.glyphs = glyphs_for(options.ascii)
        self._theme_problem = self.shelve_themes(options.theme)
        self._monotonic_s = monotonic_s
        self.pulling = False
        self._under_way: set[str] = set()
        self._rang_at_s: float | None = None
        self.set_class(options.ascii, "-ascii")
        if options.ascii:
            self.draw_in_ascii()
        self.when_running: Callable[[], None] | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our style names, for Textual's own themes."""
        return variables(BUILT_IN)

    def get_default_screen(self) -> Screen[None]:
        """The overview."""
        return OverviewScreen(self.model, self.glyphs)

    def on_mount(self) -> None:
        """Start the refresh tick; the first picture is drawn before the engine is asked for anything."""
        for problem in (*self.shelf.problems, self._theme_problem):
            if problem:
                self.say(problem, "warning")
        for wrong in self.options.keys_wrong:
            self.say(f"the built-in keys hold, since those of the configuration can't be used: {wrong}", "warning")
        self.watch_themes()
        self.set_interval(1.0 / self.options.refresh_hz, self.tick)
        self.call_after_refresh(self.tick)
        self.set_timer(IDLE_AFTER_S, self._load_the_rest)
        if self.when_running is not None:
            self.when_running()

    def _load_the_rest(self) -> None:
        """Screens are imported when they are first needed, for a quick start, or now that the first one stands."""
        start_work(self, "imports", import_all)

    def tick(self) -> None:
        """Ask for the newest picture unless the last question is still open; then only the age of what is shown moves on."""
        self.lock_if_due()
        for news in self.options.recording.unread() if self.options.recording is not None else ():
            self.say(news, "warning")
        if self.pulling:
            self.show_model()
            return
        self.pulling = True
        start_work(self, "refresh", self._pull)

    async def _pull(self) -> None:
        try:
            await self.model.pull()
        finally:
            self.pulling = False
        self.show_model()
        self._announce(self.model.newest_events)
        if gone := self.model.dropped_news():
            self.say(gone, "warning")
        if self.model.snapshot is not None:
            outcomes = self.outcomes.settled(self.model.snapshot)
            for said in filter(None, self.outcomes.over):
                self.telling.take_back(self.told_as(said))
            for told in outcomes:
                self.say(*told)

    def show_model(self) -> None:
        """Draw the newest picture on the topmost full screen and on the dialogs over it.

        A screen that another one covers draws when it comes back: Textual would paint the covering one anew with each change under it.
        """
        stack = self.screen_stack if self.is_running else []
        covered = max((place for place, screen in enumerate(stack) if isinstance(screen, ConsoleScreen)), default=0)
        for screen in stack[covered:]:
            if isinstance(screen, ConsoleScreen):
                screen.refresh_from_model()
            elif isinstance(screen, ShowsSnapshot) and screen.is_mounted and self.model.snapshot is not None:
                screen.apply_snapshot(self.model.snapshot)

    def _announce(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, AlarmRaised | ApprovalAsked):
                self._ring()
            if isinstance(event, AlarmRaised):
                self._tell_alarm(event)
            told = told_of_event(event)
            if told is not None:
                self.say(*told)

    def _tell_alarm(self, alarm: AlarmRaised) -> None:
        """The banner shows it until it is answered, so a toast, which hides what is under it, is for alarms without a banner."""
        told = f"ALARM {alarm.text}: {alarm.response}"
        severity: Severity = "error" if alarm.priority == 1 else "warning"
        if alarm.priority <= SHOWN_PRIORITY:
            self.note(told, severity)
        else:
            self.say(told, severity)

    def _ring(self) -> None:
        now_s = self._monotonic_s()
        if self._rang_at_s is None or now_s - self._rang_at_s >= BELL_EVERY_S:
            self._rang_at_s = now_s
            self.bell()

    @property
    def scope(self) -> Scope:
        """Whose keys apply: the scope of the topmost full screen."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, ConsoleScreen)]
        return screens[-1].scope if screens else Scope.OVERVIEW

    def offered_actions(self) -> tuple[Action, ...]:
        """What the palette offers here."""
        return tuple(action for action in ACTIONS if action.in_palette and action.scope in {Scope.GLOBAL, self.scope})

    def told_of(self, action: Action) -> str:
        """The palette's small print: the keys, or why not now."""
        blocked = action.blocked(self.model)
        return f"not now: {blocked}" if blocked else " ".join(key_text(key) for key in action.bound(self.model))

    async def action_invoke(self, action_id: str) -> None:
        """Carry out an action of the registry, or say why not. Handlers that wait run beside the message loop."""
        action = action_of(action_id)
        blocked = action.blocked(self.model)
        if blocked is not None:
            self.say(f"{action.title}: {blocked}", "warning")
            return
        if action.handler in self._under_way:
            if isinstance(self.screen, ConsoleScreen) and action.danger is not Danger.NONE:
                told = f"{action.title}: the engine has not answered the last one yet"
                if told not in list(self.notices)[-1:]:
                    self.say(told, "warning")
            return
        handler = getattr(self.screen, f"do_{action.handler}", None) or getattr(self, f"do_{action.handler}")
        asked_on, worker = self.screen, None
        if inspect.iscoroutinefunction(handler):
            if action.handler != "stop":  # can be asked for at any time, also while an answer is waited for
                self._under_way.add(action.handler)
            worker = start_work(self, "operate", self._carry_out, action, handler)
        else:
            handler()
        self.hold_keys(worker, asked_on)

    async def _carry_out(self, action: Action, handler: Callable[[], Awaitable[object]]) -> None:
        """A key that is held or doubled starts nothing twice."""
        try:
            await handler()
        finally:
            self._under_way.discard(action.handler)

    def do_palette(self) -> None:
        """Textual's command palette, filled from the registry."""
        self.push_screen(CommandPalette(placeholder="What to do?"))

    async def do_help(self) -> None:
        """Help on this screen."""
        from v2g_console.console.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            await self._open(HelpScreen(self.model, self.glyphs, self.scope))

    async def do_quit_console(self) -> None:
        """Leave; an engine that is another process is left as it is, without a question."""
        if self.options.attached:
            self.exit(ConsoleExit.DETACHED)
        else:
            await super().do_quit_console()

    async def do_filter_fleet(self) -> None:
        """The fleet with its filter open."""
        await self.do_go_fleet()
        await self.action_invoke("fleet.filter")


class EndSwitch:
    """Ends the console from outside its loop: from an OS signal's handler or another thread. Harmless before and after its run."""

    def __init__(self) -> None:
        self._app: ConsoleApp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pressed = False

    def arm(self, app: ConsoleApp) -> None:
        """Called on the console's loop when it runs."""
        self._app, self._loop = app, asyncio.get_running_loop()
        if self._pressed:
            self.press()

    def press(self) -> None:
        """End the console with `ConsoleExit.ENDED`; may be called from anywhere, any number of times."""
        self._pressed = True
        if self._app is not None:
            self._app.end_with_terminal()
        if self._app is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._app.exit, ConsoleExit.ENDED)


def run_console(port: EnginePort, origin: Origin, options: ConsoleOptions, switch: EndSwitch | None = None) -> ConsoleExit:
    """Draw until the operator leaves, on the calling (main) thread. The terminal is restored before it returns.

    `port` must be usable from the loop that Textual makes here. `terminal.prepare` must have run. Raises ConsoleCrashError.
    """
    from v2g_console.console.replaying import ReplayApp

    app = (ReplayApp if isinstance(port, ReplayPort) else ConsoleApp)(port, origin, options)
    return run_app(app, switch, lambda: farewell(options, app.model.snapshot, app.model.contact().problem))


def run_app(app: ConsoleApp, switch: EndSwitch | None, told: Callable[[], list[str]]) -> ConsoleExit:
    """Run until the operator leaves, restore the terminal, and write the lines of `told`. Raises ConsoleCrashError."""
    if switch is not None:
        armed = switch
        app.when_running = lambda: armed.arm(app)
    try:
        chosen = app.run()
    finally:
        forget_stop_signals()
    if app.crash_report:
        raise ConsoleCrashError(app.crash_report)
    if app.terminal_usable:
        write_patiently(sys.stdout, "".join(f"{row}\n" for row in told()))
    return ConsoleExit.ENDED if chosen is None else chosen
