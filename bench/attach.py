"""What an attached console costs: bytes, milliseconds, and memory, by the size of the fleet.

    python bench/attach.py [--vehicles 1000 10000 100000] [--changes 20]

An engine (not started: nothing else runs beside what is measured) gets a fleet; between two snapshots 1 % of the vehicles report. Its
snapshots go over a real Unix socket to a caller in a process of its own, and to a real `v2g-console attach` on a terminal of 120x36.

make: the engine makes a snapshot (its loop). pack: a worker thread finds the difference. loop: the engine's loop carries it to a caller.
open: the caller opens it (its loop). CPU time in ms, medians; once for the first, whole snapshot, and once for a change.
"""

import argparse
import asyncio
import contextlib
import fcntl
import itertools
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

from tests.unit.engine.bench_link import BenchLink
from v2g_console.attach.client import SocketClient
from v2g_console.attach.picture import packed, unpacked
from v2g_console.attach.server import SocketServer
from v2g_console.config.settings import Settings
from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot
from v2g_console.engine.engine import Engine
from v2g_console.journal.memory import MemoryJournal
from v2g_console.metrics import Metrics
from v2g_console.prediction import NoPrediction
from v2g_console.transport.wire import Description, Telemetry

T = TypeVar("T")
HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent
REFRESH_HZ = 2.0
CONSOLE_S = 6.0


class Steps:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def utc(self) -> float:
        return 1_795_000_000.0 + self.now_s

    def monotonic(self) -> float:
        return self.now_s


class Replay:
    """An EnginePort that shows ready-made snapshots, one after the other."""

    def __init__(self, snapshots: list[Snapshot]) -> None:
        self._snapshots, self.looks = snapshots, 0

    async def request(self, request: Request, origin: Origin) -> Reply:
        return Accepted(request=str(type(request).__struct_config__.tag))

    async def snapshot(self) -> Snapshot:
        self.looks += 1
        return self._snapshots[min(self.looks, len(self._snapshots)) - 1]

    async def events(self, after: int, wait_s: float) -> EventBatch:
        return EventBatch(next_number=after, dropped=0, events=())


class Fleet:
    """An engine whose vehicles report when told."""

    def __init__(self, vehicles: int) -> None:
        self._clock, self._rng, self._n = Steps(), np.random.default_rng(1), vehicles
        self._engine = Engine(
            Settings(),
            clock=self._clock,
            link_factory=lambda on_message, on_link, _, topics: BenchLink(on_message, on_link, topics, self._clock),
            journal=MemoryJournal(1000),
            metrics=Metrics(),
            prediction=NoPrediction(),
        )
        self._fleet = self._engine._core.fleet
        for number in range(vehicles):
            told = Description(
                is_v2g=number % 3 > 0, max_charge_kw=11.0, max_discharge_kw=7.4, battery_kwh=52.0, soc=0.6, available=True, priority=False,
                charging=None, departure_s=None, min_soc=None, availability_prob=0.9, degradation=0.1, segment="home",
                site=f"site-{number % 40:02}", fleet="", reserve_soc=0.2, charge_limit_soc=1.0, min_charge_kw=1.4, min_discharge_kw=1.4,
                consent=True, protocol=2,
            )  # fmt: skip
            row = self._fleet.row(f"FR-ZOE-{number:06}")
            self._fleet.describe(row, told, self._clock.monotonic(), self._clock.utc())
            self._report(row)

    def _report(self, row: int) -> None:
        soc, power_kw = self._rng.random(), self._rng.normal(-2.0, 4.0)
        told = Telemetry(soc=soc, power_kw=power_kw, available=True, charging=None, ts_s=self._clock.utc(), ts_was_ms=False)
        self._fleet.measure(row, told, self._clock.monotonic(), self._clock.utc())

    def one_percent_reports(self) -> None:
        self._clock.now_s += 1.0 / REFRESH_HZ
        for row in self._rng.choice(self._n, max(1, self._n // 100), replace=False):
            self._report(int(row))
        self._engine._parts.headroom.compute(0)  # what each second of a running engine brings, measured elsewhere

    def snapshot(self) -> tuple[Snapshot, float]:
        """The newest, and the ms it took to make."""
        return timed_ms(self._engine._snapshots.newest)


def timed_ms(work: Callable[[], T]) -> tuple[T, float]:
    begun_s = time.thread_time()
    done = work()
    return done, (time.thread_time() - begun_s) * 1000


async def carried_ms(snapshots: list[Snapshot]) -> tuple[float, float]:
    """CPU time of the engine's loop for the first snapshot and for each of the others, without its worker thread."""
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        path, port = Path(folder) / "engine.sock", Replay(snapshots)
        server = SocketServer(port, path)
        await server.start()
        caller = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE),
            "--caller",
            str(path),
            "--changes",
            str(len(snapshots) - 1),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert caller.stdin is not None and caller.stdout is not None
        spent_ms: list[float] = []
        await caller.stdout.readline()  # connected
        for _ in snapshots:
            begun_s = time.thread_time()
            caller.stdin.write(b"\n")
            await caller.stdout.readline()
            spent_ms.append((time.thread_time() - begun_s) * 1000)
        await caller.wait()
        await server.close()
    return spent_ms[0], statistics.median(spent_ms[1:])


async def call(path: Path, looks: int) -> None:
    """The caller's process: a look for each line on standard input."""
    async with SocketClient(path) as engine:
        print("connected", flush=True)
        for _ in range(looks):
            sys.stdin.readline()
            print((await engine.snapshot()).number, flush=True)


async def console_mib(snapshots: list[Snapshot]) -> float:
    """Memory of a real console that has shown the fleet for a few seconds."""
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        path = Path(folder) / "engine.sock"
        server = SocketServer(Replay(snapshots), path)
        await server.start()
        with attached(path, folder) as console:
            await asyncio.sleep(CONSOLE_S)
            used = psutil.Process(console.pid).memory_info().rss / 2**20
        await server.close()
    return float(used)


@contextmanager
def attached(path: Path, folder: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`v2g-console attach` on a terminal of 120x36, whose drawing is thrown away."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x24\x00\x78\x00\x00\x00\x00\x00")
    environment = os.environ | {"TERM": "xterm-256color", "XDG_STATE_HOME": folder}
    command = [sys.executable, "-m", "v2g_console", "attach", "--socket", str(path)]
    console = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
    os.set_blocking(ours, False)

    def drop() -> None:
        with contextlib.suppress(OSError):
            os.read(ours, 1 << 16)

    asyncio.get_running_loop().add_reader(ours, drop)
    try:
        yield console
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        console.kill()
        console.wait()
        os.close(ours)
        os.close(theirs)


async def row(vehicles: int, changes: int) -> str:
    """One line of the table."""
    fleet = Fleet(vehicles)
    first, make_first_ms = fleet.snapshot()
    snapshots, made_ms = [first], []
    for _ in range(changes):
        fleet.one_percent_reports()
        snapshot, spent_ms = fleet.snapshot()
        snapshots.append(snapshot)
        made_ms.append(spent_ms)
    whole, pack_first_ms = timed_ms(lambda: packed(None, first))
    held, open_first_ms = timed_ms(lambda: unpacked(whole, first.engine, None))
    sizes, packs_ms, opens_ms = [], [], []
    for before, now in itertools.pairwise(snapshots):
        body, spent_ms = timed_ms(partial(packed, before, now))
        packs_ms.append(spent_ms)
        held, spent_ms = timed_ms(partial(unpacked, body, now.engine, held))
        opens_ms.append(spent_ms)
        sizes.append(len(body))
    loop_first_ms, loop_ms = await carried_ms(snapshots)
    memory_mib = await console_mib(snapshots)
    cells = [
        f"{vehicles:>8}",
        f"{len(whole) / 1000:>9.0f} kB",
        f"{make_first_ms:>6.1f} {pack_first_ms:>6.1f} {loop_first_ms:>6.1f} {open_first_ms:>6.1f}",
        f"{statistics.mean(sizes) * REFRESH_HZ / 1000:>9.1f} kB/s",
        f"{statistics.median(made_ms):>6.2f} {statistics.median(packs_ms):>6.2f} {loop_ms:>6.2f} {statistics.median(opens_ms):>6.2f}",
        f"{memory_mib:>6.0f} MiB",
    ]
    return "  ".join(cells)


def main() -> None:
    """Print the table, or be the caller."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--caller", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.caller is not None:
        asyncio.run(call(arguments.caller, arguments.changes + 1))
        return
    parts = "make   pack   loop   open"
    print(f"{'vehicles':>8}  {'whole':>12}  {parts:>27}  {'at 2 Hz':>14}  {parts:>27}  {'console':>10}")
    for vehicles in arguments.vehicles:
        print(asyncio.run(row(vehicles, arguments.changes)), flush=True)


if __name__ == "__main__":
    main()
