"""The whole fleet on one screen: filter, sort, open a vehicle."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from v2g_console.console.actions import Scope
from v2g_console.console.fleet_filter import LONGEST_FILTER_CHARS
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import grouped

FILTER_HINT = "e.g. paris  soc<0.3  state:silent  is:v2g  is:held  !idle"


class FleetScreen(ConsoleScreen):
    """A line for counts and order, a line for the filter, and the table. The filter works as it is typed."""

    scope: ClassVar[Scope] = Scope.FLEET
    CSS_PATH = "../styles/fleet.tcss"
    AUTO_FOCUS = "FleetTable"

    def compose_body(self) -> Iterable[Widget]:
        """Counts, filter, table."""
        yield Lines(id="fleet-counts")
        with Horizontal(id="fleet-filter-line"):
            yield Static(Content("/"), id="fleet-filter-sign")
            yield Input(id="fleet-filter", compact=True, max_length=LONGEST_FILTER_CHARS, placeholder="filter", select_on_focus=False)
            yield Lines(id="fleet-filter-says")
        yield FleetTable(self.glyphs, id="fleet-table")

    def on_mount(self) -> None:
        """Start with what is known."""
        super().on_mount()
        self._say(None)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Show the fleet."""
        self.query_one(FleetTable).show(snapshot.fleet, snapshot.utc_ms)
        self._show_counts()

    @on(Input.Changed, "#fleet-filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Filter at each keystroke; what can't be understood is told and leaves the list alone."""
        self._say(self.query_one(FleetTable).set_filter(event.value))
        self._show_counts()

    @on(Input.Submitted, "#fleet-filter")
    def filter_done(self) -> None:
        """Go on in the table."""
        self._enter_table()

    @on(FleetTable.OrderChanged)
    def order_changed(self) -> None:
        """Name the order."""
        self._show_counts()

    @on(FleetTable.CursorMoved)
    def cursor_moved(self, event: FleetTable.CursorMoved) -> None:
        """Actions are about the vehicle under the cursor."""
        self.model.selected_vehicle_id = event.row_id

    @on(FleetTable.RowChosen)
    def vehicle_chosen(self, event: FleetTable.RowChosen) -> None:
        """Open it."""
        self.model.selected_vehicle_id = event.row_id
        self.app.push_screen(VehicleDetailScreen(self.model, self.glyphs, event.row_id))

    def do_filter(self) -> None:
        """Write a filter."""
        self.query_one("#fleet-filter", Input).focus()

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self.query_one(FleetTable).sort_next()

    def do_sort_reverse(self) -> None:
        """Turn the order round."""
        self.query_one(FleetTable).sort_reverse()

    def do_open_vehicle(self) -> None:
        """Open the vehicle under the cursor."""
        self.query_one(FleetTable).action_choose()

    def do_back(self) -> None:
        """Clear the filter if there is one; else leave."""
        written = self.query_one("#fleet-filter", Input)
        if written.value:
            written.value = ""
            self._enter_table()
        elif written.has_focus:
            self._enter_table()
        else:
            self.leave()

    def leave(self) -> None:
        """Back to where the operator came from."""
        super().do_back()

    def _enter_table(self) -> None:
        table = self.query_one(FleetTable)
        table.focus()
        if table.cursor_place is None:
            table.move_cursor_to(0)

    def _say(self, problem: str | None) -> None:
        says = line((FILTER_HINT, "$muted")) if problem is None else line((self.glyphs.warn, "$warning"), " ", (problem, "bold"))
        self.query_one("#fleet-filter-says", Lines).show([says])

    def _show_counts(self) -> None:
        table = self.query_one(FleetTable)
        order = table.index.order
        arrow = self.glyphs.down if order.descending else self.glyphs.up
        counts = f"{grouped(table.shown)} of {grouped(table.total)}" if table.filter_text.strip() else grouped(table.total)
        place = table.cursor_place
        hidden = table.cursor_id is not None and place is None
        at = "" if place is None else f"   line {grouped(place + 1)}"
        says = line((" Fleet  ", "bold"), f"{counts} vehicles", (f"   sorted by {order.key.value} {arrow}{at}", "$muted"))
        if hidden:
            says = line(says, "   ", (f"{table.cursor_id} is hidden by the filter", "$muted"))
        self.query_one("#fleet-counts", Lines).show([says])
