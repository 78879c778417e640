"""What is said to the operator: in the place of the keys, over nothing that is read; and what empty lists and fields tell about keys."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.glyphs import ASCII, UNICODE
from v2g_console.console.nothing_text import nothing_runs
from v2g_console.console.options import Severity
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.telling import CALM_S, Telling
from v2g_console.console.widgets.alarm_table import AlarmTable
from v2g_console.console.widgets.notice_bar import NoticeBar, notice_rows

LONG = "Update the target of the selected dispatch: no dispatch to update: it is over, and so is everything that was asked of it today"


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_what_is_said_stands_where_the_keys_are_and_covers_no_line(size: tuple[int, int]) -> None:
    async with running(FakePort(pictures.normal(300)), size) as (app, pilot):
        await pilot.press("2")
        app.say("no vehicle is silent", "warning")
        await pilot.pause()
        assert "no vehicle is silent" in rows(app)[-1]
        app.say(LONG, "warning")
        await pilot.pause()
        table, bar = app.screen.query_one("FleetTable"), app.screen.query_one(NoticeBar)
        assert bar.region.height > 1 and table.region.bottom <= bar.region.y


def test_the_newest_comes_first_and_a_warning_keeps_a_line_until_its_time_is_over() -> None:
    clock = SteppedClock()
    telling = Telling(clock)
    telling.tell("link lost", "error")
    telling.tell("sent", "information")
    shown = [row.plain for row in notice_rows(telling.live(), 40, 2, UNICODE, "0")]
    assert "sent" in shown[0] and "link lost" in shown[1]
    clock.now_s += CALM_S
    assert [one.text for one in telling.live()] == ["link lost"]


def test_a_cut_names_the_key_that_leads_to_all_of_it_and_fits() -> None:
    telling = Telling(SteppedClock())
    telling.tell(LONG, "warning")
    shown = notice_rows(telling.live(), 40, 2, ASCII, "0")
    assert len(shown) == 2 and shown[-1].plain.endswith("~ 0") and all(row.cell_length < 40 for row in shown)


@pytest.mark.parametrize(("older", "lines_of_newest"), [("information", 2), ("warning", 2), ("error", 1)])
def test_the_newest_is_cut_only_to_leave_a_line_to_what_is_worse(older: Severity, lines_of_newest: int) -> None:
    telling = Telling(SteppedClock())
    telling.tell("sent to 81 vehicles", older)
    telling.tell("#08ea updated, PARTIAL: 81 of 81 acknowledged", "warning")
    shown = [row.plain for row in notice_rows(telling.live(), 40, 2, UNICODE, "0")]
    assert len(shown) == 2 and ("acknowledged" in shown[1]) == (lines_of_newest == 2) and ("sent to" in shown[1]) == (lines_of_newest == 1)
    assert any(row.endswith("… 0") for row in shown)


def test_a_notice_that_fills_its_lines_is_not_cut_for_the_key_to_a_less_important_one() -> None:
    telling = Telling(SteppedClock())
    telling.tell("sent to 81 vehicles", "information")
    telling.tell("nothing was done, it ended just now", "warning")
    (shown,) = notice_rows(telling.live(), 40, 1, UNICODE, "0")
    assert shown.plain.endswith("just now")


def test_the_newest_is_cut_only_for_the_sake_of_something_worse() -> None:
    telling = Telling(SteppedClock())
    partial = "PARTIAL: 7 of 81 vehicles did not take it, 40 kW of 500 missing"
    for earlier in ("sent", "link lost"):
        telling.tell(earlier, "error" if earlier == "link lost" else "information")
        telling.tell(partial, "warning")
        shown = " ".join(row.plain.strip() for row in notice_rows(telling.live(), 40, 2, UNICODE, "0"))
        assert shown.endswith(("of 500 missing", "of 500 missing … 0")) == (earlier == "sent"), shown
        assert ("link lost" in shown) == (earlier == "link lost"), shown


@pytest.mark.parametrize("most_lines", [1, 2, 3, 4])
def test_what_has_no_line_left_is_never_dropped_without_a_word(most_lines: int) -> None:
    telling = Telling(SteppedClock())
    for told in ("link lost", "a target that is refused and needs more than one line", "sent", "three lines of it, because " + "x " * 30):
        telling.tell(told, "warning")
    shown = [row.plain for row in notice_rows(telling.live(), 40, most_lines, UNICODE, "0")]
    assert len(shown) == most_lines and "three lines" in shown[0], shown
    assert shown[-1].endswith("… 0") and all(len(row) < 40 for row in shown)


async def test_a_tick_draws_nothing_of_what_was_said_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakePort(), (80, 24)) as (app, pilot):
        asked: list[object] = []
        draw = NoticeBar.refresh

        def refresh(bar: NoticeBar, *regions: Any, **options: Any) -> Any:
            asked.append((regions, options))
            return draw(bar, *regions, **options)

        monkeypatch.setattr(NoticeBar, "refresh", refresh)
        await refreshed(pilot, app)
        assert asked == [], "nothing was said"
        app.say(LONG, "warning")
        await until(pilot, lambda: "no dispatch to update" in text(app))
        assert asked
        asked.clear()
        await refreshed(pilot, app)
        await refreshed(pilot, app)
        assert asked == [], "said already"


async def test_the_first_enter_in_the_fleet_opens_the_first_vehicle() -> None:
    async with running(FakePort(pictures.normal(50))) as (app, pilot):
        await pilot.press("2", "enter")
        await until(pilot, lambda: isinstance(app.screen, VehicleDetailScreen))


async def test_a_narrow_list_of_alarms_keeps_priority_and_state() -> None:
    for size in ((20, 5), (20, 24)):
        async with running(FakePort(pictures.alarmed()), size) as (app, pilot):
            await pilot.press("4")
            await pilot.pause()
            keys = [column.key for column in app.screen.query_one(AlarmTable).layout_columns]
            assert keys[:2] == ["priority", "short_state"] and "NEW" in text(app)


async def test_who_may_not_start_a_dispatch_is_shown_no_key_for_it() -> None:
    picture = replace(pictures.normal(), dispatches=())
    watching = replace(picture, engine=msgspec.structs.replace(picture.engine, read_only=True))
    async with running(FakePort(watching), (80, 24)) as (app, pilot):
        assert nothing_runs(app.model) == "No dispatch." and "for a new one" not in text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "for a new one" not in text(app)


async def test_the_composer_names_the_keys_that_the_field_with_the_focus_has() -> None:
    async with running(FakePort(), (80, 24)) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "Enter arm" in text(app))
        assert "choose" not in text(app)
        await pilot.press("shift+tab")
        await until(pilot, lambda: "Up/Down choose" in text(app))
