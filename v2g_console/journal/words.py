"""A journal entry in words: one sentence of what happened, and who did it."""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

import numpy as np

from v2g_console.contract.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmCleared,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    ApprovalAsked,
    ApprovalEnded,
    DispatchEvent,
    DispatchPlanned,
    EcowattDecided,
    EcowattForecast,
    EcowattProposed,
    EngineReady,
    EngineRecovered,
    Event,
    HoldsStanding,
    LinkChanged,
    OperatorNote,
    OverrideBegun,
    OverrideEnded,
    RequestAccepted,
    RequestRefused,
    RunSummary,
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
from v2g_console.journal.marks import Closed, Failed, Mark, Migrated, Opened, Pruned
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleaseOutcome, ReleasesRecord, RequestRecord, RoundRecord

_MOST_NAMED = 5


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
        case RequestAccepted() | ApprovalAsked() | EcowattForecast() | EcowattDecided():
            return record.by
        case ApprovalEnded():
            return record.decided_by
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
            return _round_words(record)
        case AcksRecord():
            return code_counts(record.state.tolist(), CommandState)
        case ReleasesRecord():
            return code_counts(record.outcome.tolist(), ReleaseOutcome)
        case DispatchRecord():
            until = f"ends {utc_text(record.ends_ms)}" if record.ends_ms else "not begun"
            return f"{record.signal} {regulation_text(record.target_kw)} by {record.user} ({record.way}), {record.ending or until}"
        case RequestRecord():
            return f"{record.request} by {record.user} ({record.way}): {record.outcome}{f', {record.detail}' if record.detail else ''}"
        case Opened() | Closed() | Failed() | Migrated() | Pruned():
            return _mark_words(record)
        case _:
            return _event_words(record)


def _round_words(record: RoundRecord) -> str:
    who = counted(len(record.vehicle_ids), "vehicle", "vehicles")
    if record.kind == "release":
        return f"{who} told to go back to {'its' if len(record.vehicle_ids) == 1 else 'their'} baseline"
    if record.kind == "relapse":
        return f"{who} may have gone back to an old setpoint: released again"
    return f"{who}, {regulation_text(regulation_kw(record))}"


def _mark_words(mark: Mark) -> str:
    match mark:
        case Opened():
            return f"version {mark.version}, process {mark.pid}{'' if mark.clean else ', after a crash'}"
        case Closed():
            return f"version {mark.version}, process {mark.pid}, in good order"
        case Failed():
            return f"nothing was written since {utc_text(mark.since_ms)}: {mark.cause}; {mark.refused} refused, {mark.lost} lost"
        case Migrated():
            return f"brought from schema {mark.old} to {mark.new}, the old file is {mark.backup}"
        case Pruned():
            return f"entries up to {mark.to_id} removed by {mark.reason}"
        case _:
            assert_never(mark)


def _event_words(event: Event) -> str:
    match event:
        case _ if isinstance(event, DispatchEvent):
            answered = f"{event.acked + event.limited}/{event.vehicles} answered"
            state = "planned" if isinstance(event, DispatchPlanned) else event.state.replace("_", " ")
            owed = f", {event.owed} owed" if event.owed else ""
            return f"{event.signal} {state}, {answered}{owed} {event.reason}".strip()
        case AlarmRaised() | AlarmChanged() | AlarmCleared() | Strategy() | EngineRecovered() | OperatorNote():
            return event.text
        case AlarmAcknowledged():
            return f"{event.alarm_id} acknowledged by {event.by}"
        case AlarmShelved():
            shelf = event.shelved
            return f"{shelf.alarm_id} shelved by {shelf.by} until {utc_text(shelf.until_ms)}: {shelf.reason}"
        case AlarmUnshelved():
            return f"{event.alarm_id} back from the shelf{f' by {event.by}' if event.by else ', its time is up'}"
        case TagAdded():
            return f"{event.placed.words}{f' ({event.released} vehicles released)' if event.released else ''}"
        case TagRemoved():
            return f"{event.by} took down {event.placed.words}; {event.note}"
        case StopLatched():
            lost = f"{counted(event.dispatches, 'dispatch', 'dispatches')}, {counted(event.vehicles, 'vehicle', 'vehicles')}"
            return f"STOP by {event.by} ({event.way}){f': {event.reason}' if event.reason else ''}; {lost}"
        case StopLifted():
            return f"resumed by {event.by} ({event.way})"
        case HoldsStanding():
            return _standing_words(event)
        case OverrideBegun() | OverrideEnded():
            return _override_words(event)
        case EcowattForecast() | EcowattProposed() | EcowattDecided():
            return _ecowatt_words(event)
        case LinkChanged():
            return f"{event.state} {event.text}".strip()
        case _:
            return _request_words(event)


def _standing_words(event: HoldsStanding) -> str:
    latch = f"STOP by {event.stopped_by}" if event.stopped else ""
    tags = counted(len(event.tags), "tag", "tags") if event.tags else ""
    shelved = counted(len(event.shelved), "shelved alarm", "shelved alarms") if event.shelved else ""
    overrides = counted(len(event.overrides), "local override", "local overrides") if event.overrides else ""
    return ", ".join(filter(None, [latch, tags, shelved, overrides])) or "no tag, no STOP, no shelved alarm, no local override"


def _ecowatt_words(event: EcowattForecast | EcowattProposed | EcowattDecided) -> str:
    match event:
        case EcowattForecast():
            return f"EcoWatt forecast of {counted(len(event.signals), 'day', 'days')} by {event.by} ({event.way})"
        case EcowattProposed():
            return f"{event.proposal_id}: red from {utc_text(event.begins_ms)} to {utc_text(event.ends_ms)}"
        case EcowattDecided():
            return f"{event.proposal_id} {event.outcome.value} by {event.by}{f': {event.reason}' if event.reason else ''}"


def _override_words(event: OverrideBegun | OverrideEnded) -> str:
    more = len(event.vehicles) - _MOST_NAMED
    named = ", ".join(event.vehicles[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    if isinstance(event, OverrideEnded):
        return f"no longer overridden locally: {named}"
    until = "until they follow again" if event.until_ms is None else f"until {utc_text(event.until_ms)}"
    return f"overridden locally, left alone {until}: {named}"


def _request_words(event: Event) -> str:
    """What was asked, by whom, and what came of it; the life of the engine."""
    match event:
        case RequestAccepted():
            return f"{event.request} by {event.by} ({event.way}){f', {event.detail}' if event.detail else ''}"
        case RequestRefused():
            return f"{event.request} by {event.by}: {event.message}"
        case ApprovalAsked():
            what = f"{event.request} {event.signal} {regulation_text(event.power_kw)}"
            return f"{event.by} ({event.way}) asks {what}, above {event.limit_kw:g} kW: waits for a second person"
        case ApprovalEnded():
            decided = f" by {event.decided_by}" if event.decided_by else ""
            return f"what {event.by} asked is {event.outcome}{decided}{f': {event.reason}' if event.reason else ''}"
        case EngineReady():
            return f"version {event.version}, protocol {event.protocol}, {counted(event.vehicles, 'vehicle', 'vehicles')} at {event.broker}"
        case RunSummary():
            return f"{counted(event.dispatches, 'dispatch', 'dispatches')}, {event.refused} of {event.requests} requests refused"
        case _:
            return ""


def regulation_kw(record: RoundRecord) -> float:
    """The sum of a round's regulation in kW, positive is up."""
    return float(np.nansum(record.setpoint_kw - record.baseline_kw))


def code_counts(codes: Sequence[int], names: type[CommandState] | type[ReleaseOutcome]) -> str:
    """`371 acked, 7 rejected`, the most frequent first."""
    return ", ".join(f"{count} {code_name(names, code).lower()}" for code, count in Counter(codes).most_common())
