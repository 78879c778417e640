"""Tags, the STOP latch, shelved alarms and local overrides as a journal knows them: what was said to stand last, and what happened since.

And the EcoWatt forecast; and what waited for a second person, which a restart forgets.
"""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from v2g_console.contract.alarms import ShelvedAlarm
from v2g_console.contract.events import (
    AlarmShelved,
    AlarmUnshelved,
    ApprovalAsked,
    ApprovalEnded,
    EcowattDecided,
    EcowattForecast,
    HoldsStanding,
    LocalOverride,
    OverrideBegun,
    OverrideEnded,
    StopLatched,
    StopLifted,
    TagAdded,
    TagRemoved,
)
from v2g_console.contract.tags import TagView
from v2g_console.journal.chain import Content
from v2g_console.journal.encoding import Readable, UnreadableEntryError, decoded

_STANDING: Final = "holds.standing"
_KINDS: Final = (
    _STANDING,
    "tag.added",
    "tag.removed",
    "stop.latched",
    "stop.lifted",
    "alarm.shelved",
    "alarm.unshelved",
    "override.begun",
    "override.ended",
)
_DECISIONS_READ: Final = 200
"""The newest decisions about EcoWatt that are read: a forecast is of a few days."""
_APPROVALS_READ: Final = 1000
"""The newest entries about approvals that are looked through: 16 wait at most, each for a limited time."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What an engine must go on observing after a restart."""

    tags: tuple[TagView, ...] = ()
    stopped: bool = False
    stopped_by: str = ""
    stopped_at_ms: int | None = None
    stop_reason: str = ""
    shelved: tuple[ShelvedAlarm, ...] = ()
    overrides: tuple[LocalOverride, ...] = ()
    asked: tuple[ApprovalAsked, ...] = ()  # waited for a second person, and nobody had decided
    forecast: EcowattForecast | None = None  # the last one
    decided: tuple[EcowattDecided, ...] = ()  # what became of its proposals, and of earlier ones


def read_holds(connection: sqlite3.Connection) -> Holds:
    """Read them. Raises sqlite3.Error."""
    last = connection.execute("SELECT number FROM entry WHERE kind = ? ORDER BY number DESC LIMIT 1", (_STANDING,)).fetchone()
    rows = connection.execute(
        "SELECT utc_ms, kind, dispatch_id, body FROM entry WHERE kind IN (?, ?, ?, ?, ?, ?, ?, ?, ?) AND number >= ? ORDER BY number",
        (*_KINDS, last[0] if last is not None else 0),
    )
    standing = _Standing()
    for row in rows:
        standing.take(Content(*row))
    return replace(standing.holds(_undecided(connection)), forecast=_forecast(connection), decided=_decided(connection))


class _Standing:
    """What stands, entry by entry."""

    def __init__(self) -> None:
        self._tags: dict[str, TagView] = {}
        self._shelved: dict[str, ShelvedAlarm] = {}
        self._overrides: dict[str, LocalOverride] = {}
        self._stop = Holds()

    def holds(self, asked: tuple[ApprovalAsked, ...]) -> Holds:
        """All of it, in the end."""
        return replace(
            self._stop,
            tags=tuple(self._tags.values()),
            shelved=tuple(self._shelved.values()),
            overrides=tuple(self._overrides.values()),
            asked=asked,
        )

    def take(self, content: Content) -> None:
        """The next entry."""
        try:
            record = decoded(content)
        except UnreadableEntryError:  # `journal verify` finds it; the others still count
            return
        match record:
            case HoldsStanding():
                self._tags = {tag.tag_id: tag for tag in record.tags}
                self._shelved = {one.alarm_id: one for one in record.shelved}
                self._overrides = {one.vehicle_id: one for one in record.overrides}
                self._stop = Holds((), record.stopped, record.stopped_by, record.stopped_at_ms, record.stop_reason)
            case AlarmShelved():
                self._shelved[record.shelved.alarm_id] = record.shelved
            case AlarmUnshelved():
                self._shelved.pop(record.alarm_id, None)
            case TagAdded():
                self._tags[record.placed.tag_id] = record.placed
            case TagRemoved():
                self._tags.pop(record.placed.tag_id, None)
            case OverrideBegun():
                self._overrides |= {name: LocalOverride(vehicle_id=name, until_ms=record.until_ms) for name in record.vehicles}
            case OverrideEnded():
                self._overrides = {name: one for name, one in self._overrides.items() if name not in record.vehicles}
            case StopLatched():
                self._stop = Holds((), True, record.by, content.utc_ms, record.reason)
            case StopLifted():
                self._stop = Holds()
            case _:
                return


def _forecast(connection: sqlite3.Connection) -> EcowattForecast | None:
    found = _newest(connection, "ecowatt.forecast", 1)
    return found[0] if found and isinstance(found[0], EcowattForecast) else None


def _decided(connection: sqlite3.Connection) -> tuple[EcowattDecided, ...]:
    return tuple(one for one in _newest(connection, "ecowatt.decided", _DECISIONS_READ) if isinstance(one, EcowattDecided))


def _newest(connection: sqlite3.Connection, kind: str, most: int) -> list[Readable]:
    """The newest entries of a kind, oldest of them first, without those that can't be read."""
    rows = connection.execute(
        "SELECT utc_ms, kind, dispatch_id, body FROM entry WHERE kind = ? ORDER BY number DESC LIMIT ?", (kind, most)
    ).fetchall()
    found: list[Readable] = []
    for row in reversed(rows):
        with suppress(UnreadableEntryError):  # `journal verify` finds it
            found.append(decoded(Content(*row)))
    return found


def _undecided(connection: sqlite3.Connection) -> tuple[ApprovalAsked, ...]:
    """What waited for a second person, oldest first."""
    rows = connection.execute(
        "SELECT utc_ms, kind, dispatch_id, body FROM entry WHERE kind IN ('approval.asked', 'approval.ended') ORDER BY number DESC LIMIT ?",
        (_APPROVALS_READ,),
    ).fetchall()
    waiting: dict[str, ApprovalAsked] = {}
    for row in reversed(rows):
        try:
            record = decoded(Content(*row))
        except UnreadableEntryError:
            continue
        match record:
            case ApprovalAsked():
                waiting[record.approval_id] = record
            case ApprovalEnded():
                waiting.pop(record.approval_id, None)
            case _:
                continue
    return tuple(waiting.values())
