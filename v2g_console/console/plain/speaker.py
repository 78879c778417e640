"""Lines on standard output: made safe, arrows as words, and never in the middle of what somebody types without repeating it."""

from collections.abc import Callable
from typing import Final, Protocol

from v2g_console.domain.text import visible

LONGEST_LINE_CHARS: Final = 2000
_PIECE_CHARS: Final = 1000
"""A pipe that takes anything takes 4096 bytes without blocking."""
_WORDS: Final = str.maketrans({"▲": "up", "▼": "down", "…": "..."})


class Outlet(Protocol):
    """Where text goes."""

    @property
    def usable(self) -> bool:
        """False once nobody reads any more."""

    def write(self, text: str) -> int:
        """Write all of it, or throw it away."""


class Speaker:
    """Writes to `out`. `typed` gives the prompt and what stands behind it now, "" if nobody is being asked."""

    def __init__(self, out: Outlet, ascii_only: bool) -> None:
        self._out = out
        self._ascii = ascii_only
        self.typed: Callable[[], str] = str

    @property
    def lost(self) -> bool:
        """Nobody reads any more."""
        return not self._out.usable

    def say(self, *lines: str) -> None:
        """A line each; anything from outside may be in them."""
        typed = self.typed()
        text = "".join(f"{self.clean(line)}\n" for line in lines)
        self._write(f"\n{text}{typed}" if typed else text)

    def prompt(self, text: str) -> None:
        """The beginning of a line that somebody else will end."""
        self._write(self.clean(text))

    def clean(self, text: str) -> str:
        """`text` as it may be written: one line, nothing that a terminal obeys, on request ASCII only."""
        shown = visible(text[:LONGEST_LINE_CHARS]).translate(_WORDS)
        return shown.encode("ascii", "backslashreplace").decode("ascii") if self._ascii else shown

    def _write(self, text: str) -> None:
        for start in range(0, len(text), _PIECE_CHARS):
            self._out.write(text[start : start + _PIECE_CHARS])
