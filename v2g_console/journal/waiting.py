"""What waits for the writer thread: commits and notes in the order given, bounded in memory."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from v2g_console.contract.events import DispatchProgress
from v2g_console.journal.port import AcksRecord, JournalError, Record, ReleasesRecord, RoundRecord

MOST_WAITING_BYTES: Final = 64 << 20
_MOST_BATCH_BYTES: Final = 16 << 20
_RECORD_BYTES: Final = 1000
_VEHICLE_BYTES: Final = 100
_KEPT_SHARE: Final = 0.9
_GATHER_S: Final = 0.02

Answer = Callable[[JournalError | None], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record to write; `answer` is called from the writer thread, with None when it is on the disk. Notes have none."""

    record: Record
    answer: Answer | None = None
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _weight(self.record))


class WaitingRecords:
    """Filled by the engine's thread, emptied by the writer's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: deque[Waiting] = deque()
        self._weight = 0
        self._commits = 0
        self._closing = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def closing(self) -> bool:
        """True once `close` was called."""
        return self._closing

    def commit(self, record: Record, answer: Answer) -> None:
        """Queue a record that somebody waits for. Raises JournalError if it is closed or too much waits already."""
        item = Waiting(record, answer)
        with self._changed:
            if self._closing:
                raise JournalError("the journal is closed")
            if self._weight + item.weight > MOST_WAITING_BYTES and self._commits:
                raise JournalError(f"the journal is {len(self._records)} records behind")
            self._put(item)
            self._commits += 1
            self._changed.notify()

    def note(self, records: list[Record]) -> None:
        """Queue records that nobody waits for. If too much waits, progress goes first, then what is oldest."""
        with self._changed:
            if self._closing:
                self.lost += len(records)
                return
            for record in records:
                self._put(Waiting(record))
            if self._weight > MOST_WAITING_BYTES:
                self._shed()
            self._changed.notify()

    def lose(self) -> None:
        """Count a record that can't be written at all."""
        with self._changed:
            self.lost += 1

    def close(self) -> None:
        """Take nothing more."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def take(self, timeout_s: float, *, notes_from: float) -> list[Waiting]:
        """The next records, in order; empty after `timeout_s`. Without a commit among them, not before `notes_from` (monotonic)."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                if self._records and (self._commits or self._closing or now >= notes_from):
                    return self._batch()
                wake = min(until, notes_from) if self._records else until
                if now >= until or self._closing:
                    return []
                self._changed.wait(max(0.0, wake - now))

    def put_back(self, notes: list[Waiting]) -> None:
        """Notes that could not be written wait on, before all others."""
        with self._changed:
            self._records.extendleft(reversed(notes))
            self._weight += sum(item.weight for item in notes)
            if self._weight > MOST_WAITING_BYTES:
                self._shed()

    def take_commits(self) -> list[Waiting]:
        """All that somebody waits for: when one can't be written, none can."""
        with self._changed:
            commits = [item for item in self._records if item.answer is not None]
            self._replace(deque(item for item in self._records if item.answer is None))
            return commits

    def _put(self, item: Waiting) -> None:
        self._records.append(item)
        self._weight += item.weight

    def _batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        weight = 0
        while self._records and (not batch or weight + self._records[0].weight <= _MOST_BATCH_BYTES):
            item = self._records.popleft()
            batch.append(item)
            weight += item.weight
            self._commits -= item.answer is not None
        self._weight -= weight
        return batch

    def _shed(self) -> None:
        kept = deque(item for item in self._records if not isinstance(item.record, DispatchProgress))
        weight = sum(item.weight for item in kept)
        commits: list[Waiting] = []
        while kept and weight > MOST_WAITING_BYTES * _KEPT_SHARE:
            item = kept.popleft()
            if item.answer is not None:
                commits.append(item)
                continue
            weight -= item.weight
        kept.extendleft(reversed(commits))
        self.lost += len(self._records) - len(kept)
        self._replace(kept)

    def _replace(self, records: deque[Waiting]) -> None:
        self._records = records
        self._weight = sum(item.weight for item in records)
        self._commits = sum(item.answer is not None for item in records)


def gathered_from(written_at: float) -> float:
    """When notes are due after a transaction at `written_at` (monotonic): a short while is gathered into one."""
    return written_at + _GATHER_S


def _weight(record: Record) -> int:
    """About how many bytes it takes in memory."""
    vehicles = len(record.vehicle_ids) if isinstance(record, RoundRecord | AcksRecord | ReleasesRecord) else 0
    return _RECORD_BYTES + _VEHICLE_BYTES * vehicles
