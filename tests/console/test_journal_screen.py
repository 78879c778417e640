"""The journal on screen: newest first, older ones fetched when needed, filters asked of the engine, one entry in full, export."""

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.export import write_export
from v2g_console.console.journal_filter import JournalFilter, journal_filter
from v2g_console.console.screens.journal import JournalScreen
from v2g_console.console.screens.journal_entry import JournalEntryScreen, entry_rows
from v2g_console.console.widgets.journal_table import JournalTable
from v2g_console.contract.record import JournalRow
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import Journal

HOSTILE = "\x1b]0;owned\x07[bold]\u202egnp.exe"


def entries(n: int, first: int = 1) -> list[JournalRow]:
    """n entries, newest first, every fifth a refused request by ana."""
    made = []
    for number in range(first + n - 1, first - 1, -1):
        refused = number % 5 == 0
        kind, by, words = ("request.refused", "ana", "dispatch by ana: STOP is latched") if refused else ("acks", "", f"{number} acked")
        made.append(JournalRow(number=number, utc_ms=pictures.NOW_MS + number, kind=kind, dispatch_id="7f3a" * 8, by=by, text=words))
    return made


def port_with(n: int) -> FakePort:
    port = FakePort()
    port.journal_rows = entries(n)
    return port


def asked_kind(port: FakePort) -> str:
    newest = port.asked(Journal)[-1]
    assert isinstance(newest, Journal)
    return newest.kind


def table(app: ConsoleApp) -> JournalTable:
    return app.screen.query_one(JournalTable)


def knows(app: ConsoleApp, entries: int) -> bool:
    return table(app).total == entries


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (40, 10)])
async def test_the_newest_entry_is_on_top_with_person_and_words(size: tuple[int, int]) -> None:
    async with running(port_with(10), size) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 10)
        await pilot.pause()
        first = next(row for row in rows(app) if "STOP is" in row or "request.refused" in row or "10" in row)
        assert rows(app).index(first) <= 4


async def test_new_entries_come_in_by_themselves_and_the_cursor_stays_on_its_entry() -> None:
    port, clock = port_with(10), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 10)
        await pilot.press("down", "down")
        held = table(app).cursor_id
        port.journal_rows = entries(13)
        clock.now_s += 2
        await refreshed(pilot, app)
        await until(pilot, lambda: table(app).total == 13)
        assert table(app).cursor_id == held and table(app).id_at(0) == "13"


async def test_going_to_the_end_fetches_older_entries() -> None:
    async with running(port_with(950)) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 200)
        assert "older ones below" in text(app)
        for known in (400, 600, 800, 950):
            await pilot.press("end")
            await until(pilot, partial(knows, app, known))
        assert [table(app).id_at(place) for place in (0, 949)] == ["950", "1"]
        assert "older ones below" not in text(app)


async def test_a_gap_after_a_long_pause_begins_the_list_anew_rather_than_hide_it() -> None:
    port, clock = port_with(10), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 10)
        port.journal_rows = entries(1000)
        clock.now_s += 2
        await refreshed(pilot, app)
        await until(pilot, lambda: table(app).total == 200)
        numbers = [int(table(app).id_at(place)) for place in range(200)]
        assert numbers == list(range(1000, 800, -1))


async def test_a_key_in_the_filter_is_asked_of_the_engine_and_a_word_narrows_what_is_here() -> None:
    port = port_with(50)
    async with running(port) as (app, pilot):
        await pilot.press("6", "slash", *"kind:request")
        await until(pilot, lambda: asked_kind(port) == "request" and table(app).total == 10)
        await pilot.press("space", *"latched")
        assert table(app).shown == 10
        await pilot.press("x")
        assert table(app).shown == 0 and "Esc clears it" in text(app)


async def test_an_answer_to_an_older_filter_never_shows_under_the_newer_one() -> None:
    port = port_with(50)
    async with running(port) as (app, pilot):
        await pilot.press("6", "slash", *"kind:acks", *(["backspace"] * 4), *"request")
        await until(pilot, lambda: asked_kind(port) == "request" and table(app).total == 10)
        await pilot.pause(0.05)
        assert all(row.kind == "request.refused" for row in table(app).listed)


async def test_while_a_kind_is_typed_nothing_is_asked_that_could_only_be_refused_and_recorded() -> None:
    port = port_with(50)
    async with running(port) as (app, pilot):
        await pilot.press("6", "slash", *"kind:reque")
        assert "no kind is called 'reque'" in text(app) and table(app).total == 0
        await pilot.press(*"st")
        await until(pilot, lambda: asked_kind(port) == "request" and table(app).total == 10)
        assert {one.kind for one in port.asked(Journal) if isinstance(one, Journal)} == {"", "request"}


async def test_an_unknown_key_names_those_that_exist() -> None:
    async with running(port_with(5)) as (app, pilot):
        await pilot.press("6", "slash", *"user:ana")
        assert "no filter user:" in text(app) and "vehicle:" in text(app)


async def test_the_reason_why_there_is_no_journal_is_shown() -> None:
    port = port_with(0)
    port.answers[Journal] = lambda _: Refused(request="journal", reason=Refusal.FORBIDDEN, message="journal needs the role auditor")
    async with running(port) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: "needs the role auditor" in text(app))


async def test_enter_shows_the_whole_entry_and_escape_leads_back() -> None:
    async with running(port_with(10)) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 10)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, JournalEntryScreen) and "FR-LYO-1" in text(app))
        await pilot.press("escape")
        assert isinstance(app.screen, JournalScreen)


async def test_hostile_words_are_shown_as_text() -> None:
    port = port_with(0)
    port.journal_rows = [JournalRow(number=1, utc_ms=pictures.NOW_MS, kind="request", by=HOSTILE, text=HOSTILE)]
    async with running(port) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: table(app).total == 1)
        await pilot.pause()
        assert "[bold]" in text(app) and "\x1b" not in text(app) and "\u202e" not in text(app)


def test_a_cut_entry_is_shown_as_it_is_and_a_huge_one_says_what_is_missing() -> None:
    assert [row.plain for row in entry_rows('{"cut": [1, 2')] == ['{"cut": [1, 2']
    huge = [row.plain for row in entry_rows("[" + ",".join(["1"] * 5000) + "]")]
    assert len(huge) == 2001 and "3002 more lines" in huge[-1]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", JournalFilter()),
        ("kind:request ana", JournalFilter(kind="request", word="ana")),
        ("Vehicle:FR-LYO-1 signal:fcr", JournalFilter(vehicle="FR-LYO-1", signal="fcr")),
        ("kind:", JournalFilter()),
        ("dispatch:#7f3a", JournalFilter(dispatch="#7f3a")),
        ("user:ana", JournalFilter(unknown="user")),
        ("14:02", JournalFilter(word="14:02")),
        ("!acks", JournalFilter(word="!acks")),
    ],
)
def test_the_filter_is_taken_apart(written: str, meant: JournalFilter) -> None:
    assert journal_filter(written) == meant


def test_an_export_never_writes_over_another(tmp_path: Path) -> None:
    at = datetime(2026, 11, 23, 14, 2, 7)
    written = {write_export(tmp_path, "fleet", ("id",), [("veh1",)], "json", at) for _ in range(3)}
    assert len(written) == 3 and all(path.read_text().startswith("[") for path in written)
