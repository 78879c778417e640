"""On a real terminal: held, doubled and hammered keys send nothing, cancel nothing, stop nothing and quit nothing."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

F5, F8, ENTER = b"\x1b[15~", b"\x1b[19~", b"\r"
LIMIT_S = 60.0


class Console:
    """The console over a scripted engine, on a terminal; on leaving it prints what was asked of the engine."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, b"\x24\x00\x78\x00\x00\x00\x00\x00")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.preview"],
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"},
        )  # fmt: skip
        self.drawn = b""

    def until_drawn(self, wanted: bytes) -> None:
        """Read what is drawn until it has `wanted`."""
        ends_s = time.monotonic() + LIMIT_S
        while wanted not in self.drawn:
            assert time.monotonic() < ends_s, f"{wanted!r} was never drawn"
            self._read()

    def _read(self) -> None:
        if select.select([self._ours], [], [], 0.05)[0]:
            with suppress(OSError):  # the other end is closed
                self.drawn += os.read(self._ours, 65536)

    def press(self, *keys: bytes) -> None:
        """All at once, as a burst arrives."""
        os.write(self._ours, b"".join(keys))

    def hold(self, key: bytes, first_s: float = 0.5, for_s: float = 2.0) -> None:
        """As a keyboard repeats a held key: once, a pause, then thirty times a second."""
        self.press(key)
        pressed_s = time.monotonic()
        next_s = pressed_s + first_s
        while time.monotonic() < pressed_s + first_s + for_s:
            self._read()
            if time.monotonic() >= next_s:
                self.press(key)
                next_s += 0.033

    def rest(self, for_s: float, wanted: bytes | None = None) -> None:
        """Press nothing; read on, until `wanted` is drawn at the longest."""
        ends_s = time.monotonic() + for_s
        while time.monotonic() < ends_s and (wanted is None or wanted not in self.drawn):
            self._read()

    def asked(self) -> str:
        """Leave; what was asked of the engine, by name."""
        ends_s = time.monotonic() + LIMIT_S
        while b",END" not in self.drawn:
            assert time.monotonic() < ends_s, "the console never ended"
            self.press(b"\x1b")  # out of what is open
            self.rest(0.5)
            self.drawn = b""
            self.press(b"q")
            self.rest(2.5, b"Keep")
            self.rest(0.6)  # the question takes no answer in its first moments
            self.press(b"k")
            self.rest(1.0, b",END")
        return self.drawn.decode(errors="replace").split("ASKED:")[1].split(",END")[0]

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for end in (self._ours, self._theirs):
            os.close(end)


@pytest.fixture
def console() -> Iterator[Console]:
    """Drawn and ready."""
    opened = Console()
    opened.until_drawn(b"STOP")
    yield opened
    opened.close()


ACTS = ("Operate", "Cancel", "Stop,", "Update", "Dispatch,")


BURSTS: dict[str, tuple[bytes, ...]] = {
    "d Enter F5": (b"d", ENTER, F5),
    "Enter and F5 hammered": (b"d", *[ENTER, F5] * 20),
    "F8 and y held": (F8, *[b"y"] * 30),
    "F8 hammered, then y and Enter": (*[F8] * 10, *[b"y", ENTER] * 10),
    "c and y held": (b"c", *[b"y"] * 30),
    "c, Tab, Enter held": (b"c", b"\t", *[ENTER] * 30),
    "q and r held": (b"q", *[b"r"] * 30),
    "a filter and letters that are commands elsewhere": (b"2", b"/", *[b"r", b"c", b"y"] * 10),
}


def test_no_burst_of_keys_acts(console: Console) -> None:
    for burst in BURSTS.values():
        console.press(*burst)
        console.rest(0.5)
        for rest_s in (0.15, 0.15, 0.15, 0.3):  # one at a time: Esc and a key at once would be Alt with that key
            console.press(b"\x1b")
            console.rest(rest_s)
    asked = console.asked()
    assert not [name for name in ACTS if name in asked], asked


def test_a_key_held_through_the_first_pause_of_its_repeat_confirms_nothing(console: Console) -> None:
    console.press(F8)
    console.hold(b"y")
    console.press(b"\x1b")
    console.rest(0.5)
    console.press(b"d")
    console.until_drawn(b"departures")
    console.press(ENTER)
    console.until_drawn(b"ARMED")
    console.hold(F5)
    asked = console.asked()
    assert "Arm" in asked and not [name for name in ACTS if name in asked], asked
