"""Journal entries as a list, newest first."""

from typing import Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role
from v2g_console.contract.record import JournalRow

_NOTABLE: Final = ("alarm.raised", "request.refused", "dispatch.failed", "dispatch.stopped", "journal.failed")


class JournalTable(RecordTable[JournalRow]):
    """A line an entry."""

    def __init__(self, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(glyphs, "No entry.", id)

    def id_of(self, record: JournalRow) -> str:
        """Its number."""
        return str(record.number)

    def words_of(self, record: JournalRow) -> str:
        """Everything that is shown."""
        return f"{record.number} {record.kind} {record.dispatch_id} {record.by} {record.text}"

    def all_columns(self, width_cells: int) -> list[Column]:  # the same at every width; the last one takes what is left
        """Time, kind and words always."""
        return [
            Column("number", "entry", 8, 5, right=True),
            Column("time", "time", 9, 1),
            Column("kind", "kind", 18, 2),
            Column("dispatch", "dispatch", 8, 4),
            Column("by", "by", 10, 3),
            Column("text", "what happened", 24, 0),
        ]

    def role_of(self, record: JournalRow, column: Column) -> Role:
        """What was refused or went wrong stands out."""
        if column.key == "kind" and (record.kind in _NOTABLE or (record.kind == "request" and ": accepted" not in record.text)):
            return Role.ALERT
        return Role.DIM if column.key in {"number", "time"} else Role.NORMAL

    def text_of(self, record: JournalRow, column: Column) -> str:
        """A cell."""
        match column.key:
            case "number":
                return str(record.number)
            case "time":
                return clock_of(record.utc_ms)
            case "dispatch":
                return record.dispatch_id[:8] or "-"
            case "by":
                return record.by or "-"
            case "text":
                return record.text
            case _:
                return record.kind
