"""What the durable journal promises the engine: written before the answer, in order, found again."""

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest

from tests.unit.journal import records as made
from v2g_console.journal import schema
from v2g_console.journal.encoding import decoded
from v2g_console.journal.marks import Closed, Migrated, Opened
from v2g_console.journal.memory import MemoryJournal
from v2g_console.journal.port import JournalError, RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.verify import verify
from v2g_console.journal.wanted import Wanted


def kinds(path: Path) -> list[str]:
    with JournalReader(path) as reader:
        return [entry.content.kind for entry in reader.entries()]


async def test_a_round_is_on_the_disk_when_the_answer_comes(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        await journal.commit_round(made.a_round(begun=made.a_dispatch()))
        # Another process, while this one still writes: what it sees is what a crash would leave.
        assert kinds(tmp_path / "journal.db") == ["journal.opened", "dispatch", "round.send"]


async def test_a_round_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = made.a_round(seq=41, n=2500)
    async with made.journal_in(tmp_path / "journal.db") as journal:
        await journal.commit_round(written)
    with JournalReader(tmp_path / "journal.db") as reader:
        (entry,) = reader.entries(Wanted(kind="round"))
    read = decoded(entry.content)
    assert isinstance(read, RoundRecord)
    assert (read.seq, read.kind, read.vehicle_ids, read.valid_until_ms) == (41, "send", written.vehicle_ids, written.valid_until_ms)
    assert np.array_equal(read.setpoint_kw, written.setpoint_kw)
    assert np.array_equal(read.baseline_kw, written.baseline_kw)
    assert read.position is not None and written.position is not None
    assert np.array_equal(read.position, written.position)
    assert read.protocol is not None
    assert read.protocol.tolist() == [2] * 2500


async def test_records_keep_the_order_they_were_given_in(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        journal.note([made.active()])
        first = asyncio.ensure_future(journal.commit_request(made.a_request()))
        await asyncio.sleep(0)
        journal.note([made.some_acks(), made.ended()])
        await journal.commit_round(made.a_round())
        await first
    assert kinds(tmp_path / "journal.db")[1:-1] == ["dispatch.active", "request", "acks", "dispatch.completed", "round.send"]


async def test_notes_are_written_without_anybody_waiting(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        journal.note([made.some_acks()])
        await made.until(lambda: "acks" in kinds(tmp_path / "journal.db"))


async def test_its_files_are_private(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "new" / "journal.db") as journal:
        await journal.commit_request(made.a_request())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert {"journal.db", "journal.db-wal", "journal.db.lock", "journal.db.head"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_a_second_engine_is_told_who_has_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path):
        with pytest.raises(JournalError, match=rf"in use by process {os.getpid()}: stop it"):
            SqliteJournal.open(SqliteOptions(path))
    async with made.journal_in(path) as again:
        assert again.state().ok


async def test_an_orderly_end_and_a_crash_differ_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        assert journal.recovered.clean
        (tmp_path / "copy.db").write_bytes(b"")
        with sqlite3.connect(path) as live, sqlite3.connect(tmp_path / "copy.db") as copy:
            live.backup(copy)  # what a crash at this moment leaves
        live.close()
        copy.close()
    async with made.journal_in(path) as journal:
        assert journal.recovered.clean
    async with made.journal_in(tmp_path / "copy.db") as journal:
        assert not journal.recovered.clean
    with JournalReader(path) as reader:
        marks = [decoded(entry.content) for entry in reader.entries()]
    assert [type(mark) for mark in marks] == [Opened, Closed, Opened, Closed]


async def test_a_newer_journal_is_refused_with_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=7")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"has schema 7, this program knows up to 1: run the newer program"):
        SqliteJournal.open(SqliteOptions(path))
    with pytest.raises(JournalError, match="schema 7"):
        JournalReader(path)
    assert path.read_bytes() == before


async def test_an_older_journal_is_migrated_after_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round())
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 2)
    monkeypatch.setitem(schema.MIGRATIONS, 1, "ALTER TABLE dispatch ADD COLUMN site TEXT NOT NULL DEFAULT ''")
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(2))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT site FROM dispatch").fetchall() == [("",)]
    connection.close()
    backup = tmp_path / "journal.db.schema1.bak"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT count(*) FROM entry WHERE kind = 'round.send'").fetchone() == (1,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    assert verify(path).ok
    with JournalReader(path) as reader:
        (entry,) = reader.entries(Wanted(kind="journal.migrated"))
    assert decoded(entry.content) == Migrated(old=1, new=2, backup=backup.name)


async def test_a_migration_that_fails_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round())
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 2)
    monkeypatch.setitem(schema.MIGRATIONS, 1, "ALTER TABLE dispatch ADD COLUMN site TEXT; ALTER TABLE nowhere ADD COLUMN site TEXT")
    with pytest.raises(JournalError, match="nowhere"):
        SqliteJournal.open(SqliteOptions(path))
    monkeypatch.undo()
    async with made.journal_in(path) as journal:
        assert journal.recovered.last_seq == 1
    assert verify(path).ok


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"this is no database at all, however long it may be" * 50, "not a database"), (None, "no journal of v2g-console")],
)
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "photos.db"
    if content is not None:
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE photo (name TEXT)")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=message):
        SqliteJournal.open(SqliteOptions(path))
    assert path.read_bytes() == before


async def test_a_record_that_can_not_be_written_spoils_no_other(tmp_path: Path) -> None:
    hostile = made.a_request(user="\ud800")  # a lone surrogate is no text
    async with made.journal_in(tmp_path / "journal.db") as journal:
        with pytest.raises(JournalError, match="can't be written"):
            await journal.commit_request(hostile)
        journal.note([hostile, made.ended()])
        await journal.commit_round(made.a_round())
        assert journal.state().lost == 1
        assert journal.state().ok
    assert kinds(tmp_path / "journal.db")[1:-1] == ["dispatch.completed", "round.send"]


async def test_after_close_nothing_is_taken(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        await journal.close()
        with pytest.raises(JournalError, match="closed"):
            await journal.commit_round(made.a_round())


async def test_a_commit_nobody_waits_for_any_more_is_written_all_the_same(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        task = asyncio.create_task(journal.commit_round(made.a_round(kind="release")))
        await asyncio.sleep(0)
        task.cancel()
        await journal.commit_request(made.a_request())
    assert "round.release" in kinds(tmp_path / "journal.db")


async def test_memory_keeps_its_promise_too() -> None:
    journal = MemoryJournal(2)
    await journal.commit_round(made.a_round(1))
    await journal.commit_request(made.a_request())
    journal.note([made.ended()])
    assert journal.state().ok
    assert [type(record).__name__ for record in journal.records()] == ["RequestRecord", "DispatchCompleted"]
