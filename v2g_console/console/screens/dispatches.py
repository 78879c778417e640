"""Every dispatch the engine keeps, active and past, with outcome and shortfall."""

from typing import ClassVar, Final

from textual import on
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.dispatch_text import HEAD_LINES, head_rows, note_rows
from v2g_console.console.exporting import Listed
from v2g_console.console.listed_rows import DISPATCH_FIELDS, header_of, rows_of
from v2g_console.console.model import is_active
from v2g_console.console.nothing_text import nothing_runs
from v2g_console.console.safe_text import line
from v2g_console.console.screens.listing import ListingScreen
from v2g_console.console.widgets.dispatch_table import DispatchTable
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.starting import starts_text
from v2g_console.domain.units import both_ways_text, counted

NOTE_LINES: Final = 3
NOTE_FROM_LINES: Final = 40
"""On a screen of so many lines the list can spare some for a long note."""


class DispatchesScreen(ListingScreen):
    """The list, and below it the figures of the dispatch under the cursor; Enter opens it. Retry, update and cancel are about that one."""

    scope: ClassVar[Scope] = Scope.DISPATCHES
    about_lines = HEAD_LINES + NOTE_LINES
    filter_hint = "id, signal, state, person"

    def make_table(self) -> Widget:
        """The dispatches."""
        return DispatchTable(self.glyphs, nothing_runs(self.model))

    def on_mount(self) -> None:
        """Begin where the operator was."""
        super().on_mount()
        chosen = self.model.selected_dispatch()
        if chosen is not None:
            self.table.cursor_id = chosen.dispatch_id

    def lines_below(self) -> int:
        """The head, and on a tall screen the note."""
        return self.about_lines if self.size.height >= NOTE_FROM_LINES else HEAD_LINES

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The newest figures."""
        table = self.query_one(DispatchTable)
        table.nothing_is(nothing_runs(self.model))
        table.show(snapshot.dispatches)
        self.draw_around()

    def counts(self) -> Content:
        """How many run, how many wait for their start, how many are over. What waits asks nothing: its power is not in the sum."""
        views = () if self.model.snapshot is None else self.model.snapshot.dispatches
        waiting = sum(bool(starts_text(view)) for view in views if is_active(view))
        active = [view for view in views if is_active(view) and not starts_text(view)]
        sums = f"  {self.glyphs.draw(both_ways_text(view.requested_kw for view in active))} asked" if active else ""
        starts = f", {counted(waiting, 'waits', 'wait')} to start" if waiting else ""
        some = f"{self.table.shown} of " if self.table.shown != len(views) else ""
        return line(("Dispatches", "bold"), f"  {len(active)} active{sums}{starts}, {some}{len(views)} kept")

    def about(self, width_cells: int) -> list[Content]:
        """The head of the dispatch under the cursor."""
        view = self.query_one(DispatchTable).under_cursor()
        if view is None:
            return []
        rows = head_rows(view, width_cells, self.glyphs)
        return [*rows, *note_rows(view, width_cells, rows)]

    def listed(self) -> Listed:
        """The dispatches that the filter lets through."""
        rows = self.query_one(DispatchTable).listed
        header = header_of(DISPATCH_FIELDS)
        return Listed("dispatches", "dispatch", "dispatches", len(rows), header, lambda: rows_of(rows, DISPATCH_FIELDS))

    def selected(self, row_id: str) -> None:
        """Actions are about this one."""
        self.model.selected_dispatch_id = row_id

    @on(DispatchTable.RowChosen)
    async def chosen(self, event: DispatchTable.RowChosen) -> None:
        """Open it."""
        self.model.selected_dispatch_id = event.row_id
        await self.run_action("app.invoke('dispatches.open')")
