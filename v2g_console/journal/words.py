"""A journal entry in words: one sentence of what happened, and who did it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from v2g_console.contract.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    DispatchEvent,
    EngineRecovered,
    HoldsStanding,
    LinkChanged,
    OperatorNote,
    RequestRefused,
    StopLatched,
    StopLifted,
    Strategy,
    TagAdded,
    TagRemoved,
)
from v2g_console.domain.states import CommandState
from v2g_console.domain.units import counted, regulation_text
from v2g_console.journal.chain import Entry
from v2g_console.journal.encoding import Readable, UnreadableEntryError, decoded
from v2g_console.journal.lines import code_name, utc_text
from v2g_console.journal.marks import Failed, Opened, Pruned
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleaseOutcome, ReleasesRecord, RequestRecord, RoundRecord


def entry_words(entry: Entry) -> str:
    """What happened, in a sentence; text from outside is as it came in, not made safe for a screen."""
    try:
        return _summary(decoded(entry.content))
    except UnreadableEntryError as error:
        return f"can't be read: {error}"


def entry_person(entry: Entry) -> str:
    """Who asked for it; "" where nobody did, or where it can't be read."""
    try:
        record = decoded(entry.content)
    except UnreadableEntryError:
        return ""
    match record:
        case RequestRecord() | DispatchRecord():
            return record.user
        case RequestRefused() | TagRemoved() | StopLatched() | StopLifted() | OperatorNote() | AlarmAcknowledged() | AlarmUnshelved():
            return record.by
        case AlarmShelved():
            return record.shelved.by
        case TagAdded():
            return record.placed.by
        case _:
            return ""


def _summary(record: Readable) -> str:
    match record:
        case RoundRecord():
            return f"{counted(len(record.vehicle_ids), 'vehicle', 'vehicles')}, {regulation_text(regulation_kw(record))}, seq {record.seq}"
        case AcksRecord():
            return code_counts(record.state.tolist(), CommandState)
        case ReleasesRecord():
            return code_counts(record.outcome.tolist(), ReleaseOutcome)
        case DispatchRecord():
            until = f"ends {utc_text(record.ends_ms)}" if record.ends_ms else "not begun"
            return f"{record.signal} {regulation_text(record.target_kw)} by {record.user} ({record.way}), {record.ending or until}"
        case RequestRecord():
            return f"{record.request} by {record.user} ({record.way}): {record.outcome}{f', {record.detail}' if record.detail else ''}"
        case _ if isinstance(record, DispatchEvent):
            answered = f"{record.acked + record.limited}/{record.vehicles} answered"
            return f"{record.signal} {record.state}, {answered}{f', {record.owed} owed' if record.owed else ''} {record.reason}".strip()
        case AlarmRaised() | AlarmCleared() | Strategy() | EngineRecovered() | OperatorNote():
            return record.text
        case AlarmAcknowledged():
            return f"{record.alarm_id} acknowledged by {record.by}"
        case AlarmShelved():
            shelf = record.shelved
            return f"{shelf.alarm_id} shelved by {shelf.by} until {utc_text(shelf.until_ms)}: {shelf.reason}"
        case AlarmUnshelved():
            return f"{record.alarm_id} back from the shelf{f' by {record.by}' if record.by else ', its time is up'}"
        case TagAdded():
            return f"{record.placed.words}{f' ({record.released} vehicles released)' if record.released else ''}"
        case TagRemoved():
            return f"{record.by} took down {record.placed.words}; {record.note}"
        case StopLatched():
            lost = f"{record.dispatches} dispatches, {record.vehicles} vehicles"
            return f"STOP by {record.by} ({record.way}){f': {record.reason}' if record.reason else ''}; {lost}"
        case StopLifted():
            return f"resumed by {record.by} ({record.way})"
        case HoldsStanding():
            latch = f"STOP by {record.stopped_by}" if record.stopped else ""
            return ", ".join(filter(None, [latch, f"{len(record.tags)} tags" if record.tags else ""]))
        case RequestRefused():
            return f"{record.request} by {record.by}: {record.message}"
        case LinkChanged():
            return f"{record.state} {record.text}".strip()
        case Failed():
            return f"nothing was written since {utc_text(record.since_ms)}: {record.cause}; {record.refused} refused, {record.lost} lost"
        case Pruned():
            return f"entries up to {record.to_id} removed by {record.reason}"
        case Opened():
            return f"version {record.version}, process {record.pid}{'' if record.clean else ', after a crash'}"
        case _:
            return ""


def regulation_kw(record: RoundRecord) -> float:
    """The sum of a round's regulation in kW, positive is up."""
    return float(np.nansum(record.setpoint_kw - record.baseline_kw))


def code_counts(codes: Sequence[int], names: type[CommandState] | type[ReleaseOutcome]) -> str:
    """`371 acked, 7 rejected`, the most frequent first."""
    return ", ".join(f"{count} {code_name(names, code).lower()}" for code, count in Counter(codes).most_common())
