"""The SQLite file: its tables, its version, and how an older one is brought up to date after a backup copy."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2g_console.journal.port import JournalError

APPLICATION_ID: Final = 0x56324743  # "V2GC"
SCHEMA_VERSION: Final = 1
MIGRATIONS: Final[dict[int, str]] = {}
"""Statements that lead from a version to the next one."""
_BUSY_S: Final = 1.0

# `entry` is the truth and chained. `head` is its end as last written. All below follows from entries and is brought up in the background:
# `mention` says which vehicles an entry names, in buckets, so that inserting stays local; `standing` which setpoints may still be in force.
_TABLES: Final = """
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, utc_ms INTEGER NOT NULL, kind TEXT NOT NULL, dispatch_id TEXT NOT NULL,
    link BLOB NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX entry_by_time ON entry (utc_ms, number);
CREATE INDEX entry_by_kind ON entry (kind, number);
CREATE INDEX entry_by_dispatch ON entry (dispatch_id, number) WHERE dispatch_id <> '';
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, link BLOB NOT NULL) STRICT;
INSERT INTO head VALUES (1, 0, zeroblob(32));

CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1), indexed_to INTEGER NOT NULL, exported_to INTEGER NOT NULL, last_seq INTEGER NOT NULL
) STRICT;
INSERT INTO progress VALUES (1, 0, 0, 0);
CREATE TABLE vehicle (no INTEGER PRIMARY KEY, vehicle_id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE bucket (no INTEGER PRIMARY KEY, mentions INTEGER NOT NULL, last_number INTEGER NOT NULL) STRICT;
CREATE TABLE mention (
    bucket INTEGER NOT NULL, vehicle_no INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (bucket, vehicle_no, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE dispatch (
    no INTEGER PRIMARY KEY, dispatch_id TEXT NOT NULL UNIQUE, signal TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT '',
    begun_ms INTEGER NOT NULL, last_number INTEGER NOT NULL, commanded INTEGER NOT NULL DEFAULT 0, ended_ms INTEGER, about BLOB
) STRICT;
CREATE TABLE standing (
    vehicle_no INTEGER PRIMARY KEY, dispatch_no INTEGER NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL, seq INTEGER NOT NULL,
    setpoint_kw REAL, baseline_kw REAL, protocol INTEGER NOT NULL, valid_until_ms INTEGER NOT NULL,
    release_seq INTEGER NOT NULL DEFAULT 0, release_kw REAL
) STRICT;
CREATE INDEX standing_by_dispatch ON standing (dispatch_no);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done to an older file."""

    old: int
    new: int
    backup: Path


def open_for_writing(path: Path) -> tuple[sqlite3.Connection, Migration | None]:
    """The journal at `path`, made (0600) if it is new, migrated after a backup copy if it is old. Raises JournalError.

    Every commit on the connection is on the disk when it returns (WAL, synchronous=FULL); checkpoints are the caller's business.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64)
    except (OSError, *SQLITE_ERRORS) as error:
        raise JournalError(f"can't open the journal {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        version = checked_version(connection, path)
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        if version == 0:
            _create(connection)
        return connection, _migrate(connection, path, version) if 0 < version < SCHEMA_VERSION else None
    except (OSError, *SQLITE_ERRORS) as error:
        connection.close()
        raise JournalError(f"can't open the journal {path}: {error}") from error
    except JournalError:
        connection.close()
        raise


SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What comes of a damaged file: the module decodes SQLite's own error message strictly, and that may quote the damage."""


def checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of a journal; 0 for an empty file. Raises JournalError for other files and newer versions, sqlite3.Error."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is a database, but no journal of v2g-console: configure another journal.path")
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the journal {path} has schema {version}, this program knows up to {SCHEMA_VERSION}: "
            "run the newer program, or configure another journal.path"
        )
    return int(version)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                connection.execute("ROLLBACK")


def _create(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # so that the file says what it is, even without its log


def _migrate(connection: sqlite3.Connection, path: Path, old: int) -> Migration:
    backup = path.with_name(f"{path.name}.schema{old}.bak")
    partial = backup.with_name(f"{backup.name}.part")
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(partial)) as copy:
        connection.backup(copy)
    descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(backup)
    with transaction(connection):
        for version in range(old, SCHEMA_VERSION):
            for statement in MIGRATIONS[version].split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    return Migration(old, SCHEMA_VERSION, backup)
