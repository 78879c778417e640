"""The durable journal: SQLite, one writer thread, answers after the commit. The engine sees `port.Journal`."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from v2g_console.journal.encoding import mark_content
from v2g_console.journal.export import Export
from v2g_console.journal.head_file import head_path, read_head
from v2g_console.journal.jsonl import JsonlOptions
from v2g_console.journal.lock import JournalLock
from v2g_console.journal.look import SqliteLook
from v2g_console.journal.marks import Closed, Mark, Migrated, Opened
from v2g_console.journal.port import JournalError, JournalState, Record, RequestRecord, RoundRecord
from v2g_console.journal.projection import Projection
from v2g_console.journal.recovery import Recovered, recovered
from v2g_console.journal.retention import Pruner, Retention
from v2g_console.journal.schema import SCHEMA_VERSION, SQLITE_ERRORS
from v2g_console.journal.store import Store
from v2g_console.journal.told import Told
from v2g_console.journal.wanted import Wanted
from v2g_console.journal.writer import Writer
from v2g_console.version import program_version

log = logging.getLogger(__name__)

COMMIT_PATIENCE_S: Final = 10.0
"""A commit that the disk has not answered by then counts as failed."""
_CLOSE_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Where the journal is, how much it keeps, and whether it feeds an export stream."""

    path: Path
    retention: Retention = field(default_factory=Retention)
    export: JsonlOptions | None = None


class SqliteJournal:
    """Implements `port.Journal` for one event loop. `recovered` is what was found when it was opened."""

    def __init__(self, writer: Writer, lock: JournalLock, found: Recovered, look: SqliteLook) -> None:
        self._writer, self._lock, self._look = writer, lock, look
        self.recovered = found

    @classmethod
    def open(cls, options: SqliteOptions) -> Self:
        """Open or make the journal and start its thread. Blocks for some milliseconds, longer after a crash or for a migration.

        Raises JournalError: in use, damaged, of a newer program, no journal at all, or the disk says no.
        """
        path = options.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"can't make the folder of the journal {path}: {error.strerror}") from error
        lock = JournalLock(path)
        try:
            return cls._locked(options, lock)
        except BaseException:
            lock.free()
            raise

    @classmethod
    def _locked(cls, options: SqliteOptions, lock: JournalLock) -> Self:
        store = Store(options.path)
        try:
            _refuse_shortened(store, options.path)
            projection = Projection(store.connection)
            while projection.behind(store.head.number):
                store.derived(projection.step)
                projection.committed()
            found = recovered(store.connection)
            store.append([mark_content(mark, _utc_ms()) for mark in _opening(store, found)])
            store.sign()
        except SQLITE_ERRORS as error:
            store.close()
            raise JournalError(
                f"can't read the journal {options.path}: {error}; keep it, see `journal verify`, and start with another"
            ) from error
        except BaseException:
            store.close()
            raise
        log.info("journal %s opened at head %s", options.path, store.head)
        export = Export(options.export) if options.export is not None else None
        closed = Closed(version=program_version(), pid=os.getpid())
        writer = Writer(store, projection, Pruner(options.retention), export, closed)
        writer.start()
        return cls(writer, lock, found, SqliteLook(options.path))

    async def commit_round(self, record: RoundRecord) -> None:
        """Return when the round is on the disk; raises JournalError if it can't be."""
        await self._commit(record)

    async def commit_request(self, record: RequestRecord) -> None:
        """Return when the attempt is on the disk; raises JournalError if it can't be."""
        await self._commit(record)

    def note(self, records: list[Record]) -> None:
        """Write these soon, after everything given before. Never fails: see `state`."""
        self._writer.waiting.note(records)

    def state(self) -> JournalState:
        """How the journal is now; never waits."""
        return self._writer.state()

    async def page(self, wanted: Wanted, before: int, limit: int) -> list[Told]:
        """Entries in words, newest first; see `port.Journal`."""
        return await self._look.page(wanted, before, limit)

    async def whole(self, number: int) -> str:
        """One entry as JSON; see `port.Journal`."""
        return await self._look.whole(number)

    async def close(self) -> None:
        """Write what is left and free the journal. Idempotent. A disk that does not answer is waited for only so long."""
        self._writer.waiting.close()
        await asyncio.to_thread(self._writer.join, _CLOSE_PATIENCE_S)
        if self._writer.is_alive():
            log.error("the journal's disk does not answer: what was not written is lost")
        else:
            self._lock.free()

    async def _commit(self, record: Record) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def answer(error: JournalError | None) -> None:
            try:
                loop.call_soon_threadsafe(_settle, future, error)
            except RuntimeError:  # the loop has ended: nobody waits any more
                log.warning("nobody was left to hear of a commit")

        self._writer.waiting.commit(record, answer)
        try:
            async with asyncio.timeout(COMMIT_PATIENCE_S):
                await future
        except TimeoutError:
            raise JournalError(f"the disk has not answered for {COMMIT_PATIENCE_S:.0f} s") from None


def _opening(store: Store, found: Recovered) -> list[Mark]:
    marks: list[Mark] = []
    if store.migration is not None:
        marks.append(Migrated(old=store.migration.old, new=store.migration.new, backup=store.migration.backup.name))
    return [*marks, Opened(version=program_version(), schema=SCHEMA_VERSION, pid=os.getpid(), clean=found.clean)]


def _refuse_shortened(store: Store, path: Path) -> None:
    """The head beside the journal proves what was there: to go on without it would forget owed releases, and sign the loss off."""
    signed_at = head_path(path)
    try:
        signed = read_head(path)
    except (OSError, ValueError) as error:
        log.error("%s can't be read, and is written anew: %s", signed_at, error)
        return
    if signed is not None and not store.holds(signed):
        raise JournalError(
            f"the journal {path} is not the one that was written: {signed_at.name} knows entry {signed.number}, the journal ends at "
            f"{store.head.number}. Vehicles may be owed a release. Look with `v2g-console journal verify`; to start all the same, "
            f"put the journal back or move {signed_at.name} away"
        )


def _settle(future: asyncio.Future[None], error: JournalError | None) -> None:
    if future.done():  # whoever waited gave up
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _utc_ms() -> int:
    return int(time.time() * 1000)
