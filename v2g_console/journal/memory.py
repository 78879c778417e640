"""A journal that lives as long as the process: bounded, newest records win."""

from collections import deque

from v2g_console.journal.port import JournalState, Record, RequestRecord, RoundRecord


class MemoryJournal:
    """Keeps the last `max_entries` records."""

    def __init__(self, max_entries: int) -> None:
        self._records: deque[Record] = deque(maxlen=max_entries)
        self.taken = 0

    async def commit_round(self, record: RoundRecord) -> None:
        """Keep a round."""
        self.note([record])

    async def commit_request(self, record: RequestRecord) -> None:
        """Keep a request."""
        self.note([record])

    def note(self, records: list[Record]) -> None:
        """Keep records."""
        self.taken += len(records)
        self._records.extend(records)

    def state(self) -> JournalState:
        """Memory does not fail."""
        return JournalState(ok=True)

    async def close(self) -> None:
        """Nothing to write."""

    def records(self) -> tuple[Record, ...]:
        """What is kept, oldest first."""
        return tuple(self._records)
