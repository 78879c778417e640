"""Every screen at every size, in every state and look: it fits, it is clean, and what no screen may hide is there."""

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, rows, running
from tests.console.test_access import approval
from tests.console.text_dumps import TextDumps, nothing_moves
from v2g_console.console.app import ConsoleApp
from v2g_console.console.glyphs import glyphs_for
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.widgets.critical_line import critical_line
from v2g_console.contract.ecowatt import ProposalView
from v2g_console.contract.snapshot import Snapshot

SIZES = ((200, 60), (80, 24), (40, 10))
TINY = ((120, 36), (80, 24), (20, 5))
SCREENS = {
    "overview": (),
    "fleet": ("2",),
    "dispatches": ("3",),
    "alarms": ("4",),
    "link": ("5",),
    "journal": ("6",),
    "outlook": ("7",),
    "diagnostics": ("0",),
    "handover": ("H",),
    "help": ("question_mark",),
    "dispatch": ("enter",),
    "composer": ("d",),
    "stop": ("f8",),
    "cancel": ("c",),
    "palette": ("ctrl+p",),
    "vehicle": ("2", "enter"),
    "journal entry": ("6", "enter"),
    "silent": ("f7",),
}
DIALOGS = {"proposal": ("E",), "approval": ("A",), "new target": ("u",), "note": ("N",), "columns": ("2", "l")}
HOUR_MS = 3_600_000
BEGINS_MS = pictures.NOW_MS // HOUR_MS * HOUR_MS + 3 * HOUR_MS
PROPOSAL = ProposalView(proposal_id="e112317-2", begins_ms=BEGINS_MS, ends_ms=BEGINS_MS + 2 * HOUR_MS, suggested_kw=120.0)
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
WITHOUT_HEADER = {"composer", "stop", "cancel", "palette", *DIALOGS}
"""Dialogs lie over the line on small screens; the composer's header leaves out the dispatches where it is narrow."""


def check(app: ConsoleApp, screen: str, size: tuple[int, int], ascii_only: bool) -> None:
    """The laws of every picture."""
    shown, at = rows(app), (screen, size)
    assert len(shown) == size[1], at
    assert {cell_len(row) for row in shown} == {size[0]}, at
    assert not {char for row in shown for char in row if unicodedata.category(char) in HIDDEN}, at
    assert not ascii_only or all(row.isascii() for row in shown), at
    if screen not in WITHOUT_HEADER:
        head = shown[0]
        snapshot = app.model.snapshot
        assert snapshot is not None
        assert re.search(snapshot.link.state.value[:2], head), (*at, head)
        assert re.search(r"\dH|al\w* ?0|0a|\d[ML]", head), (*at, head)
        active = len(app.model.active_dispatches())
        told = re.search(rf"\b{active}d\b|act\w* {active}\b", head) or any("#7f3a" in row for row in shown)
        assert told, (*at, head)


@pytest.mark.parametrize(
    ("picture", "look", "sizes", "dumps"),
    [
        (pictures.normal, "colour", SIZES, "normal"),
        (pictures.alarmed, "colour", SIZES, "alarms"),
        (pictures.cut, "colour", SIZES, "link down"),
        (pictures.alarmed, "NO_COLOR", SIZES, "alarms"),  # the same text: nothing is told by colour alone
        (pictures.cut, "ascii", TINY, "link down in ASCII"),
    ],
    ids=["normal", "alarms", "link down", "alarms without colour", "link down in ASCII"],
)
async def test_every_screen_fits_every_size_and_looks_as_it_did(
    picture: Callable[[], Snapshot], look: str, sizes: tuple[tuple[int, int], ...], dumps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1" if look == "NO_COLOR" else "")
    options = ConsoleOptions(ascii=look == "ascii")
    waiting = replace(picture(), proposals=(PROPOSAL,), approvals=(approval(),))
    port, kept = FakePort(waiting), TextDumps(dumps)
    nothing_moves(port, monkeypatch)
    async with running(port, sizes[0], options) as (app, pilot):
        for screen, keys in (SCREENS | DIALOGS if look == "ascii" else SCREENS).items():
            await pilot.press("1", *keys)
            for size in sizes if app.size == sizes[0] else sizes[::-1]:
                await pilot.resize_terminal(*size)
                await pilot.pause()
                check(app, screen, size, look == "ascii")
                await kept.same(app, pilot, screen, size)
            assert not isinstance(app.screen, ConsoleScreen) or app.screen.is_current
            await pilot.press("escape", "escape")
            await pilot.pause()
    kept.keep()


@pytest.mark.parametrize(
    "picture", [pictures.alarmed, pictures.cut, pictures.stopped, pictures.read_only], ids=lambda made: str(made.__name__)
)
@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
async def test_the_shortest_line_still_has_link_dispatches_alarms_and_what_one_may_do(
    picture: Callable[[], Snapshot], ascii_only: bool
) -> None:
    snapshot = picture()
    model = ConsoleModel(FakePort(snapshot), ORIGIN, SteppedClock())
    await model.pull()
    glyphs = glyphs_for(ascii_only)
    shown = critical_line(snapshot, model, glyphs, 20).plain
    assert cell_len(shown) <= 20
    assert snapshot.link.state.value[:2] in shown and f"{len(model.active_dispatches())}d" in shown and re.search(r"\d[HML]", shown)
    assert ("STOP" in shown) is snapshot.engine.stopped
    assert ("RO" in shown) is snapshot.engine.read_only
    assert not ascii_only or shown.isascii()


async def test_a_storm_of_sizes_breaks_nothing() -> None:
    dice = random.Random(5)
    port = FakePort()
    async with running(port) as (app, pilot):
        for turn in range(30):
            await pilot.resize_terminal(dice.randint(1, 220), dice.randint(1, 64))
            if turn % 6 == 0:
                await pilot.press("escape", "escape", "1", *dice.choice(list(SCREENS.values())))
            if turn % 8 == 0:
                port.show(dice.choice([pictures.normal, pictures.alarmed, pictures.cut, pictures.empty, pictures.stopped])())
        await pilot.resize_terminal(120, 36)
        await pilot.press("escape", "escape", "escape", "1")
        port.show(pictures.normal())
        await refreshed(pilot, app)
        await pilot.pause()
        assert not app.crash_report
        check(app, "overview", (120, 36), False)
        assert "#7f3a" in "\n".join(rows(app)) and "Headroom" not in "\n".join(rows(app))


async def test_a_mouse_does_what_keys_do_and_none_is_needed() -> None:
    async with running(FakePort(), (120, 36)) as (app, pilot):
        bar = rows(app)[-1]
        await pilot.click(offset=(bar.index("3 Dispatches") + 2, 35))
        await pilot.pause()
        assert "Dispatches" in rows(app)[0]
        await pilot.press("1")
        await pilot.hover(offset=(5, 5))
        await pilot.click(offset=(70, 4))
        await pilot.pause()
        assert app.model.selected_dispatch_id == pictures.SECOND_ID
