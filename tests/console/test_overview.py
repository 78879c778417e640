import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len
from textual.geometry import Region
from textual.widget import Widget

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.model import ConsoleModel
from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen
from v2g_console.console.screens.help import HelpScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.widgets.dispatches_pane import DispatchesPane
from v2g_console.console.widgets.link_pane import LinkPane
from v2g_console.contract.link import LinkState
from v2g_console.contract.requests import AckAlarm
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, Snapshot
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.states import DispatchState

SIZES = [(200, 60), (120, 36), (100, 30), (80, 24), (60, 20), (40, 10), (20, 5)]
PICTURES: list[Callable[[], Snapshot]] = [
    pictures.normal,
    pictures.quiet,
    pictures.empty,
    pictures.cut,
    pictures.alarmed,
    pictures.stopped,
    pictures.read_only,
    lambda: pictures.hostile("\x1b]52;c;x\x07[/][@click=app.quit]日本"),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_picture_fits_every_size(size: tuple[int, int]) -> None:
    port = FakePort()
    async with running(port, size) as (app, pilot):
        for make in PICTURES:
            port.show(make())
            await refreshed(pilot, app)
            shown = rows(app)
            assert len(shown) == size[1]
            assert {cell_len(row) for row in shown} == {size[0]}


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24)], ids=str)
async def test_the_four_panes_show_the_facts(size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, _):
        shown = text(app)
    for fact in (
        "paris-nord",
        "link ● up",
        "1L",
        "Fleet  200 vehicles",
        "owed 2",
        "lost 5!",
        "free ▲ 1 156 kW",
        "▼ 1 612 kW",
        "median 0.62",
        "silent 7" if size == (80, 24) else "veh000001",
        "Active dispatches  2",
        "#7f3a  FCR",
        "▲ 1 500 kW",
        "04:12 left",
        "388/412",
        "acked 1 431",
        "delivered 1 402",
        "short 69 kW",
        "#81c0  NEBEF",
        "Ack progress #7f3a",
        "acked 371 of 412  limited 10  rejected 7✗  silent 24▲",
        "retry 1/2 in 2.1 s",
        "p50 41 ms  p95 180 ms  p99 1.2 s",
        "● up 3 h 12 m",
        "TLS 1.3",
        "cert 41 d",
        "out 3.1/s  in 118/s",
        "reconnects 1",
        "refused 2 (bad json 2)",
        "F8 STOP",
        "d Dispatch",
    ):
        assert fact in shown, fact


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24)], ids=str)
async def test_panes_do_not_overlap(size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, _):
        shown = text(app)
        names = ("fleet", "dispatches", "acks", "link", *(["outlook"] if size[0] >= 100 else []))
        panes = [app.screen.query_one(f"#{name}").region for name in names]
    assert all(shown.count(corner) == len(names) for corner in "┌┐└┘")
    assert all(not one.overlaps(other) for n, one in enumerate(panes) for other in panes[n + 1 :])
    assert min(pane.height for pane in panes) >= 4


async def test_a_tiny_terminal_keeps_link_dispatch_and_alarms() -> None:
    async with running(FakePort(pictures.cut()), (40, 10)) as (app, _):
        shown = text(app)
    assert "link ○ down" in shown
    assert "1H■ 1L" in shown
    assert "#7f3a FCR ▲ 1 500 kW" in shown
    assert "MQTT link down: connection cut" in shown
    assert "too small" not in shown


async def test_alarms_that_went_unanswered_are_not_told_as_no_alarm_at_all() -> None:
    gone = msgspec.structs.replace(pictures.alarm(1), active=False, state=AlarmState.RETURNED)
    async with running(FakePort(replace(pictures.normal(), alarms=(gone, gone)))) as (app, _):
        assert "alarms 0 (2 gone)" in text(app)


async def test_empty_panes_say_what_to_do() -> None:
    async with running(FakePort(pictures.quiet())) as (app, _):
        assert "No dispatch. Press d for a new one" in text(app)
    async with running(FakePort(pictures.empty())) as (app, _):
        assert "waiting for the MQTT link" in text(app)
    async with running(FakePort(pictures.stopped())) as (app, _):
        assert "No dispatch can start: STOP is latched. F9 resumes" in text(app)


async def test_a_lost_link_shows_its_cause_and_marks_values_as_old() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        assert "~ old" not in text(app)
        port.show(pictures.cut())
        await refreshed(pilot, app)
        shown = rows(app)
        assert re.search(r"00:12 MQTT link down: connection cut; attempt 4 in 4 s\. v1 keep their setpoint", shown[1])
        assert "Fleet  200 vehicles ~ old" in text(app)
        port.show(pictures.normal())
        await refreshed(pilot, app)
        assert "~ old" not in text(app)


async def test_warnings_of_the_link_are_not_pushed_out() -> None:
    async with running(FakePort(pictures.alarmed()), (80, 24)) as (app, _):
        assert "▲ broker untuned: Receive Maximum 20" in text(app)
        assert "cert 6 d▲" in text(app)


async def test_the_latched_stop_is_seen_from_everywhere() -> None:
    async with running(FakePort(pictures.stopped()), (80, 24)) as (app, pilot):
        assert "STOP is latched by ana" in text(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "STOP is latched by ana" in text(app))


async def test_the_alarm_that_wants_an_answer_first_is_shown_and_can_be_acknowledged() -> None:
    port, clock = FakePort(pictures.alarmed()), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        assert rows(app)[1].startswith(" H■ alarm text 0: retry (r) or cancel (c). a acknowledges")
        clock.now_s += 1.0
        await pilot.press("a")
        await until(pilot, lambda: port.asked(AckAlarm) == [AckAlarm(alarm_id="alarm-0")])
        seen = tuple(msgspec.structs.replace(alarm, acknowledged=True, state=AlarmState.ACKNOWLEDGED) for alarm in port.picture.alarms)
        port.show(replace(port.picture, alarms=seen))
        await refreshed(pilot, app)
        assert "a acknowledges" not in text(app)
        assert "3H■ 2M▲ 2L" in text(app)
        await pilot.press("a")
        await until(pilot, lambda: "no alarm waits" in app.notices[-1])


async def test_dropped_events_are_counted_on_screen() -> None:
    async with running(FakePort(replace(pictures.normal(), engine=pictures.engine(events_dropped=7)))) as (app, _):
        assert "events dropped 7▲" in text(app)


async def test_arrows_select_a_dispatch_and_the_acks_follow() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("down")
        await pilot.pause()
        assert app.model.selected_dispatch_id == pictures.SECOND_ID
        assert "Ack progress #81c0" in text(app)
        assert "› #81c0" in text(app)
        await pilot.press("up", "up")
        assert app.model.selected_dispatch_id == pictures.DISPATCH_ID


async def test_the_selection_stays_on_its_dispatch_when_others_arrive() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("down")
        newcomer = pictures.second_dispatch(dispatch_id="f" * 32, short_id="#ffff")
        port.show(replace(port.picture, dispatches=(newcomer, *port.picture.dispatches)))
        await refreshed(pilot, app)
        assert "› #81c0" in text(app)
        assert "Ack progress #81c0" in text(app)


async def test_more_dispatches_than_lines_are_counted_and_reached() -> None:
    many = tuple(pictures.second_dispatch(dispatch_id=f"{n:032x}", short_id=f"#{n:04x}") for n in range(12))
    async with running(FakePort(replace(pictures.normal(), dispatches=many)), (80, 24)) as (app, pilot):
        assert "more: use the arrows" in text(app)
        for _ in range(11):
            await pilot.press("down")
        await pilot.pause()
        assert "› #000b" in text(app)


async def test_where_lines_are_few_the_selected_dispatch_keeps_its_second() -> None:
    async with running(FakePort(pictures.alarmed()), (80, 24)) as (app, pilot):
        assert "delivered 1 402   short 69 kW" in text(app)
        assert "delivered 296" not in text(app)
        await pilot.press("down")
        await pilot.pause()
        assert "delivered 296" in text(app)


async def test_a_past_dispatch_can_be_selected_and_opened_when_none_runs() -> None:
    async with running(FakePort(replace(pictures.quiet(), dispatches=(pictures.past_dispatch(1), pictures.past_dispatch(2))))) as (
        app,
        pilot,
    ):
        await pilot.press("down", "down")
        await pilot.pause()
        assert "› #0002" in text(app)
        at = next(n for n, row in enumerate(rows(app)) if "#0001" in row)
        await pilot.click(offset=(70, at))
        await pilot.pause()
        assert "› #0001" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen))


async def test_shortfall_matters_only_above_five_percent() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        assert "short 69 kW" in text(app)
        big = pictures.first_dispatch(acknowledged_kw=1200.0, shortfall_kw=300.0, delivered_kw=900.0, delivered_coverage=0.71)
        port.show(replace(port.picture, dispatches=(big,)))
        await refreshed(pilot, app)
        assert "short 300 kW ▲" in text(app)
        down = msgspec.structs.replace(big, requested_kw=-1500.0, acknowledged_kw=-1200.0, delivered_kw=-900.0)
        port.show(replace(port.picture, dispatches=(down,)))
        await refreshed(pilot, app)
        assert "short 300 kW ▲" in text(app)
        more = msgspec.structs.replace(down, acknowledged_kw=-1580.0, shortfall_kw=-80.0)
        port.show(replace(port.picture, dispatches=(more,)))
        await refreshed(pilot, app)
        assert "short 0 kW" in text(app)
        port.show(replace(port.picture, dispatches=(big,)))
        await refreshed(pilot, app)
        assert "delivered 900~  short" in text(app)


async def test_a_releasing_dispatch_shows_its_release() -> None:
    released = msgspec.structs.replace(pictures.second_dispatch().progress, commanded=412, acked=120, silent=3)
    view = pictures.first_dispatch(state=DispatchState.RELEASING, release=released, remaining_s=None)
    async with running(FakePort(replace(pictures.normal(), dispatches=(view,)))) as (app, _):
        assert "releasing" in text(app)
        assert "120/412" in text(app)
        assert "Release progress #7f3a" in text(app)


class Ear:
    """Notes what a widget asks to have painted, and passes it on."""

    def __init__(self, widget: Widget, heard: list[tuple[str, Region | None]]) -> None:
        self._widget, self._heard, self._refresh = widget, heard, widget.refresh

    def __call__(self, *regions: Region, **how: bool) -> Widget:
        """What replaces `refresh`."""
        self._heard += [(type(self._widget).__name__, region) for region in regions or (None,)]
        return self._refresh(*regions, **how)


def listen(app: ConsoleApp, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Region | None]]:
    """From now on, (widget, region) of each repaint; None: all of the widget."""
    heard: list[tuple[str, Region | None]] = []
    for widget in app.screen.query(Widget):
        monkeypatch.setattr(widget, "refresh", Ear(widget, heard))
    return heard


async def test_an_unchanged_picture_paints_nothing_but_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await refreshed(pilot, app)
        heard = listen(app, monkeypatch)
        await refreshed(pilot, app)
        assert {name for name, _ in heard} <= {"Clock"}


async def test_one_changed_value_repaints_its_cells_only(monkeypatch: pytest.MonkeyPatch) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await refreshed(pilot, app)
        heard = listen(app, monkeypatch)
        port.show(replace(port.picture, link=pictures.link_up(rtt_ms=4.2)))
        await refreshed(pilot, app)
        assert "rtt 4 ms" in text(app)
        assert [region for name, region in heard if name != "Clock"] == [Region(text_column(app, "rtt 4") + 4, 0, 1, 1)]


def text_column(app: ConsoleApp, wanted: str) -> int:
    """The column of `wanted` inside the link pane."""
    return next(row.plain.index(wanted) for row in app.screen.query_one(LinkPane).rows if wanted in row.plain)


async def test_the_overview_is_the_screen_that_starts() -> None:
    async with running(FakePort(replace(pictures.normal(), link=pictures.link_up(state=LinkState.SUSPECT)))) as (app, _):
        assert isinstance(app.screen, OverviewScreen)
        assert "link ◌ suspect" in text(app)


MOVED: dict[str, Any] = {"moved": (("#81c0", -22.0),), "tracking": 0.97}


async def test_what_was_lost_to_another_dispatch_and_the_tracking_have_a_line_of_their_own() -> None:
    views = (pictures.first_dispatch(**MOVED), pictures.second_dispatch(moved=(("#7f3a", 22.0),)))
    async with running(FakePort(replace(pictures.normal(), dispatches=views))) as (app, _):
        assert "lost 22 kW to #81c0  tracking 0.97" in text(app) and "took 22 kW from #7f3a" in text(app)


@pytest.mark.parametrize("height", range(1, 12))
def test_lines_about_moves_never_push_a_running_dispatch_out(height: int) -> None:
    views = tuple(pictures.first_dispatch(dispatch_id=f"{n}" * 32, short_id=f"#{n}", **MOVED) for n in range(3))
    picture = replace(pictures.normal(), dispatches=(*views, pictures.past_dispatch(8)))
    model = ConsoleModel(FakePort(picture), ORIGIN)
    model.snapshot = picture
    shown = [row.plain for row in DispatchesPane(model, UNICODE).draw(picture, 70, height)]
    assert len(shown) <= max(2, height)
    assert sum(f"#{n} " in row for n in range(3) for row in shown) >= min(3, height - 1)
    assert sum("lost 22 kW" in row for row in shown) == (1 if height == 5 else max(0, min(3, height - 6)))


async def test_a_pane_without_room_for_a_list_counts_the_vehicles_by_state() -> None:
    async with running(FakePort(), (80, 24)) as (app, _):
        fleet = next(at for at, row in enumerate(rows(app)) if "Fleet  200" in row)
        counted = " ".join(rows(app)[fleet + 4 : fleet + 6])
        states = pictures.fleet().state.tolist()
        assert f"silent {states.count(FLEET_STATE_NAMES.index('silent'))} " in counted
        assert "veh0" not in "".join(rows(app)[fleet : fleet + 6])


async def test_sums_say_how_many_vehicles_they_leave_out_also_where_it_is_narrow() -> None:
    shown = pictures.normal()
    picture = replace(shown, summary=msgspec.structs.replace(shown.summary, excluded_from_sums=13))
    for size in ((120, 36), (100, 36), (80, 24)):
        async with running(FakePort(picture), size) as (app, _):
            assert "13 not counted" in text(app) or "-13~" in text(app)
