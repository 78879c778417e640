"""Screens as text, kept in `dumps/`: a file a state and size. Written anew by `HOW`; then read the difference before keeping it."""

import os
import platform
from difflib import unified_diff
from pathlib import Path
from typing import Final

import pytest
from textual.pilot import Pilot

from tests.console.fake_port import FakePort
from tests.console.harness import rows
from v2g_console.console import vehicle_text
from v2g_console.console.app import ConsoleApp
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens import diagnostics
from v2g_console.console.widgets import header
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.record import JournalRow
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Handover, StopList
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.stop import SilentVehicle, StopView

HOW: Final = "UPDATE_DUMPS=1 python -m pytest -n 0 tests/console/test_every_size.py"
FOLDER: Final = Path(__file__).parent / "dumps"
UPDATE: Final = os.environ.get("UPDATE_DUMPS") == "1"
_STOP: Final = StopView(
    dispatches=2, vehicles=463, stopped=True, by="ana", at_ms=1_764_684_120_000, confirmed=430, waiting=1, silent=1, who=(
        SilentVehicle(
            vehicle_id="veh000007", site="lyon-2", dispatch="#7f3a", protocol=1, setpoint_kw=5.0, measured_kw=4.9, silent_s=61.0,
            lease_ends_ms=None, next_step="v1: holds its setpoint until told. Call lyon-2 and end the session at the charge point.",
        ),
    ),
)  # fmt: skip
_TURNS: Final = 200
_STILL: Final = 5
_MARK: Final = "===== "


class TextDumps:
    """What screens looked like in one state, by size and name."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._known: dict[tuple[int, int], dict[str, list[str]]] = {}

    async def same(self, app: ConsoleApp, pilot: Pilot[ConsoleExit], screen: str, size: tuple[int, int]) -> None:
        """Fails if the screen looks different, also after it had time to settle; keeps what it looks like when dumps are written anew."""
        known = self._known.setdefault(size, {} if UPDATE else _read(self._path(size)))
        if UPDATE:
            known[screen] = await _settled(app, pilot)
            return
        for _ in range(_TURNS):
            if _shown(app) == known.get(screen):
                return
            await pilot.pause(0.01)
        changed = "\n".join(unified_diff(known.get(screen, []), _shown(app), "kept", "now", lineterm="", n=1))
        pytest.fail(f"{self._state}: {screen} at {size} looks different; if that is meant: {HOW}\n{changed}", pytrace=False)

    def keep(self) -> None:
        """Write what was seen, if dumps are written anew."""
        for size, known in self._known.items() if UPDATE else ():
            FOLDER.mkdir(exist_ok=True)
            body = "".join(f"{_MARK}{name}\n" + "".join(f"{row}\n" for row in shown) for name, shown in known.items())
            self._path(size).write_text(body, "utf-8")

    def _path(self, size: tuple[int, int]) -> Path:
        return FOLDER / f"{self._state.replace(' ', '-')}-{size[0]}x{size[1]}.txt"


def nothing_moves(port: FakePort, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs from run to run stands still, and what a scripted engine leaves empty is filled."""
    port.moving = False
    port.journal_rows = [
        JournalRow(number=n, utc_ms=port.picture.utc_ms - 1000 * (9 - n), kind=kind, dispatch_id="7f3a9c41", by="ana", text=text)
        for n, kind, text in ((3, "round.send", "412 setpoints"), (2, "request", "operate FCR 1 500 kW"), (1, "note", "bay 4 is closed"))
    ]
    port.answers[StopList] = lambda _: Accepted(request="stop_list", result=_STOP)
    port.answers[Handover] = lambda _: _handover(port.picture)
    monkeypatch.setattr(header, "clock_text", lambda: " 14:02:07Z")
    monkeypatch.setattr(diagnostics, "_version_of", lambda _: "1.2.3")
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.0")
    monkeypatch.setattr(vehicle_text, "_age", lambda vehicle, _: f"{vehicle.age_s:.1f} s ago")


def _handover(shown: Snapshot) -> Reply:
    report = HandoverView(
        from_ms=shown.utc_ms - 28_800_000, until_ms=shown.utc_ms, engine=shown.engine, link=shown.link, fleet=shown.summary,
        open_dispatches=shown.dispatches[:2], ended_dispatches=shown.dispatches[2:], alarms=shown.alarms, alarm_rates=shown.alarm_rates,
        tags=shown.tags, overrides=(), approvals=shown.approvals, stop=shown.stop, notes=(), missing="",
    )  # fmt: skip
    return Accepted(request="handover", result=report)


async def _settled(app: ConsoleApp, pilot: Pilot[ConsoleExit]) -> list[str]:
    shown, still = _shown(app), 0
    for _ in range(_TURNS):
        await pilot.pause(0.02)
        still = still + 1 if _shown(app) == shown else 0
        shown = _shown(app)
        if still == _STILL:
            return shown
    raise AssertionError("the screen never came to rest")


def _shown(app: ConsoleApp) -> list[str]:
    """Without what is blank at the ends of lines and of the screen."""
    return "\n".join(row.rstrip() for row in rows(app)).rstrip("\n").split("\n")


def _read(path: Path) -> dict[str, list[str]]:
    if not path.exists():
        return {}
    parts = path.read_text("utf-8").split(_MARK)[1:]
    return {name: body.rstrip("\n").split("\n") for name, _, body in (part.partition("\n") for part in parts)}
