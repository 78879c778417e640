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
from tests.chaos.gateway import LONG, Gateway, in_order
from tests.chaos.gateway import wait as wait_for

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


def test_a_killed_engine_releases_v1_vehicles_at_its_next_start(tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    simulator = subprocess.Popen(
        [*PROGRAM, "simulate", "--broker", broker.url, "--vehicles", str(VEHICLES), "--protocol", "1", "--telemetry-interval", "1"],
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


KILLS = [("resume", "update committed"), ("release", "after the commit, before the publish")]
MORE_KILLS = [
    ("resume", "mid publish"),
    ("resume", "mid renewal"),
    ("release", "mid renewal"),
]
KILLS += MORE_KILLS if LONG else []


@pytest.mark.parametrize(("policy", "point"), KILLS, ids=[f"{policy}, {point}" for policy, point in KILLS])
def test_killed_at_a_named_step_it_is_resumed_or_released_as_configured(policy: str, point: str, tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    gateway = Gateway(tmp_path, broker.url, dispatch=f"{{ack_timeout_seconds: 2, on_recovery: {policy}, reallocation: none}}")
    orders = json.dumps({"kill_at": point, "kill_after": 3 if point == "mid publish" else 1, "lease_s": 3.0})
    try:
        with gateway.vehicles(broker.url, 12):
            with gateway.engine(orders=orders) as engine:
                engine.said("engine.ready")
                gateway.all_fresh(12)
                gateway.command("dispatch", "--signal", "MA", "--power-kw", "10", "--duration", "60s")
                if point == "update committed":
                    dispatch_id = engine.said("dispatch.active")["dispatch_id"]
                    gateway.command("update", dispatch_id, "--power-kw", "16")
                assert engine.ended() == -9
            before = {line["command_id"] for line in gateway.commands()}
            arrived = len(gateway.commands())
            with gateway.engine() as engine:
                said = engine.said("engine.recovered")
                assert [len(said["resumed"]), len(said["released"])] == ([1, 0] if policy == "resume" else [0, 1])
                engine.said("alarm.raised", kind="recovered")
                if policy == "resume":
                    active = engine.said("dispatch.active", dispatch_id=said["resumed"][0])
                    assert active["reason"] == "resumed after a restart of the engine"
                    assert active["requested_kw"] == (16.0 if point == "update committed" else 10.0)
                    wait_for(lambda: engine.said("dispatch.progress")["acknowledged_kw"] == pytest.approx(active["requested_kw"], abs=0.1),
                             "its power is back")  # fmt: skip
                    assert gateway.command("stop").returncode == 0
                    assert engine.said("dispatch.stopped")["owed"] == 0
                wait_for(lambda: gateway.ask("status")["fleet"]["owed"] == 0, "every release is confirmed")
                engine.said("alarm.cleared", kind="recovered")
                engine.process.terminate()
                assert engine.ended() == 0
        assert not {line["command_id"] for line in gateway.commands()[arrived:]} & before, "nothing old is sent again"
        assert in_order(gateway.commands())
        assert not [kw for kw in gateway.targets_kw().values() if kw is not None], "nobody follows a setpoint"
        assert gateway.journal_command("verify").startswith("ok:")
        seqs = {entry["record"]["seq"] for entry in gateway.entries("--kind", "round")}
        assert {line["seq"] for line in gateway.commands()} <= seqs, "every round that went out is in the journal"
    finally:
        broker.stop()
