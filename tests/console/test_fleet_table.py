"""The fleet table: the cursor is a vehicle, only what changed is drawn, and any size and any text is fine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import on
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.geometry import Region
from textual.pilot import Pilot

from tests.console import pictures
from tests.console.harness import SteppedClock
from v2g_console.console.glyphs import ASCII, UNICODE, Glyphs
from v2g_console.console.themes import BUILT_IN, variables
from v2g_console.console.widgets import fleet_layout, fleet_table
from v2g_console.console.widgets.fleet_index import Order, SortKey
from v2g_console.console.widgets.fleet_layout import fit_columns
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.table_parts import GAP_CELLS
from v2g_console.contract.snapshot import FleetColumns


class Host(App[None]):
    """Nothing but the table."""

    def __init__(self, glyphs: Glyphs, clock: SteppedClock) -> None:
        super().__init__()
        self.table = FleetTable(glyphs, clock)
        self.chosen: list[str] = []
        self.orders: list[Order] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(BUILT_IN)

    def compose(self) -> ComposeResult:
        yield self.table

    @on(FleetTable.RowChosen)
    def remember(self, event: FleetTable.RowChosen) -> None:
        self.chosen.append(event.row_id)

    @on(FleetTable.OrderChanged)
    def remember_order(self, event: FleetTable.OrderChanged) -> None:
        self.orders.append(event.order)


@asynccontextmanager
async def hosted(size: tuple[int, int] = (100, 12), glyphs: Glyphs = UNICODE) -> AsyncIterator[tuple[Host, Pilot[None], SteppedClock]]:
    clock = SteppedClock()
    app = Host(glyphs, clock)
    async with app.run_test(size=size) as pilot:
        app.table.focus()
        await pilot.pause()
        yield app, pilot, clock


def drawn(app: Host) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


def cursor_lines(app: Host) -> list[str]:
    return [row for row in drawn(app) if row.startswith(("›", ">"))]


def changed(columns: FleetColumns, row: int, power_kw: float) -> FleetColumns:
    power = columns.power_kw.copy()
    power[row] = power_kw
    return replace(columns, power_kw=power, revision=columns.revision + 1)


def shuffled_values(columns: FleetColumns, seed: int) -> FleetColumns:
    order = np.random.default_rng(seed).permutation(len(columns))
    return replace(
        columns, power_kw=columns.power_kw[order], soc=columns.soc[order], state=columns.state[order], revision=columns.revision + 1
    )


def with_arrivals(columns: FleetColumns, names: list[str], seed: int) -> FleetColumns:
    """The same vehicles, with new ones behind them: the engine only ever adds rows."""
    whole = pictures.fleet(len(columns) + len(names), revision=columns.revision + 1, seed=seed)
    return replace(whole, ids=(*columns.ids, *names))


def without(columns: FleetColumns, gone: int) -> FleetColumns:
    """The fleet of an engine that has not heard of the vehicles from row `gone` on."""
    whole = pictures.fleet(gone, revision=columns.revision + 1)
    return replace(whole, ids=columns.ids[:gone])


FILTERS = ["", "veh00000", "soc<0.5", "!soc<0.5", "state:acked", "zzz", "soc<", "site:lyon*", "is:marked", "!is:marked"]
STEP = st.one_of(
    st.tuples(st.just("values"), st.integers(0, 99)),
    st.tuples(st.just("arrive"), st.integers(1, 5)),
    st.tuples(st.just("sort"), st.sampled_from([(key, turned) for key in SortKey for turned in (False, True)])),
    st.tuples(st.just("leave"), st.integers(1, 40)),
    st.tuples(st.just("filter"), st.sampled_from(FILTERS)),
    st.tuples(st.just("mark"), st.integers(1, 40)),
    st.tuples(st.just("mark listed"), st.just(None)),
    st.tuples(st.just("clear marks"), st.just(None)),
    st.tuples(st.just("columns"), st.lists(st.sampled_from(list(SortKey)), unique=True, max_size=9)),
    st.tuples(st.just("wait"), st.floats(0.1, 3.0)),
    st.tuples(st.just("wheel"), st.integers(-9, 9)),
)


@settings(max_examples=12, deadline=None)
@given(start=st.integers(0, 39), steps=st.lists(STEP, min_size=1, max_size=12))
def test_the_cursor_stays_on_its_vehicle(start: int, steps: list[tuple[str, Any]]) -> None:
    asyncio.run(_the_cursor_stays(start, steps))


async def _the_cursor_stays(start: int, steps: list[tuple[str, Any]]) -> None:
    async with hosted((100, 9)) as (app, pilot, clock):
        table, columns = app.table, pictures.fleet(40)
        table.show(columns)
        table.move_cursor_to(start)
        chosen = table.cursor_id
        assert chosen == columns.ids[start]
        for number, (kind, value) in enumerate(steps):
            match kind:
                case "values":
                    columns = shuffled_values(columns, value)
                case "arrive":
                    columns = with_arrivals(columns, [f"a{number}-{n}" for n in range(value)], number)
                case "sort":
                    table.set_order(Order(*value))
                case "filter":
                    table.set_filter(value)
                case "leave":
                    columns = without(columns, min(value, len(columns)))
                case "mark":
                    table.marks.turn(f"veh{value:06d}")
                    table.marks_changed()
                case "mark listed":
                    table.marks.add(table.listed_ids())
                    table.marks_changed()
                case "clear marks":
                    table.marks.clear()
                    table.marks_changed()
                case "columns":
                    table.set_columns(tuple(value))
                case "wait":
                    clock.now_s += value
                case _:
                    table.scroll_to(y=table.scroll_offset.y + value, animate=False, force=True)
            table.show(columns)
            await pilot.pause()
            assert table.cursor_id == chosen
            place = table.cursor_place
            assert place is None or table.id_at(place) == chosen
            marked = cursor_lines(app)
            on_screen = place is not None and 0 <= place - table.scroll_offset.y < 8
            assert len(marked) == on_screen and all(f"{chosen} " in row for row in marked)
            listed = [row[1:].split()[0] for row in drawn(app)[1:9] if row.strip() and "No vehicle" not in row]
            assert all((one.removeprefix("*") in table.marks) == one.startswith("*") for one in listed)
        table.action_choose()
        await pilot.pause()
        assert app.chosen == ([] if place is None else [chosen])


async def test_the_cursor_keeps_its_line_on_screen_when_the_order_changes() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(200))
        app.table.move_cursor_to(100)
        await pilot.pause()
        line = next(y for y, row in enumerate(drawn(app)) if row.startswith("›"))
        app.table.set_order(Order(SortKey.SOC))
        await pilot.pause()
        assert app.table.cursor_place not in {None, 100}
        assert drawn(app)[line].startswith("› veh000101 ")


async def test_an_unmoved_cursor_at_the_top_does_not_scroll_the_list_when_others_arrive_before_it() -> None:
    async with hosted() as (app, pilot, _):
        columns = replace(pictures.fleet(3), ids=("m1", "m2", "m3"))
        app.table.show(columns)
        await pilot.pause()
        assert app.table.cursor_id == "m1", "the first row gets the cursor, though it came after the focus"
        app.table.show(with_arrivals(columns, [f"a{n}" for n in range(30)], 1))
        await pilot.pause()
        assert app.table.scroll_offset.y == 0
        assert app.table.cursor_id == "m1"


async def test_enter_opens_only_a_vehicle_that_is_listed() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(20))
        await pilot.press("down", "down")
        app.table.set_filter("veh000019")
        await pilot.press("enter")
        assert app.chosen == []
        await pilot.press("enter")
        assert app.chosen == ["veh000019"]


async def test_a_click_takes_the_vehicle_that_was_drawn_there() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(20))
        await pilot.pause()
        await pilot.click(FleetTable, offset=(5, 4))
        assert app.table.cursor_id == "veh000004"
        assert app.chosen == []
        await pilot.click(FleetTable, offset=(5, 4))
        assert app.chosen == ["veh000004"]


async def test_a_click_below_the_last_vehicle_does_nothing() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(2))
        await pilot.pause()
        await pilot.click(FleetTable, offset=(5, 9))
        assert app.chosen == [] and app.table.cursor_id == "veh000001"


async def test_a_click_on_a_title_sorts_and_another_turns_it_round() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(20))
        await pilot.pause()
        at = drawn(app)[0].index("SoC")
        await pilot.click(FleetTable, offset=(at, 0))
        await pilot.click(FleetTable, offset=(at, 0))
        assert app.orders == [Order(SortKey.SOC), Order(SortKey.SOC, descending=True)]
        assert "SoC▼" in drawn(app)[0]


async def test_keys_move_by_lines_pages_and_to_both_ends() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(100))
        places = []
        for key in ("up", "down", "up", "pagedown", "pageup", "end", "down", "home"):
            await pilot.press(key)
            places.append(app.table.cursor_place)
        assert places == [0, 1, 0, 10, 0, 99, 99, 0]


async def test_the_wheel_moves_the_view_and_not_the_cursor() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(100))
        await pilot.pause()
        wheel = MouseScrollDown(app.table, 5, 5, 0, 1, 0, False, False, False, 5, 5)
        app.table.post_message(wheel)
        await pilot.pause()
        assert app.table.scroll_offset.y > 0
        assert app.table.cursor_id == "veh000001"


def asked_lines(table: FleetTable, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """Collects what the table asks to have drawn."""
    regions: list[Region] = []
    ask = table.refresh

    def refresh(*wanted: Region, **options: Any) -> Any:
        regions.extend(wanted or [Region(0, 0, 1, 999)])
        return ask(*wanted, **options)

    monkeypatch.setattr(table, "refresh", refresh)
    return regions


async def test_only_the_line_that_looks_different_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hosted() as (app, pilot, _):
        columns = pictures.fleet(100)
        app.table.show(columns)
        await pilot.pause()
        regions = asked_lines(app.table, monkeypatch)
        app.table.show(changed(columns, 3, 99.0))
        assert [(region.y, region.height) for region in regions] == [(4, 1)]
        await pilot.pause()
        assert "99.0" in drawn(app)[4]


async def test_nothing_is_drawn_for_vehicles_off_screen_or_changes_below_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hosted() as (app, pilot, _):
        columns = changed(pictures.fleet(100), 3, 5.01)
        app.table.show(columns)
        await pilot.pause()
        regions = asked_lines(app.table, monkeypatch)
        app.table.show(changed(columns, 80, 99.0))
        app.table.show(changed(columns, 3, 5.02))
        assert regions == []


async def test_a_tick_looks_at_no_more_vehicles_than_fit_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def counting(columns: FleetColumns, rows: Any, *rest: Any, **more: Any) -> Any:
        counted.append(len(rows))
        return fleet_layout.row_lines(columns, rows, *rest, **more)

    async with hosted() as (app, pilot, _):
        columns = pictures.fleet(100_000)
        app.table.show(columns)
        await pilot.pause()
        monkeypatch.setattr(fleet_table, "row_lines", counting)
        app.table.show(changed(columns, 2, 9.0))
        await pilot.pause()
        assert sum(counted) <= 2 * 12
        await pilot.press("end")
        assert app.table.cursor_id == "veh100000"


@pytest.mark.parametrize("width", range(1, 240))
def test_columns_never_take_more_than_the_width(width: int) -> None:
    columns = fit_columns(width, 64, 40, 12)
    assert columns[0].key == SortKey.ID
    taken = sum(column.width_cells for column in columns) + GAP_CELLS * (len(columns) - 1)
    assert taken <= max(width, 1)


def test_what_is_given_up_first_is_what_matters_least() -> None:
    kept = [{column.key for column in fit_columns(width, 9, 10, 8, tagged=True)} for width in range(10, 160)]
    assert all(narrow <= wide for narrow, wide in pairwise(kept))
    assert len(kept[-1]) == 11
    assert {"id", "power", "state"} <= {column.key for column in fit_columns(38, 9, 10, 8)}


async def test_unknown_values_are_marked_and_not_shown_as_numbers() -> None:
    async with hosted() as (app, pilot, _):
        columns = pictures.fleet(3)
        nothing = np.full(3, np.nan, np.float32)
        app.table.show(replace(columns, soc=nothing, power_kw=nothing, quality=np.array([0, 1, 3], np.uint8)))
        await pilot.pause()
        assert "nan" not in " ".join(drawn(app)).split()
        assert [drawn(app)[y].split()[1] for y in (2, 3)] == ["~", "?"]


@pytest.mark.parametrize("width", [8, 14, 24, 60, 100])
@pytest.mark.parametrize("chosen", [(), (SortKey.SOC, SortKey.SITE)])
async def test_no_value_looks_fresh_that_is_not_whatever_columns_there_are(width: int, chosen: tuple[SortKey, ...]) -> None:
    async with hosted((width, 12)) as (app, pilot, _):
        app.table.set_columns(chosen)
        app.table.show(replace(pictures.fleet(4), quality=np.array([0, 1, 2, 3], np.uint8)))
        await pilot.pause()
        assert [next((sign for sign in "~!?" if sign in row), "") for row in drawn(app)[1:5]] == ["", "~", "!", "?"]


async def test_the_cursor_stays_on_screen_when_the_terminal_gets_low() -> None:
    async with hosted((60, 30)) as (app, pilot, _):
        app.table.show(pictures.fleet(200))
        app.table.move_cursor_to(20)
        await pilot.pause()
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert cursor_lines(app)


async def test_without_unicode_every_sign_is_ascii() -> None:
    async with hosted(glyphs=ASCII) as (app, pilot, _):
        app.table.show(pictures.fleet(40))
        app.table.set_order(Order(SortKey.POWER, descending=True))
        await pilot.press("down")
        await pilot.pause()
        assert "".join(drawn(app)).isascii()
        assert cursor_lines(app)


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (40, 10), (20, 5), (9, 2), (1, 1)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    async with hosted(size) as (app, pilot, _):
        app.table.show(pictures.fleet(300))
        await pilot.press("end", "home", "pagedown")
        await pilot.resize_terminal(size[0] + 7, size[1] + 1)
        await pilot.pause()
        assert len(drawn(app)) == size[1] + 1


async def test_an_empty_fleet_and_an_empty_result_say_so() -> None:
    async with hosted() as (app, pilot, _):
        app.table.show(pictures.fleet(0))
        await pilot.pause()
        assert fleet_table.NOBODY in drawn(app)[1]
        app.table.show(pictures.fleet(5, revision=2))
        app.table.set_filter("zzz")
        await pilot.pause()
        assert fleet_table.NONE_PASSES in drawn(app)[1]
        app.table.set_filter("")
        await pilot.pause()
        assert "veh000001" in drawn(app)[1]
