"""Dispatches as a list: those that run first, then the newest past ones, each with its outcome and shortfall."""

from typing import Final

from v2g_console.console.dispatch_text import taken_words
from v2g_console.console.model import is_active, state_text
from v2g_console.console.progress_text import NOBODY_LEFT, nobody_left, shows_release
from v2g_console.console.times import clock_of, date_and_clock, left_text
from v2g_console.console.widgets.dispatches_pane import SHORT_SHARE, answered_of, delivered_text
from v2g_console.console.widgets.record_table import RecordTable
from v2g_console.console.widgets.table_parts import Column, Role
from v2g_console.contract.snapshot import DispatchView
from v2g_console.contract.starting import starts_text
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import duration_text, grouped, regulation_text

STATE_CELLS: Final = 15
_BAD_ENDS = frozenset({DispatchState.FAILED, DispatchState.STOPPED})


class DispatchTable(RecordTable[DispatchView]):
    """What the engine keeps of dispatches, in its order."""

    def id_of(self, record: DispatchView) -> str:
        """The dispatch."""
        return record.dispatch_id

    def words_of(self, record: DispatchView) -> str:
        """Ids, signal, state, outcome, person, reference and note."""
        words = (record.short_id, record.dispatch_id, record.signal, state_text(record), record.outcome_reason, record.by)
        return " ".join((*words, record.external_ref, record.author_note, record.note, "test" if record.test else ""))

    def all_columns(self, width_cells: int) -> list[Column]:
        """Id, signal and power always; the reason takes what is left."""
        return [
            Column("id", "id", 6, 0),
            Column("signal", "signal", 9, 1),
            Column("power", "power", 12, 0, right=True),
            Column("state", "state", STATE_CELLS, 2),
            Column("answered", "answered", 11, 4, right=True),
            Column("acked", "acked kW", 9, 4, right=True),
            Column("delivered", "delivered", 10, 5, right=True),
            Column("short", "short kW", 8, 3, right=True),
            Column("tracking", "track", 5, 11, right=True),
            Column("started", "started", 9, 8),
            Column("length", "length", 8, 9, right=True),
            Column("left", "left", 6, 6, right=True),
            Column("by", "by", 10, 10),
            Column("why", "outcome, note", 14, 7),
        ]

    def role_of(self, record: DispatchView, column: Column) -> Role:
        """Past ones are dim; what went wrong stands out."""
        if column.key == "state" and (record.state in _BAD_ENDS or nobody_left(record)):
            return Role.ALERT
        if column.key == "short" and _is_short(record):
            return Role.ALERT
        if not is_active(record):
            return Role.DIM
        return Role.BUSY if column.key in {"id", "power"} else Role.NORMAL

    def text_of(self, record: DispatchView, column: Column) -> str:
        """A cell."""
        match column.key:
            case "id":
                return record.short_id
            case "signal":
                return record.signal
            case "power":
                return regulation_text(record.requested_kw)
            case "state":
                return _state(record)
            case "answered":
                if shows_release(record):
                    return f"rel {grouped(record.release.acked + record.release.limited)}/{grouped(record.release.commanded)}"
                answered, asked = answered_of(record)
                return f"{grouped(answered)}/{grouped(asked)}" if asked else "-"
            case "acked":
                return "-" if record.due_ms is not None else grouped(record.acknowledged_kw)
            case "delivered":
                return delivered_text(record, with_coverage=False)
            case "short":
                return "-" if record.due_ms is not None else grouped(max(0.0, record.shortfall_kw))
            case "tracking":
                return "-" if record.tracking is None else f"{record.tracking:.2f}"
            case "started":
                return "-" if record.started_ms is None else clock_of(record.started_ms)
            case "length":
                return duration_text(record.duration_s)
            case "left":
                return left_text(record.remaining_s).removesuffix(" left") or "-"
            case "by":
                return record.by
            case _:
                left = NOBODY_LEFT if nobody_left(record) else ""
                begins = "" if record.due_ms is None else f"at {date_and_clock(record.due_ms)}"
                ref = f"ref {record.external_ref}" if record.external_ref else ""
                words = (
                    "TEST" if record.test else "",
                    left,
                    taken_words(record),
                    begins,
                    record.outcome_reason,
                    ref,
                    record.author_note,
                    record.note,
                )
                return " ".join(filter(None, words))


def _state(view: DispatchView) -> str:
    """Its state; before its start, when that is. `in 1:04:12` where the rest has no room."""
    if nobody_left(view):
        return "nobody left"
    starts = starts_text(view)
    return (starts if len(starts) <= STATE_CELLS else starts.removeprefix("starts ")) or state_text(view)


def _is_short(view: DispatchView) -> bool:
    settled = view.state in {DispatchState.ACTIVE, DispatchState.COMPLETED}
    return settled and view.shortfall_kw > SHORT_SHARE * abs(view.requested_kw)
