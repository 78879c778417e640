"""The program with lines instead of a screen, over a pipe, and what it records meanwhile."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

from v2g_console.attach.playback import Recording
from v2g_console.attach.recording import Flag
from v2g_console.contract.events import DispatchCompleted, Event

PROGRAM = [sys.executable, "-m", "v2g_console"]
TALK = "dispatch FCR 100 1s\narm\nsend\nwait 3s\ndispatches\nquit\nrelease\n"


def demo(*arguments: str, lines: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A demo of 40 vehicles with `lines` on standard input."""
    command = [*PROGRAM, "demo", "--vehicles", "40", *arguments]
    return subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=False, env=environment(folder))


def environment(folder: Path) -> dict[str, str]:
    """A user of his own, at a terminal that can do nothing."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_STATE_HOME": str(folder), "TERM": "dumb"}


def test_a_dispatch_is_talked_through_over_a_pipe_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "shift.rec"
    done = demo("--plain", "--ascii", "--record", str(path), lines=TALK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("> dispatch FCR 100 1s", "ARMED for 10 s", "Sent: FCR up 100 kW", ": completed, ", "recorded in"):
        assert words in done.stdout + done.stderr, done.stdout
    assert done.stdout.isascii() and "\x1b" not in done.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    opened = Recording(path)
    events: list[Event] = []
    for index in range(len(opened)):
        shown = opened.look(index)
        events += shown.events
    last = opened.look(len(opened) - 1)
    assert not opened.damage and last.index == len(opened) - 1
    assert any(isinstance(event, DispatchCompleted) for event in events)
    assert last.snapshot is not None and len(last.snapshot.fleet) == 40 and last.snapshot.engine.demo
    assert opened.next_with(Flag.EVENT, 0) is not None
    opened.close()


def test_a_closed_terminal_releases_also_while_nobody_reads(tmp_path: Path) -> None:
    command = [*PROGRAM, "demo", "--vehicles", "40", "--plain"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path))
    assert process.stdin and process.stdout and process.stderr
    try:
        process.stdin.write(b"dispatch FCR 100 10m\narm\nsend\n")
        process.stdin.flush()
        told = b""
        while b": active, " not in told:
            told += (line := process.stdout.readline())
            assert line, told
        process.stdin.write(b"help\n" * 200)  # far more than a pipe holds
        process.stdin.flush()
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)  # a closing terminal may send it twice
        errors = process.stderr.read()  # standard output stays full
        assert process.wait(30) == 0, errors
        assert b"no vehicle owes a release" in errors and b"Traceback" not in errors
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_a_run_without_a_screen_is_recorded_too(tmp_path: Path) -> None:
    path = tmp_path / "headless.rec"
    line = '{"request":"dispatch","signal":"FCR","power_kw":50,"duration_s":1}\n'
    done = demo("--no-ui", "--commands", "-", "--record", str(path), lines=line, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    opened = Recording(path)
    events = [event for index in range(len(opened)) for event in opened.look(index).events]
    assert any(isinstance(event, DispatchCompleted) for event in events) and not opened.damage
    opened.close()
