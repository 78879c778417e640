"""A disk that is full, gone or slow: commits are refused at once, nothing else is lost, and it recovers by itself.

A process of its own plays each scene, since its limit on file sizes holds for the whole process.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal import waiting as waiting_module
from v2g_console.journal.encoding import decoded
from v2g_console.journal.marks import Failed
from v2g_console.journal.port import AcksRecord, JournalError
from v2g_console.journal.read import JournalReader
from v2g_console.journal.verify import verify
from v2g_console.journal.waiting import WaitingRecords
from v2g_console.journal.wanted import Wanted

_SCENE = """
import asyncio, json, resource, sys
from pathlib import Path
from tests.unit.journal import records as made
from v2g_console.journal.port import JournalError

path = Path(sys.argv[1])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

async def main():
    answered, errors = [], []
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1, begun=made.a_dispatch()))
        wal = path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 20_000, hard))
        for seq in range(2, 40):
            try:
                await journal.commit_round(made.a_round(seq, n=200))
                answered.append(seq)
            except JournalError as error:
                errors.append(str(error))
            journal.note([made.some_acks(seq)])
        failing = journal.state()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        async with asyncio.timeout(20):
            while not journal.state().ok:
                await asyncio.sleep(0.01)
        await journal.commit_round(made.a_round(100))
    print(json.dumps([answered, errors, failing.ok, failing.cause, failing.queued, failing.since_ms > 0]))

asyncio.run(main())
"""


def test_a_full_disk_refuses_commits_keeps_notes_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    done = subprocess.run([sys.executable, "-c", _SCENE, str(path)], capture_output=True, text=True, timeout=60, check=True)
    answered, errors, ok, cause, queued, since = json.loads(done.stdout)
    assert len(errors) + len(answered) == 38
    assert len(errors) > 30
    assert all("disk" in error for error in errors), set(errors)
    assert (ok, since) == (False, True)
    assert "disk" in cause
    assert queued > 0
    assert verify(path).ok
    with JournalReader(path) as reader:
        records = [decoded(entry.content) for entry in reader.entries(Wanted(dispatch_id=made.DISPATCH))]
        failures = [decoded(entry.content) for entry in reader.entries(Wanted(kind="journal.failed"))]
        rounds = made.round_numbers(reader)
    # A disk that is nearly full takes a small batch now and then: each time the journal says what it refused before.
    assert sum(one.refused for one in failures if isinstance(one, Failed)) == len(errors)
    assert all(isinstance(one, Failed) and one.lost == 0 for one in failures)
    assert rounds == [1, *answered, 100], "what was refused must not turn up later"
    assert [int(one.seq[0]) for one in records if isinstance(one, AcksRecord)] == list(range(2, 40))


async def test_a_journal_moved_away_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1))
        path.rename(tmp_path / "elsewhere.db")
        with pytest.raises(JournalError, match="was moved, removed or replaced while in use"):
            await journal.commit_round(made.a_round(2))
        assert not journal.state().ok


async def test_a_journal_put_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    path, other = tmp_path / "journal.db", tmp_path / "other.db"
    async with made.journal_in(other) as journal:
        await journal.commit_round(made.a_round(9))
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1))
        await journal.commit_round(made.a_round(2))
        path.rename(tmp_path / "elsewhere.db")
        other.rename(path)
        put_there = path.read_bytes()
        for _ in range(2):
            with pytest.raises(JournalError, match="was moved, removed or replaced while in use"):
                await journal.commit_round(made.a_round(3))
    assert path.read_bytes() == put_there, "what lies in its place is not written to"


async def test_another_writer_makes_commits_fail_only_while_it_writes(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        intruder = sqlite3.connect(path, isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            await journal.commit_round(made.a_round(1))
        intruder.execute("ROLLBACK")
        intruder.close()
        await journal.commit_round(made.a_round(2))
        assert journal.state().ok


def test_what_waits_is_bounded_and_progress_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "MOST_WAITING_BYTES", 100_000)
    waiting = WaitingRecords()
    waiting.commit(made.a_request(), lambda _: None)
    for _ in range(60):
        waiting.note([made.progress(), made.ended()])
    assert 40 < waiting.lost <= 60, "progress alone makes room"
    for _ in range(500):
        waiting.note([made.some_acks()])
    batch = waiting.take(0.0, notes_from=0.0)
    assert len(batch) < 100
    assert sum(item.weight for item in batch) <= 100_000
    assert batch[0].answer is not None, "a commit is never shed"
    assert waiting.lost + len(batch) == 1 + 120 + 500


def test_too_many_commits_behind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "MOST_WAITING_BYTES", 2_500)
    waiting = WaitingRecords()
    waiting.commit(made.a_request(), lambda _: None)
    waiting.commit(made.a_request(), lambda _: None)
    with pytest.raises(JournalError, match="2 records behind"):
        waiting.commit(made.a_request(), lambda _: None)


async def test_a_journal_put_back_is_written_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1))
        path.rename(tmp_path / "elsewhere.db")
        with pytest.raises(JournalError):
            await journal.commit_round(made.a_round(2))
        assert not path.exists()
        (tmp_path / "elsewhere.db").rename(path)
        await journal.commit_round(made.a_round(3))
        assert journal.state().ok
    assert verify(path).ok
    with JournalReader(path) as reader:
        kinds = [entry.content.kind for entry in reader.entries()]
    assert kinds == ["journal.opened", "round.send", "journal.failed", "round.send", "journal.closed"]
