"""A table of up to 100 000 vehicles with sorting and filtering, drawn from the snapshot's columns."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from textual.message import Message

from v2g_console.console.fleet_filter import parse_filter
from v2g_console.console.fleet_view import FleetView
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.marks import Marks
from v2g_console.console.widgets.fleet_index import FleetIndex, Order, SortKey, on_hold, tag_marks
from v2g_console.console.widgets.fleet_layout import fit_columns, row_lines
from v2g_console.console.widgets.line_table import LineTable
from v2g_console.console.widgets.table_parts import Column, RowLine
from v2g_console.contract.snapshot import FleetColumns

NOBODY: Final = "No vehicle has answered yet."
NONE_PASSES: Final = "No vehicle passes the filter. Esc clears it."
_DESCENDING_FIRST: Final = frozenset({SortKey.POWER, SortKey.SETPOINT, SortKey.UP, SortKey.DOWN})


class FleetTable(LineTable):
    """The fleet, a line a vehicle. `show` takes each snapshot's columns; `set_filter` and `set_order` change what is listed.

    Posts `RowChosen` (Enter, or a click on the vehicle under the cursor), `CursorMoved` and `OrderChanged`.
    """

    class OrderChanged(Message):
        """The list is sorted by something else."""

        def __init__(self, order: Order) -> None:
            super().__init__()
            self.order = order

    def __init__(
        self,
        glyphs: Glyphs,
        monotonic_s: Callable[[], float] = time.monotonic,
        id: str | None = None,
        view: FleetView | None = None,
    ) -> None:
        super().__init__(glyphs, id=id)
        self.view = FleetView() if view is None else view
        self.index = FleetIndex(self.view.marks)
        self.index.set_order(self.view.order, monotonic_s())
        self.index.set_filter(parse_filter(self.view.filter_text).filter, monotonic_s())
        self._utc_ms = 0
        self._monotonic_s = monotonic_s
        self._cursor_row = -1
        self._tables: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ((), (), ())
        self._longest = (0, 0, 0)
        self._tagged = self._held = False

    @property
    def shown(self) -> int:
        """Vehicles that pass the filter."""
        return len(self.index.rows)

    @property
    def total(self) -> int:
        """Vehicles of the fleet."""
        return self.index.total

    @property
    def filter_text(self) -> str:
        """The filter as it was typed."""
        return self.view.filter_text

    @property
    def marks(self) -> Marks:
        """The vehicles that are marked."""
        return self.view.marks

    def show(self, columns: FleetColumns, utc_ms: int = 0) -> None:
        """Take the newest columns, as of `utc_ms`; only lines that look different are drawn again."""
        self._utc_ms = utc_ms
        cursor_line = self.cursor_line()
        self._measure(columns)
        if self.index.show(columns, self._monotonic_s()):
            self._listed_anew(cursor_line)
        self.repaint()

    def set_filter(self, text: str) -> str | None:
        """Show what passes the filter `text`. Returns what is wrong with it, if anything: terms that can't be understood are left out."""
        parsed = parse_filter(text)
        self.view.filter_text = text
        if parsed.filter != self.index.filter:
            cursor_line = self.cursor_line()
            self.index.set_filter(parsed.filter, self._monotonic_s())
            self._listed_anew(cursor_line)
            if self.cursor_place is None:
                self.scroll_to(y=0, animate=False, force=True)
            self.repaint()
        return "; ".join(parsed.problems) or None

    def set_order(self, order: Order) -> None:
        """Sort by another column or the other way round."""
        cursor_line = self.cursor_line()
        self.view.order = order
        self.index.set_order(order, self._monotonic_s())
        self._listed_anew(cursor_line)
        self.refresh()
        self.post_message(self.OrderChanged(order))

    def sort_by(self, key: SortKey) -> None:
        """Sort by a column: the useful way round first, then the other."""
        if self.index.order.key is key:
            self.sort_reverse()
        else:
            self.set_order(Order(key, key in _DESCENDING_FIRST))

    def sort_reverse(self) -> None:
        """Turn the order round."""
        self.set_order(replace(self.index.order, descending=not self.index.order.descending))

    def sort_next(self) -> None:
        """Sort by the next column on screen."""
        keys = [SortKey(column.key) for column in self.layout_columns] or [SortKey.ID]
        here = keys.index(self.index.order.key) if self.index.order.key in keys else -1
        following = keys[(here + 1) % len(keys)]
        self.set_order(Order(following, following in _DESCENDING_FIRST))

    def set_columns(self, chosen: tuple[SortKey, ...]) -> None:
        """Draw these columns, in this order; none: those that fit the width."""
        self.view.columns = chosen
        self.refit()
        self.repaint()

    def turn_mark(self) -> bool:
        """Mark the vehicle under the cursor, or take its mark away, and go on to the next. False if there is no room for another mark."""
        place = self.cursor_place
        if place is None or self.cursor_id is None:
            self.action_move(0)
            return True
        if not self.marks.turn(self.cursor_id):
            return False
        self.marks_changed()
        # A list of marked vehicles just lost this line: the next one is at its place already.
        self.move_cursor_to(place if self.cursor_place is None else place + 1)
        return True

    def marks_changed(self) -> None:
        """Draw the marks as they are now."""
        cursor_line = self.cursor_line()
        if self.index.marks_changed(self._monotonic_s()):
            self._listed_anew(cursor_line)
        self.repaint()

    def listed_ids(self) -> list[str]:
        """Every vehicle that passes the filter, in order."""
        columns = self.index.columns
        return [] if columns is None else [columns.ids[row] for row in self.index.rows.tolist()]

    @property
    def keys_shown(self) -> tuple[SortKey, ...]:
        """The columns that the operator chose, also those that do not fit; else those on screen."""
        if self.view.columns:
            return tuple(dict.fromkeys((SortKey.ID, *self.view.columns)))
        return tuple(SortKey(column.key) for column in self.layout_columns)

    @property
    def left_out(self) -> int:
        """Chosen columns that do not fit the width."""
        return max(0, len(self.keys_shown) - len(self.layout_columns))

    def id_at(self, place: int) -> str:
        """The vehicle listed at `place`."""
        assert self.index.columns is not None, "a place is only asked for in a list that isn't empty"
        return self.index.columns.ids[int(self.index.rows[place])]

    def place_of(self, vehicle_id: str) -> int | None:
        """Where a vehicle is listed."""
        row = self.index.row_of(vehicle_id, self._cursor_row)
        if row is None:
            return None
        self._cursor_row = row
        return self.index.place_of(row)

    def lines_at(self, start: int, stop: int) -> list[RowLine]:
        """How vehicles are drawn."""
        if self.index.columns is None:
            return []
        rows = self.index.rows[start:stop]
        return row_lines(self.index.columns, rows, self.layout_columns, self.glyphs, marks=self.marks, utc_ms=self._utc_ms)

    def columns_for(self, width_cells: int) -> tuple[Column, ...]:
        """The columns that fit."""
        return fit_columns(width_cells, *self._longest, tagged=self._tagged, held=self._held, chosen=self.view.columns)

    def title_of(self, column: Column) -> str:
        """The title, with an arrow where the list is sorted by it."""
        order = self.index.order
        if column.key != order.key:
            return column.title
        arrow = self.glyphs.down if order.descending else self.glyphs.up
        return arrow if column.width_cells == 1 else column.title + arrow

    def title_clicked(self, column: Column) -> None:
        """Sort by it."""
        self.sort_by(SortKey(column.key))

    def _listed_anew(self, cursor_line: int | None) -> None:
        self.empty_text = NONE_PASSES if self.total else NOBODY
        self.relist(cursor_line)

    def _measure(self, columns: FleetColumns) -> None:
        tables = (columns.ids, columns.sites, columns.segments)
        if any(new is not old for new, old in zip(tables, self._tables, strict=True)):
            self._tables = tables
            ids, sites, segments = (max(map(len, names), default=0) for names in tables)
            self._longest = (ids, sites, segments)
            self.refit()
        tagged = bool(tag_marks(columns).any())
        # Holds come and go by themselves: once there, their column stays, so that the others keep their places.
        held = self._held or bool(on_hold(columns).any())
        if (tagged, held) != (self._tagged, self._held):
            self._tagged, self._held = tagged, held
            self.refit()
