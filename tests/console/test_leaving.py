"""How the console ends: by its key on a real terminal, and from outside."""

import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, until
from v2g_console.console.app import ConsoleApp, EndSwitch
from v2g_console.console.options import ConsoleExit, ConsoleOptions

ROOT = Path(__file__).parents[2]
LIMIT_S = 40.0


def test_q_gives_the_terminal_back_and_says_farewell() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "tests.console.preview", "quiet"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT, start_new_session=True)
    try:
        drawn = _until_seen(ours, b"No dispatch.")
        os.write(ours, b"q")
        drawn += _until_seen(ours, b"QUIT_RELEASE")
        assert process.wait(timeout=LIMIT_S) == 0
        after = termios.tcgetattr(theirs)
    finally:
        process.kill()
        process.wait(timeout=LIMIT_S)
        os.close(theirs)
        os.close(ours)
    assert after == before
    assert drawn.count(b"\x1b[?1049h") == drawn.count(b"\x1b[?1049l") > 0
    assert drawn.rindex(b"\x1b[?1049l") < drawn.index(b"Demo: 200 vehicles on ssl://broker.example:8883")
    assert drawn.count(b"\x1b[?25h") > 0


def _until_seen(handle: int, wanted: bytes) -> bytes:
    drawn, ends_s = b"", time.monotonic() + LIMIT_S
    while wanted not in drawn and time.monotonic() < ends_s:
        if select.select([handle], [], [], 0.5)[0]:
            drawn += os.read(handle, 65536)
    return drawn


async def test_the_switch_ends_the_console_from_another_thread() -> None:
    app, switch = ConsoleApp(FakePort(), ORIGIN, ConsoleOptions()), EndSwitch()
    app.when_running = lambda: switch.arm(app)
    async with app.run_test() as pilot:
        presser = threading.Thread(target=switch.press)
        presser.start()
        presser.join()
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.ENDED
    switch.press()


async def test_a_switch_pressed_too_early_ends_the_console_as_it_starts() -> None:
    app, switch = ConsoleApp(FakePort(), ORIGIN, ConsoleOptions()), EndSwitch()
    switch.press()
    app.when_running = lambda: switch.arm(app)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.ENDED
