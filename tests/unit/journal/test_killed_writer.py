"""A writer killed with SIGKILL at random points: the journal proves itself and holds everything that was answered."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal.encoding import decoded
from v2g_console.journal.port import RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.retention import Retention
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.verify import verify
from v2g_console.journal.wanted import Wanted

SEEDS = int(os.environ.get("V2G_TEST_KILL_SEEDS", "50"))
_AT_ONCE = 10

_WRITER = """
import asyncio, os, sys
from pathlib import Path
from tests.unit.journal import records as made
from v2g_console.journal.retention import Retention
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions

async def main(path, seq, size):
    journal = SqliteJournal.open(SqliteOptions(path, retention=Retention(most_bytes=3_000_000)))
    os.write(1, b"0\\n")
    while True:
        seq += 1
        journal.note([made.some_acks(seq, n=size), made.progress()])
        await journal.commit_round(made.a_round(seq, n=size))
        os.write(1, b"%d\\n" % seq)  # the answer, as the engine would act on it

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


def killed(path: Path, seq: int, chance: random.Random, *, answered_first: int = 0) -> int:
    """Run a writer, kill it some time after its start, or after so many answers; the last seq that was answered."""
    size = chance.choice([1, 40, 2500])
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(seq), str(size)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    try:
        lines = [writer.stdout.readline() for _ in range(1 + answered_first)]
        if lines[-1]:
            time.sleep(chance.random() * 0.06)  # the fault itself: a moment nobody chose
    finally:
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate(timeout=20)[0]
    answers = [int(line) for line in (*lines, *rest.split(b"\n")[:-1]) if line]
    return max([seq, *answers])


@pytest.mark.parametrize("first_seed", range(0, SEEDS, _AT_ONCE))
def test_a_killed_writer_loses_nothing_that_was_answered(tmp_path: Path, first_seed: int) -> None:
    """The same journal is killed again and again, so that each start also recovers from the kill before."""
    path, seq, rounds = tmp_path / "journal.db", 0, 0
    for seed in range(first_seed, min(first_seed + _AT_ONCE, SEEDS)):
        answered = killed(path, seq, random.Random(seed))
        verdict = verify(path)
        assert verdict.ok, (seed, verdict.faults)
        with JournalReader(path) as reader:
            entry = next(reader.entries(Wanted(kind="round"), newest_first=True), None)
            record = decoded(entry.content) if entry is not None else None
            last = record.seq if isinstance(record, RoundRecord) else 0
            # It may hold more: what was committed, and killed before the answer was out.
            assert last >= answered, f"seed {seed}: answered up to {answered}, found {last}"
            kept = made.round_numbers(reader)
        assert kept == list(range(kept[0], last + 1)) if kept else last == 0, f"seed {seed}: a round in between is missing"
        rounds, seq = rounds + last - seq, last
    assert rounds > 0, "nothing was written: the kills came too early to show anything"


async def test_a_start_after_a_kill_finds_the_last_round(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    answered = killed(path, 0, random.Random(4), answered_first=3)
    journal = SqliteJournal.open(SqliteOptions(path, retention=Retention()))
    await journal.close()
    assert not journal.recovered.clean
    assert answered <= journal.recovered.last_seq <= answered + 1
    (one,) = journal.recovered.unfinished
    assert one.dispatch_id == made.DISPATCH
    assert verify(path).ok
