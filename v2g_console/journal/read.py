"""Reading a journal, also while an engine writes it: entries by time, vehicle, signal, dispatch and kind; what a restart would find."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from v2g_console.journal.chain import Content, Entry
from v2g_console.journal.port import JournalError
from v2g_console.journal.recovery import Recovered, recovered
from v2g_console.journal.schema import SCHEMA_VERSION, SQLITE_ERRORS, checked_version
from v2g_console.journal.wanted import Wanted

_PAGE: Final = 200
_HIGHEST: Final = 2**62
"""A request may name a larger number than SQLite has."""
_PAGE_BYTES: Final = 8 << 20
_COLUMNS: Final = "number, utc_ms, kind, dispatch_id, link, body"
_TYPES: Final = (int, int, str, str, bytes, bytes)  # SQLite keeps whatever was written, whatever the column says


class JournalReader:
    """An open journal, read only; use it as a context manager. Pages are read one by one, so that it never holds the writer up.

    Raises JournalError: no such file, no journal, of a newer or older program, damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def entries(self, wanted: Wanted | None = None, *, newest_first: bool = False, before: int | None = None) -> Iterator[Entry]:
        """Entries in the order they were written, or backwards from the number `before`. A vehicle's are found soon after.

        Raises JournalError.
        """
        conditions, values = _conditions(wanted or Wanted())
        after = min(_HIGHEST, _HIGHEST if before is None else before) if newest_first else 0
        step = "number < ? ORDER BY number DESC" if newest_first else "number > ? ORDER BY number"
        while True:
            where = " AND ".join([*conditions, step])
            page = self._page(f"SELECT {_COLUMNS} FROM entry WHERE {where} LIMIT ?", [*values, after, _PAGE])  # noqa: S608  (constants)
            if not page:
                return
            yield from page
            after = page[-1].number

    def find_dispatch(self, name: str) -> str:
        """The whole id of a dispatch from its beginning (with or without #). Raises JournalError if none or several fit."""
        key = name.removeprefix("#").lower()
        with _telling(self.path):
            rows = self._connection.execute(
                "SELECT DISTINCT dispatch_id FROM entry WHERE dispatch_id >= ? AND dispatch_id < ? AND dispatch_id <> '' LIMIT 3",
                (key, key + "~"),
            ).fetchall()
        if len(rows) != 1 or not key:
            if rows:
                raise JournalError(f"{self.path}: several dispatches begin with {name[:40]!r}: write more of the id")
            raise JournalError(f"{self.path}: no dispatch begins with {name[:40]!r}: `v2g-console journal ls` lists their ids")
        return str(rows[0][0])

    def recovered(self) -> Recovered:
        """What a restart would find; on a journal in use up to a second behind. Raises JournalError."""
        with _telling(self.path), self.unchanging():
            return recovered(self._connection)

    @contextlib.contextmanager
    def unchanging(self) -> Iterator[sqlite3.Connection]:
        """One moment of the journal, for as long as the block lasts. Raises sqlite3.Error."""
        self._connection.execute("BEGIN")
        try:
            yield self._connection
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _page(self, statement: str, values: list[object]) -> list[Entry]:
        """Up to a page of entries, fewer if they are large."""
        page, size = [], 0
        with _telling(self.path), contextlib.closing(self._connection.execute(statement, values)) as rows:
            for row in rows:
                if tuple(map(type, row)) != _TYPES:
                    raise JournalError(f"can't read the journal {self.path}: entry {row[0]} is damaged, see `journal verify`")
                page.append(entry_of(row))
                size += len(row[5])
                if size > _PAGE_BYTES:
                    break
        return page


def entry_of(row: tuple[int, int, str, str, bytes, bytes]) -> Entry:
    """An entry from the columns number, utc_ms, kind, dispatch_id, link, body."""
    number, utc_ms, kind, dispatch_id, link, body = row
    return Entry(number, Content(utc_ms, kind, dispatch_id, body), link)


def _conditions(wanted: Wanted) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []

    def add(condition: str, *of: object) -> None:
        conditions.append(condition)
        values.extend(of)

    if wanted.from_ms is not None:
        add("utc_ms >= ?", min(wanted.from_ms, _HIGHEST))
    if wanted.until_ms is not None:
        add("utc_ms < ?", min(wanted.until_ms, _HIGHEST))
    if wanted.dispatch_id:
        add("dispatch_id = ? AND dispatch_id <> ''", wanted.dispatch_id)
    if wanted.kind:
        beginning = wanted.kind.rstrip(".") + "."
        add("(kind = ? OR (kind >= ? AND kind < ?))", wanted.kind.rstrip("."), beginning, beginning[:-1] + "/")
    if wanted.without:
        add(f"kind NOT IN ({','.join('?' * len(wanted.without))})", *wanted.without)
    if wanted.signal:
        add("dispatch_id <> '' AND dispatch_id IN (SELECT dispatch_id FROM dispatch WHERE signal = ? COLLATE NOCASE)", wanted.signal)
    if wanted.vehicle_id:
        add(
            "number IN (SELECT m.number FROM vehicle v JOIN bucket b JOIN mention m ON m.bucket = b.no AND m.vehicle_no = v.no "
            "WHERE v.vehicle_id = ?)",
            wanted.vehicle_id,
        )
    return conditions, values


def _open_for_reading(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise JournalError(f"there is no journal {path}: an engine makes it (a demo has none that lasts), or name another one with --file")
    # Without a write-ahead log nobody writes: then a folder that may not be written to is no obstacle either.
    still = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    last: Exception | None = None
    for extra in ("", still) if still else ("",):
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{extra}", uri=True, timeout=5.0, isolation_level=None)
        except SQLITE_ERRORS as error:
            last = error
            continue
        try:
            version = checked_version(connection, path)
            if 0 < version < SCHEMA_VERSION:
                raise JournalError(
                    f"the journal {path} has schema {version}, older than {SCHEMA_VERSION}: start the engine once to migrate it"
                )
            if version == 0:
                raise JournalError(f"{path} is empty, no journal yet")
        except SQLITE_ERRORS as error:
            connection.close()
            last = error
        except JournalError:
            connection.close()
            raise
        else:
            return connection
    raise JournalError(f"can't read the journal {path}: {last}") from last


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except SQLITE_ERRORS as error:
        raise JournalError(f"can't read the journal {path}: {error}") from error
