"""Entries as text: one JSON object a line, or CSV with one row a vehicle."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.text import no_formula
from v2g_console.journal.chain import Entry
from v2g_console.journal.encoding import Readable, UnreadableEntryError, decoded
from v2g_console.journal.port import AcksRecord, ReleaseOutcome, ReleasesRecord, RoundRecord


class EntryLine(msgspec.Struct, frozen=True):
    """One entry as JSON. `record` is null, and `unreadable` says why, if its bytes can't be read."""

    number: int
    ts: str
    kind: str
    dispatch_id: str
    hash: str
    record: object
    unreadable: str | None = None


CSV_HEADER: Final = (
    "number",
    "ts",
    "kind",
    "dispatch_id",
    "seq",
    "vehicle_id",
    "setpoint_kw",
    "baseline_kw",
    "applied_kw",
    "state",
    "reason",
    "valid_until",
    "record",
)


def code_name(codes: type[CommandState] | type[Reason] | type[ReleaseOutcome], code: int) -> str:
    """The name of a code; the number itself for one of a newer program."""
    return next((member.name for member in codes if member == code), str(code))


def json_line(entry: Entry) -> bytes:
    """The entry as one line of JSON with its newline; numbers that JSON does not know become null."""
    content = entry.content
    record, unreadable = _readable(entry)
    line = EntryLine(entry.number, utc_text(content.utc_ms), content.kind, content.dispatch_id, entry.link.hex(), record, unreadable)
    return msgspec.json.encode(line, enc_hook=_array) + b"\n"


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """The header and rows, each with its newline. Text that a spreadsheet would take for a formula gets an apostrophe."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for entry in entries:
        writer.writerows(_rows(entry))
        yield target.getvalue()
        target.seek(0)
        target.truncate()
    yield target.getvalue()


def utc_text(utc_ms: int) -> str:
    """`2026-11-23T13:02:07.123Z`; the plain number for a time beyond the calendar."""
    try:
        return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(utc_ms)


def _readable(entry: Entry) -> tuple[Readable | None, str | None]:
    try:
        return decoded(entry.content), None
    except UnreadableEntryError as error:
        return None, str(error)


def _array(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _rows(entry: Entry) -> Iterator[tuple[object, ...]]:
    record, unreadable = _readable(entry)
    content = entry.content
    head = (entry.number, utc_text(content.utc_ms), no_formula(content.kind), no_formula(content.dispatch_id))
    match record:
        case RoundRecord():
            until = utc_text(record.valid_until_ms) if record.valid_until_ms else ""
            for name, setpoint, baseline in zip(record.vehicle_ids, record.setpoint_kw.tolist(), record.baseline_kw.tolist(), strict=True):
                yield (*head, record.seq, no_formula(name), setpoint, baseline, "", "", "", until, "")
        case AcksRecord():
            columns = (record.seq.tolist(), record.applied_kw.tolist(), record.state.tolist(), record.reason.tolist())
            for name, seq, applied, state, reason in zip(record.vehicle_ids, *columns, strict=True):
                applied_text = "" if math.isnan(applied) else applied
                answer = (applied_text, code_name(CommandState, state), code_name(Reason, reason))
                yield (*head, seq, no_formula(name), "", "", *answer, "", "")
        case ReleasesRecord():
            for name, outcome in zip(record.vehicle_ids, record.outcome.tolist(), strict=True):
                yield (*head, "", no_formula(name), "", "", "", code_name(ReleaseOutcome, outcome), "", "", "")
        case _:
            text = unreadable or msgspec.json.encode(record).decode()
            yield (*head, *[""] * 8, no_formula(text))
