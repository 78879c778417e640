"""What the console feels like and costs, by the size of the fleet: the real program on a real terminal of 120x40.

    python bench/console.py [--vehicles 1000 10000 100000] [--seconds 10]

`v2g-console attach` runs in a pty. Its engine is a scripted one behind the real Unix socket, in another process: ready-made columns, of
which a tenth changes each second (telemetry every 10 s), or nothing (idle). No dispatch runs but in the last column,
where two do, one with other answers and another measured power at each look.

first paint: from exec to a drawn vehicle. fleet: from key `2` to the list. key: from a filter's keystroke to the last byte of its drawing;
sort: the same for `o`. Each as wall clock (median) / CPU time of the console's process (mean, with the second of quiet before each key);
on a busy machine only the second says something. refresh: CPU time of the whole process a refresh at 2 Hz under telemetry, on the fleet
screen. Rates are what the terminal receives.
"""

import argparse
import asyncio
import fcntl
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import psutil

from tests.console import pictures
from v2g_console.attach.server import SocketServer
from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import DispatchView, Snapshot

COLUMNS, ROWS = 120, 40
TELEMETRY_EVERY_S = 10.0
QUIET_S: Final = 0.15
"""A drawing is over when nothing came for so long; the header's clock draws once a second."""
WAIT_S: Final = 30.0


class ScriptedEngine:
    """An EnginePort over made-up columns. `share_per_s`: how many of the vehicles report in a second. `dispatching`: two dispatches run."""

    def __init__(self, vehicles: int) -> None:
        self.share_per_s, self.dispatching = 0.0, False
        self.looks = 0
        self._rng = np.random.default_rng(1)
        columns = pictures.fleet(vehicles)
        columns = replace(columns, owner=np.full(vehicles, -1, np.int32), setpoint_kw=np.full(vehicles, np.nan, np.float32))
        quiet = replace(pictures.quiet(), fleet=columns, summary=pictures.summary(columns), engine=pictures.engine(demo=False))
        self._last, self._at_s = quiet, time.monotonic()

    async def request(self, request: Request, origin: Origin) -> Reply:
        return Accepted(request=str(type(request).__struct_config__.tag))

    async def snapshot(self) -> Snapshot:
        self.looks += 1
        now_s = time.monotonic()
        past_s, self._at_s = now_s - self._at_s, now_s
        last = self._last
        self._last = replace(last, number=last.number + 1, utc_ms=last.utc_ms + round(past_s * 1000))
        if self.share_per_s:
            self._report(min(1.0, past_s * self.share_per_s))
        return replace(self._last, dispatches=running_dispatches(self._last.number)) if self.dispatching else self._last

    async def events(self, after: int, wait_s: float) -> EventBatch:
        return EventBatch(next_number=after, dropped=0, events=())

    def _report(self, share: float) -> None:
        fleet, now_ms = self._last.fleet, self._last.utc_ms
        rows = self._rng.choice(len(fleet), max(1, round(len(fleet) * share)), replace=False)
        soc, power, seen = fleet.soc.copy(), fleet.power_kw.copy(), fleet.seen_ms.copy()
        soc[rows] += self._rng.normal(0, 0.002, len(rows)).astype(np.float32)
        power[rows] = np.round(power[rows] + self._rng.normal(0, 0.3, len(rows)), 1).astype(np.float32)
        seen[rows] = now_ms
        fleet = replace(fleet, revision=fleet.revision + 1, soc=soc, power_kw=power, seen_ms=seen)
        self._last = replace(self._last, fleet=fleet, summary=pictures.summary(fleet))


def running_dispatches(number: int) -> tuple[DispatchView, ...]:
    """Two dispatches as they are at look `number`: answers come in, the measured power follows, time passes."""
    first, answers = pictures.first_dispatch(), number % 40
    progress = msgspec.structs.replace(
        first.progress, acked=331 + answers, silent=64 - answers, p50_ms=40.0 + answers, p95_ms=170.0 + answers
    )
    moving = pictures.first_dispatch(
        progress=progress,
        acknowledged_kw=1400.0 + answers,
        delivered_kw=1390.0 + 0.7 * answers,
        shortfall_kw=100.0 - answers,
        remaining_s=252.0 - number % 250,
    )
    return moving, pictures.second_dispatch(remaining_s=1780.0 - number % 1700, delivered_kw=290.0 + number % 9)


class Terminal:
    """What a terminal receives: bytes with the time of the last ones."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.taken, self.last_s, self.seen = 0, 0.0, b""
        self._came = asyncio.Event()
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return
        self._came.set()
        self.taken, self.last_s, self.seen = self.taken + len(data), time.monotonic(), (self.seen + data)[-1_000_000:]

    async def until(self, text: bytes) -> None:
        """Wait until `text` was drawn."""
        while text not in self.seen:
            if not await self._more(WAIT_S):
                raise SystemExit(f"{text!r} was never drawn")

    async def press_ms(self, keys: bytes) -> float:
        """From a key to the last byte of what it draws, begun right after the clock's own drawing."""
        await self._more(3.0)
        await asyncio.sleep(QUIET_S)
        begun_s = time.monotonic()
        os.write(self._descriptor, keys)
        await self._more(WAIT_S)
        while await self._more(QUIET_S):
            continue
        return (self.last_s - begun_s) * 1000

    async def _more(self, within_s: float) -> bool:
        """True if something comes in that time."""
        self._came.clear()
        try:
            await asyncio.wait_for(self._came.wait(), within_s)
        except TimeoutError:
            return False
        return True

    def write(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)


@dataclass
class Console:
    """The program under measurement."""

    terminal: Terminal
    process: psutil.Process
    begun_s: float

    def cpu_ms(self) -> float:
        """CPU time since the start; the kernel counts it in steps of 10 ms."""
        times = self.process.cpu_times()
        return float(times.user + times.system) * 1000

    async def pressed(self, keys: list[bytes]) -> str:
        """Press keys one after the other: median wall clock and mean CPU time."""
        begun_ms = self.cpu_ms()
        took_ms = [await self.terminal.press_ms(key) for key in keys]
        return f"{statistics.median(took_ms):>6.0f} /{(self.cpu_ms() - begun_ms) / len(keys):>4.0f} ms"

    async def rate(self, seconds: float) -> tuple[float, float]:
        """Bytes a second and share of one CPU, over `seconds`."""
        begun_ms, taken, begun_s = self.cpu_ms(), self.terminal.taken, time.monotonic()
        await asyncio.sleep(seconds)
        past_s = time.monotonic() - begun_s
        return (self.terminal.taken - taken) / past_s, (self.cpu_ms() - begun_ms) / 1000 / past_s


@asynccontextmanager
async def console(engine: ScriptedEngine, refresh_hz: float, *options: str) -> AsyncIterator[Console]:
    """`v2g-console attach` to `engine`."""
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        path, config = Path(folder) / "engine.sock", Path(folder) / "config.yaml"
        config.write_text(f"console:\n  refresh_hz: {refresh_hz}\n", "utf-8")
        server = SocketServer(engine, path)
        await server.start()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = os.environ | {"TERM": "xterm-256color", "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        command = ["-m", "v2g_console", "attach", "-c", str(config), "--socket", str(path), *options]
        terminal, begun_s = Terminal(ours), time.monotonic()
        started = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        try:
            yield Console(terminal, psutil.Process(started.pid), begun_s)
        finally:
            asyncio.get_running_loop().remove_reader(ours)
            if started.returncode is None:
                started.kill()
            await started.wait()
            os.close(ours)
            await server.close()


async def responses(vehicles: int, seconds: float) -> str:
    """First paint, keys, memory, and the cost of a refresh at 2 Hz."""
    engine = ScriptedEngine(vehicles)
    async with console(engine, 2.0) as one:
        await one.terminal.until(b"veh000001")
        first = f"{(time.monotonic() - one.begun_s) * 1000:>6.0f} /{one.cpu_ms():>5.0f} ms"
        await asyncio.sleep(1.0)
        fleet = await one.pressed([b"2"])
        one.terminal.write(b"/")
        keys = await one.pressed([b"0", b"9", b"1", b"\x7f", b"\x7f", b"8", b"\x7f"])
        one.terminal.write(b"\r")
        sorts = await one.pressed([b"o"] * 6)
        one.terminal.write(b"\x1b")
        engine.share_per_s = 1.0 / TELEMETRY_EVERY_S
        await asyncio.sleep(1.5)
        looks, begun_ms = engine.looks, one.cpu_ms()
        await asyncio.sleep(seconds)
        refresh_ms = (one.cpu_ms() - begun_ms) / max(1, engine.looks - looks)
        memory_mib = one.process.memory_info().rss / 2**20
    return f"{vehicles:>8}  {first}  {fleet}  {keys}  {sorts}  {refresh_ms:>7.1f} ms  {memory_mib:>6.0f} MiB"


async def rates(vehicles: int, seconds: float, refresh_hz: float, *options: str) -> str:
    """Bytes and CPU on the overview and on the fleet screen, idle and under telemetry, and on the overview with dispatches."""
    engine = ScriptedEngine(vehicles)
    cells = [f"{vehicles:>8} {'low bandwidth' if options else f'{refresh_hz:g} Hz':>14}"]
    async with console(engine, refresh_hz, *options) as one:
        await one.terminal.until(b"veh000001")
        for key in (b"1", b"2"):
            one.terminal.write(key)
            for share in (0.0, 1.0 / TELEMETRY_EVERY_S):
                engine.share_per_s = share
                await asyncio.sleep(2.5)
                sent, cpu = await one.rate(seconds)
                cells.append(f"{sent:>9.0f} B/s {cpu:>6.1%}")
        engine.dispatching = True
        one.terminal.write(b"1")
        await asyncio.sleep(2.5)
        sent, cpu = await one.rate(seconds)
        cells.append(f"{sent:>9.0f} B/s {cpu:>6.1%}")
    return "  ".join(cells)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--no-rates", action="store_true", help="leave out the second table")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is measured")
    arguments = parser.parse_args()
    print("vehicles       first paint           fleet             key            sort     refresh      memory")
    for vehicles in arguments.vehicles:
        print(asyncio.run(responses(vehicles, arguments.seconds)), flush=True)
    if arguments.no_rates:
        return
    print(
        "\nvehicles        refresh       overview, idle  overview, telemetry          fleet, idle     fleet, telemetry   overview, dispatch"
    )
    for vehicles in arguments.vehicles:
        for refresh_hz, options in ((1.0, ()), (2.0, ()), (1.0, ("--low-bandwidth",))):
            print(asyncio.run(rates(vehicles, arguments.seconds, refresh_hz, *options)), flush=True)


if __name__ == "__main__":
    main()
