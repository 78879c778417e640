"""Every dispatch the engine keeps, active and past, with outcome and shortfall."""

from typing import ClassVar

from textual import on
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope, shown_key
from v2g_console.console.dispatch_text import head_rows
from v2g_console.console.model import is_active
from v2g_console.console.safe_text import line
from v2g_console.console.screens.listing import ListingScreen
from v2g_console.console.widgets.dispatch_table import DispatchTable
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import both_ways_text

ABOUT_LINES = 5


class DispatchesScreen(ListingScreen):
    """The list, and below it the figures of the dispatch under the cursor; Enter opens it. Retry, update and cancel are about that one."""

    scope: ClassVar[Scope] = Scope.DISPATCHES
    about_lines = ABOUT_LINES
    filter_hint = "id, signal, state, person"

    def make_table(self) -> Widget:
        """The dispatches."""
        if self.model.replay is not None:
            return DispatchTable(self.glyphs, "No dispatch at this moment of the recording.")
        return DispatchTable(self.glyphs, f"No dispatch yet. Press {shown_key('dispatch.compose', self.model)} for a new one.")

    def on_mount(self) -> None:
        """Begin where the operator was."""
        super().on_mount()
        chosen = self.model.selected_dispatch()
        if chosen is not None:
            self.table.cursor_id = chosen.dispatch_id

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The newest figures."""
        self.query_one(DispatchTable).show(snapshot.dispatches)
        self.draw_around()

    def counts(self) -> Content:
        """How many run, how many are over."""
        views = () if self.model.snapshot is None else self.model.snapshot.dispatches
        active = [view for view in views if is_active(view)]
        sums = f"  {self.glyphs.draw(both_ways_text(view.requested_kw for view in active))} asked" if active else ""
        some = f"{self.table.shown} of " if self.table.shown != len(views) else ""
        return line(("Dispatches", "bold"), f"  {len(active)} active{sums}, {some}{len(views)} kept")

    def about(self, width_cells: int) -> list[Content]:
        """The head of the dispatch under the cursor."""
        view = self.query_one(DispatchTable).under_cursor()
        return [] if view is None else head_rows(view, width_cells, self.glyphs)

    def selected(self, row_id: str) -> None:
        """Actions are about this one."""
        self.model.selected_dispatch_id = row_id

    @on(DispatchTable.RowChosen)
    async def chosen(self, event: DispatchTable.RowChosen) -> None:
        """Open it."""
        self.model.selected_dispatch_id = event.row_id
        await self.run_action("app.invoke('dispatches.open')")
