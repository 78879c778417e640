"""Lines on standard output: made safe, arrows as words, and never in the middle of what somebody types without repeating it."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TextIO

from v2g_console.domain.text import visible

LONGEST_LINE_CHARS: Final = 2000
_WORDS: Final = str.maketrans({"▲": "up", "▼": "down", "…": "..."})


class Speaker:
    """Writes to `out`. `typed` gives the prompt and what stands behind it now, "" if nobody is being asked."""

    def __init__(self, out: TextIO, ascii_only: bool) -> None:
        self._out = out
        self._ascii = ascii_only
        self.typed: Callable[[], str] = str
        self.lost = False
        """nobody reads any more"""

    def say(self, *lines: str) -> None:
        """A line each; everything from outside may be in them."""
        typed = self.typed()
        text = "".join(f"{self.clean(line)}\n" for line in lines)
        self._write(f"\n{text}{typed}" if typed else text)

    def say_all(self, lines: Iterable[str]) -> None:
        """Lines at once."""
        self.say(*lines)

    def prompt(self, text: str) -> None:
        """The beginning of a line that somebody else will end."""
        self._write(self.clean(text))

    def clean(self, text: str) -> str:
        """`text` as it may be written: one line, nothing that a terminal obeys, on request ASCII only."""
        spaces = len(text) - len(text.lstrip(" "))
        shown = " " * spaces + visible(text[spaces:LONGEST_LINE_CHARS]).translate(_WORDS)
        return shown.encode("ascii", "backslashreplace").decode("ascii") if self._ascii else shown

    def _write(self, text: str) -> None:
        if self.lost:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except UnicodeEncodeError:
            self._write(text.encode("ascii", "backslashreplace").decode("ascii"))
        except (OSError, ValueError):
            self.lost = True
            with suppress(OSError, ValueError):
                # So that Python's last flush at exit goes nowhere instead of complaining.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
