"""Copying from and exporting every list but the fleet's: what is listed, whole values, private files."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, until
from v2g_console.console.actions import ACTIONS
from v2g_console.console.app import ConsoleApp
from v2g_console.console.listed_rows import ALARM_FIELDS, COMMAND_FIELDS, DISPATCH_FIELDS, JOURNAL_FIELDS, SILENT_FIELDS, rows_of
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.contract.record import JournalRow
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import StopList
from v2g_console.contract.stop import SilentVehicle, StopView
from v2g_console.domain.alarm_cycle import AlarmState

pytestmark = pytest.mark.usefixtures("no_dwell")

SILENT = SilentVehicle(
    vehicle_id="veh000007", site="lyon-2", dispatch="#7f3a", protocol=1, setpoint_kw=5.0, measured_kw=None, silent_s=61.0,
    lease_ends_ms=None, next_step="call the site and unplug",
)  # fmt: skip
LISTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "dispatches": (("3",), "dispatch_id", "dispatches-"),
    "vehicles": (("3", "enter"), "vehicle_id", "dispatch-7f3a9c41-"),
    "alarms": (("4",), "alarm_id", "alarms-"),
    "journal": (("6",), "number", "journal-"),
    "silent": (("f7",), "vehicle_id", "stop-silent-"),
}
"""By name: the keys that lead there, the column that tells rows apart, how the file's name begins."""


def port() -> FakePort:
    picture = pictures.alarmed()
    known = FakePort(replace(picture, engine=pictures.engine()))
    known.journal_rows = [JournalRow(number=n, utc_ms=pictures.NOW_MS, kind="request", by="=cmd()", text=f"+{n}") for n in (3, 2, 1)]
    stop = StopView(dispatches=1, vehicles=412, confirmed=380, silent=32, who=(SILENT,))
    known.answers[StopList] = lambda _: Accepted(request="stop_list", result=stop)
    return known


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where exports go."""
    path = tmp_path / "exports"
    monkeypatch.setattr("v2g_console.console.exporting.export_folder", lambda: path)
    return path


def ids(app: ConsoleApp, name: str) -> list[str]:
    """What is listed, as a person sees it."""
    if name == "silent":
        return [SILENT.vehicle_id]
    table: Any = app.screen.query_one("RecordTable")
    return [table.id_of(one) for one in table.listed]


async def go(app: ConsoleApp, pilot: Pilot[Any], name: str) -> None:
    for key in LISTS[name][0]:
        await pilot.press(key)
        await pilot.pause()
    if name == "silent":
        await until(pilot, lambda: getattr(app.screen, "_view", None) is not None)
    else:
        await until(pilot, lambda: bool(ids(app, name)))


async def written(app: ConsoleApp, pilot: Pilot[Any], form: str, folder: Path) -> list[dict[str, Any]]:
    """The records of the file that `x` and an answer make; the file is removed."""
    await pilot.press("x")
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    told = len(app.notices)
    await pilot.press(form[0])
    await until(pilot, lambda: len(app.notices) > told and "written to" in app.notices[-1])
    return taken(folder, form)


def taken(folder: Path, form: str) -> list[dict[str, Any]]:
    """What is in the only file of a folder, which is moved to the folder above."""
    (path,) = folder.iterdir()
    body = path.read_text("utf-8")
    assert path.name.endswith(f".{form}") and path.stat().st_mode & 0o777 == 0o600
    path.rename(folder.parent / path.name)
    found: list[dict[str, Any]] = list(csv.DictReader(body.splitlines())) if form == "csv" else json.loads(body)
    return found


@pytest.fixture
def no_folder(folder: Path) -> None:
    """Nothing can be written."""
    folder.write_text("a file where the folder should be")


async def test_every_list_is_exported_as_it_is_listed_in_both_forms(folder: Path) -> None:
    async with running(port()) as (app, pilot):
        for name, (_, key, begins) in LISTS.items():
            await go(app, pilot, name)
            listed = ids(app, name)
            for form in ("csv", "json"):
                found = await written(app, pilot, form, folder)
                assert [str(one[key]) for one in found] == listed, (name, form)
            assert len([path for path in folder.parent.iterdir() if path.name.startswith(begins)]) == 2, name
            await pilot.press("escape", "escape", "1")
        assert any("the engine lists the first 1 of 32" in told for told in app.notices)
        assert not app.crash_report


async def test_only_what_the_filter_lets_through_is_exported_and_nothing_becomes_a_formula(folder: Path) -> None:
    async with running(port()) as (app, pilot):
        await go(app, pilot, "dispatches")
        await pilot.press("slash", *"81c0", "enter")
        (found,) = await written(app, pilot, "json", folder)
        assert (found["dispatch_id"], found["signal"], found["state"]) == (pictures.SECOND_ID, "NEBEF", "active")
        assert found["started_utc"].endswith("Z") and found["acked"] == pictures.second_dispatch().progress.acked
        await pilot.press("escape")
        await go(app, pilot, "journal")
        rows = await written(app, pilot, "csv", folder)
        assert [(row["by"], row["text"], row["utc"]) for row in rows[:1]] == [("'=cmd()", "'+3", "2025-12-02T14:02:07.000Z")]


async def test_a_question_left_with_escape_writes_nothing_and_a_full_disk_is_told(no_folder: None) -> None:
    async with running(port()) as (app, pilot):
        await go(app, pilot, "alarms")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert not any("export" in told for told in app.notices)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("c")
        await until(pilot, lambda: any("not exported" in told for told in app.notices))


async def test_the_id_under_the_cursor_and_the_lines_on_screen_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    async with running(port()) as (app, pilot):
        for name in ("dispatches", "vehicles", "alarms", "journal"):
            await go(app, pilot, name)
            await pilot.press("home", "y")
            await pilot.pause()
            assert app.clipboard == ids(app, name)[0], name
            await pilot.press("Y")
            await pilot.pause()
            assert app.clipboard.count("\t") >= 2 and 1 <= len(app.clipboard.splitlines()) <= len(ids(app, name)), name
            await pilot.press("escape", "escape", "1")


async def test_where_nothing_is_listed_nothing_is_copied_and_it_is_said() -> None:
    async with running(FakePort(pictures.quiet())) as (app, pilot):
        await pilot.press("4", "y")
        await until(pilot, lambda: any("not copied: put the cursor" in told for told in app.notices))


RECORDS: tuple[tuple[Callable[[], msgspec.Struct], tuple[str, ...]], ...] = (
    (pictures.first_dispatch, DISPATCH_FIELDS),
    (lambda: pictures.alarm(1), ALARM_FIELDS),
    (lambda: pictures.command_rows(pictures.normal(), pictures.first_dispatch())[0], COMMAND_FIELDS),
    (lambda: SILENT, SILENT_FIELDS),
    (lambda: JournalRow(number=1, utc_ms=1, kind="k", by="", text=""), JOURNAL_FIELDS),
)


@pytest.mark.parametrize(("make", "fields"), RECORDS, ids=[fields[0] for _, fields in RECORDS])
def test_every_field_is_one_of_the_contract_and_a_plain_value(make: Callable[[], msgspec.Struct], fields: tuple[str, ...]) -> None:
    (row,) = rows_of([make()], fields)
    assert all(value is None or type(value) in {str, int, float, bool} for value in row)
    json.dumps(row, allow_nan=False)


def test_what_is_not_known_is_none_and_times_have_their_zone() -> None:
    alarm = msgspec.structs.replace(pictures.alarm(1), state=AlarmState.RETURNED, raised_ms=pictures.NOW_MS, cleared_ms=None)
    assert rows_of([alarm], ("state", "raised_utc", "cleared_utc")) == [(AlarmState.RETURNED.value, "2025-12-02T14:02:07.000Z", None)]
    command = msgspec.structs.replace(pictures.command_rows(pictures.normal(), pictures.first_dispatch())[0], score=nan, setpoint_kw=1 / 3)
    assert rows_of([command], ("score", "setpoint_kw")) == [(None, 0.333333)]


def test_every_list_offers_the_same_three_keys() -> None:
    offered = {action.id: action.keys for action in ACTIONS}
    for prefix in ("fleet", "dispatch", "dispatches", "alarms", "journal"):
        assert [offered[f"{prefix}.{what}"] for what in ("export", "copy", "copy_rows")] == [("x",), ("y",), ("Y",)]
