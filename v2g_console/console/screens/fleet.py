"""The whole fleet on one screen: filter, sort, columns, marks, saved views; open, copy and export vehicles."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from v2g_console.console.actions import Scope
from v2g_console.console.exporting import copy_rows
from v2g_console.console.fleet_acts import export_fleet, mark_all, tag_marked, untag_marked
from v2g_console.console.fleet_filter import LONGEST_FILTER_CHARS, parse_filter
from v2g_console.console.marks import MOST_MARKS
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import Part, line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.screens.columns import ColumnsDialog
from v2g_console.console.screens.listing import HEAD_FROM_LINES
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.screens.views import ViewsDialog
from v2g_console.console.views import SavedView, user_views
from v2g_console.console.widgets.fleet_index import Order, SortKey
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.pane import age_mark
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import grouped

FILTER_HINT = "e.g. paris  soc<0.3  site:paris*  state:silent  tag:inhibit  is:held  is:marked  up>5  !idle"


class FleetScreen(ConsoleScreen):
    """A line for counts and order, a line for the filter, and the table. The filter works as it is typed.

    Filter, order, columns and marks belong to `model.fleet_view` and are found again when the screen comes back.
    """

    scope: ClassVar[Scope] = Scope.FLEET
    CSS_PATH = "../styles/fleet.tcss"
    AUTO_FOCUS = "FleetTable"

    @property
    def dispatch_scope(self) -> tuple[str, ...]:
        """A new dispatch from here is for the marked vehicles."""
        return self.model.fleet_view.marks.ids

    def compose_body(self) -> Iterable[Widget]:
        """Counts, filter, table."""
        view = self.model.fleet_view
        yield Lines(id="fleet-counts")
        with Horizontal(id="fleet-filter-line"):
            yield Static(Content("/"), id="fleet-filter-sign")
            yield Input(
                view.filter_text,
                id="fleet-filter",
                compact=True,
                max_length=LONGEST_FILTER_CHARS,
                placeholder="filter",
                select_on_focus=False,
            )
            yield Lines(id="fleet-filter-says")
        yield FleetTable(self.glyphs, id="fleet-table", view=view)

    def on_mount(self) -> None:
        """Start with what is known."""
        super().on_mount()
        self._say("; ".join(parse_filter(self.model.fleet_view.filter_text).problems) or None)

    def on_screen_resume(self) -> None:
        """Another screen may have asked for a filter."""
        wanted, self.model.fleet_view.wanted_filter = self.model.fleet_view.wanted_filter, ""
        if wanted:
            self.query_one("#fleet-filter", Input).value = wanted

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Show the fleet."""
        self._table.show(snapshot.fleet, snapshot.utc_ms)
        self._show_counts()

    def on_resize(self) -> None:
        """Where there are few lines they belong to the vehicles."""
        if self.is_mounted:
            self._share_lines()

    def _share_lines(self) -> None:
        written, roomy = self.query_one("#fleet-filter", Input), self.size.height >= HEAD_FROM_LINES
        self.query_one("#fleet-counts").display = roomy
        self.query_one("#fleet-filter-line").display = roomy or written.has_focus or bool(written.value)

    @on(Input.Changed, "#fleet-filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Filter at each keystroke; what can't be understood is told and leaves the list alone."""
        problem = self._table.set_filter(event.value)
        self._say(problem or (None if self._table.shown else parse_filter(event.value).nothing_found or None))
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
        self.query_one("#fleet-filter-line").display = True
        self.query_one("#fleet-filter", Input).focus()

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self._table.sort_next()

    def do_sort_reverse(self) -> None:
        """Turn the order round."""
        self._table.sort_reverse()

    def do_open_vehicle(self) -> None:
        """Open the vehicle under the cursor."""
        self._table.action_choose()

    def do_mark(self) -> None:
        """Mark the vehicle under the cursor, or take its mark away."""
        if not self._table.turn_mark():
            self._operating.say(f"not marked: there are {grouped(MOST_MARKS)} marks already", "warning")
        self._show_counts()

    async def do_mark_all(self) -> None:
        """Mark every vehicle that passes the filter."""
        await mark_all(self._operating, self._table)
        self._show_counts()

    def do_unmark_all(self) -> None:
        """Take all marks away."""
        self.model.fleet_view.marks.clear()
        self._table.marks_changed()
        self._show_counts()

    async def do_hang_tag(self) -> None:
        """A tag on each marked vehicle; without marks on the one under the cursor, its site or the fleet."""
        if self.model.fleet_view.marks:
            await tag_marked(self._operating, self.glyphs, self.model.fleet_view.marks)
        else:
            await self._operating.do_hang_tag()

    async def do_take_tag_down(self) -> None:
        """The tags of the marked vehicles; without marks one of those that concern the vehicle under the cursor."""
        if self.model.fleet_view.marks and self.model.snapshot is not None:
            await untag_marked(self._operating, self.glyphs, self.model.fleet_view.marks, self.model.snapshot.tags)
        else:
            await self._operating.do_take_tag_down()

    def do_choose_columns(self) -> None:
        """What is drawn, in which order."""
        view, table = self.model.fleet_view, self._table
        drawn = view.columns or tuple(SortKey(column.key) for column in table.layout_columns)
        self.app.push_screen(ColumnsDialog(self.glyphs, drawn, view.order, table.set_columns, self._sort_by))

    def do_saved_views(self) -> None:
        """Use, save, delete a view."""
        view = self.model.fleet_view
        now = SavedView(name="", filter=view.filter_text, columns=view.columns, sort=view.order.key, descending=view.order.descending)
        self.app.push_screen(ViewsDialog(self.glyphs, user_views(), now), self._use_view)

    def do_copy(self) -> None:
        """The ids of the marked vehicles, without marks that of the one under the cursor."""
        marks, cursor_id = self.model.fleet_view.marks, self._table.cursor_id
        if marks or cursor_id is not None:
            copy_rows(self._operating, list(marks.ids) if marks else [cursor_id or ""], "vehicle id")

    def do_copy_rows(self) -> None:
        """The lines on screen, as text with tabs."""
        copy_rows(self._operating, self._table.text_on_screen(), "line")

    async def do_export(self) -> None:
        """Everything listed, with the columns that are drawn."""
        columns = self._table.index.columns
        if columns is not None:
            await export_fleet(self._operating, columns, self._table.index.rows, self._table.keys_shown)

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

    @property
    def _table(self) -> FleetTable:
        return self.query_one(FleetTable)

    @property
    def _operating(self) -> OperatingApp:
        app = self.app
        assert isinstance(app, OperatingApp)
        return app

    def _enter_table(self) -> None:
        table = self._table
        table.focus()
        self.call_after_refresh(self._share_lines)
        if table.cursor_place is None:
            table.move_cursor_to(0)

    def _sort_by(self, key: SortKey) -> Order:
        self._table.sort_by(key)
        return self._table.index.order

    def _use_view(self, view: SavedView | None) -> None:
        if view is None:
            return
        self._table.set_columns(view.columns)
        self._table.set_order(view.order)
        self.query_one("#fleet-filter", Input).value = view.filter
        self._enter_table()

    def _say(self, problem: str | None) -> None:
        says = line((FILTER_HINT, "$muted")) if problem is None else line((self.glyphs.warn, "$warning"), " ", (problem, "bold"))
        self.query_one("#fleet-filter-says", Lines).show([says])

    def _show_counts(self) -> None:
        table, marks = self._table, self.model.fleet_view.marks
        order = table.index.order
        arrow = self.glyphs.down if order.descending else self.glyphs.up
        counts = f"{grouped(table.shown)} of {grouped(table.total)}" if table.filter_text.strip() else grouped(table.total)
        place = table.cursor_place
        at = "" if place is None else f"   line {grouped(place + 1)}"
        parts: list[Part] = [(" Fleet  ", "bold"), f"{counts} vehicles", (age_mark(self.model, self.model.snapshot), "bold $warning")]
        if marks:
            parts.append((f"   {grouped(len(marks))} marked", "bold"))
        parts.append((f"   sorted by {order.key.value} {arrow}{at}", "$muted"))
        if table.left_out:
            parts.append((f"   {table.left_out} chosen columns do not fit", "$muted"))
        if table.cursor_id is not None and place is None:
            parts += ["   ", (f"{table.cursor_id} is hidden by the filter", "$muted")]
        self.query_one("#fleet-counts", Lines).show([line(*parts)])
