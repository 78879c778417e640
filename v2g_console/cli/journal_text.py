"""The journal for people: entries one a line, the story of a dispatch, the verdict of `verify`."""

from collections.abc import Sequence

import numpy as np

from v2g_console.cli.plain_text import columns, counted, number, pairs
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.text import visible
from v2g_console.domain.units import regulation_text
from v2g_console.journal.chain import Entry
from v2g_console.journal.lines import code_name, utc_text
from v2g_console.journal.port import ReleaseOutcome, RoundRecord
from v2g_console.journal.story import DispatchStory, VehicleStory
from v2g_console.journal.verify import Verdict
from v2g_console.journal.words import code_counts, entry_words, regulation_kw

_ENTRY_HEADING = ("NUMBER", "TIME", "KIND", "DISPATCH", "WHAT")
_ROUND_HEADING = ("TIME", "ROUND", "SEQ", "VEHICLES", "REGULATION kW")
_VEHICLE_HEADING = ("VEHICLE", "BASELINE kW", "SETPOINT kW", "ANSWER", "APPLIED kW", "REASON", "RELEASE")
_MOST_TEXT = 100


def entry_lines(entries: Sequence[Entry]) -> list[str]:
    """A line an entry."""
    if not entries:
        return ["no entry"]
    rows = [
        (
            str(one.number),
            utc_text(one.content.utc_ms),
            one.content.kind,
            one.content.dispatch_id[:8] or "-",
            visible(entry_words(one))[:_MOST_TEXT],
        )
        for one in entries
    ]
    return columns([_ENTRY_HEADING, *rows], frozenset({0}))


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
            ("time", f"{utc_text(about.started_ms)} to {utc_text(about.ends_ms)}" if about is not None and about.ends_ms else ""),
            ("state", f"{last.state}{f' ({last.reason})' if last.reason else ''}" if last is not None else "no event: see the rounds"),
            ("power", f"acknowledged {number(last.acknowledged_kw)} of {number(last.requested_kw)} kW" if last is not None else ""),
            ("answers", code_counts([one.state for one in told.vehicles.values() if one.state is not None], CommandState)),
            ("releases", code_counts([one.release for one in told.vehicles.values() if one.release is not None], ReleaseOutcome)),
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


def _round_row(record: RoundRecord) -> tuple[str, ...]:
    regulation = "-" if record.kind == "release" else number(regulation_kw(record), 1)
    return utc_text(record.utc_ms), record.kind, str(record.seq), number(len(record.vehicle_ids)), regulation


def _vehicle_row(one: VehicleStory) -> tuple[str, ...]:
    applied = "-" if np.isnan(one.applied_kw) else number(one.applied_kw, 1)
    reason = code_name(Reason, one.reason).lower() if one.reason else "-"
    answer = code_name(CommandState, one.state).lower() if one.state is not None else "none"
    release = code_name(ReleaseOutcome, one.release).lower() if one.release is not None else "sent" if one.released_kw is not None else "-"
    return one.vehicle_id, number(one.baseline_kw, 1), number(one.setpoint_kw, 1), answer, applied, reason, release
