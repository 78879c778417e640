"""The terminal as something to write on that may be slow for ever while the console runs, but never holds up its end."""

import os
import select
import termios
import time
from collections.abc import Callable
from typing import Final, TextIO

PATIENCE_S: Final = 1.0
"""At the end a terminal that takes nothing for this long is given up: vehicles wait for their release."""
_POLL_S: Final = 0.05
_LEAVE: Final = b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"


class PatientTerminal:
    """A text file for one writing thread. `when_lost` is called from that thread, once, when the terminal has been closed.

    Writes wait for a slow reader. After `end` they wait only while the reader goes on reading; then, or once the terminal is closed, what
    is written is thrown away, and `usable` is false.
    """

    def __init__(self, descriptor: int, when_lost: Callable[[], None]) -> None:
        self._when_lost = when_lost
        self._ending = False  # no Event: setting one takes a lock, and the handler of a second signal would wait for the first's
        self._deaf = self._closed = False
        self._given = descriptor
        self._descriptor = _opened_anew(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    @property
    def usable(self) -> bool:
        """False once what is written is thrown away."""
        return not (self._deaf or self._closed)

    def end(self) -> None:
        """From now on wait no longer than PATIENCE_S for a reader. May be called from a signal handler and any number of times."""
        self._ending = True

    def write(self, text: str) -> int:
        """Write all of it, or throw it away; returns its length in characters."""
        left = memoryview(text.encode(errors="replace"))
        taken_at_s: float | None = None
        while left and self.usable and self._descriptor >= 0:
            taken = self._offer(left)
            left = left[taken:]
            if taken or not self._ending:
                taken_at_s = None
            elif taken_at_s is None:
                taken_at_s = time.monotonic()
            elif time.monotonic() - taken_at_s > PATIENCE_S:
                self._deaf = True
        return len(text)

    def _offer(self, left: memoryview) -> int:
        """How many bytes the terminal took within a moment."""
        try:
            if self._poll.poll(_POLL_S * 1000):
                return os.write(self._descriptor, left)
        except BlockingIOError:
            time.sleep(_POLL_S)
        except OSError:
            self._closed = True
            self._when_lost()
        return 0

    def flush(self) -> None:
        """Everything is written at once."""

    def isatty(self) -> bool:
        """Whether it still is a terminal."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """The descriptor that the program was given."""
        return self._given

    def close(self) -> None:
        """Leave the screen of a terminal that was given up: what it has not read makes room for the bytes that restore it. Idempotent."""
        if self._descriptor < 0:
            return
        if self._deaf and not self._closed:
            try:
                termios.tcflush(self._descriptor, termios.TCOFLUSH)
                os.write(self._descriptor, _LEAVE)
            except (OSError, termios.error):
                self._closed = True
        os.close(self._descriptor)
        self._descriptor = -1


def write_patiently(stream: TextIO, text: str) -> None:
    """Write `text`; if `stream` is a terminal that nobody reads, or that is gone, give up after PATIENCE_S."""
    if not stream.isatty():
        stream.write(text)
        return
    terminal = PatientTerminal(stream.fileno(), _nobody_to_tell)
    terminal.end()
    terminal.write(text)
    terminal.close()


def _nobody_to_tell() -> None:
    """Losing the terminal ends nothing here."""


def _opened_anew(descriptor: int) -> int:
    """The same terminal, not blocking; a descriptor of its own, since the flag would be shared with the shell that started us."""
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.dup(descriptor)
