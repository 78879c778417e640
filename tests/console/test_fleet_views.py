"""Saved views, the column chooser, copy and export: what the operator makes of the fleet's list."""

import base64
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import rows, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.clipboard import CopyError, copy_text
from v2g_console.console.fleet_rows import HEADERS, plain_rows
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.columns import ColumnsDialog
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.views import NameDialog, ViewsDialog
from v2g_console.console.views import MOST_VIEWS, SavedView, ViewsError, ViewsFile
from v2g_console.console.widgets.fleet_index import Order, SortKey
from v2g_console.console.widgets.fleet_layout import COLUMN_WORDS, age_step, fit_columns, row_lines
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.record_table import RecordTable

pytestmark = pytest.mark.usefixtures("no_dwell")

ALL = np.arange(200)


@pytest.fixture
def views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ViewsFile:
    """The user's views, in a folder of the test's own."""
    file = ViewsFile(tmp_path / "config" / "views.json")
    monkeypatch.setattr("v2g_console.console.screens.fleet.user_views", lambda: file)
    return file


async def at_the_fleet(app: ConsoleApp, pilot: Pilot[Any]) -> FleetTable:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(app.screen, FleetScreen))
    return app.screen.query_one(FleetTable)


async def decided(app: ConsoleApp, pilot: Pilot[Any], key: str) -> None:
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    await pilot.press(key)


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def only_file(folder: Path) -> tuple[str, int, str]:
    """Name, mode and text of the one file in a folder."""
    (path,) = files(folder)
    return path.name, path.stat().st_mode & 0o777, path.read_text("utf-8")


def test_views_come_back_as_they_were_saved_in_a_private_file(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "new" / "views.json")
    low = SavedView(name="low", filter="soc<0.3 !idle", columns=(SortKey.SOC, SortKey.RESERVE), sort=SortKey.SOC, descending=True)
    file.save(low)
    file.save(SavedView(name="all"))
    assert file.load() == (SavedView(name="all"), low)
    assert low.order == Order(SortKey.SOC, True)
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.save(SavedView(name="low", filter="paris"))
    assert [view.filter for view in file.load()] == ["", "paris"]
    file.delete("low")
    assert [view.name for view in file.load()] == ["all"]
    assert [one.name for one in file.path.parent.iterdir()] == ["views.json"], "no half-written file stays behind"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"version": 2, "views": []}',
        b'{"version": 1, "views": [{"name": "a", "sort": "colour"}]}',
        b'{"version": 1, "views": [{"name": "a", "command": "rm"}]}',
        b'{"version": 1, "views": [{"name": "\\u001b]52;c;eA==\\u0007"}]}',
        b'{"version": 1, "views": [{"name": "a"}, {"name": "a"}]}',
        b'{"version": 1, "views": [{"name": "a", "columns": ["soc", "soc"]}]}',
        b'{"version": 1, "views": [{"name": "a", "filter": "' + b"x" * 500 + b'"}]}',
        b'{"version": 1, "views": [' + b",".join(b'{"name": "v%d"}' % n for n in range(MOST_VIEWS + 1)) + b"]}",
        b" " * 70_000,
    ],
)
def test_a_file_that_is_wrong_is_told_and_never_written_over(tmp_path: Path, body: bytes) -> None:
    file = ViewsFile(tmp_path / "views.json")
    file.path.write_bytes(body)
    with pytest.raises(ViewsError, match=r"views\.json"):
        file.load()
    with pytest.raises(ViewsError):
        file.save(SavedView(name="mine"))
    assert file.path.read_bytes() == body


def test_only_so_many_views_are_kept_and_names_are_printable(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "views.json")
    for number in range(MOST_VIEWS):
        file.save(SavedView(name=f"v{number}"))
    with pytest.raises(ViewsError, match="delete one first"):
        file.save(SavedView(name="one more"))
    for name in ("", " x", "a\nb", "\u202eexe", "x" * 33):
        with pytest.raises(ViewsError, match="printable"):
            file.save(SavedView(name=name))


async def test_a_view_is_saved_used_and_deleted_with_keys(views: ViewsFile) -> None:
    async with running(FakePort()) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        await pilot.press("slash", *"soc<0.5", "enter", "o", "o", "v")
        await until(pilot, lambda: isinstance(app.screen, ViewsDialog))
        assert "No view is saved" in text(app)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, NameDialog))
        await pilot.press(*"low", "enter")
        await until(pilot, lambda: "saved: low" in text(app))
        order = table.index.order
        await pilot.press("escape", "escape", "O")
        assert table.filter_text == "" and table.index.order != order
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and table.filter_text == "soc<0.5")
        assert table.index.order == order and table.shown < 200
        await pilot.press("v", "x")
        await decided(app, pilot, "y")
        await until(pilot, lambda: "deleted: low" in text(app))
        assert views.load() == ()


async def test_a_doubled_enter_uses_one_view_or_name_and_leaves_the_screen_below(views: ViewsFile) -> None:
    views.save(SavedView(name="low", filter="soc<0.5"))
    async with running(FakePort()) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        below = app.screen
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ViewsDialog))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, NameDialog))
        field = app.screen.query_one(Input)
        for _ in range(2):
            field.post_message(Input.Submitted(field, "other"))
        await until(pilot, lambda: "saved: other" in text(app))
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, ViewsDialog) and {one.name for one in views.load()} == {"low", "other"}
        for _ in range(2):
            dialog.table.post_message(RecordTable.RowChosen(dialog.table.cursor_id or ""))
        await until(pilot, lambda: app.screen is below)
        await pilot.pause()
        assert app.screen is below and table.filter_text == "soc<0.5"


async def test_a_name_that_exists_is_replaced_only_after_a_question(views: ViewsFile) -> None:
    views.save(SavedView(name="low", filter="soc<0.2"))
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ViewsDialog))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, NameDialog))
        await pilot.press("enter")
        await decided(app, pilot, "n")
        await until(pilot, lambda: isinstance(app.screen, ViewsDialog))
        assert views.load()[0].filter == "soc<0.2"


async def test_a_damaged_file_is_told_in_the_dialog(views: ViewsFile) -> None:
    views.path.parent.mkdir()
    views.path.write_bytes(b"{")
    async with running(FakePort(), (200, 60)) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("v")
        await until(pilot, lambda: str(views.path)[:12] in text(app))


async def test_columns_are_chosen_moved_and_sorted_by_and_survive_the_screen() -> None:
    async with running(FakePort()) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ColumnsDialog))
        dialog = app.screen
        assert isinstance(dialog, ColumnsDialog)
        dialog.table.move_cursor_to(dialog.table.place_of("reserve") or 0)
        await pilot.press("space", "o", "minus")
        assert table.view.columns[-2:] == (SortKey.RESERVE, SortKey.SEGMENT)
        assert table.index.order == Order(SortKey.RESERVE)
        await pilot.press("o")
        assert table.index.order == Order(SortKey.RESERVE, True)
        await pilot.press("home", "space")
        assert "the vehicle is always shown" in text(app)
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: "› id" in text(app))  # there is room for the list rather than for its keys
        await pilot.resize_terminal(120, 36)
        await pilot.press("escape", "1")
        await at_the_fleet(app, pilot)
        await until(pilot, lambda: "reserve" in rows(app)[3])
        await pilot.press("l", "0")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and "reserve" not in rows(app)[3])


async def test_chosen_columns_that_do_not_fit_are_counted() -> None:
    async with running(FakePort(), (80, 24)) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        table.set_columns(tuple(SortKey))
        await pilot.pause()
        app.show_model()
        await until(pilot, lambda: "chosen columns do not fit" in text(app))
        assert table.keys_shown == tuple(SortKey)


@pytest.mark.parametrize("key", list(SortKey))
def test_every_column_can_be_chosen_drawn_exported_and_explained(key: SortKey) -> None:
    chosen = fit_columns(200, 9, 10, 8, chosen=(key,))
    assert {column.key for column in chosen} == {SortKey.ID, key}
    assert HEADERS[key] and COLUMN_WORDS[key]
    assert len(plain_rows(pictures.fleet(200), ALL, [key])) == 200


@pytest.mark.parametrize("key", list(SortKey))
def test_every_column_is_drawn_in_its_width(key: SortKey) -> None:
    columns = replace(pictures.fleet(200), reserve_soc=np.full(200, 0.2, np.float32), on_hold=np.ones(200, np.bool_))
    layout = fit_columns(200, 9, 10, 8, chosen=(key,))
    widths = [column.width_cells for column in layout]
    for one in row_lines(columns, ALL, layout, UNICODE, utc_ms=pictures.NOW_MS):
        assert [len(piece) for piece, _ in one.pieces] == widths and one.pieces[-1][0].strip() != "…"


@pytest.mark.parametrize(
    ("ago_ms", "words"),
    [(0, "<10 s"), (9_999, "<10 s"), (10_000, "<1 min"), (599_000, "<10 min"), (3_599_000, "<1 h"), (90_000_000, ">1 d")],
)
def test_ages_are_told_in_steps(ago_ms: int, words: str) -> None:
    assert age_step(pictures.NOW_MS - ago_ms, pictures.NOW_MS) == words
    assert age_step(0, pictures.NOW_MS) == "never"


def test_unknown_values_are_exported_as_none() -> None:
    columns = replace(pictures.fleet(3), soc=np.array([np.nan, 0.5, 0.123456789], np.float32), site=np.array([-1, 0, 99], np.int32))
    found = plain_rows(columns, np.arange(3), [SortKey.ID, SortKey.SOC, SortKey.SITE])
    assert found == [("veh000001", None, None), ("veh000002", 0.5, "paris-nord"), ("veh000003", 0.1235, None)]


@pytest.mark.parametrize(("key", "form"), [("c", "csv"), ("j", "json")])
async def test_what_is_listed_is_exported_in_its_order(key: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2g_console.console.exporting.export_folder", lambda: tmp_path)
    async with running(FakePort()) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        table.sort_by(SortKey.SOC)
        await pilot.press("slash", *"is:v2g", "enter", "x")
        await decided(app, pilot, key)
        await until(pilot, lambda: any("vehicles written to" in one for one in app.notices))
        listed = table.listed_ids()
    name, mode, body = only_file(tmp_path)
    assert name.startswith("fleet-") and name.endswith(f".{form}") and mode == 0o600
    found = list(csv.DictReader(body.splitlines())) if form == "csv" else json.loads(body)
    assert [one["vehicle_id"] for one in found] == listed
    assert {"power_kw", "soc", "state", "site"} <= found[0].keys()


async def test_a_question_left_with_escape_exports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2g_console.console.exporting.export_folder", lambda: tmp_path)
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
    assert not any(files(tmp_path))


async def test_copies_are_the_marked_ids_else_that_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("down", "y")
        assert app.clipboard == "veh000002"
        await pilot.press("home", "space", "space", "y")
        assert app.clipboard == "veh000001\nveh000002"
        await pilot.press("Y")
        assert app.clipboard.startswith("veh000001\t") and len(app.clipboard.splitlines()) > 20


@pytest.mark.parametrize("term", ["", "linux", "dumb", "vt100"])
def test_a_terminal_without_a_clipboard_gets_no_copy(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    with pytest.raises(CopyError, match="x writes a file"):
        copy_text(["veh1"])


def test_copies_are_bounded_and_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(CopyError, match="take fewer"):
        copy_text([f"veh{n:08d}" for n in range(10_000)])
    for hostile in pictures.HOSTILE[:4]:
        copied = copy_text([hostile, "veh1"])
        assert all(char.isprintable() for row in copied.splitlines() for char in row)
        assert base64.b64encode(copied.encode())
