"""What comes next: the screen, the pane of the overview, and the pictures that both draw."""

from dataclasses import replace

import msgspec
import pytest
from rich.cells import cell_len

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.forecasts import forecast
from tests.console.harness import refreshed, running, text
from v2g_console.console.commitments import commitments
from v2g_console.console.glyphs import ASCII, UNICODE, Glyphs
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.outlook_plot import Band, band_rows, column_rows
from v2g_console.console.outlook_text import outlook_rows, soc_rows
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Forecast
from v2g_console.contract.snapshot import FleetSummary, Snapshot
from v2g_console.domain.states import DispatchState

HOUR_MS = 3_600_000


def waiting() -> Snapshot:
    """A dispatch that begins in ten minutes, one that runs and can't be held to its end."""
    due = pictures.second_dispatch(
        state=DispatchState.ARMED, due_ms=pictures.NOW_MS + 600_000, started_ms=None, ends_ms=None, remaining_s=None
    )
    tired = pictures.first_dispatch(holds_s=120.0, rebound_kw=210.0)
    return replace(pictures.normal(), dispatches=(tired, due, pictures.past_dispatch(1)))


def test_what_comes_next_is_in_the_order_of_time_and_only_what_is_open() -> None:
    told = [(one.at_ms - pictures.NOW_MS, one.urgent, one.text) for one in commitments(waiting())]
    assert told == [
        (120_000, True, "#7f3a FCR ▲ 1 500 kW can't be held in full any longer"),
        (252_000, False, "#7f3a FCR ▲ 1 500 kW ends, then about 210 kW of charging comes back"),
        (600_000, False, "#81c0 NEBEF ▲ 300 kW begins, for 30:00"),
    ]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(12, 4), (35, 5), (60, 9), (200, 20)])
def test_a_plot_keeps_to_its_room_and_tells_sure_from_likely(width: int, height: int, glyphs: Glyphs) -> None:
    bands = [Band(hour * HOUR_MS, 100.0, 60.0) for hour in range(25)]
    rows = [row.plain for row in band_rows("Headroom", " kW", bands, width, height, glyphs)]
    assert len(rows) == height
    assert max(map(cell_len, rows[1:])) <= max(width, 13)
    solid, shade = ("#", ".") if glyphs.ascii else ("█", "░")
    assert shade in rows[1] and solid not in rows[1].split("|")[-1]
    assert solid in rows[-2] and shade not in rows[-2]


def test_a_plot_names_hours_and_the_least_that_is_sure() -> None:
    bands = [Band((14 + hour) * HOUR_MS, 100.0, 90.0 - (hour == 5) * 40) for hour in range(25)]
    rows = [row.plain for row in band_rows("Up", " kW", bands, 100, 6, UNICODE)]
    assert "least P90 50 kW in 5 h, 19Z" in rows[0]
    assert rows[-1].split()[:4] == ["now", "16", "17", "18"]
    assert rows[-1].index("16") - rows[-1].index("now") == 2 * 3


def test_nothing_is_drawn_as_nothing_and_little_is_not() -> None:
    flat = [row.plain for row in band_rows("Up", " kW", [Band(0, 0.0, 0.0)] * 25, 60, 6, UNICODE)]
    assert not any(sign in row for row in flat for sign in "█░▁")
    columns = [row.plain for row in column_rows((0, 1, 100_000), ("a", "b", "c"), 20, 3, UNICODE)]
    assert columns[2].endswith("▁▁▁▁ ████")
    assert band_rows("Up", "", [], 40, 6, UNICODE)[0].plain.endswith("nothing to tell")


def test_counts_stand_under_their_columns_and_stay_short() -> None:
    summary = FleetSummary(soc_histogram=(0, 0, 999, 1_000, 12_345, 2_500_000, 0, 0, 0, 1), soc_median=0.5, excluded_from_sums=3)
    rows = [row.plain for row in soc_rows(summary, 60, 4, UNICODE)]
    assert rows[0] == "State of charge  median 0.50  3 without fresh values"
    assert rows[-1].split() == ["0", "0", "999", "1.0k", "12k", "2.5M", "0", "0", "0", "1"]
    assert [rows[-1].index(word) + len(word) for word in ("999", "12k")] == [rows[-2].index(word) + 2 for word in (".2", ".4")]
    assert "no vehicle with fresh telemetry" in soc_rows(FleetSummary(), 60, 4, UNICODE)[1].plain


def test_without_a_prediction_the_page_says_what_it_rests_on() -> None:
    picture = pictures.normal()
    told = [row.plain for row in outlook_rows(picture, forecast(picture, "none"), "", 100, 30, UNICODE)]
    assert any("prediction.engine is none" in row for row in told)


async def test_seven_shows_commitments_headroom_vehicles_and_charge() -> None:
    async with running(FakePort(waiting()), (120, 40)) as (app, pilot):
        await pilot.press("7")
        await refreshed(pilot, app)
        shown = text(app)
    for words in (
        "14:04:07Z",
        "▲ #7f3a FCR ▲ 1 500 kW can't be held",
        "Headroom ▲ up",
        "Headroom ▼ down",
        "Vehicles there",
        "State of charge",
    ):
        assert words in shown, words


async def test_it_is_asked_for_seldom_and_only_where_it_is_drawn() -> None:
    port = FakePort()
    async with running(port, (120, 36)) as (app, pilot):
        await refreshed(pilot, app)
        assert port.asked(Forecast) == []
        await pilot.press("7")
        for _ in range(3):
            await refreshed(pilot, app)
        assert len(port.asked(Forecast)) == 1


async def test_an_engine_that_gives_none_is_told_and_the_rest_stays() -> None:
    port = FakePort(waiting())
    port.answers[Forecast] = lambda _: Refused(request="forecast", reason=Refusal.READ_ONLY, message="this is a recording")
    async with running(port, (100, 36)) as (app, pilot):
        await pilot.press("7")
        await refreshed(pilot, app)
        shown = text(app)
    assert "no forecast: this is a recording" in shown and "#81c0" in shown and "State of charge" in shown


async def test_a_large_overview_has_room_for_it_and_a_small_one_does_not() -> None:
    async with running(FakePort(), (200, 60)) as (app, pilot):
        await refreshed(pilot, app)
        assert "Headroom ▼ down  now" in text(app) and "#81c0 NEBEF ▲ 300 kW ends" in text(app)
        await pilot.resize_terminal(120, 36)
        await pilot.pause()
        assert "Headroom ▼ down  now" not in text(app) and "#81c0 NEBEF ▲ 300 kW ends" in text(app)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "NEBEF ▲ 300 kW ends" not in text(app)


async def test_hostile_text_stays_text() -> None:
    port = FakePort(pictures.hostile("\x1b[31m[/]"))
    port.answers[Forecast] = lambda _: Accepted(
        request="forecast", result=msgspec.structs.replace(forecast(pictures.normal()), engine="\x1b[31m")
    )
    async with running(port, (100, 36), ConsoleOptions(ascii=True)) as (app, pilot):
        await pilot.press("7")
        await refreshed(pilot, app)
        assert text(app).replace("\n", "").isascii() and "\x1b" not in text(app)
