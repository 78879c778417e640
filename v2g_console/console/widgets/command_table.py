"""The vehicles of one dispatch, worst first: what each was told, what it said, what it does."""

from math import isnan
from typing import Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.reason_text import explanation
from v2g_console.console.safe_text import pad_text
from v2g_console.console.times import latency_text
from v2g_console.console.widgets.fleet_layout import LONGEST_NAME_CELLS, shorten
from v2g_console.console.widgets.fleet_layout import signed_kw as power_text
from v2g_console.console.widgets.line_table import LineTable
from v2g_console.console.widgets.table_parts import Column, Piece, Role, RowLine, fitting_columns
from v2g_console.contract.replies import CommandRow

WIDE_CELLS: Final = 100
TROUBLED: Final = frozenset({"silent", "timed_out", "rejected", "failed", "dropped", "expired", "owed"})


class CommandTable(LineTable):
    """Rows in the engine's order (worst first), narrowed by a word. At most the 2 000 rows of a DispatchDetail."""

    def __init__(self, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(glyphs, id=id)
        self.word = ""
        self._all: tuple[CommandRow, ...] = ()
        self._rows: list[CommandRow] = []
        self._places: dict[str, int] = {}
        self._longest = 0
        self.empty_text = "No vehicle has been commanded yet."

    @property
    def shown(self) -> int:
        """Vehicles listed."""
        return len(self._rows)

    def show(self, rows: tuple[CommandRow, ...]) -> None:
        """Take the newest rows."""
        self._all = rows
        longest = max((len(row.vehicle_id) for row in rows), default=0)
        if longest != self._longest:
            self._longest = longest
            self.refit()
        self._list()

    def set_word(self, word: str) -> None:
        """List only vehicles whose id, state or reason contains `word`; `!` in front turns it round."""
        self.word = word.strip().lower()
        self.empty_text = "No vehicle passes the filter. Esc clears it." if self.word else "No vehicle has been commanded yet."
        self._list()

    def id_at(self, place: int) -> str:
        """The vehicle listed at `place`."""
        return self._rows[place].vehicle_id

    def place_of(self, vehicle_id: str) -> int | None:
        """Where a vehicle is listed."""
        return self._places.get(vehicle_id)

    def lines_at(self, start: int, stop: int) -> list[RowLine]:
        """How vehicles are drawn."""
        return [
            RowLine(row.vehicle_id, tuple(self._piece(row, column) for column in self.layout_columns)) for row in self._rows[start:stop]
        ]

    def columns_for(self, width_cells: int) -> tuple[Column, ...]:
        """The columns that fit."""
        name_cells = max(7, min(self._longest, LONGEST_NAME_CELLS, max(8, width_cells // 3)))
        columns = [
            Column("vehicle", "vehicle", name_cells, 0),
            Column("state", "state", 10, 1),
            Column("setpoint", "set kW", 8, 3, right=True),
            Column("regulation", "reg kW", 8, 4, right=True),
            Column("applied", "applied", 8, 5, right=True),
            Column("measured", "measured", 8, 6, right=True),
            Column("attempt", "try", 3, 8, right=True),
            Column("latency", "latency", 7, 7, right=True),
            Column("release", "release", 9, 9),
            Column("baseline", "base kW", 8, 11, right=True),
            Column("score", "score", 5, 12, right=True),
            Column("reason", "reason", 16 if width_cells < WIDE_CELLS else 34, 2),
        ]
        fitted = fitting_columns(columns, width_cells)
        used = sum(column.width_cells + 2 for column in fitted)
        last = fitted[-1]
        # The reason takes what is left, for its explanation.
        return (
            fitted if last.key != "reason" else (*fitted[:-1], Column("reason", "reason", last.width_cells + max(0, width_cells - used), 2))
        )

    def _list(self) -> None:
        cursor_line = self.cursor_line()
        inverse, wanted = self.word.startswith("!"), self.word.removeprefix("!")
        self._rows = [
            row for row in self._all if not wanted or (wanted in f"{row.vehicle_id} {row.state} {row.reason}".lower()) is not inverse
        ]
        self._places = {row.vehicle_id: place for place, row in enumerate(self._rows)}
        self.relist(cursor_line)
        self.repaint()

    def _piece(self, row: CommandRow, column: Column) -> Piece:
        role = Role.ALERT if column.key == "state" and row.state in TROUBLED else Role.NORMAL
        return pad_text(self._text(row, column), column.width_cells, column.right), role

    def _text(self, row: CommandRow, column: Column) -> str:
        match column.key:
            case "vehicle":
                return shorten(row.vehicle_id, column.width_cells)
            case "setpoint" | "regulation" | "baseline" | "applied" | "measured":
                return self._power(getattr(row, f"{column.key}_kw"))
            case "attempt":
                return str(row.attempt)
            case "latency":
                return latency_text(row.latency_ms)
            case "score":
                return "-" if isnan(row.score) else f"{row.score:.2f}"
            case "reason":
                return row_reason(row)
            case _:
                return str(getattr(row, column.key))

    def _power(self, power_kw: float | None) -> str:
        return "-" if power_kw is None else power_text(power_kw, self.glyphs)


def row_reason(row: CommandRow) -> str:
    """The reason's name and its meaning, or the vehicle's own words."""
    words = row.reason_text or explanation(row.reason)
    return f"{row.reason} {words}".strip()
