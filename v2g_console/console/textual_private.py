"""The only file that touches Textual's private parts: the crash screen (it would print local variables), and the filter of drawn lines."""

import traceback
from typing import Final, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.worker import WorkerFailed

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

    def draw_in_ascii(self) -> None:
        """From now on nothing but ASCII leaves for the terminal, whoever drew it."""
        self._filters.append(AsciiOnly())


class AsciiOnly(LineFilter):
    """Replaces what is not ASCII cell by cell: frames and bars by their likeness, the rest by `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, as wide as before."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control) for segment in segments
        ]


_LIKENESS: Final = {
    **dict.fromkeys("─━▔▁▂═", "-"),
    **dict.fromkeys("│┃▌▐▎▊║", "|"),
    **dict.fromkeys("┌┐└┘├┤╭╮╰╯", "+"),
    "…": "~",
    "•": "*",
    "█": "#",
}


def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else _LIKENESS.get(char, "?" * cell_len(char)) for char in text)


def report_without_values(error: BaseException | None) -> str:
    """The call stack and the message of `error`, without values of variables and without control characters."""
    if isinstance(error, WorkerFailed):
        error = error.error
    if error is None:
        return "the console ended for an unknown reason"
    told = "".join(traceback.format_exception(error))
    return "\n".join(visible(row)[:500] for row in told.splitlines())
