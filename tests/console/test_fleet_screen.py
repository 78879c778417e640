"""The fleet screen: what is shown of all, the filter as it is typed, and the way to a vehicle."""

from dataclasses import replace

import numpy as np
import pytest
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, rows, running, text, until
from v2g_console.console.screens.columns import ColumnsDialog
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.contract.snapshot import Snapshot


async def test_it_opens_with_every_vehicle_and_names_the_order() -> None:
    async with running(FakePort(pictures.normal(1204))) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert "Fleet  1 204 vehicles" in text(app)
        assert "sorted by id ▲" in text(app)
        await pilot.press("o", "o", "O")
        assert "sorted by power ▲" in text(app)


async def test_the_filter_works_as_it_is_typed_and_counts() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"state:silent")
        silent = sum(state == 7 for state in pictures.normal().fleet.state)
        await until(pilot, lambda: f"Fleet  {silent} of 200 vehicles" in text(app))
        await pilot.pause()
        listed = [row for row in rows(app) if row.startswith("  veh0")]
        assert len(listed) == silent and all(" silent " in row for row in listed)


async def test_letters_and_digits_in_the_filter_are_no_keys() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"1dq0")
        assert isinstance(app.screen, FleetScreen)
        assert app.screen.query_one("#fleet-filter", Input).value == "1dq0"


async def test_a_filter_that_cannot_be_understood_says_so_and_empties_nothing() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"soc<")
        await until(pilot, lambda: "soc< expects a number, for example soc<0.3" in text(app))
        assert "200 of 200 vehicles" in text(app)


async def test_enter_goes_on_in_the_table_and_escape_clears_before_it_leaves() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"veh00001", "enter")
        table = app.screen.query_one(FleetTable)
        assert table.has_focus and table.cursor_id == "veh000010"
        await pilot.press("escape")
        assert isinstance(app.screen, FleetScreen)
        assert "Fleet  200 vehicles" in text(app)
        assert table.cursor_id == "veh000010"
        await pilot.press("escape")
        assert not isinstance(app.screen, FleetScreen)


async def test_a_vehicle_that_the_filter_hides_is_named() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"veh000150")
        await until(pilot, lambda: "veh000001 is hidden by the filter" in text(app))


async def test_enter_opens_the_vehicle_under_the_cursor_though_the_fleet_changed() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2", "down", "down")
        port.show(pictures.normal(260))
        await refreshed(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, VehicleDetailScreen))
        assert isinstance(app.screen, VehicleDetailScreen)
        assert app.screen.vehicle_id == "veh000003"
        assert app.model.selected_vehicle_id == "veh000003"


async def test_an_empty_fleet_says_so() -> None:
    async with running(FakePort(pictures.empty())) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "No vehicle has answered yet." in text(app))


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (40, 10), (20, 5)])
async def test_counts_and_vehicles_are_there_at_any_size(size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        # Where there are fewest lines they belong to the vehicles: the overview has the counts.
        assert "Fleet  200" in text(app) or size == (20, 5)
        assert any("veh" in row for row in rows(app))


async def test_a_covered_screen_draws_nothing_and_is_current_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = OverviewScreen.apply_snapshot

    def counting(self: OverviewScreen, snapshot: Snapshot) -> None:
        drawn.append(snapshot.number)
        draw(self, snapshot)

    monkeypatch.setattr(OverviewScreen, "apply_snapshot", counting)
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        drawn.clear()
        port.show(pictures.normal(260))
        await refreshed(pilot, app)
        assert drawn == [] and app._background_screens == [], "Textual would paint the whole fleet screen anew with each change below it"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        await until(pilot, lambda: "260 vehicles" in text(app))


async def test_what_is_under_a_dialog_goes_on_living() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2", "l")
        await until(pilot, lambda: isinstance(app.screen, ColumnsDialog))
        assert [type(screen) for screen in app._background_screens] == [FleetScreen]
        port.show(pictures.normal(260))
        await refreshed(pilot, app)
        await until(pilot, lambda: "260 vehicles" in text(app))


async def test_filter_order_and_columns_are_found_again() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("2", "slash", *"soc<0.5", "enter", "o", "o", "1")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert app.screen.query_one("#fleet-filter", Input).value == "soc<0.5"
        await until(pilot, lambda: "of 200 vehicles   sorted by power" in text(app))


async def test_tags_and_holds_show_by_themselves() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert "hold" not in rows(app)[3] and "tag" not in rows(app)[3]
        fleet = pictures.fleet()
        marked = replace(fleet, on_hold=np.arange(200) == 1, tag=np.where(np.arange(200) == 0, 2, 0).astype(np.uint8), revision=2)
        port.show(replace(pictures.normal(), fleet=marked))
        await refreshed(pilot, app)
        await until(pilot, lambda: "tag" in rows(app)[3] and "hold" in rows(app)[3])
        first, second = (next(row for row in rows(app) if name in row) for name in ("veh000001", "veh000002"))
        assert " X " in first and "held" not in first and "held" in second
