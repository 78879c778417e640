"""The one thread that writes: batches as they come, and between them what can wait (index, export, checkpoint, retention)."""

import logging
import sqlite3
import threading
import time
from typing import Final

from v2g_console.journal.chain import Content
from v2g_console.journal.encoding import contents_of, mark_content
from v2g_console.journal.export import Export
from v2g_console.journal.marks import Closed, Failed, Mark
from v2g_console.journal.port import JournalError, JournalState
from v2g_console.journal.projection import Projection
from v2g_console.journal.retention import Pruner
from v2g_console.journal.store import Store
from v2g_console.journal.waiting import Waiting, WaitingRecords, gathered_from

log = logging.getLogger(__name__)

_RETRY_S: Final = 1.0
_IDLE_S: Final = 1.0
_QUIET_S: Final = 0.02  # rounds often come in rows: what can wait begins only this long after the last
_MOST_BEHIND: Final = 1000  # entries; then it no longer waits
_UPKEEP_S: Final = 10.0
_SIGN_S: Final = 5.0
"""What is cut off the end after a kill shows by the head beside the journal, apart from the last of these."""
_STUCK_S: Final = 2.0
_LARGE_LOG_BYTES: Final = 64 << 20


class Writer(threading.Thread):
    """Owns the store from `start` on. Ends after `waiting.close()`, when everything is written or can't be."""

    def __init__(self, store: Store, projection: Projection, pruner: Pruner, export: Export | None, closed: Closed) -> None:
        super().__init__(name="journal writer", daemon=True)  # a dead disk must not keep the process from ending
        self.waiting = WaitingRecords()
        self._store, self._projection, self._pruner, self._export, self._closed = store, projection, pruner, export, closed
        self._failed: Failed | None = None
        self._working_since: float | None = None
        self._written_at = self._upkeep_at = self._signed_at = self._retry_at = self._committed_at = time.monotonic()
        self._lost_told = 0
        self._signed = store.head
        self._size_bytes = store.disk_bytes()

    def state(self) -> JournalState:
        """How it is now; for any thread."""
        failed, working_since, queued = self._failed, self._working_since, len(self.waiting)
        lost, size = self.waiting.lost, self._size_bytes
        if failed is not None:
            return JournalState(False, failed.since_ms, failed.cause, queued, lost, size)
        stuck_s = time.monotonic() - working_since if working_since is not None else 0.0
        if stuck_s > _STUCK_S:
            cause = f"the disk has not answered for {stuck_s:.0f} s"
            return JournalState(False, _utc_ms() - round(stuck_s * 1000), cause, queued, lost, size)
        return JournalState(True, 0, "", queued, lost, size)

    def run(self) -> None:
        """Until closed."""
        more = True
        while True:
            failing = self._failed is not None
            due = self._retry_at if failing else gathered_from(self._written_at)
            batch = self.waiting.take(self._patience_s(more), notes_from=due)
            if batch or (failing and time.monotonic() >= self._retry_at):
                self._write(batch)
                more = True
            elif self.waiting.closing:
                break
            else:
                more = not failing and self._between()
            if self.waiting.closing and self._failed is not None:
                break
        self._end()

    def _patience_s(self, more: bool) -> float:
        """How long to wait for records before something else is done."""
        now = time.monotonic()
        if self._failed is not None:
            return max(0.0, self._retry_at - now)
        if not more:
            return _IDLE_S
        behind = self._projection.behind(self._store.head.number - _MOST_BEHIND)
        return 0.0 if behind else max(0.0, self._committed_at + _QUIET_S - now)

    def _write(self, batch: list[Waiting]) -> None:
        self._working_since = time.monotonic()
        contents, batch = _encoded(batch, self.waiting)
        try:
            if self._failed is not None:
                self._store.reopen()
                self._projection.rolled_back(self._store.connection)
                contents.insert(0, mark_content(self._failed_until_now(self._failed), _utc_ms()))
            if contents:
                self._store.append(contents)
        except Exception as error:
            self._fail(_told(error), batch)
        else:
            if self._failed is not None:
                log.warning("the journal works again after: %s", self._failed.cause)
                self._failed, self._lost_told = None, self.waiting.lost
            for item in batch:
                if item.answer is not None:
                    item.answer(None)
                    self._committed_at = time.monotonic()
            self._bound_log()
        self._working_since = None
        self._written_at = time.monotonic()

    def _bound_log(self) -> None:
        """Without a pause in between, the write-ahead log would grow for ever."""
        try:
            self._store.checkpoint(_LARGE_LOG_BYTES)
        except JournalError as error:
            self._fail(error, [])

    def _fail(self, error: JournalError, batch: list[Waiting]) -> None:
        """Tell those who wait; keep the rest for the next attempt."""
        commits = [item for item in batch if item.answer is not None] + self.waiting.take_commits()
        self.waiting.put_back([item for item in batch if item.answer is None])
        refused = len(commits) + (self._failed.refused if self._failed is not None else 0)
        if self._failed is None:
            log.error("the journal fails: %s", error)
        since_ms = self._failed.since_ms if self._failed is not None else _utc_ms()
        self._failed = Failed(since_ms=since_ms, cause=str(error), refused=refused, lost=0)
        self._retry_at = time.monotonic() + _RETRY_S
        for item in commits:
            assert item.answer is not None
            item.answer(error)

    def _failed_until_now(self, failed: Failed) -> Failed:
        return Failed(since_ms=failed.since_ms, cause=failed.cause, refused=failed.refused, lost=self.waiting.lost - self._lost_told)

    def _between(self) -> bool:
        """A few milliseconds of what can wait; True if there is more."""
        self._working_since = time.monotonic()
        try:
            return self._background()
        except Exception as error:
            self._fail(_told(error), [])
            return False
        finally:
            self._working_since = None

    def _background(self) -> bool:
        store, now = self._store, time.monotonic()
        if self._projection.behind(store.head.number):
            self._index()
            return True
        if self._export is not None and self._export.step(store):
            return True
        if store.checkpoint():
            return True
        if store.head != self._signed and now >= self._signed_at + _SIGN_S:
            self._sign(now)
        if now < self._upkeep_at:
            return False
        self._size_bytes = store.disk_bytes()
        if self._pruner.step(store, self._projection.indexed_to, _utc_ms()):
            return True
        store.shrink()
        self._upkeep_at = now + _UPKEEP_S
        return False

    def _sign(self, now: float) -> None:
        """Entries are safe without it: a disk too full for this small file alone must not make the journal fail again and again."""
        self._signed_at = now
        try:
            self._store.sign()
        except JournalError as error:
            log.warning("the head of the journal could not be signed: %s", error)
        else:
            self._signed = self._store.head

    def _index(self) -> None:
        try:
            self._store.derived(self._projection.step)
        except JournalError:
            self._projection.rolled_back(self._store.connection)
            raise
        self._projection.committed()

    def _end(self) -> None:
        """Say that the end was orderly, leave one file behind, and the head beside it."""
        left = len(self.waiting)
        for item in self.waiting.take_commits():
            assert item.answer is not None
            item.answer(JournalError("the journal is closed"))
        try:
            if self._failed is None:
                self._store.append([_mark(self._closed)])
                while self._projection.behind(self._store.head.number):
                    self._index()
                self._store.finish()
                self._store.sign()
                log.info("journal closed at head %s", self._store.head)
            else:
                log.error("the journal closes while failing (%s): %d records are lost", self._failed.cause, left)
            self._store.close()
        except (JournalError, sqlite3.Error) as error:
            log.error("the journal could not be closed in order: %s", error)
        if self._export is not None:
            self._export.close()


def _encoded(batch: list[Waiting], waiting: WaitingRecords) -> tuple[list[Content], list[Waiting]]:
    """The batch as entries, without records that can't be encoded: whoever waits for one is told, a note is counted as lost."""
    contents: list[Content] = []
    good: list[Waiting] = []
    for item in batch:
        try:
            contents += contents_of(item.record)
        except (TypeError, ValueError, AttributeError) as error:
            log.exception("a %s can't be journalled", type(item.record).__name__)
            if item.answer is not None:
                item.answer(JournalError(f"a {type(item.record).__name__} can't be written: {error}"))
            else:
                waiting.lose()
        else:
            good.append(item)
    return contents, good


def _told(error: Exception) -> JournalError:
    """What those who wait are told. An error nobody thought of must not end the thread, or they would wait for ever."""
    if isinstance(error, JournalError):
        return error
    if not isinstance(error, sqlite3.Error):
        log.error("the journal's writer met an unexpected error", exc_info=error)
    return JournalError(f"{type(error).__name__}: {error}")


def _mark(mark: Mark) -> Content:
    return mark_content(mark, _utc_ms())


def _utc_ms() -> int:
    return int(time.time() * 1000)
