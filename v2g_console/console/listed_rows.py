"""Dispatches, alarms, a dispatch's vehicles and silent vehicles as plain values: what is exported of their lists.

A field is named as in the contract; `progress.acked` is `acked` of its progress, and `started_utc` is `started_ms` as ISO 8601.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from operator import attrgetter
from typing import Final

import msgspec

DISPATCH_FIELDS: Final = (
    "dispatch_id",
    "signal",
    "state",
    "outcome_reason",
    "requested_kw",
    "allocated_kw",
    "acknowledged_kw",
    "delivered_kw",
    "delivered_coverage",
    "shortfall_kw",
    "vehicles",
    "progress.commanded",
    "progress.acked",
    "progress.limited",
    "progress.rejected",
    "progress.silent",
    "progress.p50_ms",
    "progress.p95_ms",
    "progress.p99_ms",
    "tracking",
    "duration_s",
    "created_utc",
    "due_utc",
    "started_utc",
    "ends_utc",
    "ended_utc",
    "allocator",
    "by",
    "approved_by",
    "origin",
    "test",
    "external_ref",
    "author_note",
    "note",
)
ALARM_FIELDS: Final = (
    "alarm_id",
    "kind",
    "priority",
    "state",
    "active",
    "text",
    "response",
    "raised_utc",
    "cleared_utc",
    "count",
    "acknowledged_by",
    "acknowledged_utc",
    "shelved_by",
    "shelved_until_utc",
    "shelf_reason",
    "chattering",
    "stale",
    "dispatch_id",
)
COMMAND_FIELDS: Final = (
    "vehicle_id",
    "state",
    "setpoint_kw",
    "baseline_kw",
    "regulation_kw",
    "applied_kw",
    "measured_kw",
    "attempt",
    "latency_ms",
    "score",
    "reason",
    "reason_text",
    "release",
    "taken",
)
SILENT_FIELDS: Final = (
    "vehicle_id",
    "site",
    "dispatch",
    "protocol",
    "setpoint_kw",
    "measured_kw",
    "silent_s",
    "lease_ends_utc",
    "next_step",
)
JOURNAL_FIELDS: Final = ("number", "utc", "kind", "dispatch_id", "by", "text")
_DIGITS: Final = 6


def header_of(fields: Sequence[str]) -> tuple[str, ...]:
    """The names as they stand in the file."""
    return tuple(field.rpartition(".")[2] for field in fields)


def rows_of(records: Sequence[msgspec.Struct], fields: Sequence[str]) -> list[tuple[object, ...]]:
    """A row a record, a value a field; what is not known is None."""
    return [tuple(_value(record, field) for field in fields) for record in records]


def _value(record: msgspec.Struct, field: str) -> object:
    if field == "utc" or field.endswith("_utc"):
        return _iso(attrgetter("utc_ms" if field == "utc" else f"{field.removesuffix('utc')}ms")(record))
    value = attrgetter(field)(record)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, _DIGITS) if isfinite(value) else None
    return value


def _iso(utc_ms: int | None) -> str | None:
    """0 stands for a time that was never told."""
    if not utc_ms:
        return None
    return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
