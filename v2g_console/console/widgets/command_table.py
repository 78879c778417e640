"""The vehicles of one dispatch, a row each, worst first: what it was asked, what it acknowledged, what is measured."""

from collections.abc import Sequence
from math import isnan
from typing import Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.reason_text import explanation
from v2g_console.console.times import latency_text
from v2g_console.console.widgets.fleet_layout import LONGEST_NAME_CELLS, shorten
from v2g_console.console.widgets.fleet_layout import signed_kw as power_text
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role
from v2g_console.contract.replies import CommandRow

WIDE_CELLS: Final = 100
TROUBLED: Final = frozenset({"silent", "timed_out", "rejected", "failed", "dropped", "expired", "owed"})


class CommandTable(RecordTable[CommandRow]):
    """Rows in the engine's order (worst first), narrowed by a word. At most the 2 000 rows of a DispatchDetail."""

    def __init__(self, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(glyphs, "No vehicle has been commanded yet.", id)
        self._longest = 0

    def show(self, records: Sequence[CommandRow]) -> None:
        """Take the newest rows."""
        longest = max((len(row.vehicle_id) for row in records), default=0)
        if longest != self._longest:
            self._longest = longest
            self.refit()
        super().show(records)

    def id_of(self, record: CommandRow) -> str:
        """The vehicle."""
        return record.vehicle_id

    def words_of(self, record: CommandRow) -> str:
        """Id, state and reason."""
        return f"{record.vehicle_id} {record.state} {row_reason(record)}"

    def all_columns(self, width_cells: int) -> list[Column]:
        """The columns; the reason is last and takes what is left, for its explanation."""
        name_cells = max(7, min(self._longest, LONGEST_NAME_CELLS, max(8, width_cells // 3)))
        return [
            Column("vehicle", "vehicle", name_cells, 0),
            Column("state", "state", 10, 1),
            Column("setpoint", "asked kW", 8, 3, right=True),
            Column("regulation", "reg kW", 8, 4, right=True),
            Column("applied", "acked kW", 8, 5, right=True),
            Column("measured", "meas. kW", 8, 6, right=True),
            Column("attempt", "try", 3, 8, right=True),
            Column("latency", "latency", 7, 7, right=True),
            Column("release", "release", 9, 9),
            Column("baseline", "base kW", 8, 11, right=True),
            Column("score", "score", 5, 12, right=True),
            Column("reason", "reason", 16 if width_cells < WIDE_CELLS else 34, 2),
        ]

    def role_of(self, record: CommandRow, column: Column) -> Role:
        """Trouble stands out."""
        return Role.ALERT if column.key == "state" and record.state in TROUBLED else Role.NORMAL

    def text_of(self, record: CommandRow, column: Column) -> str:
        """A cell."""
        match column.key:
            case "vehicle":
                return shorten(record.vehicle_id, column.width_cells)
            case "setpoint" | "regulation" | "baseline" | "applied" | "measured":
                return self._power(getattr(record, f"{column.key}_kw"))
            case "attempt":
                return str(record.attempt)
            case "latency":
                return latency_text(record.latency_ms)
            case "score":
                return "-" if isnan(record.score) else f"{record.score:.2f}"
            case "reason":
                return row_reason(record)
            case _:
                return str(getattr(record, column.key))

    def _power(self, power_kw: float | None) -> str:
        return "-" if power_kw is None else power_text(power_kw, self.glyphs)


def row_reason(row: CommandRow) -> str:
    """The reason's name and its meaning, or the vehicle's own words; before them that it was let go and taken again."""
    words = row.reason_text or explanation(row.reason)
    again = f"taken {row.taken} times" if row.taken > 1 else ""
    return "; ".join(filter(None, (again, f"{row.reason} {words}".strip())))
