"""A table of records that come as a whole list, narrowed by a word: commands, dispatches, alarms, journal entries."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final, Generic, TypeVar

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import pad_text
from v2g_console.console.widgets.line_table import LineTable
from v2g_console.console.widgets.table_parts import Column, Piece, Role, RowLine, fitting_columns

Record = TypeVar("Record")
LONGEST_WORD_CHARS: Final = 64


class RecordTable(LineTable, Generic[Record]):
    """Rows in the order they come in. A subclass names a record's id, the words it is found by, and its columns and texts.

    `NEIGHBOUR_FOLLOWS`: where the record under the cursor leaves the list, its neighbour gets the cursor, which `displaced` tells;
    in all other lists the cursor waits for its record.
    """

    NEIGHBOUR_FOLLOWS: ClassVar[bool] = False

    def __init__(self, glyphs: Glyphs, nothing: str, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.word = ""
        self._nothing = nothing
        self._all: Sequence[Record] = ()
        self._rows: list[Record] = []
        self._places: dict[str, int] = {}
        self.empty_text = nothing
        self._displaced = False

    @abstractmethod
    def id_of(self, record: Record) -> str:
        """What the cursor holds on to; unique in the list."""

    @abstractmethod
    def words_of(self, record: Record) -> str:
        """What a filter's word is looked for in; upper and lower case are alike."""

    @abstractmethod
    def all_columns(self, width_cells: int) -> list[Column]:
        """Every column there is at this width, in order; which of them fit is decided here."""

    @abstractmethod
    def text_of(self, record: Record, column: Column) -> str:
        """A cell."""

    def role_of(self, record: Record, column: Column) -> Role:
        """How a cell stands out."""
        return Role.NORMAL

    @property
    def shown(self) -> int:
        """Records listed."""
        return len(self._rows)

    @property
    def total(self) -> int:
        """Records there are, listed or not."""
        return len(self._all)

    def show(self, records: Sequence[Record]) -> None:
        """Take the newest records."""
        self._all = records
        before = self._rows
        self._list()
        if self.NEIGHBOUR_FOLLOWS and self.cursor_id is not None and self.cursor_place is None:
            self._follow(before)

    def nothing_is(self, told: str) -> None:
        """What an empty list says when no filter is written."""
        if told != self._nothing:
            self._nothing = told
            self.set_word(self.word)

    def displaced(self) -> bool:
        """True, once, after the cursor went to a neighbour by itself."""
        displaced, self._displaced = self._displaced, False
        return displaced

    def _follow(self, before: Sequence[Record]) -> None:
        """The record under the cursor is gone: the next one that is still listed, else the one before, else none."""
        ids = [self.id_of(one) for one in before]
        if self.cursor_id not in ids:
            return
        gone = ids.index(self.cursor_id)
        self.cursor_id = next((one for one in (*ids[gone + 1 :], *reversed(ids[:gone])) if one in self._places), None)
        self._displaced = self.cursor_id is not None
        place = self.cursor_place
        if place is not None:
            self._reveal(place)
        self.repaint()

    def set_word(self, word: str) -> None:
        """List only records with `word` in their words; `!` in front turns it round."""
        self.word = word.strip().lower()
        self.empty_text = "Nothing passes the filter. Esc clears it." if self.word else self._nothing
        self._list()

    @property
    def listed(self) -> tuple[Record, ...]:
        """The records that pass the filter, in their order."""
        return tuple(self._rows)

    @property
    def on_screen(self) -> tuple[Record, ...]:
        """The records that can be seen without scrolling."""
        first, last = self.lines_on_screen
        return tuple(self._rows[first:last])

    def under_cursor(self) -> Record | None:
        """The record the cursor is on."""
        place = self.cursor_place
        return None if place is None else self._rows[place]

    def id_at(self, place: int) -> str:
        """The id of the record listed at `place`."""
        return self.id_of(self._rows[place])

    def place_of(self, row_id: str) -> int | None:
        """Where a record is listed."""
        return self._places.get(row_id)

    def lines_at(self, start: int, stop: int) -> list[RowLine]:
        """How records are drawn."""
        return [
            RowLine(self.id_of(one), tuple(self._piece(one, column) for column in self.layout_columns)) for one in self._rows[start:stop]
        ]

    def columns_for(self, width_cells: int) -> tuple[Column, ...]:
        """The columns that fit; the last one takes what is left."""
        fitted = fitting_columns(self.all_columns(width_cells), width_cells)
        spare = width_cells - sum(column.width_cells + 2 for column in fitted)
        last = fitted[-1]
        if last.right or spare <= 0:
            return fitted
        return (*fitted[:-1], Column(last.key, last.title, last.width_cells + spare, last.need))

    def _list(self) -> None:
        cursor_line = self.cursor_line()
        inverse, wanted = self.word.startswith("!"), self.word.removeprefix("!")
        self._rows = [one for one in self._all if not wanted or (wanted in self.words_of(one).lower()) is not inverse]
        self._places = {self.id_of(one): place for place, one in enumerate(self._rows)}
        self.relist(cursor_line)
        self.repaint()

    def _piece(self, record: Record, column: Column) -> Piece:
        return pad_text(self.text_of(record, column), column.width_cells, column.right), self.role_of(record, column)
