"""Consoles that come and go at a running engine, engines that come and go at a console, and what systemd hears: real processes."""

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.broker.brokers import Broker, start_nats
from tests.broker.test_program import PROGRAM, config, until
from v2g_console.attach.client import SocketClient
from v2g_console.contract.replies import Accepted, Reply, StatusView
from v2g_console.contract.requests import Dispatch, Origin, Request, Status
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.states import DispatchState

LIMIT_S = 40.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with 20 vehicles."""
    started = start_nats(tmp_path_factory.mktemp("broker"))
    vehicles = subprocess.Popen([*PROGRAM, "simulate", "--broker", started.url, "--vehicles", "20"], stderr=subprocess.DEVNULL)
    yield started
    vehicles.terminate()
    vehicles.wait(10)
    started.stop()


class EngineProcess:
    """`run --no-ui`; `said` holds its events."""

    def __init__(self, folder: Path, broker: Broker, **environment: str) -> None:
        self.socket = folder / "engine.sock"
        self.process = subprocess.Popen(
            [*PROGRAM, "run", "-c", config(folder, broker.url), "--no-ui"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
        )  # fmt: skip
        until(self.process, "engine.ready")

    def ask(self, request: Request) -> Accepted:
        """What it answers."""

        async def asked() -> Reply:
            async with SocketClient(self.socket) as engine:
                return await engine.request(request, Origin(user="", way="cli"))

        reply = asyncio.run(asked())
        assert isinstance(reply, Accepted), reply
        return reply

    def status(self) -> StatusView:
        """All it says of itself."""
        result = self.ask(Status()).result
        assert isinstance(result, StatusView)
        return result

    def dispatch(self) -> DispatchView:
        """Start a long one, and return it as soon as every vehicle has acknowledged."""
        wait_for(lambda: self.status().fleet.available > 10)
        self.ask(Dispatch(signal="MA", power_kw=20.0, duration_s=600.0))
        wait_for(lambda: any(view.state is DispatchState.ACTIVE for view in self.status().dispatches))
        return self.running()

    def running(self) -> DispatchView:
        """The newest dispatch."""
        return self.status().dispatches[0]

    def end(self, number: signal.Signals = signal.SIGKILL) -> str:
        """End it; the rest of what it printed."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=LIMIT_S)[0]


class Window:
    """A terminal of 120x36 with a program in it; all it draws is read, until `close`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x24\x00\x78\x00\x00\x00\x00\x00")
        owned = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", owned, *PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "XDG_STATE_HOME": str(folder)},
        )  # fmt: skip
        os.close(theirs)
        self._log = folder / "v2g-console" / "attach.log"
        self.drawn = b""
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # the program ended
            while not self._closing.is_set():
                if select.select([self._ours], [], [], 0.05)[0]:
                    self.drawn = (self.drawn + os.read(self._ours, 65536))[-200_000:]

    def until_drawn(self, wanted: str) -> None:
        """Wait until it was drawn since the last `press`."""
        wait_for(lambda: wanted.encode() in self.drawn)

    def press(self, key: str) -> None:
        """Forget what was drawn, and press a key."""
        self.drawn = b""
        self.type(key)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def log(self) -> str:
        return self._log.read_text("utf-8") if self._log.exists() else ""

    def close(self) -> None:
        """Close the window: the program's terminal is gone, and it gets a SIGHUP."""
        self._closing.set()
        self._reader.join()
        with suppress(OSError):
            os.close(self._ours)

    def ended(self) -> int:
        return self.process.wait(LIMIT_S)


def wait_for(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < ends_s, "it never came to that"
        select.select([], [], [], 0.05)


@contextmanager
def window(folder: Path, *arguments: str) -> Iterator[Window]:
    opened = Window(folder, *arguments)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
            opened.process.wait()
        opened.close()


@pytest.fixture
def engine(tmp_path: Path, broker: Broker) -> Iterator[EngineProcess]:
    started = EngineProcess(tmp_path, broker)
    yield started
    if started.process.poll() is None:
        started.end()


def test_consoles_leave_in_every_way_there_is_and_the_dispatch_goes_on(engine: EngineProcess, tmp_path: Path) -> None:
    before = engine.dispatch()
    attach = ("attach", "--socket", str(engine.socket))
    with (
        window(tmp_path, *attach) as killed,
        window(tmp_path, *attach) as closed,
        window(tmp_path, *attach, "--ascii") as left,
        window(tmp_path, *attach, "--low-bandwidth") as ended,
    ):
        for console in (killed, closed, left, ended):
            console.until_drawn("MA ")
        killed.process.kill()
        ended.process.terminate()
        closed.close()
        left.press("q")
        left.until_drawn("Detached: the engine runs on, 1 active dispatch.")
        assert (left.ended(), closed.ended(), ended.ended()) == (0, 0, 0)
    after = engine.running()
    assert (after.dispatch_id, after.state, after.vehicles) == (before.dispatch_id, DispatchState.ACTIVE, before.vehicles)
    assert (after.progress.acked, after.release.commanded) == (before.vehicles, 0)
    events = [json.loads(line)["event"] for line in engine.end(signal.SIGTERM).splitlines()]
    assert events.count("dispatch.cancelled") == 1, "only by the SIGTERM just sent"


def test_a_console_says_that_its_engine_is_gone_and_shows_the_next_one(engine: EngineProcess, tmp_path: Path, broker: Broker) -> None:
    with window(tmp_path, "attach", "--socket", str(engine.socket)) as console:
        console.until_drawn("READ/WRITE")
        engine.end()
        console.until_drawn("ENGINE GONE")
        again = EngineProcess(tmp_path, broker)
        try:
            wait_for(lambda: console.log().count("attached to") == 2)
            again.dispatch()
            console.until_drawn("MA ")
            console.press("q")
            console.until_drawn("Detached: the engine runs on, 1 active dispatch.")
            assert console.ended() == 0
            assert again.running().state is DispatchState.ACTIVE
        finally:
            again.end()


def test_run_beside_a_running_engine_offers_to_attach(engine: EngineProcess, tmp_path: Path) -> None:
    run = ("run", "-c", str(tmp_path / "config.yaml"))
    with window(tmp_path, *run) as console:
        console.until_drawn("Attach to it? [Y/n]")
        console.press("\r")
        console.until_drawn("READ/WRITE")
        console.press("q")
        console.until_drawn("Detached")
        assert console.ended() == 0
    with window(tmp_path, *run) as console:
        console.until_drawn("an engine is already running at")
        console.until_drawn("Attach to it? [Y/n]")
        console.press("n\r")
        assert console.ended() == 1
        wait_for(lambda: b"is already running here" in console.drawn)
    assert engine.status().fleet.vehicles == 20


def test_attaching_without_an_engine_is_said(tmp_path: Path) -> None:
    with window(tmp_path, "attach", "--socket", str(tmp_path / "none.sock")) as console:
        console.until_drawn("no engine is running at")
        assert console.ended() == 3


def test_systemd_hears_of_a_real_engine_from_ready_to_stopping(tmp_path: Path, broker: Broker) -> None:
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LIMIT_S)
        engine = EngineProcess(tmp_path, broker, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        try:
            while heard.count("WATCHDOG=1") < 3 or not any("link up; 20 vehicles" in told for told in heard):
                heard += systemd.recv(4096).decode().split("\n")
            assert heard.count("READY=1") == 1
            assert "STOPPING=1" not in heard
            engine.process.terminate()
            while "STOPPING=1" not in heard:
                heard += systemd.recv(4096).decode().split("\n")
            assert engine.process.wait(LIMIT_S) == 0
        finally:
            engine.end()
