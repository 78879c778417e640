"""Hostile text in every field of the contract, on every screen: nothing of it reaches the terminal raw, no screen breaks."""

import os
import pty
import re
import select
import subprocess
import sys
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import rows, running, until
from v2g_console.domain.text import visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
SCREENS: tuple[tuple[str, ...], ...] = (
    (),
    ("question_mark",),
    ("2",),
    ("d",),
    ("enter",),
    ("tab", "enter"),
    ("f9",),
    ("c",),
    ("q",),
    ("r",),
)


MIXED = {
    "control": "\x1b]52;c;cm0=\x07\x9b31m\x1bPq\x1b\\\u202e\u200b\u2066\x7f\x08\r\n\x00\ud800",
    "markup": "[/][@click=app.quit]x[/][bold $error]not closed [",
    "wide": "日本語車両" * 20 + "e" + "\u0301" * 500 + "a" * 10_000,
}


@pytest.mark.parametrize("text", MIXED.values(), ids=MIXED)
async def test_no_screen_shows_it_raw(text: str) -> None:
    async with running(FakePort(pictures.hostile(text)), (100, 30)) as (app, pilot):
        for keys in SCREENS:
            await pilot.press(*keys)
            await pilot.pause()
            shown = rows(app)
            assert not {char for row in shown for char in row if unicodedata.category(char) in HIDDEN}, keys
            assert {cell_len(row) for row in shown} == {100}, keys
            await pilot.press("escape")
            await pilot.press("1")
            await pilot.pause()


@pytest.mark.parametrize("text", ["[/x]", "[@click=app.quit]", "\x1b[31m"], ids=ascii)
async def test_the_palette_gives_reasons_as_plain_text(text: str) -> None:
    view = pictures.second_dispatch(short_id=f"#{text}")
    async with running(FakePort(replace(pictures.normal(), dispatches=(view,))), (120, 50)) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: f"not now: #{visible(text)}: no vehicle is silent" in "\n".join(rows(app)))
        await pilot.press(*"retry")
        await until(pilot, lambda: "New dispatch" not in "\n".join(rows(app)))
        assert f"not now: #{visible(text)}: no vehicle is silent" in "\n".join(rows(app))


def test_no_byte_of_it_reaches_a_real_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "COLORTERM": ""}
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.console.preview", "hostile"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=root, start_new_session=True)
    os.close(theirs)
    try:
        drawn = _read_until(ours, b"\\x1b]52", 20.0)
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(ours)
    assert b"\\x1b]52" in drawn
    assert b"\x1b]52" not in drawn
    assert "\u202e".encode() not in drawn and "\u200b".encode() not in drawn
    assert b"\xc2\x9b" not in drawn and b"\x7f" not in drawn
    # Textual's own: CSI, and OSC 22 for the shape of the pointer.
    assert set(re.findall(rb"\x1b(\][^;]*|[^]])", drawn)) <= {b"[", b"]22"}


def _read_until(handle: int, wanted: bytes, limit_s: float) -> bytes:
    drawn, ends_s = b"", time.monotonic() + limit_s
    while time.monotonic() < ends_s:
        ready, _, _ = select.select([handle], [], [], 0.3)
        if ready:
            drawn += os.read(handle, 65536)
        elif wanted in drawn:
            break
    return drawn
