"""How long until a round is durable, how far behind the index may get, and how fast a journal is proved.

python bench/journal.py [--commands 10000] [--rounds 50] [--folder DIR]

The folder decides: a RAM disk shows the program's part, the gateway's own disk the whole.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from v2g_console.journal.port import AcksRecord, RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.verify import verify
from v2g_console.journal.wanted import Wanted

LIMIT_MS = 20.0
DISPATCH = "6f1d2c3b4a5968778695a4b3c2d1e0f0"


def a_round(seq: int, ids: tuple[str, ...]) -> RoundRecord:
    """A round of `len(ids)` commands."""
    n = len(ids)
    setpoint_kw = np.random.default_rng(seq).uniform(-7.4, 7.4, n)
    now_ms = int(time.time() * 1000)
    return RoundRecord(now_ms, DISPATCH, seq, "send", ids, setpoint_kw, np.zeros(n), now_ms, np.arange(n), np.full(n, 2, np.uint8))


def acks(seq: int, ids: tuple[str, ...]) -> AcksRecord:
    """Their acknowledgements."""
    n = len(ids)
    return AcksRecord(int(time.time() * 1000), DISPATCH, ids, np.full(n, seq), np.full(n, 3, np.uint8), np.zeros(n), np.zeros(n, np.uint8))


async def commits_ms(journal: SqliteJournal, ids: tuple[str, ...], rounds: int, pause_s: float, first: int) -> list[float]:
    """Milliseconds from asking to the answer, for rounds with `pause_s` between them; acks come in meanwhile."""
    times = []
    for seq in range(first, first + rounds):
        record = a_round(seq, ids)
        begun = time.perf_counter()
        await journal.commit_round(record)
        times.append((time.perf_counter() - begun) * 1000)
        for at in range(0, len(ids), 1000):
            journal.note([acks(seq, ids[at : at + 1000])])
        await asyncio.sleep(pause_s)
    return times


async def worst_loop_lag_ms(running: asyncio.Task[list[float]]) -> float:
    """How long the event loop was held up while `running` ran."""
    worst = 0.0
    while not running.done():
        begun = time.perf_counter()
        await asyncio.sleep(0.002)
        worst = max(worst, (time.perf_counter() - begun - 0.002) * 1000)
    return worst


async def _nothing(seconds: float) -> list[float]:
    await asyncio.sleep(seconds)
    return []


async def indexed_s(path: Path, seq: int) -> float:
    """Seconds until the last round is found by vehicle."""
    begun = time.perf_counter()
    with JournalReader(path) as reader:
        while True:
            (found,) = reader._connection.execute("SELECT last_seq FROM progress").fetchone()
            if found >= seq:
                return time.perf_counter() - begun
            await asyncio.sleep(0.005)


async def measured(path: Path, commands: int, rounds: int) -> None:
    """Print the table."""
    ids = tuple(f"FR-LYO-{number:06d}" for number in range(commands))
    journal = SqliteJournal.open(SqliteOptions(path))
    try:
        await commits_ms(journal, ids, 3, 0.1, 1)
        idle_ms = await worst_loop_lag_ms(asyncio.create_task(_nothing(rounds * 0.2)))
        print(f"{'idle':24} {'':48} loop held up {idle_ms:5.1f} ms")
        seq = 4
        for name, pause_s in (("a round every 200 ms", 0.2), ("back to back", 0.0)):
            task = asyncio.create_task(commits_ms(journal, ids, rounds, pause_s, seq))
            lag_ms = await worst_loop_lag_ms(task)
            times = sorted(await task)
            seq += rounds
            p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
            verdict = "ok" if p95 <= LIMIT_MS else "SLOW"
            print(f"{name:24} p50 {p50:6.2f} ms  p95 {p95:6.2f} ms  max {times[-1]:6.2f} ms  loop held up {lag_ms:5.1f} ms  {verdict}")
        print(f"{'index behind by':24} {await indexed_s(path, seq - 1):6.2f} s after the last of {rounds} rounds back to back")
    finally:
        await journal.close()
    begun = time.perf_counter()
    verdict_of_chain = verify(path)
    print(f"{'verify':24} {time.perf_counter() - begun:6.2f} s for {verdict_of_chain.entries} entries")
    begun = time.perf_counter()
    with JournalReader(path) as reader:
        found = sum(1 for _ in reader.entries(Wanted(vehicle_id=ids[-1])))
    print(f"{'search by vehicle':24} {time.perf_counter() - begun:6.2f} s for {found} entries")
    begun = time.perf_counter()
    again = SqliteJournal.open(SqliteOptions(path))
    standing = sum(len(one.standing.vehicle_ids) for one in again.recovered.unfinished)
    print(f"{'open and recover':24} {time.perf_counter() - begun:6.2f} s for {standing} standing setpoints")
    await again.close()


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    sys.setswitchinterval(0.0005)  # as the program does
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(measured(Path(folder) / "journal.db", options.commands, options.rounds))


if __name__ == "__main__":
    main()
