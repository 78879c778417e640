"""The journal for people: entries one a line, the story of a dispatch, the verdict of `verify`."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from v2g_console.cli.plain_text import columns, counted, number, pairs
from v2g_console.contract.events import AlarmCleared, AlarmRaised, DispatchEvent, LinkChanged, RequestRefused, Strategy
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.text import visible
from v2g_console.domain.units import regulation_text
from v2g_console.journal.chain import Entry
from v2g_console.journal.encoding import Readable, UnreadableEntryError, decoded
from v2g_console.journal.lines import utc_text
from v2g_console.journal.marks import Failed, Opened, Pruned
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleaseOutcome, ReleasesRecord, RequestRecord, RoundRecord
from v2g_console.journal.story import DispatchStory, VehicleStory
from v2g_console.journal.verify import Verdict

_ENTRY_HEADING = ("NUMBER", "TIME", "KIND", "DISPATCH", "WHAT")
_ROUND_HEADING = ("TIME", "ROUND", "SEQ", "VEHICLES", "REGULATION kW")
_VEHICLE_HEADING = ("VEHICLE", "BASELINE kW", "SETPOINT kW", "ANSWER", "APPLIED kW", "REASON", "RELEASE")
_MOST_TEXT = 100


def entry_lines(entries: Sequence[Entry]) -> list[str]:
    """A line an entry."""
    if not entries:
        return ["no entry"]
    rows = [
        (str(one.number), utc_text(one.content.utc_ms), one.content.kind, one.content.dispatch_id[:8] or "-", _what(one)) for one in entries
    ]
    return columns([_ENTRY_HEADING, *rows], frozenset({0}))


def _what(entry: Entry) -> str:
    try:
        text = _summary(decoded(entry.content))
    except UnreadableEntryError as error:
        text = f"can't be read: {error}"
    return visible(text)[:_MOST_TEXT]


def _summary(record: Readable) -> str:
    match record:
        case RoundRecord():
            return f"{counted(len(record.vehicle_ids), 'vehicle')}, {regulation_text(_regulation_kw(record))}, seq {record.seq}"
        case AcksRecord():
            return _counts(record.state.tolist(), CommandState)
        case ReleasesRecord():
            return _counts(record.outcome.tolist(), ReleaseOutcome)
        case DispatchRecord():
            return f"{record.signal} {regulation_text(record.target_kw)} by {record.user} ({record.way}), ends {utc_text(record.ends_ms)}"
        case RequestRecord():
            return f"{record.request} by {record.user} ({record.way}): {record.outcome}{f', {record.detail}' if record.detail else ''}"
        case _ if isinstance(record, DispatchEvent):
            answered = f"{record.acked + record.limited}/{record.vehicles} answered"
            return f"{record.signal} {record.state}, {answered}{f', {record.owed} owed' if record.owed else ''} {record.reason}".strip()
        case AlarmRaised() | AlarmCleared() | Strategy():
            return record.text
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


def story_lines(told: DispatchStory) -> list[str]:
    """Facts, rounds, and the vehicles with what each was told and did."""
    about, last = told.about, told.events[-1] if told.events else None
    signal = about.signal if about is not None else last.signal if last is not None else ""
    facts = pairs(
        [
            ("dispatch", told.dispatch_id),
            ("signal", signal),
            (
                "asked for",
                f"{regulation_text(about.target_kw)} by {about.user} ({about.way}), {about.allocator}" if about is not None else "",
            ),
            ("time", f"{utc_text(about.started_ms)} to {utc_text(about.ends_ms)}" if about is not None else ""),
            ("state", f"{last.state}{f' ({last.reason})' if last.reason else ''}" if last is not None else "no event: see the rounds"),
            ("power", f"acknowledged {number(last.acknowledged_kw)} of {number(last.requested_kw)} kW" if last is not None else ""),
            ("answers", _counts([one.state for one in told.vehicles.values() if one.state is not None], CommandState)),
            ("releases", _counts([one.release for one in told.vehicles.values() if one.release is not None], ReleaseOutcome)),
            ("unreadable", counted(told.unreadable, "entry", "entries") if told.unreadable else ""),
        ]
    )
    rounds = [_round_row(one) for one in told.rounds]
    vehicles = [_vehicle_row(one) for one in told.vehicles.values()]
    lines = list(facts)
    if rounds:
        lines += ["", *columns([_ROUND_HEADING, *rounds], frozenset({2, 3, 4}))]
    if vehicles:
        lines += ["", *columns([_VEHICLE_HEADING, *vehicles], frozenset({1, 2, 4}))]
    return lines


def verdict_lines(verdict: Verdict) -> list[str]:
    """What was checked, each fault, and the head to keep."""
    checked = f"{counted(verdict.entries, 'entry', 'entries')} checked, from {verdict.first} to {verdict.head.number}"
    if verdict.ok:
        return [f"ok: {checked}", f"head {verdict.head}"]
    faults = [f"entry {fault.number}: {fault.text}" if fault.number else fault.text for fault in verdict.faults]
    return [f"NOT what was written: {checked}", *map(visible, faults)]


def _regulation_kw(record: RoundRecord) -> float:
    return float(np.nansum(record.setpoint_kw - record.baseline_kw))


def _round_row(record: RoundRecord) -> tuple[str, ...]:
    regulation = "-" if record.kind == "release" else number(_regulation_kw(record), 1)
    return utc_text(record.utc_ms), record.kind, str(record.seq), number(len(record.vehicle_ids)), regulation


def _vehicle_row(one: VehicleStory) -> tuple[str, ...]:
    applied = "-" if np.isnan(one.applied_kw) else number(one.applied_kw, 1)
    reason = _name(Reason, one.reason) if one.reason else "-"
    answer = _name(CommandState, one.state) if one.state is not None else "none"
    release = _name(ReleaseOutcome, one.release) if one.release is not None else "sent" if one.released_kw is not None else "-"
    return one.vehicle_id, number(one.baseline_kw, 1), number(one.setpoint_kw, 1), answer, applied, reason, release


def _counts(codes: Sequence[int], names: type[CommandState] | type[ReleaseOutcome]) -> str:
    return ", ".join(f"{count} {_name(names, code)}" for code, count in Counter(codes).most_common())


def _name(codes: type[CommandState] | type[Reason] | type[ReleaseOutcome], code: int) -> str:
    return next((member.name.lower() for member in codes if member == code), str(code))
