"""Tags, the STOP latch and shelved alarms as a journal knows them: what was said to stand last, and what happened since."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from v2g_console.contract.alarms import ShelvedAlarm
from v2g_console.contract.events import AlarmShelved, AlarmUnshelved, HoldsStanding, StopLatched, StopLifted, TagAdded, TagRemoved
from v2g_console.contract.tags import TagView
from v2g_console.journal.chain import Content
from v2g_console.journal.encoding import UnreadableEntryError, decoded

_STANDING: Final = "holds.standing"
_KINDS: Final = (_STANDING, "tag.added", "tag.removed", "stop.latched", "stop.lifted", "alarm.shelved", "alarm.unshelved")


@dataclass(frozen=True, slots=True)
class Holds:
    """What an engine must go on observing after a restart."""

    tags: tuple[TagView, ...] = ()
    stopped: bool = False
    stopped_by: str = ""
    stopped_at_ms: int | None = None
    stop_reason: str = ""
    shelved: tuple[ShelvedAlarm, ...] = ()


def read_holds(connection: sqlite3.Connection) -> Holds:
    """Read them. Raises sqlite3.Error."""
    last = connection.execute("SELECT number FROM entry WHERE kind = ? ORDER BY number DESC LIMIT 1", (_STANDING,)).fetchone()
    rows = connection.execute(
        "SELECT utc_ms, kind, dispatch_id, body FROM entry WHERE kind IN (?, ?, ?, ?, ?, ?, ?) AND number >= ? ORDER BY number",
        (*_KINDS, last[0] if last is not None else 0),
    )
    tags: dict[str, TagView] = {}
    shelved: dict[str, ShelvedAlarm] = {}
    stop = Holds()
    for row in rows:
        content = Content(*row)
        try:
            record = decoded(content)
        except UnreadableEntryError:  # `journal verify` finds it; the others still count
            continue
        match record:
            case HoldsStanding():
                tags = {tag.tag_id: tag for tag in record.tags}
                shelved = {one.alarm_id: one for one in record.shelved}
                stop = Holds((), record.stopped, record.stopped_by, record.stopped_at_ms, record.stop_reason)
            case AlarmShelved():
                shelved[record.shelved.alarm_id] = record.shelved
            case AlarmUnshelved():
                shelved.pop(record.alarm_id, None)
            case TagAdded():
                tags[record.placed.tag_id] = record.placed
            case TagRemoved():
                tags.pop(record.placed.tag_id, None)
            case StopLatched():
                stop = Holds((), True, record.by, content.utc_ms, record.reason)
            case StopLifted():
                stop = Holds()
            case _:
                continue
    on_shelf = tuple(shelved.values())
    return Holds(tuple(tags.values()), stop.stopped, stop.stopped_by, stop.stopped_at_ms, stop.stop_reason, on_shelf)
