"""The whole program on a real terminal that is closed or frozen in the middle of a dispatch."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-m", "v2g_console"]
LIMIT_S = 40.0


class Terminal:
    """A demo of 20 vehicles on a terminal of its own; what it draws is read until `freeze`."""

    def __init__(self, folder: Path, with_signal: bool, *more: str) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, b"\x24\x00\x78\x00\x00\x00\x00\x00")
        self.before = termios.tcgetattr(self._theirs)
        self._folder = folder
        owned = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " if with_signal else "import os, sys; "
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{owned}os.execv(sys.argv[1], sys.argv[1:])", *PROGRAM, "demo", *(more or ("--vehicles", "20"))],
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder)},
        )  # fmt: skip
        self._frozen = threading.Event()
        self._drawn = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._frozen.is_set():
            if select.select([self._ours], [], [], 0.05)[0]:
                with suppress(OSError):
                    self._drawn = (self._drawn + os.read(self._ours, 65536))[-200_000:]

    def freeze(self) -> None:
        """From now on nobody reads what is drawn."""
        self._frozen.set()
        self._reader.join()

    def close(self) -> None:
        """Close the window."""
        self.freeze()
        for end in (self._ours, self._theirs):
            with suppress(OSError):
                os.close(end)

    def until_drawn(self, wanted: bytes) -> None:
        """Wait until it was drawn."""
        ends_s = time.monotonic() + LIMIT_S
        while wanted not in self._drawn:
            assert time.monotonic() < ends_s, f"{wanted!r} was never drawn"
            select.select([], [], [], 0.05)

    def press_until(self, *keys: str, told: str) -> None:
        """Press keys, again and again, until the log tells of it."""
        ends_s = time.monotonic() + LIMIT_S
        while told not in self.log():
            assert time.monotonic() < ends_s, f"{keys} did nothing"
            for key in keys:
                os.write(self._ours, key.encode())
                select.select([], [], [], 0.5)  # a dialog takes no answer in its first moments

    def settings(self) -> list[Any]:
        """The terminal's modes now."""
        return termios.tcgetattr(self._theirs)

    def dispatch(self, *more: str, power_kw: str = "20", duration: str = "10m") -> subprocess.CompletedProcess[str]:
        """Send one dispatch through the engine's socket, once the vehicles are there."""
        socket = ["--socket", str(self._socket())]
        ends_s = time.monotonic() + LIMIT_S
        while time.monotonic() < ends_s:
            status = self._run("status", *socket, "--json")
            if status.returncode == 0 and json.loads(status.stdout)["result"]["fleet"]["available"] > 10:
                return self._run("dispatch", *socket, "--signal", "MA", "--power-kw", power_kw, "--duration", duration, "--json", *more)
        raise AssertionError("the vehicles never came")

    def _socket(self) -> Path:
        ends_s = time.monotonic() + LIMIT_S
        while time.monotonic() < ends_s:
            for found in self._folder.rglob("demo-*.sock"):
                return found
            select.select([], [], [], 0.05)
        raise AssertionError("no socket")

    @staticmethod
    def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def log(self) -> str:
        """What the console's log says."""
        return (self._folder / "v2g-console" / "console.log").read_text("utf-8")


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A running demo; it is ended with the test."""
    opened = Terminal(tmp_path, with_signal=getattr(request, "param", True))
    yield opened
    if opened.process.poll() is None:
        opened.process.kill()
        opened.process.wait()
    opened.close()


@pytest.mark.parametrize("terminal", [True, False], ids=["with SIGHUP", "without a signal"], indirect=True)
def test_closing_the_terminal_in_mid_dispatch_releases_every_vehicle(terminal: Terminal) -> None:
    assert terminal.dispatch().returncode == 0
    terminal.close()
    assert terminal.process.wait(LIMIT_S) == 0
    assert "releasing the vehicles of 1 dispatch" in terminal.log()
    assert "no vehicle owes a release" in terminal.log()


def test_an_engine_kept_running_outlives_its_terminal_and_releases_at_sigterm(terminal: Terminal) -> None:
    assert terminal.dispatch().returncode == 0
    terminal.until_drawn(b"MA ")
    terminal.press_until("q", "k", told="running on without a screen")
    terminal.close()
    assert terminal.dispatch(power_kw="5").returncode == 0
    terminal.process.send_signal(signal.SIGCONT)  # as a closing terminal does, and a shell's `fg`
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(LIMIT_S) == 0
    assert "no vehicle owes a release" in terminal.log()
