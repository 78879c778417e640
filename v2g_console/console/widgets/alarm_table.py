"""Alarms as a list: active ones first, then those that nobody answered, the shelved last. Letter and shape before colour."""

from typing import ClassVar, Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.times import clock_of, span_text
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role
from v2g_console.contract.alarms import AlarmView
from v2g_console.domain.alarm_cycle import AlarmState

STATE_WORDS: Final = {
    AlarmState.UNACKNOWLEDGED: "NEW",
    AlarmState.ACKNOWLEDGED: "acknowledged",
    AlarmState.RETURNED: "gone, unanswered",
    AlarmState.SHELVED: "shelved",
    AlarmState.NORMAL: "over",
}


SHORT_STATE_WORDS: Final = {
    AlarmState.UNACKNOWLEDGED: "NEW",
    AlarmState.ACKNOWLEDGED: "ackd",
    AlarmState.RETURNED: "gone",
    AlarmState.SHELVED: "shelf",
    AlarmState.NORMAL: "over",
}
_LEAST_CELLS: Final = 30
"""Below this a row is priority, state and kind: what it says in full stands below the list, or behind Enter."""


class AlarmTable(RecordTable[AlarmView]):
    """What wants an answer, in the engine's order. `utc_ms` is the time of the picture, for ages."""

    NEIGHBOUR_FOLLOWS: ClassVar[bool] = True

    def __init__(self, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(glyphs, "No alarm.", id)
        self.utc_ms = 0

    def id_of(self, record: AlarmView) -> str:
        """The alarm."""
        return record.alarm_id

    def words_of(self, record: AlarmView) -> str:
        """Kind, state and text."""
        return f"{record.kind} {STATE_WORDS[record.state]} {record.text} {record.acknowledged_by} {record.shelved_by}"

    def all_columns(self, width_cells: int) -> list[Column]:
        """Priority and state always, and what it is: in words, or by its kind where there is no room for words."""
        if width_cells < _LEAST_CELLS:
            return [Column("priority", "", 2, 0), Column("short_state", "state", 5, 0), Column("kind", "what", 3, 1)]
        return [
            Column("priority", "", 2, 0),
            Column("state", "state", 16 if width_cells >= 70 else 7, 0),
            Column("raised", "raised", 9, 2),
            Column("age", "for", 9, 4, right=True),
            Column("count", "times", 6, 5, right=True),
            Column("kind", "kind", 21, 6),
            Column("text", "what", 12, 0),
        ]

    def role_of(self, record: AlarmView, column: Column) -> Role:
        """What is new stands out, what is shelved or over is dim."""
        if record.state in {AlarmState.SHELVED, AlarmState.NORMAL}:
            return Role.DIM
        if record.state is AlarmState.UNACKNOWLEDGED and column.key in {"priority", "state", "short_state", "text"}:
            return Role.ALERT if record.priority <= 2 else Role.BUSY
        return Role.NORMAL

    def text_of(self, record: AlarmView, column: Column) -> str:
        """A cell."""
        match column.key:
            case "priority":
                return priority_sign(record.priority, self.glyphs)
            case "state":
                return STATE_WORDS[record.state]
            case "short_state":
                return SHORT_STATE_WORDS[record.state]
            case "raised":
                return clock_of(record.raised_ms)
            case "age":
                until_ms = self.utc_ms if record.active else record.cleared_ms
                return "-" if until_ms is None else span_text((until_ms - record.raised_ms) / 1000)
            case "count":
                return f"{record.count}{'~' if record.chattering else ''}"
            case "kind":
                return record.kind.replace("_", " ")
            case _:
                return record.text


def priority_sign(priority: int, glyphs: Glyphs) -> str:
    """`H` with a shape for critical alarms, `M` for middle ones, `L` for low ones."""
    return {1: f"H{glyphs.critical}", 2: f"M{glyphs.warn}"}.get(priority, "L")
