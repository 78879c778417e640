"""Removing the oldest entries by age and size, in steps. Up to where is itself an entry, so that the chain still proves itself."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from v2g_console.journal.encoding import mark_content
from v2g_console.journal.marks import Pruned
from v2g_console.journal.store import Store

_MOST_ENTRIES: Final = 500
_MOST_BYTES: Final = 1 << 20
_DAY_MS: Final = 86_400_000
_AGE_SLACK: Final = 0.01
_SIZE_SLACK: Final = 0.9


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept; 0: no limit."""

    days: float = 0.0
    most_bytes: int = 0


class Pruner:
    """Removes what retention no longer keeps, a step at a time."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._by_age = self._by_size = False  # under way: with slack below the limit, so that it doesn't begin anew at every entry

    def step(self, store: Store, indexed_to: int, utc_ms: int) -> bool:
        """Remove up to a megabyte of entries that are indexed; True if there may be more to do. Raises JournalError."""
        reason, cutoff_ms = self._due(store, utc_ms)
        if not reason:
            return False
        doomed = _oldest(store.connection, min(indexed_to, store.head.number - 1), cutoff_ms)
        if doomed is None:
            self._by_age = self._by_size = False
            return False
        number, link = doomed
        mark = mark_content(Pruned(to_id=number, to_hash=link.hex(), reason=reason), utc_ms)
        store.append([mark], lambda connection: _remove(connection, number))
        return True

    def _due(self, store: Store, utc_ms: int) -> tuple[str, int | None]:
        """Why something must go (empty: nothing), and the time before which it goes (None: whatever is oldest)."""
        keep = self._retention
        if keep.most_bytes:
            used = store.used_bytes()
            self._by_size = used > keep.most_bytes * (_SIZE_SLACK if self._by_size else 1.0)
            if self._by_size:
                return "size", None
        if keep.days:
            cutoff_ms = utc_ms - round(keep.days * _DAY_MS)
            late_ms = cutoff_ms if self._by_age else cutoff_ms - round(keep.days * _AGE_SLACK * _DAY_MS)
            row = store.connection.execute("SELECT utc_ms FROM entry ORDER BY number LIMIT 1").fetchone()
            self._by_age = row is not None and row[0] < late_ms
            if self._by_age:
                return "age", cutoff_ms
        return "", None


def _oldest(connection: sqlite3.Connection, most_number: int, cutoff_ms: int | None) -> tuple[int, bytes] | None:
    """Number and link of the last entry to remove now: the oldest ones, up to `most_number`, a count, a size, and a time."""
    last, size = None, 0
    rows = connection.execute(
        "SELECT number, link, utc_ms, length(body) FROM entry WHERE number <= ? ORDER BY number LIMIT ?", (most_number, _MOST_ENTRIES)
    )
    for number, link, utc_ms, length in rows.fetchall():
        size += length
        if (cutoff_ms is not None and utc_ms >= cutoff_ms) or (last is not None and size > _MOST_BYTES):
            break
        last = number, link
    return last


def _remove(connection: sqlite3.Connection, to_number: int) -> None:
    """Entries and what follows from them; dispatches that still matter to a restart stay."""
    connection.execute("DELETE FROM entry WHERE number <= ?", (to_number,))
    # Two are more than a step's entries can have filled, so that they can't pile up.
    buckets = connection.execute(
        "SELECT no FROM bucket WHERE last_number <= ? AND no < (SELECT max(no) FROM bucket) ORDER BY no LIMIT 2", (to_number,)
    ).fetchall()
    connection.executemany("DELETE FROM mention WHERE bucket = ?", buckets)
    connection.executemany("DELETE FROM bucket WHERE no = ?", buckets)
    connection.execute(
        "DELETE FROM dispatch WHERE last_number <= ? AND ended_ms IS NOT NULL AND no NOT IN (SELECT dispatch_no FROM standing)",
        (to_number,),
    )
