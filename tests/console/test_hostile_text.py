"""Hostile text in every field of the contract, on every screen: nothing of it reaches the terminal raw, no screen breaks."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import rows, running, until
from tests.console.hostile_port import hostile_port
from v2g_console.domain.text import visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
WITH_STOP: tuple[tuple[str, ...], ...] = ((), ("f7",), ("f9",), ("H",), ("d",))
SCREENS: tuple[tuple[str, ...], ...] = (
    (),
    ("question_mark",),
    ("2",),
    ("2", "enter"),
    ("2", "v"),
    ("2", "l"),
    ("2", "x"),
    ("3",),
    ("4",),
    ("4", "enter"),
    ("5",),
    ("6",),
    ("6", "enter"),
    ("7",),
    ("0",),
    ("H",),
    ("G",),
    ("ctrl+p",),
    ("enter",),
    ("tab", "enter"),
    ("c",),
    ("q",),
    ("r",),
    ("u",),
    ("A",),
    ("E",),
    ("E", "n"),
    ("N",),
    ("g",),
    ("f8",),
    ("d", "enter"),
)
OPENED = {
    "ColumnsDialog", "CommandPalette", "ComposerScreen", "DispatchDetailScreen", "HandoverScreen", "JournalEntryScreen", "NoteDialog",
    "OutlookScreen", "StopListScreen", "UpdateTargetDialog", "VehicleDetailScreen", "ViewsDialog",
}  # fmt: skip
"""Some screens that were walked over: a key that only gives a reason opens none, and shows nothing that was not seen before."""
MIXED = {
    "signs": "[/]\x1b]52;c;cm0=\x07\x9b31m\x1bPq\x1b\\\u202e\u200b\u2066\x7f\x08\r\n\x00\ud800[@click=app.quit]x[/][bold]not closed [",
    "wide": "日本語車両" * 20 + "e" + "\u0301" * 500 + "a" * 10_000,
}


@pytest.mark.parametrize("text", MIXED.values(), ids=MIXED)
async def test_no_screen_shows_it_raw(text: str) -> None:
    opened = {"OverviewScreen"}
    for stopped, screens in ((True, WITH_STOP), (False, SCREENS)):
        async with running(hostile_port(text, stopped), (100, 30)) as (app, pilot):
            for keys in screens:
                await pilot.press(*keys)
                await pilot.pause()
                opened.add(type(app.screen).__name__)
                shown = rows(app)
                assert not {char for row in shown for char in row if unicodedata.category(char) in HIDDEN}, keys
                assert {cell_len(row) for row in shown} == {100}, keys
                await pilot.press("escape", "1")
                await pilot.pause()
            assert not app.crash_report
    assert opened >= OPENED


@pytest.mark.parametrize("text", ["[/x]", "[@click=app.quit]", "\x1b[31m"], ids=ascii)
async def test_the_palette_gives_reasons_as_plain_text(text: str) -> None:
    view = pictures.second_dispatch(short_id=f"#{text}")
    async with running(FakePort(replace(pictures.normal(), dispatches=(view,))), (120, 50)) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: f"not now: #{visible(text)}: no vehicle is silent" in "\n".join(rows(app)))
        await pilot.press(*"retry")
        await until(pilot, lambda: "New dispatch" not in "\n".join(rows(app)))
        assert f"not now: #{visible(text)}: no vehicle is silent" in "\n".join(rows(app))


WALK = (
    (b"2", b"vehicle"),
    (b"3", b"Dispatches"),
    (b"4", b"Alarms"),
    (b"5", b"round trip"),
    (b"6", b"kind:"),
    (b"7", b"Headroom"),
    (b"0", b"loop lag"),
    (b"H", b"the last 8 h"),
    (b"1", b"Ack progress"),
    (b"?", b"Everywhere"),
)
"""Keys, and a word that their screen has."""
COLOURS = {"256": rb"[34]8;5;", "true": rb"[34]8;2;"}


def test_no_byte_of_it_reaches_a_real_terminal_from_any_pane() -> None:
    drawn = _walked(["hostile"], {"TERM": "xterm-256color", "COLORTERM": ""}, WALK)
    assert b"\\x1b]52" in drawn
    assert b"\x1b]52" not in drawn
    assert "\u202e".encode() not in drawn and "\u200b".encode() not in drawn
    assert b"\xc2\x9b" not in drawn and b"\x7f" not in drawn
    assert not re.search(rb"[\x00-\x06\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]", drawn)
    # Textual's own: CSI, and OSC 22 for the shape of the pointer.
    assert set(re.findall(rb"\x1b(\][^;]*|[^]])", drawn)) <= {b"[", b"]22"}


@pytest.mark.parametrize(
    ("options", "environment", "absent"),
    [
        (["--low-bandwidth"], {"TERM": "screen"}, ("256", "true")),
        (["--ascii"], {"TERM": "linux"}, ("256", "true")),
        ([], {"TERM": "tmux-256color", "COLORTERM": ""}, ("true",)),
        (["--no-color"], {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ("256", "true")),
    ],
    ids=["slow line in screen", "linux console", "tmux", "no colour"],
)
def test_a_terminal_gets_only_what_it_was_said_to_show(options: list[str], environment: dict[str, str], absent: tuple[str, ...]) -> None:
    drawn = _walked([*options, "alarmed"], environment, WALK[:1])
    assert b"7f3a" in drawn
    for colours in absent:
        assert not re.search(rb"\x1b\[[0-9;]*" + COLOURS[colours], drawn), colours
    if "--no-color" in options:
        assert not re.search(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|9[0-7]|10[0-7])m", drawn)
    if "--ascii" in options:
        assert drawn.isascii()


def _walked(arguments: list[str], environment: dict[str, str], walk: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """All that a console writes to a terminal of its own while its screens are gone through."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLORTERM"} and not key.startswith("TEXTUAL")}
    command = [sys.executable, "-m", "tests.console.preview", *arguments]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=kept | environment, cwd=root, start_new_session=True
    )
    os.close(theirs)
    try:
        drawn = _read_until(ours, b"7f3a" if "hostile" not in arguments else b"\\x1b]52", 30.0)
        for key, wanted in walk:
            os.write(ours, key)
            drawn += _read_until(ours, wanted, 30.0)
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(ours)
    return drawn


def _read_until(handle: int, wanted: bytes, limit_s: float) -> bytes:
    """What is written until `wanted` was, and nothing more comes."""
    drawn, ends_s = b"", time.monotonic() + limit_s
    while time.monotonic() < ends_s:
        ready, _, _ = select.select([handle], [], [], 0.2)
        if ready:
            drawn += os.read(handle, 65536)
        if wanted in drawn and not ready:
            return drawn
    raise AssertionError(f"{wanted!r} was never drawn: {drawn[-500:]!r}")
