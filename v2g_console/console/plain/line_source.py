"""Lines from a person or a pipe, read on a thread of their own, since reading blocks."""

import asyncio
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TextIO

LONGEST_LINE_CHARS: Final = 4000
TOO_LONG: Final = f"a-line-of-more-than-{LONGEST_LINE_CHARS}-characters"
"""Stands for such a line: no command is called that."""


class LineSource:
    """One line at a time from `stream`; if it is a terminal, with line editing and history. Belongs to one loop."""

    def __init__(self, stream: TextIO) -> None:
        self.interactive = stream.isatty()
        self._stream = stream
        self._pending: asyncio.Future[str | None] | None = None
        self._prompt = ""
        self._readline = _readline() if self.interactive and stream is sys.stdin else None
        self._saved: list[Any] | None = None
        if self.interactive:
            with suppress(termios.error, OSError, ValueError):
                self._saved = termios.tcgetattr(stream.fileno())

    def line(self, prompt: str) -> "asyncio.Future[str | None]":
        """The next line without its end, None at the end of the input. A line that nobody waited for in the end is the next one's."""
        self._prompt = prompt
        if self._pending is None or self._pending.done():
            self._pending = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._read, args=(prompt, self._pending, asyncio.get_running_loop()), daemon=True).start()
        return self._pending

    @property
    def waits(self) -> bool:
        """True while a line is being read."""
        return self._pending is not None and not self._pending.done()

    def typed(self) -> str:
        """The prompt and what was typed so far, to be written again behind a message; "" if nobody is asked at a terminal."""
        if not self.interactive or not self.waits or not self._prompt:
            return ""
        return self._prompt + ("" if self._readline is None else self._readline())

    def leave_question(self) -> None:
        """What was asked is asked no more, though the line may still be typed to its end: it answers the next question."""
        self._prompt = ""

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._saved is not None:
            with suppress(termios.error, OSError, ValueError):
                termios.tcsetattr(self._stream.fileno(), termios.TCSADRAIN, self._saved)

    def _read(self, prompt: str, answer: "asyncio.Future[str | None]", loop: asyncio.AbstractEventLoop) -> None:
        line: str | None
        try:
            line = input(prompt) if self._readline is not None else self._one_line()
            if line is not None and len(line) > LONGEST_LINE_CHARS:
                line = TOO_LONG
        except (EOFError, OSError, ValueError, UnicodeDecodeError):
            line = None
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_answered, answer, line)

    def _one_line(self) -> str | None:
        """A line of the stream; of one that is too long the beginning, and the rest is thrown away."""
        read = self._stream.readline(LONGEST_LINE_CHARS + 2)
        rest = read
        while rest and not rest.endswith("\n"):
            rest = self._stream.readline(LONGEST_LINE_CHARS)
        return read.rstrip("\r\n") if read else None


def _answered(answer: "asyncio.Future[str | None]", line: str | None) -> None:
    if not answer.done():
        answer.set_result(line)


def _readline() -> Callable[[], str] | None:
    """What is in the edited line, if this Python has line editing."""
    try:
        import readline
    except ImportError:
        return None
    readline.parse_and_bind("set enable-bracketed-paste off")  # it would send escape sequences at every prompt
    readline.set_auto_history(True)
    return readline.get_line_buffer
