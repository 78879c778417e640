"""Writing to a terminal that is slow, frozen or gone."""

import fcntl
import os
import pty
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from v2g_console.console import patient_terminal
from v2g_console.console.patient_terminal import PatientTerminal

LIMIT_S = 40.0
MORE_THAN_A_PTY_HOLDS = "é" * 200_000


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """`(the person's end, the program's end)` of a terminal."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for end in (ours, theirs):
        with suppress(OSError):
            os.close(end)


def writing(terminal: PatientTerminal) -> threading.Thread:
    """A thread that writes more than a terminal holds, as Textual's does."""
    writer = threading.Thread(target=terminal.write, args=(MORE_THAN_A_PTY_HOLDS,), daemon=True)
    writer.start()
    return writer


def all_that_waits(ours: int) -> bytes:
    """What a reader finds who comes back at last."""
    got = b""
    while select.select([ours], [], [], 0.2)[0]:
        got += os.read(ours, 65536)
    return got


def test_a_slow_reader_gets_all_of_it(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    terminal = PatientTerminal(theirs, lambda: None)
    writer, got = writing(terminal), b""
    while len(got) < len(MORE_THAN_A_PTY_HOLDS.encode()):
        got += os.read(ours, 1000)
    writer.join(LIMIT_S)
    assert got.decode() == MORE_THAN_A_PTY_HOLDS
    assert terminal.usable


def test_a_frozen_terminal_is_given_up_only_at_the_end_and_gets_its_screen_back(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    monkeypatch.setattr(patient_terminal, "PATIENCE_S", 0.1)
    terminal = PatientTerminal(theirs, lambda: None)
    writer = writing(terminal)
    writer.join(0.4)
    assert (writer.is_alive(), terminal.usable) == (True, True)
    terminal.end()
    writer.join(LIMIT_S)
    assert (writer.is_alive(), terminal.usable) == (False, False)
    terminal.close()
    assert all_that_waits(ours).endswith(b"\x1b[?1049l\x1b[?25h\x1b[?1004l")


def test_a_closed_terminal_is_told_once_and_writing_goes_on_into_nothing(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    lost: list[str] = []
    terminal = PatientTerminal(theirs, lambda: lost.append("lost"))
    os.close(ours)
    for _ in range(3):
        terminal.write("a line")
    assert lost == ["lost"]
    assert not terminal.usable
    terminal.close()


def test_the_shell_s_own_descriptor_keeps_its_flags(ends: tuple[int, int]) -> None:
    before = fcntl.fcntl(ends[1], fcntl.F_GETFL)
    terminal = PatientTerminal(ends[1], lambda: None)
    assert fcntl.fcntl(ends[1], fcntl.F_GETFL) == before
    assert terminal.fileno() == ends[1]
    assert terminal.isatty()
    terminal.close()


def test_a_second_signal_may_come_in_the_middle_of_the_first(ends: tuple[int, int]) -> None:
    terminal = PatientTerminal(ends[1], lambda: None)
    inside = False

    def at_each_line(_: FrameType, __: str, ___: object) -> Any:
        nonlocal inside
        if not inside:
            inside = True
            terminal.end()  # what a signal's handler does, wherever it comes
            inside = False
        return at_each_line

    def end() -> None:
        sys.settrace(at_each_line)
        terminal.end()
        sys.settrace(None)

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(LIMIT_S)
    assert not ending.is_alive()
    terminal.close()
