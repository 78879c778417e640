"""The dispatch screen: every figure of one dispatch, its plots, and its vehicles worst first."""

from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.dispatch_text import head_rows, more_rows, why_rows
from v2g_console.console.glyphs import ASCII, UNICODE
from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.trace_plot import LABEL_CELLS, latency_rows, trace_rows
from v2g_console.console.waterfall import waterfall_rows
from v2g_console.console.widgets.command_table import CommandTable
from v2g_console.contract.events import Strategy
from v2g_console.contract.replies import Accepted, DispatchDetailView
from v2g_console.contract.requests import DispatchDetail
from v2g_console.contract.snapshot import AckProgress, DispatchView, TracePoint
from v2g_console.domain.states import DispatchState

VIEW = pictures.first_dispatch()


def head(view: DispatchView, width: int = 118) -> str:
    return "\n".join(row.plain for row in head_rows(view, width, UNICODE))


def changed(**changes: object) -> DispatchView:
    return msgspec.structs.replace(VIEW, **changes)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (VIEW, "#7f3a  FCR  ▲ 1 500 kW  active  04:12 left  step, not frequency response"),
        (VIEW, "target 1 500  asked 1 500  acked 1 431  delivered 1 402  (97% measured)  uncertain 69  short 69  kW"),
        (VIEW, "limited 10  rejected 7  silent 24  pending 0  try 1/2 in 2.1 s"),
        (VIEW, "210 kW without a lease"),
        (changed(delivered_kw=None), "delivered not measured"),
        (changed(requested_kw=-300.0, shortfall_kw=20.0), "▼ 300 kW"),
        (changed(requested_kw=-300.0, shortfall_kw=20.0), "short 20"),
        (changed(test=True), "TEST"),
        (changed(state=DispatchState.FAILED, outcome_reason="PUBLISH_FAILED", remaining_s=None), "failed  PUBLISH_FAILED"),
        (changed(state=DispatchState.AWAITING_ACKS), "awaiting acks"),
        (changed(release=AckProgress(commanded=412, acked=400)), "released 400/412"),
        (changed(release=AckProgress(commanded=412, acked=400, silent=5)), "silent 5  waiting 7"),
        (changed(ended_ms=pictures.NOW_MS), "ended 14:02:07Z"),
        (changed(external_ref="RTE-42"), "ref RTE-42"),
    ],
)
def test_the_head_says_what_counts(view: DispatchView, said: str) -> None:
    assert said in head(view)


def test_too_much_power_is_not_called_short() -> None:
    assert "short" not in head(changed(shortfall_kw=-12.0))


@pytest.mark.parametrize("width", [40, 60, 78])
def test_what_is_wrong_stays_in_the_head_when_it_gets_narrow(width: int) -> None:
    shown = head(VIEW, width)
    assert "short 69" in shown and "silent 24" in shown and "rejected 7" in shown and "1 431" in shown


def test_the_waterfall_falls_from_requested_to_allocated() -> None:
    view = changed(requested_kw=1000.0, allocated_kw=500.0, limits=(("SITE_LIMIT", 300.0), ("RAMP", 200.0)))
    shown = [row.plain for row in waterfall_rows(view.requested_kw, view.allocated_kw, view.limits, 20, UNICODE)]
    assert shown[0].startswith("requested         1 000 kW " + "█" * 20)
    assert shown[1].startswith("SITE_LIMIT         -300 kW " + " " * 14 + "░" * 6) and "its site is at its limit" in shown[1]
    assert shown[2].startswith("RAMP               -200 kW " + " " * 10 + "░" * 4)
    assert shown[3].startswith("allocated           500 kW " + "█" * 10 + " ")


def test_the_waterfall_ends_at_what_was_allocated_whatever_the_causes_add_up_to() -> None:
    more = [row.plain for row in waterfall_rows(-100.0, -60.0, (("SITE_LIMIT", 250.0), ("MIN_POWER", 3.0)), 20, UNICODE)]
    assert more[1].startswith("SITE_LIMIT          -40 kW") and "its site is at its limit (250 kW held back)" in more[1]
    assert more[2].startswith("MIN_POWER             0 kW") and "░" not in more[2] and "(3 kW held back)" in more[2]
    less = [row.plain for row in waterfall_rows(100.0, 60.0, (("SITE_LIMIT", 30.0),), 20, UNICODE)]
    assert [row.split()[0] for row in less] == ["requested", "SITE_LIMIT", "since", "allocated"] and "-10 kW" in less[2]
    more = [row.plain for row in waterfall_rows(100.0, 104.0, (), 20, UNICODE)]
    assert [row.split()[0] for row in more] == ["requested", "on", "allocated"] and "makes up for who gives less" in more[1]


def test_what_moved_between_dispatches_is_told_on_both_and_summed() -> None:
    winner = changed(moved=(("#7f3a", 20.0), ("#7f3a", 2.0)), requested_kw=-30.0)
    loser = changed(moved=(("#81c0", -22.0), ("#aaaa", 5.5)))
    assert [row.plain for row in more_rows(winner, "", 118)] == ["took 22 kW from #7f3a"]
    assert [row.plain for row in more_rows(loser, "", 118)] == ["lost 22 kW to #81c0  took 5.5 kW from #aaaa"]
    assert more_rows(VIEW, "", 118) == []


def test_tracking_shows_its_three_parts_where_there_is_room() -> None:
    view = changed(tracking=0.97, tracking_correlation=0.99, tracking_delay=1.0, tracking_precision=0.92)
    assert more_rows(view, "", 118)[0].plain == "tracking 0.97  (correlation 0.99, delay 1.00, precision 0.92)"
    assert more_rows(view, "", 40)[0].plain == "tracking 0.97"


async def test_the_newest_word_of_the_engine_on_its_strategy_stands_under_the_head() -> None:
    port = FakePort()
    for number, dispatch_id in enumerate((pictures.DISPATCH_ID, pictures.DISPATCH_ID, pictures.SECOND_ID)):
        text_ = f"{number} kW over 3 vehicles (balanced): met"
        port.event_log.append(Strategy(ts="2025-12-02T14:02:07.123Z", dispatch_id=dispatch_id, kind="lp_failure", text=text_))
    async with running(port) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID))
        await until(pilot, lambda: "lp failure at 14:02:07Z: 1 kW over 3 vehicles (balanced): met" in text(app))
        assert "0 kW over 3" not in text(app) and "2 kW over 3" not in text(app)


def test_little_room_keeps_limits_and_counts_in_a_line_each() -> None:
    shown = [row.plain for row in why_rows(VIEW, 78, 2, UNICODE)]
    assert shown[0].startswith("Limited by  SITE_LIMIT 40 kW")
    assert shown[1] == "Left out 142  60 NOT_V2G, 51 IN_USE, 31 SOC_FLOOR"


def plot(trace: tuple[TracePoint, ...], width: int = 40, height: int = 6) -> list[str]:
    return [row.plain for row in trace_rows(trace, width, height, UNICODE)]


def test_the_plot_has_the_target_on_top_the_power_below_and_the_time_beneath() -> None:
    trace = tuple(TracePoint(float(t), 100.0, 100.0, 50.0) for t in range(61))
    drawn = plot(trace)
    assert drawn[1].startswith("     100 ▏━━━━")
    assert all("█" not in row for row in drawn[1:3]) and all("█" * 20 in row for row in drawn[3:5])
    assert drawn[-1].strip().startswith("0 ▏00:00") and drawn[-1].endswith("01:00")


def test_down_regulation_is_drawn_the_same_way_with_its_sign_on_the_axis() -> None:
    trace = tuple(TracePoint(float(t), -100.0, -100.0, -100.0) for t in range(10))
    assert plot(trace)[1].startswith("    -100 ▏━━━━")


def test_no_measurement_does_not_look_like_no_power() -> None:
    trace = tuple(TracePoint(float(t), 100.0, 100.0, None if t < 5 else 100.0) for t in range(10))
    lowest = plot(trace)[4][LABEL_CELLS + 2 :]
    assert lowest[:12] == "?" * 12 and lowest[-8:] == "█" * 8
    assert "?" not in plot(tuple(TracePoint(float(t), 100.0, 0.0, 0.0) for t in range(10)))[4]


@pytest.mark.parametrize(("width", "height"), [(10, 2), (20, 3), (38, 6), (58, 8), (140, 14)])
def test_plots_keep_to_their_room(width: int, height: int) -> None:
    for glyphs in (UNICODE, ASCII):
        plotted = trace_rows(VIEW.trace, width, height, glyphs)
        latencies = latency_rows(VIEW.progress, max(33, width), height, glyphs)
        assert len(plotted) <= height and len(latencies) <= max(height, 3)
        assert max(row.cell_length for row in plotted[1:]) <= max(width, LABEL_CELLS)
        assert max(row.cell_length for row in latencies) <= max(33, width)


def test_a_single_slow_answer_is_visible_beside_thousands_of_fast_ones() -> None:
    progress = AckProgress(commanded=9001, acked=9001, histogram=(9000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), p50_ms=3.0)
    lowest = latency_rows(progress, 55, 6, UNICODE)[-2].plain
    assert lowest.endswith("▁▁▁▁") and lowest[6:50].strip() == ""


def test_no_answer_yet_is_said() -> None:
    assert "no answer yet" in latency_rows(AckProgress(commanded=3), 40, 5, UNICODE)[1].plain
    assert "no power recorded yet" in plot(())[1]


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 14), (40, 10)])
async def test_it_opens_from_the_overview_and_lists_vehicles_worst_first(size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID))
        await until(pilot, lambda: "veh000001" in text(app))
        assert "#7f3a" in text(app) and "silent 24" in text(app)
        listed = [row for row in rows(app) if "veh0000" in row]
        assert "silent" in listed[0]


async def test_enter_on_the_overview_opens_the_selected_dispatch() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen))
        assert isinstance(app.screen, DispatchDetailScreen) and app.screen.dispatch_id == pictures.DISPATCH_ID


async def test_it_asks_once_a_second_and_never_twice_at_once() -> None:
    clock, port = SteppedClock(), FakePort()
    async with running(port) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID, clock))
        await until(pilot, lambda: "veh000001" in text(app))
        for _ in range(5):
            app.show_model()
        await pilot.pause()
        assert len(port.asked(DispatchDetail)) == 1
        clock.now_s += 1.0
        app.show_model()
        await until(pilot, lambda: len(port.asked(DispatchDetail)) == 2)


async def test_keys_retry_and_cancel_are_about_this_dispatch() -> None:
    async with running(FakePort()) as (app, pilot):
        assert app.model.selected_dispatch_id != pictures.SECOND_ID
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.SECOND_ID))
        await until(pilot, lambda: app.model.selected_dispatch_id == pictures.SECOND_ID)
        await pilot.press("c")
        await until(pilot, lambda: "#81c0 NEBEF" in text(app) and "Cancel the dispatch" in text(app))


async def test_its_vehicles_are_narrowed_by_a_word_and_opened() -> None:
    async with running(FakePort()) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID))
        await until(pilot, lambda: "veh000001" in text(app))
        await pilot.press("slash", *"rejected", "enter")
        await until(pilot, lambda: "Vehicles  4 of 40, worst first" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, VehicleDetailScreen))
        assert isinstance(app.screen, VehicleDetailScreen) and app.screen.vehicle_id == "veh000005"


async def test_escape_clears_the_word_before_it_leaves() -> None:
    async with running(FakePort()) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID))
        await pilot.press("slash", *"acked", "escape")
        assert isinstance(app.screen, DispatchDetailScreen)
        assert app.screen.query_one(CommandTable).word == ""
        await pilot.press("escape")
        assert not isinstance(app.screen, DispatchDetailScreen)


async def test_a_dispatch_that_the_snapshot_forgot_stays_readable() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, pictures.DISPATCH_ID))
        await until(pilot, lambda: "veh000001" in text(app))
        port.show(replace(port.picture, dispatches=()))
        await refreshed(pilot, app)
        await pilot.pause()
        assert "#7f3a" in text(app) and "veh000001" in text(app)


async def test_an_unknown_dispatch_says_so() -> None:
    async with running(FakePort()) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, "nothing"))
        await until(pilot, lambda: "no such dispatch (see the list)" in text(app))


@pytest.mark.parametrize("hostile", pictures.HOSTILE)
async def test_hostile_words_of_vehicles_are_made_visible(hostile: str) -> None:
    port = FakePort(pictures.hostile(hostile))
    view = port.picture.dispatches[0]
    row = msgspec.structs.replace(
        pictures.command_rows(pictures.normal(), VIEW)[0], vehicle_id=f"{hostile}1", reason=hostile, reason_text=hostile, state=hostile
    )
    port.answers[DispatchDetail] = lambda _: Accepted(request="x", result=DispatchDetailView(dispatch=view, total=1, rows=(row,)))
    async with running(port, (90, 40)) as (app, pilot):
        await app.push_screen(DispatchDetailScreen(app.model, app.glyphs, view.dispatch_id))
        await until(pilot, lambda: "Vehicles  1, worst first" in text(app))
        assert all(char == "\n" or char.isprintable() for char in text(app))


def test_a_dispatch_that_is_over_does_not_promise_a_curve() -> None:
    assert "no power recorded yet" in trace_rows((), 60, 10, UNICODE)[1].plain
    assert "not kept after the end" in trace_rows((), 60, 10, UNICODE, over=True)[1].plain
