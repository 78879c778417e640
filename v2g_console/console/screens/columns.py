"""The chooser of the fleet's columns: what is drawn, in which order, and by what the list is sorted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.screens.pick_list import PickListDialog
from v2g_console.console.widgets.fleet_index import Order, SortKey
from v2g_console.console.widgets.fleet_layout import COLUMN_WORDS
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role


@dataclass(frozen=True, slots=True)
class Offer:
    """A column that may be drawn. `sorted_by`: an arrow where the list is sorted by it."""

    key: SortKey
    drawn: bool
    sorted_by: str


class OfferTable(RecordTable[Offer]):
    """The columns there are."""

    def id_of(self, record: Offer) -> str:
        """Its name."""
        return record.key.value

    def words_of(self, record: Offer) -> str:
        """Its name and its words."""
        return f"{record.key.value} {COLUMN_WORDS[record.key]}"

    def all_columns(self, width_cells: int) -> list[Column]:
        """A box, the name, the order, what it is."""
        return [Column("drawn", "", 3, 0), Column("name", "column", 10, 0), Column("sort", "", 1, 2), Column("words", "shows", 20, 1)]

    def text_of(self, record: Offer, column: Column) -> str:
        """A cell."""
        match column.key:
            case "drawn":
                return "[x]" if record.drawn else "[ ]"
            case "name":
                return record.key.value
            case "sort":
                return record.sorted_by
            case _:
                return COLUMN_WORDS[record.key]

    def role_of(self, record: Offer, column: Column) -> Role:
        """What is drawn stands out."""
        return Role.BUSY if record.drawn and column.key == "name" else Role.NORMAL


class ColumnsDialog(PickListDialog[None]):
    """Changes show in the list behind at once, through `draw` and `sort`."""

    heading = "Columns"
    keys = (("Space", "show or hide"), ("+ -", "later, earlier"), ("o", "sort by it, again turns round"), ("0", "as the width allows"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "turn", show=False, priority=True),
        Binding("plus", "move_column(1)", show=False),
        Binding("minus", "move_column(-1)", show=False),
        Binding("o", "sort", show=False),
        Binding("0", "automatic", show=False),
    ]

    def __init__(
        self,
        glyphs: Glyphs,
        drawn: tuple[SortKey, ...],
        order: Order,
        draw: Callable[[tuple[SortKey, ...]], None],
        sort: Callable[[SortKey], Order],
    ) -> None:
        super().__init__()
        self.glyphs = glyphs
        self._drawn = list(drawn)
        self._order = order
        self._draw, self._sort = draw, sort

    def make_table(self) -> OfferTable:
        """The columns there are."""
        return OfferTable(self.glyphs, "")

    def on_mount(self) -> None:
        """Show what is drawn now."""
        self._list()
        # Before the first layout the table has no height, and would scroll to where nobody looks.
        self.call_after_refresh(self.table.move_cursor_to, 0)

    def action_turn(self) -> None:
        """Draw the column under the cursor, or draw it no more."""
        key = self._under_cursor()
        if key is SortKey.ID:
            self.tell("the vehicle is always shown", wrong=True)
            return
        if key in self._drawn:
            self._drawn.remove(key)
        else:
            self._drawn.append(key)
        self._changed()

    def action_move_column(self, places: int) -> None:
        """Draw it further right or left."""
        key = self._under_cursor()
        if key not in self._drawn or key is SortKey.ID:
            self.tell("only a column that is shown can be moved", wrong=True)
            return
        at = self._drawn.index(key)
        self._drawn.insert(max(1, min(len(self._drawn) - 1, at + places)), self._drawn.pop(at))
        self._changed()

    def action_sort(self) -> None:
        """Sort by it."""
        self._order = self._sort(self._under_cursor())
        self._list()

    def action_automatic(self) -> None:
        """Leave the choice to the width again."""
        self._draw(())
        self.dismiss(None)

    def _under_cursor(self) -> SortKey:
        return SortKey(self.table.cursor_id or SortKey.ID)

    def _changed(self) -> None:
        self._draw(tuple(self._drawn))
        self._list()

    def _list(self) -> None:
        arrow = self.glyphs.down if self._order.descending else self.glyphs.up
        others = [key for key in COLUMN_WORDS if key not in self._drawn]
        self.table.show([Offer(key, key in self._drawn, arrow if key is self._order.key else "") for key in (*self._drawn, *others)])
        self.tell(f"{len(self._drawn)} shown; those that do not fit are left out from the last")
