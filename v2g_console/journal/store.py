"""The journal's file as the writer uses it: append to the chain, keep the file in shape. One thread at a time."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from v2g_console.journal.chain import Content, Head, chained
from v2g_console.journal.head_file import write_head
from v2g_console.journal.port import JournalError
from v2g_console.journal.schema import SQLITE_ERRORS, Migration, open_for_writing, transaction

CHECKPOINT_BYTES: Final = 4 << 20
"""A write-ahead log above this is brought into the database when nothing else is to be done."""
_AGAIN_BYTES: Final = 1 << 20
_APPEND_BYTES: Final = 32 << 10  # of pages that one transaction touches beside the bodies
_STEP_BYTES: Final = 256 << 10
_INSERT: Final = "INSERT INTO entry (number, utc_ms, kind, dispatch_id, link, body) VALUES (?, ?, ?, ?, ?, ?)"


class Store:
    """An open journal. Making it opens, creates or migrates the file; raises JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_bytes = 0  # written since the last checkpoint, roughly
        self._wal = path.with_name(path.name + "-wal")
        self.migration: Migration | None
        self.connection, self.migration = open_for_writing(path)
        try:
            self._inode = self._path.stat().st_ino
            self.head = self._read_head()
        except (OSError, *SQLITE_ERRORS) as error:
            self.connection.close()
            raise JournalError(f"can't read the journal {path}: {error}") from error
        except JournalError:
            self.connection.close()
            raise

    def append(self, contents: list[Content], also: Callable[[sqlite3.Connection], object] = lambda _: None) -> Head:
        """Write entries, and do `also`, in one transaction that is on the disk at return. Raises JournalError: then nothing is written."""
        entries = chained(self.head, contents)
        head = Head(entries[-1].number, entries[-1].link)
        with self._telling():
            self._check_in_place()
            with transaction(self.connection):
                self.connection.executemany(
                    _INSERT,
                    [
                        (one.number, one.content.utc_ms, one.content.kind, one.content.dispatch_id, one.link, one.content.body)
                        for one in entries
                    ],
                )
                self.connection.execute("UPDATE head SET number = ?, link = ?", (head.number, head.link))
                also(self.connection)
        self.head = head
        self._log_bytes += _APPEND_BYTES + sum(len(content.body) for content in contents)
        return head

    def derived(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do `work` on tables that follow from the entries, in a transaction that need not reach the disk at once. Raises JournalError."""
        with self._telling():
            self._check_in_place()
            self.connection.execute("PRAGMA synchronous=NORMAL")
            try:
                with transaction(self.connection):
                    work(self.connection)
            finally:
                self.connection.execute("PRAGMA synchronous=FULL")
        self._log_bytes += _STEP_BYTES

    def checkpoint(self, above_bytes: int = CHECKPOINT_BYTES) -> bool:
        """Bring the write-ahead log into the database if about so much was written since; True if that was done. Raises JournalError.

        The log's file stays as large as it was: writing over it is faster than letting it grow. A reader in the middle of it makes this one
        go less far, and the next one is tried a little later.
        """
        if self._log_bytes <= above_bytes:
            return False
        with self._telling():
            _, frames, done = self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._log_bytes = 0 if frames == done else above_bytes - _AGAIN_BYTES
        return True

    def finish(self) -> None:
        """Leave one file: everything in the database, the write-ahead log empty if no reader needs it. Raises JournalError."""
        with self._telling():
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def holds(self, head: Head) -> bool:
        """Whether the journal goes as far as `head` and says the same there, or retention removed that entry. Raises JournalError."""
        if head.number > self.head.number:
            return False
        with self._telling():
            row = self.connection.execute("SELECT link FROM entry WHERE number = ?", (head.number,)).fetchone()
        return row is None or row[0] == head.link

    def sign(self) -> None:
        """Write the head beside the journal. Raises JournalError."""
        with self._telling():
            self._check_in_place()  # the file beside another journal is not ours to write
            write_head(self._path, self.head)

    def used_bytes(self) -> int:
        """Bytes of the database in use, without free pages. Raises JournalError."""
        with self._telling():
            (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
            (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
            (page_bytes,) = self.connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * page_bytes)

    def shrink(self) -> None:
        """Give up to 4 MiB of free pages back to the disk, if more than a fifth is free. Raises JournalError."""
        with self._telling():
            (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
            (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
            if free > pages // 5:
                self.connection.executescript("PRAGMA incremental_vacuum(1024)")  # `execute` would stop after one page

    def disk_bytes(self) -> int:
        """Size of database and write-ahead log on the disk; 0 if they are gone."""
        try:
            return self._path.stat().st_size + self._wal_bytes()
        except OSError:
            return 0

    def reopen(self) -> None:
        """Start anew after an error. Raises JournalError, also if the file no longer holds what was written to it."""
        with self._telling():
            self._check_in_place()  # first of all: another file beside this one's write-ahead log would be spoilt by opening it
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()
        fresh = Store(self._path)
        row = fresh.connection.execute("SELECT link FROM entry WHERE number = ?", (self.head.number,)).fetchone()
        if self.head.number and (row is None or row[0] != self.head.link):
            fresh.connection.close()
            raise JournalError(f"{self._path} is no longer the journal that was written: restart with another journal.path")
        self.connection, self.head = fresh.connection, fresh.head

    def close(self) -> None:
        """Close the file. Raises JournalError."""
        with self._telling():
            self.connection.close()

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def _check_in_place(self) -> None:
        """A file that was moved or removed still takes writes, but nobody would find them again."""
        try:
            same = self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            same = False
        if not same:
            raise JournalError(f"{self._path} was moved, removed or replaced while in use: put it back, or restart")

    def _read_head(self) -> Head:
        number, link = self.connection.execute("SELECT number, link FROM head").fetchone()
        last = self.connection.execute("SELECT number, link FROM entry ORDER BY number DESC LIMIT 1").fetchone()
        if (last or (0, bytes(32))) != (number, link):
            raise JournalError(
                f"the journal {self._path} does not end where it says: look with `v2g-console journal verify`, then move it away"
            )
        return Head(number, link)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(_cause(error)) from error
        except OSError as error:
            raise JournalError(error.strerror or str(error)) from error


def _cause(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if name else str(error)
