"""A dispatch that waits for its start is not short; who took vehicles, notes and durations are told in full."""

from dataclasses import replace

import msgspec

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.console.dispatch_text import head_rows, note_rows, why_rows
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.operating import cancelled_text
from v2g_console.console.widgets.dispatch_table import DispatchTable
from v2g_console.console.widgets.dispatches_pane import head_line, power_line
from v2g_console.contract.handover_text import _dispatch as handover_line
from v2g_console.contract.snapshot import AckProgress, TakenVehicles
from v2g_console.domain.start_time import start_words
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import parse_duration_s, typed_duration

WAITING = msgspec.structs.replace(
    pictures.first_dispatch(),
    state=DispatchState.ARMED,
    due_ms=pictures.NOW_MS + 252_000,
    starts_in_s=252.0,
    remaining_s=None,
    shortfall_kw=1500.0,
    vehicles=0,
    progress=AckProgress(),
)
TABLE = DispatchTable(UNICODE, "nothing")


def cell(view: object, key: str) -> str:
    column = next(one for one in TABLE.all_columns(200) if one.key == key)
    assert isinstance(view, type(WAITING))
    return TABLE.text_of(view, column)


def test_before_its_start_a_dispatch_starts_in_and_is_never_short() -> None:
    head = "\n".join(row.plain for row in head_rows(WAITING, 118, UNICODE))
    pane = f"{head_line(WAITING, UNICODE, ' ', 90).plain} {power_line(WAITING, UNICODE, 90).plain}"
    for told in (head, pane, handover_line(WAITING), cell(WAITING, "state")):
        assert "starts in 04:12" in told and "short" not in told
    assert cell(WAITING, "short") == "-"


def test_before_its_start_nobody_is_left_out_and_nothing_is_lost_since_the_plan() -> None:
    for height_lines in (2, 20):
        told = "\n".join(row.plain for row in why_rows(WAITING, 118, height_lines, UNICODE))
        assert "chosen at its start" in told and not any(word in told for word in ("nobody", "since the plan", "allocated"))


def test_what_is_missing_since_the_plan_is_never_limited_by_nothing() -> None:
    view = msgspec.structs.replace(WAITING, due_ms=None, starts_in_s=None, requested_kw=400.0, allocated_kw=264.0, limits=())
    said = why_rows(view, 118, 2, UNICODE)[0].plain
    assert "136 kW since the plan" in said and "what others took" in said
    assert "nothing" in why_rows(msgspec.structs.replace(view, allocated_kw=400.0), 118, 2, UNICODE)[0].plain


def test_a_row_says_who_took_its_vehicles() -> None:
    view = msgspec.structs.replace(
        WAITING, due_ms=None, starts_in_s=None, taken=(TakenVehicles(short_id="#7f3a", signal="FCR", vehicles=12),)
    )
    assert "12 vehicles taken by #7f3a FCR" in cell(view, "why")


def test_a_long_note_is_wrapped_and_whole() -> None:
    note = "grid operator rings back before noon about the transformer " * 5
    view = msgspec.structs.replace(WAITING, author_note=note.strip())
    rows = note_rows(view, 60, [])
    assert " ".join(" ".join(row.plain for row in rows).split()) == f"noted: {note.strip()}"
    assert max(row.cell_length for row in rows) <= 60


def test_a_cancel_before_the_start_says_that_nothing_had_been_sent() -> None:
    assert cancelled_text(WAITING) == "#7f3a: cancelled; nothing had been sent to vehicles"
    assert "412 vehicles are being released" in cancelled_text(pictures.first_dispatch())


def test_limits_are_written_as_they_are_typed_and_utc_as_z() -> None:
    assert [typed_duration(s) for s in (28_800.0, 5400.0, 90.0, 0.5)] == ["8h", "1h30m", "1m30s", "0.5s"]
    assert parse_duration_s(typed_duration(3_723.0)) == 3_723.0
    assert start_words("2026-11-23T17:30:00+00:00") == "2026-11-23 17:30:00Z"
    assert start_words("2026-11-23T18:30:00+01:00") == "2026-11-23 18:30:00+01:00 (17:30:00Z)"


async def test_what_waits_for_its_start_is_not_counted_as_active_nor_its_power_as_asked() -> None:
    running_now = msgspec.structs.replace(pictures.first_dispatch(), dispatch_id="b" * 32)
    async with running(FakePort(replace(pictures.normal(), dispatches=(WAITING, running_now)))) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "1 active  ▲ 1 500 kW asked, 1 waits to start, 2 kept" in text(app))
