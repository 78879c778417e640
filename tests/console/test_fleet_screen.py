"""The fleet screen: what is shown of all, the filter as it is typed, and the way to a vehicle."""

import pytest
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, rows, running, text, until
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.widgets.fleet_table import FleetTable


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
        await pilot.press("2", "down", "slash", *"veh000150")
        await until(pilot, lambda: "veh000001 is hidden by the filter" in text(app))


async def test_enter_opens_the_vehicle_under_the_cursor_though_the_fleet_changed() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2", "down", "down", "down")
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
        assert "Fleet  200" in text(app)
        assert any("veh" in row for row in rows(app)) or size == (20, 5)
