"""Records as an engine writes them, with ids of the field, and a journal in a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from v2g_console.contract import events
from v2g_console.journal.encoding import decoded
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleasesRecord, RequestRecord, RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.wanted import Wanted

NOW_MS = 1_795_438_800_000  # 2026-11-23T13:00:00Z
DISPATCH = "6f1d2c3b4a5968778695a4b3c2d1e0f0"
OTHER = "c0ffee00c0ffee00c0ffee00c0ffee00"


@asynccontextmanager
async def journal_in(path: Path, **options: Any) -> AsyncIterator[SqliteJournal]:
    """An open journal, closed at the end."""
    journal = SqliteJournal.open(SqliteOptions(path, **options))
    try:
        yield journal
    finally:
        await journal.close()


def round_numbers(reader: JournalReader) -> list[int]:
    """`seq` of every round in the file, in its order."""
    records = [decoded(entry.content) for entry in reader.entries(Wanted(kind="round"))]
    assert all(isinstance(one, RoundRecord) for one in records)
    return [one.seq for one in records if isinstance(one, RoundRecord)]


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds; TimeoutError after 20 s."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def vehicles(n: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"FR-LYO-{number:05d}" for number in range(first, first + n))


def a_round(
    seq: int = 1,
    *,
    n: int = 3,
    first: int = 0,
    kind: str = "send",
    dispatch_id: str = DISPATCH,
    utc_ms: int = NOW_MS,
    setpoint_kw: float = 7.4,
    begun: DispatchRecord | None = None,
    valid_until_ms: int = NOW_MS + 900_000,
) -> RoundRecord:
    return RoundRecord(
        utc_ms=utc_ms,
        dispatch_id=dispatch_id,
        seq=seq,
        kind=kind,
        vehicle_ids=vehicles(n, first),
        setpoint_kw=np.full(n, setpoint_kw),
        baseline_kw=np.linspace(-7.4, 0.0, n),
        valid_until_ms=0 if kind == "release" else valid_until_ms,
        position=np.arange(first, first + n),
        protocol=np.full(n, 2, np.uint8),
        begun=begun,
    )


def a_dispatch(dispatch_id: str = DISPATCH, signal: str = "FCR") -> DispatchRecord:
    request = '{"signal":"FCR","power_kw":22.2,"duration_s":1800.0}'
    return DispatchRecord(NOW_MS, dispatch_id, signal, 22.2, "smart", "ines", "console", NOW_MS, NOW_MS + 1_800_000, request)


def some_acks(seq: int = 1, *, n: int = 3, first: int = 0, state: int = 3, dispatch_id: str = DISPATCH) -> AcksRecord:
    return AcksRecord(
        utc_ms=NOW_MS + 80,
        dispatch_id=dispatch_id,
        vehicle_ids=vehicles(n, first),
        seq=np.full(n, seq),
        state=np.full(n, state, np.uint8),
        applied_kw=np.full(n, np.nan if state == 5 else 7.4),
        reason=np.zeros(n, np.uint8),
    )


def some_releases(outcome: int, *, n: int = 3, first: int = 0, dispatch_id: str = DISPATCH) -> ReleasesRecord:
    return ReleasesRecord(NOW_MS + 1_800_500, dispatch_id, vehicles(n, first), np.full(n, outcome, np.uint8))


def a_request(user: str = "ines", outcome: str = "accepted", detail: str = DISPATCH) -> RequestRecord:
    return RequestRecord(NOW_MS, user, "console", "operate", outcome, detail)


def ended(*, owed: int = 0, dispatch_id: str = DISPATCH, signal: str = "FCR") -> events.DispatchCompleted:
    return events.DispatchCompleted(**_of_dispatch(dispatch_id, signal, "completed"), owed=owed)


def active(dispatch_id: str = DISPATCH, signal: str = "FCR") -> events.DispatchActive:
    return events.DispatchActive(**_of_dispatch(dispatch_id, signal, "active"))


def progress(dispatch_id: str = DISPATCH) -> events.DispatchProgress:
    return events.DispatchProgress(**_of_dispatch(dispatch_id, "FCR", "sending"))


def _of_dispatch(dispatch_id: str, signal: str, state: str) -> dict[str, Any]:
    return {
        "ts": "2026-11-23T13:30:00.250Z",
        "dispatch_id": dispatch_id,
        "signal": signal,
        "state": state,
        "requested_kw": 22.2,
        "allocated_kw": 22.2,
        "acknowledged_kw": 22.2,
        "delivered_kw": None,
        "delivered_coverage": 0.0,
        "uncertain_kw": 0.0,
        "shortfall_kw": 0.0,
        "vehicles": 3,
        "acked": 3,
        "limited": 0,
        "rejected": 0,
        "silent": 0,
        "pending": 0,
    }
