"""The engine killed in mid-dispatch and started again: nothing old is replayed, every vehicle gets its release, the operator is told."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.broker.brokers import start_nats
from tests.broker.test_program import PROGRAM, running, until

VEHICLES = 30
DEADLINE_S = 40.0


def config(folder: Path, broker: str) -> str:
    """An engine with a durable journal."""
    file = folder / "config.yaml"
    sections = [
        f"mqtt: {{broker: '{broker}'}}",
        "metrics: {port: 0}",
        f"socket: {{path: '{folder}/engine.sock'}}",
        f"journal: {{backend: sqlite, path: '{folder}/journal.db'}}",
        "telemetry: {interval_s: 1}",
        "dispatch: {ack_timeout_seconds: 2}",
    ]
    file.write_text("\n".join(sections), "utf-8")
    return str(file)


def ask(folder: Path, *arguments: str) -> dict[str, Any]:
    """The answer of a command to the running engine."""
    done = subprocess.run(
        [*PROGRAM, *arguments, "--socket", f"{folder}/engine.sock", "--json"], capture_output=True, text=True, timeout=30, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)["result"]
    return answer


def injecting(folder: Path) -> list[str]:
    """Vehicles that feed into the grid, by their own telemetry."""
    return [row["vehicle_id"] for row in ask(folder, "fleet", "ls")["rows"] if (row["power_kw"] or 0.0) > 0.1]


@pytest.mark.parametrize("protocol", ["1", "2"])
def test_a_killed_engine_releases_at_its_next_start(protocol: str, tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    simulator = subprocess.Popen(
        [*PROGRAM, "simulate", "--broker", broker.url, "--vehicles", str(VEHICLES), "--protocol", protocol, "--telemetry-interval", "1"],
        stderr=subprocess.DEVNULL,
    )
    try:
        file = config(tmp_path, broker.url)
        with running("run", "-c", file, "--no-ui") as engine:
            until(engine, "engine.ready")
            wait(lambda: ask(tmp_path, "status")["fleet"]["fresh"] >= VEHICLES - 3)
            sent = subprocess.run(
                [*PROGRAM, "dispatch", "--socket", f"{tmp_path}/engine.sock", "--signal", "MA", "--power-kw", "40", "--duration", "10m"],
                capture_output=True, timeout=30, check=False,
            )  # fmt: skip
            assert sent.returncode == 0
            until(engine, "dispatch.active")
            wait(lambda: injecting(tmp_path))
            engine.kill()
            engine.wait()
        with running("run", "-c", file, "--no-ui") as engine:
            told = until(engine, "dispatch.failed")
            assert "restart" in told["reason"]
            assert told["vehicles"] > 0
            until(engine, "engine.ready")
            wait(lambda: not ask(tmp_path, "status")["fleet"]["owed"] and not injecting(tmp_path))
        verified = subprocess.run(
            [sys.executable, "-m", "v2g_console", "journal", "verify", "--file", f"{tmp_path}/journal.db"], capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        simulator.terminate()
        simulator.wait(10)
        broker.stop()


def wait(condition: Any) -> None:
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
