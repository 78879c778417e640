"""A few pictures, for looks; what screens say is asserted as text elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.widgets import header

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "clock_text", lambda: " 14:02:07Z")


async def _drawn(pilot: Pilot[Any]) -> None:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await until(pilot, lambda: app.model.snapshot is not None)
    await pilot.pause()


@pytest.mark.parametrize(("theme", "size"), [("grey-dark", (120, 36)), ("grey-light", (80, 24))])
def test_overview(snap_compare: Compare, theme: str, size: tuple[int, int]) -> None:
    app = ConsoleApp(FakePort(), ORIGIN, ConsoleOptions(theme=theme), SteppedClock())
    assert snap_compare(app, terminal_size=size, run_before=_drawn)


def test_overview_in_trouble(snap_compare: Compare) -> None:
    app = ConsoleApp(FakePort(pictures.cut()), ORIGIN, ConsoleOptions(theme="high-contrast"), SteppedClock())
    assert snap_compare(app, terminal_size=(100, 30), run_before=_drawn)


@pytest.mark.parametrize(("theme", "size", "key"), [("red-green-blind", (120, 40), "7"), ("blue-yellow-blind", (80, 24), "4")])
def test_screens_in_themes_for_colour_blind_eyes(snap_compare: Compare, theme: str, size: tuple[int, int], key: str) -> None:
    async def drawn(pilot: Pilot[Any]) -> None:
        await _drawn(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app, ConsoleApp)
        await refreshed(pilot, pilot.app)
        pilot.app.telling.clear()
        await pilot.pause()

    app = ConsoleApp(FakePort(pictures.alarmed()), ORIGIN, ConsoleOptions(theme=theme), SteppedClock())
    assert snap_compare(app, terminal_size=size, run_before=drawn)
