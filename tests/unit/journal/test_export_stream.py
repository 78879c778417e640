"""The JSON Lines stream: every entry once, rotated by size, kept by count and age, never in the way of the journal."""

import json
import os
import stat
from pathlib import Path

from tests.unit.journal import records as made
from v2g_console.journal.jsonl import JsonlFile, JsonlOptions
from v2g_console.journal.verify import verify

DAY_S = 86_400.0


def options(path: Path, *, max_size_mib: float = 1.0, max_backups: int = 0, max_age_days: float = 0.0) -> JsonlOptions:
    return JsonlOptions(path, max_size_mib, max_backups, max_age_days)


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


async def exported(path: Path, stream: Path, rounds: range, last: int) -> None:
    async with made.journal_in(path, export=options(stream)) as journal:
        for seq in rounds:
            await journal.commit_round(made.a_round(seq))
        await made.until(lambda: stream.exists() and (numbers(stream) or [0])[-1] >= last)


async def test_every_entry_follows_once_over_restarts(tmp_path: Path) -> None:
    stream = tmp_path / "out" / "journal.jsonl"
    await exported(tmp_path / "journal.db", stream, range(1, 40), 40)
    await exported(tmp_path / "journal.db", stream, range(40, 60), 62)
    assert numbers(stream) == list(range(1, 63))
    assert stat.S_IMODE(stream.stat().st_mode) == 0o600
    assert json.loads(stream.read_text().splitlines()[-1])["hash"]


async def test_a_stream_that_can_not_be_written_does_not_hold_the_journal_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    async with made.journal_in(tmp_path / "journal.db", export=options(tmp_path / "file" / "journal.jsonl")) as journal:
        for seq in range(1, 20):
            await journal.commit_round(made.a_round(seq))
        assert journal.state().ok
    assert verify(tmp_path / "journal.db").ok


def test_a_file_is_closed_before_it_grows_beyond_its_size(tmp_path: Path) -> None:
    stream = tmp_path / "journal.jsonl"
    file = JsonlFile(options(stream, max_size_mib=0.001))
    line = b"x" * 399 + b"\n"
    for at in range(7):
        file.write(line, 1_795_438_800.0 + at)
    file.close()
    closed = file.closed_files()
    assert [path.stat().st_size for path in closed] == [800, 800, 800]
    assert stream.stat().st_size == 400
    assert closed[0].name == "journal-20261123T130006.000000.jsonl"


def test_closed_files_go_by_count_and_by_age(tmp_path: Path) -> None:
    stream = tmp_path / "journal.jsonl"
    other = tmp_path / "journal-notes.jsonl"
    other.write_text("somebody's own file")
    by_count = JsonlFile(options(stream, max_size_mib=1e-5, max_backups=2))
    for at in range(6):
        by_count.write(b"0123456789\n", 1000.0 + at)
    by_count.close()
    assert len(by_count.closed_files()) == 2
    for path in by_count.closed_files():
        os.utime(path, (1000.0, 1000.0))
    by_age = JsonlFile(options(stream, max_size_mib=1e-5, max_age_days=3))
    by_age.write(b"0123456789\n", 1000.0 + 3.1 * DAY_S)
    by_age.close()
    assert [path for path in by_age.closed_files() if path.stat().st_mtime == 1000.0] == []
    assert other.exists()


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    stream = tmp_path / "journal.jsonl"
    for at in range(3):
        file = JsonlFile(options(stream))
        file.write(b"%d\n" % at, 1000.0)
        file.close()
    assert stream.read_bytes() == b"0\n1\n2\n"
