"""The only file that touches Textual's private parts: the crash screen (it would print local variables), the filter of drawn lines, and
the file that the driver writes to (it would wait for ever for a terminal that nobody reads)."""

import signal
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.app import App
from textual.binding import BindingsMap, BindingType
from textual.color import Color
from textual.dom import DOMNode
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.worker import WorkerFailed

from v2g_console.config.redact import redacted
from v2g_console.console.glyphs import ASCII_SIGNS
from v2g_console.console.patient_terminal import PatientTerminal
from v2g_console.domain.text import visible

Result = TypeVar("Result")


class QuietCrashApp(App[Result], inherit_bindings=False):
    """An App whose crash report has the call stack without any values. The report is kept in `crash_report` ("" while all is well)."""

    crash_report: str = ""

    def _fatal_error(self) -> None:
        """Replace Textual's report (`show_locals=True`) by one without locals, with every line made visible text."""
        self.bell()
        self.crash_report = report_without_values(self._exception)
        self._exit_renderables.append(Text(self.crash_report))
        self._close_messages_no_wait()

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """Nothing under a full screen: Textual takes what is below for visible, and paints everything anew with each change down there."""
        return super()._background_screens if self._screen_stack and self._screen_stack[-1].is_modal else []

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, on a terminal the patient one."""
        chosen = super().get_driver_class()
        return PatientDriver if chosen is LinuxDriver else chosen

    def end_with_terminal(self) -> None:
        """The end has come: wait no longer for a terminal that nobody reads. May be called from a signal handler."""
        if isinstance(self._driver, PatientDriver) and self._driver.terminal is not None:
            self._driver.terminal.end()

    @property
    def terminal_usable(self) -> bool:
        """False once the terminal was closed, or was given up because nobody read it."""
        return not isinstance(self._driver, PatientDriver) or self._driver.terminal is None or self._driver.terminal.usable

    def redraw_theme(self) -> None:
        """The present theme has other colours now; Textual notices only another name."""
        self._watch_theme(self.theme)

    def draw_in_ascii(self) -> None:
        """From now on nothing but ASCII leaves for the terminal, whoever drew it."""
        self._filters.append(AsciiOnly())


class PatientDriver(LinuxDriver):
    """Textual's driver on a terminal that may be closed, or never read: neither keeps the program from its end."""

    terminal: PatientTerminal | None = None

    def start_application_mode(self) -> None:
        """Take the terminal, at the start and after every suspension."""
        stream = sys.__stderr__
        assert stream is not None
        self.terminal = PatientTerminal(stream.fileno(), self._lost)
        self._file = self.terminal  # type: ignore[assignment]  # typed as a stream; the driver only hands it on to its writer thread
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual left it so

    def _lost(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit)

    def _sigcont_application(self, *_: object) -> None:
        """Resume only what was suspended: a closing terminal sends SIGCONT too, at any time."""
        if self._must_signal_resume:
            super()._sigcont_application()

    def stop_application_mode(self) -> None:
        """Restore the terminal, if it still takes anything."""
        if self.terminal is not None:
            self.terminal.end()
        super().stop_application_mode()

    def close(self) -> None:
        """Write what is left, and leave."""
        super().close()
        if self.terminal is not None:
            self.terminal.close()


def forget_stop_signals() -> None:
    """Textual leaves its handlers of Ctrl+Z and its end behind: they would draw on a screen that is gone."""
    for number in (signal.SIGTSTP, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)


def rebind(node: DOMNode, bindings: Iterable[BindingType], changed: Mapping[str, object]) -> None:
    """Give a screen or the app other keys for the actions of the registry; nothing happens while none is `changed`.

    Textual's own way (`set_keymap`) can't take a key away, and gives keys to fields that consume them.
    """
    if not changed:
        return
    kept = BindingsMap(
        binding for bound in node._bindings.key_to_bindings.values() for binding in bound if not binding.action.startswith("app.invoke(")
    )
    node._bindings = BindingsMap.merge([kept, BindingsMap(bindings)])


@dataclass(frozen=True, slots=True)
class Bound:
    """What a key leads to: an action of `owner` ("": none, or a field takes it as text), and whether before anything that has the focus."""

    action: str = ""
    priority: bool = False
    owner: DOMNode | None = field(default=None, compare=False)


def bound_first(app: App[Result], event: Key) -> Bound:
    """The binding that Textual would find first for a key, from where the focus is; nothing where a field with the focus takes it."""
    key, focused = event.key, app.focused
    for _, bindings in reversed(app.screen._binding_chain):
        for binding in bindings.key_to_bindings.get(key, ()):
            if binding.priority:
                return Bound(binding.action, True)
    if focused is not None and focused.check_consume_key(key, event.character):
        return Bound()
    for owner, bindings in app.screen._modal_binding_chain:
        for binding in bindings.key_to_bindings.get(key, ()):
            if not binding.priority:
                return Bound(binding.action, owner=owner)
    return Bound()


class AsciiOnly(LineFilter):
    """Replaces what is not ASCII cell by cell: frames, bars and arrows by their likeness, the rest by `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, as wide as before."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control) for segment in segments
        ]


_LIKENESS: Final = {
    **dict.fromkeys("─━▔▁▂═", "-"),
    **dict.fromkeys("│┃▌▐▎▊║", "|"),
    **dict.fromkeys("┌┐└┘├┤╭╮╰╯", "+"),
    **ASCII_SIGNS,
    "•": "*",
    "█": "#",
}


def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else _LIKENESS.get(char, "?" * cell_len(char)) for char in text)


def report_without_values(error: BaseException | None) -> str:
    """The call stack and the message of `error`, without values of variables, secrets and control characters."""
    if isinstance(error, WorkerFailed):
        error = error.error
    if error is None:
        return "the console ended for an unknown reason"
    told = redacted("".join(traceback.format_exception(error)))
    return "\n".join(visible(row)[:500] for row in told.splitlines())


def set_length(view: ScrollView, size: Size) -> None:
    """Give a list another length. Assigning it would lay out the whole screen anew, at each key of a filter; its scroll bar is enough."""
    if view.virtual_size != size:
        view.set_reactive(Widget.virtual_size, size)
        view._scroll_update(size)
