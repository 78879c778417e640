"""The real processes of a scenario: the engine and the vehicles, started, killed, stalled and asked."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.chaos.launch_engine import Orders
from v2g_console.attach.client import SocketClient
from v2g_console.contract.replies import Accepted, Reply, StatusView
from v2g_console.contract.requests import Origin, Request, Status

ROOT = Path(__file__).parents[2]
ORIGIN = Origin(user="chaos", way="socket")
_ASK_S = 8.0
_END_S = 25.0
_MOST_FAULTS = 3
_SOCKET_ERRORS = (ConnectionError, OSError, asyncio.TimeoutError, EOFError)


async def _launch(module: str, arguments: list[str], log: Path, environment: dict[str, str]) -> asyncio.subprocess.Process:
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, cwd=ROOT, env=os.environ | environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip


@dataclass(slots=True)
class EngineProcess:
    """The engine, started again whenever it is killed. `orders` are for its starts in a row; then it is left alone."""

    folder: Path
    config: Path
    orders: list[Orders]
    lease_s: float
    starts: int = 0
    kills: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    clock: tuple[tuple[float, float], ...] = ()
    mutant: str = ""
    _process: asyncio.subprocess.Process | None = None
    _watch: asyncio.Task[None] | None = None
    _wanted: bool = False
    _ending: bool = False

    async def start(self) -> None:
        """Start it, and again each time it dies."""
        self._wanted = True
        await self._start()
        self._watch = asyncio.create_task(self._watching())

    async def _start(self) -> None:
        orders = self.orders.pop(0) if self.orders else Orders(clock=self.clock)
        if self.starts and self.clock:  # the date has jumped by now
            orders = msgspec.structs.replace(orders, clock=((0.0, self.clock[-1][1]),))
        elif orders.clock:
            self.clock = orders.clock
        orders = msgspec.structs.replace(orders, lease_s=self.lease_s, mutant=self.mutant)
        self.starts += 1
        arguments = ["run", "-c", str(self.config), "--no-ui"]
        chaos = {"CHAOS": msgspec.json.encode(orders).decode()}
        self._process = await _launch("tests.chaos.launch_engine", arguments, self.folder / f"engine-{self.starts}.log", chaos)

    async def _watching(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if not self._wanted:
                return
            expected = (-signal.SIGKILL, 0, -signal.SIGTERM if self._ending else 0)  # it may not have been ready to take a SIGTERM
            self._ending = False
            if code not in expected:
                self.faults.append(f"engine process {self.starts} ended by itself with {code}")
                if len(self.faults) > _MOST_FAULTS:
                    return
            self.kills.append(self._last_words() if code else "ended")
            await asyncio.sleep(0.05)
            await self._start()

    def _last_words(self) -> str:
        lines = (self.folder / f"engine-{self.starts}.log").read_text("utf-8", "replace").splitlines()
        return next(
            (line.removeprefix("chaos: killed ") for line in reversed(lines) if line.startswith("chaos: killed ")), "at a random moment"
        )

    def send(self, number: signal.Signals) -> None:
        """A signal to the process there is."""
        self._ending = self._ending or number is signal.SIGTERM
        if self._process is not None and self._process.returncode is None:
            _send(self._process, number)

    @property
    def pid(self) -> int:
        """Of the process there is."""
        assert self._process is not None
        return self._process.pid

    async def ask(self, request: Request) -> Reply | None:
        """The answer; None if the engine went, or is not there."""
        try:
            async with asyncio.timeout(_ASK_S), SocketClient(self.folder / "engine.sock") as engine:
                return await engine.request(request, ORIGIN)
        except _SOCKET_ERRORS:
            return None

    async def status(self) -> StatusView | None:
        """How the engine is; None if it does not answer."""
        reply = await self.ask(Status())
        return reply.result if isinstance(reply, Accepted) and isinstance(reply.result, StatusView) else None

    async def end(self) -> int | None:
        """End it in good order; its exit code, None if it had to be killed."""
        self._wanted = False
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        return await _ended(self._process)


@dataclass(slots=True)
class Vehicles:
    """The vehicles' process, with their own record in `log`."""

    folder: Path
    process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """What happened to them, by themselves."""
        return self.folder / "vehicles.jsonl"

    async def start(self, arguments: list[str], offset_s: float = 0.0) -> None:
        """Start them and wait until every one is subscribed."""
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        log = self.folder / "simulator.log"
        with log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.launch_vehicles", "simulate", *arguments, "--log", str(self.log),
                "--ready-fd", str(writing), cwd=ROOT, env=os.environ | {"CHAOS_OFFSET_S": str(offset_s)}, pass_fds=(writing,),
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        os.close(writing)
        line = await asyncio.wait_for(asyncio.to_thread(os.read, reading, 4096), 30.0)
        os.close(reading)
        if not line or json.loads(line)["event"] != "ready":
            raise RuntimeError(f"the vehicles did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")

    def send(self, number: signal.Signals) -> None:
        """A signal to the process."""
        if self.process is not None and self.process.returncode is None:
            _send(self.process, number)

    async def end(self) -> None:
        """End it."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        await _ended(self.process)


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """A signal by the number of the process: `send_signal` would collect one that just died, and its exit code would be lost."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


async def _ended(process: asyncio.subprocess.Process | None) -> int | None:
    if process is None:
        return None
    try:
        return await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        _send(process, signal.SIGKILL)
        await process.wait()
        return None


@dataclass(slots=True)
class Trace:
    """What the harness did and was told, with the steady time, for the checker and for people."""

    path: Path
    begun_s: float = field(default_factory=time.monotonic)

    def note(self, what: str, **more: object) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({"at_s": round(time.monotonic(), 4), "t": round(time.monotonic() - self.begun_s, 2), "what": what} | more) + "\n"
            )
