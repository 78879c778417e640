"""STOP on a real engine: pressed through the socket while the console hangs and while the journal fails; latched over a crash."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.broker.brokers import Broker, start_nats
from tests.broker.test_program import PROGRAM, running, until
from tests.chaos.test_restart import DEADLINE_S, config
from v2g_console.attach.client import SocketClient
from v2g_console.contract.replies import Accepted, FleetPage, PlanView, Refusal, Reply
from v2g_console.contract.requests import Dispatch, Fleet, Origin, Request, Resume, Stop

VEHICLES = 20
_READER = "import os\nwhile True:\n    os.read(0, 65536)\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker with vehicles on it."""
    one = start_nats(tmp_path / "broker")
    simulator = subprocess.Popen(
        [*PROGRAM, "simulate", "--broker", one.url, "--vehicles", str(VEHICLES), "--protocol", "1", "--telemetry-interval", "1"],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield one
    finally:
        simulator.terminate()
        simulator.wait(10)
        one.stop()


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command to the running engine, as a person gives it."""
    return subprocess.run(
        [*PROGRAM, *arguments, "--socket", f"{folder}/engine.sock"], capture_output=True, text=True, timeout=60, check=False
    )


def said(folder: Path, request: Request) -> Reply:
    """The engine's answer to a request, over its socket."""

    async def talk() -> Reply:
        async with SocketClient(folder / "engine.sock") as engine:
            return await engine.request(request, Origin(user="", way="cli"))

    return asyncio.run(talk())


def injecting(folder: Path) -> list[str]:
    """Vehicles that feed into the grid, by their own telemetry."""
    page = getattr(said(folder, Fleet()), "result", None)
    assert isinstance(page, FleetPage)
    return [row.vehicle_id for row in page.rows if (row.power_kw or 0.0) > 0.1]


def wait(condition: Callable[[], object]) -> None:
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def everybody_reports(folder: Path) -> bool:
    """True once (nearly) all vehicles have been measured."""
    page = getattr(said(folder, Fleet()), "result", None)
    return isinstance(page, FleetPage) and page.summary.fresh >= VEHICLES - 2


def dispatched(folder: Path) -> None:
    """Vehicles inject for ten minutes."""
    wait(lambda: everybody_reports(folder))
    reply = said(folder, Dispatch(signal="MA", power_kw=30.0, duration_s=600.0))
    assert isinstance(reply, Accepted), reply
    wait(lambda: injecting(folder))


@contextmanager
def console_that_nobody_reads(file: str) -> Iterator["subprocess.Popen[bytes]"]:
    """An engine with its console on a terminal whose reader is stopped, as by Ctrl+S or a hanging SSH session."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    reader = subprocess.Popen([sys.executable, "-c", _READER], stdin=ours)
    engine = subprocess.Popen(
        [*PROGRAM, "run", "-c", file], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    try:
        reader.send_signal(signal.SIGSTOP)
        yield engine
    finally:
        engine.kill()
        engine.wait(10)
        reader.kill()
        reader.wait(10)
        os.close(ours)


def test_stop_works_while_the_console_hangs_and_while_the_journal_fails(tmp_path: Path, broker: Broker) -> None:
    with console_that_nobody_reads(config(tmp_path, broker.url)):
        wait((tmp_path / "engine.sock").exists)
        dispatched(tmp_path)
        stopped = command(tmp_path, "stop", "--wait", "--reason", "smoke in hall 3", "--json")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        view: dict[str, Any] = json.loads(stopped.stdout)["result"]
        assert view["confirmed"] == view["vehicles"] > 0
        assert (view["silent"], view["reason"]) == (0, "smoke in hall 3")
        wait(lambda: not injecting(tmp_path))

        assert isinstance(said(tmp_path, Resume()), Accepted)
        dispatched(tmp_path)
        (tmp_path / "journal.db").rename(tmp_path / "elsewhere.db")
        stopped = command(tmp_path, "stop", "--wait")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        wait(lambda: not injecting(tmp_path))
        refused = said(tmp_path, Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
        assert getattr(refused, "reason", None) is Refusal.STOPPED


def test_a_crashed_engine_is_still_stopped_and_tagged_until_somebody_resumes(tmp_path: Path, broker: Broker) -> None:
    file = config(tmp_path, broker.url)
    with running("run", "-c", file, "--no-ui") as engine:
        until(engine, "engine.ready")
        dispatched(tmp_path)
        vehicle = injecting(tmp_path)[0]
        tagged = command(tmp_path, "tag", "add", "INHIBIT", "--vehicle", vehicle, "--note", "roof works")
        assert tagged.returncode == 0, tagged.stderr
        assert "released at once: 1 vehicle" in tagged.stdout
        wait(lambda: vehicle not in injecting(tmp_path))
        assert isinstance(said(tmp_path, Stop(reason="smoke")), Accepted)
        engine.kill()
        engine.wait()
    with running("run", "-c", file, "--no-ui") as engine:
        standing = until(engine, "holds.standing")
        assert (standing["stopped"], standing["stop_reason"], standing["tags"][0]["name"]) == (True, "smoke", vehicle)
        wait(lambda: everybody_reports(tmp_path))
        refused = said(tmp_path, Dispatch(signal="MA", power_kw=5.0, duration_s=60.0))
        assert getattr(refused, "reason", None) is Refusal.STOPPED
        assert "STOP is latched" in command(tmp_path, "stop", "--list").stdout
        assert isinstance(said(tmp_path, Resume()), Accepted)
        plan = getattr(said(tmp_path, Dispatch(signal="MA", power_kw=30.0, duration_s=60.0, dry_run=True)), "result", None)
        assert isinstance(plan, PlanView)
        assert plan.left_out.get("TAGGED") == 1
        assert any("roof works" in warning for warning in plan.warnings)
