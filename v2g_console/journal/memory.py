"""A journal that lives as long as the process: bounded, newest records win."""

from collections import deque
from collections.abc import Iterator

from v2g_console.journal.chain import GENESIS, Entry
from v2g_console.journal.encoding import contents_of
from v2g_console.journal.port import AcksRecord, DispatchRecord, JournalState, Record, ReleasesRecord, RequestRecord, RoundRecord
from v2g_console.journal.told import Told, full, told
from v2g_console.journal.wanted import Wanted


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

    async def page(self, wanted: Wanted, before: int, limit: int) -> list[Told]:
        """The newest entries that fit, newest first; see `port.Journal`."""
        return told(self._backwards(wanted, before or self.taken + 1), limit)

    async def whole(self, number: int) -> str:
        """One entry as JSON; see `port.Journal`."""
        return full(self._backwards(Wanted(), number + 1), number)

    def _backwards(self, wanted: Wanted, before: int) -> Iterator[Entry]:
        """Entries numbered below `before`; not chained, since nothing outlives the process. A round that begins a dispatch is one entry."""
        signals = {one.dispatch_id: one.signal.lower() for one in self._records if isinstance(one, DispatchRecord)}
        signals |= {one.begun.dispatch_id: one.begun.signal.lower() for one in self._records if isinstance(one, RoundRecord) and one.begun}
        for at in range(len(self._records) - 1, -1, -1):
            number = self.taken - len(self._records) + at + 1
            if number >= before or not _about(self._records[at], wanted.vehicle_id):
                continue
            content = contents_of(self._records[at])[-1]
            fits = (
                (wanted.from_ms is None or content.utc_ms >= wanted.from_ms)
                and (wanted.until_ms is None or content.utc_ms < wanted.until_ms)
                and (not wanted.dispatch_id or content.dispatch_id.startswith(wanted.dispatch_id))
                and (not wanted.kind or f"{content.kind}.".startswith(wanted.kind.rstrip(".") + "."))
                and content.kind not in wanted.without
                and (not wanted.signal or signals.get(content.dispatch_id) == wanted.signal.lower())
            )
            if fits:
                yield Entry(number, content, GENESIS)


def _about(record: Record, vehicle_id: str) -> bool:
    return not vehicle_id or (isinstance(record, RoundRecord | AcksRecord | ReleasesRecord) and vehicle_id in record.vehicle_ids)
