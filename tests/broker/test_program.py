"""The program as a person or a machine starts it: exit codes, lines on standard output, signals, what is loaded."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.broker.brokers import Broker, free_port, start_mosquitto, start_nats

PROGRAM = [sys.executable, "-m", "v2g_console"]
FCR = '{"request":"dispatch","signal":"FCR","power_kw":300,"duration_s":10}\n'


def headless(*arguments: str, lines: str = "", timeout_s: float = 60.0) -> tuple[int, list[dict[str, Any]], str]:
    """`(exit code, events, standard error)` of a run with `lines` on standard input."""
    done = subprocess.run([*PROGRAM, *arguments], input=lines, capture_output=True, text=True, timeout=timeout_s, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def one(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The only event of a name."""
    found = [event for event in events if event["event"] == name]
    assert len(found) == 1, (name, events)
    return found[0]


def config(folder: Path, broker: str, more: str = "") -> str:
    """A configuration file for a test; its path."""
    file = folder / "config.yaml"
    file.write_text(
        f"mqtt:\n  broker: {broker}\n{more}metrics:\n  port: 0\njournal:\n  backend: memory\nsocket:\n  path: {folder}/engine.sock\n",
        "utf-8",
    )
    return str(file)


def test_the_demo_dispatches_300_kw_and_says_so_in_json() -> None:
    code, events, errors = headless("demo", "--no-ui", "--vehicles", "200", "--commands", "-", lines=FCR)
    assert code == 0, errors
    done = one(events, "dispatch.completed")
    assert done["requested_kw"] == done["allocated_kw"] == 300.0
    assert done["acknowledged_kw"] == pytest.approx(300.0, abs=0.5)
    assert done["delivered_kw"] == pytest.approx(300.0, rel=0.05)
    assert done["delivered_coverage"] > 0.9
    assert done["vehicles"] == done["acked"] == done["released"] > 0
    assert done["rejected"] == done["silent"] == 0
    assert [event["event"] for event in events][-1] == "run.summary"
    names = [event["event"] for event in events]
    steps = ["engine.ready", "request.accepted", "dispatch.planned", "dispatch.sending", "dispatch.active", "dispatch.releasing"]
    assert [names.index(step) for step in steps] == sorted(names.index(step) for step in steps)
    for line in errors.splitlines():
        json.loads(line)


def test_silent_vehicles_are_counted_and_the_exit_code_is_4() -> None:
    code, events, _ = headless("demo", "--no-ui", "--vehicles", "200", "--silent-rate", "0.3", "--commands", "-", lines=FCR)
    done = one(events, "dispatch.completed")
    assert code == 4
    assert done["silent"] > 0.15 * done["vehicles"]
    assert done["acked"] + done["silent"] == done["vehicles"]
    assert done["acknowledged_kw"] < 0.95 * 300


def test_bad_lines_and_bad_requests_are_refused_one_by_one() -> None:
    lines = "\n".join(
        [
            "not json",
            '{"request":"dispatch","signal":"FOO","power_kw":10,"duration_s":5}',
            '{"request":"dispatch","signal":"NEBEF","power_kw":-10,"duration_s":5}',
            '{"request":"dispatch","signal":"MA","power_kw":0,"duration_s":5}',
            '{"request":"dispatch","signal":"MA","power_kw":1e400,"duration_s":5}',
            '{"request":"dispatch","signal":"MA","power_kw":10,"duration_s":-5}',
            '{"request":"fleet","vehicle_id":"nobody"}',
            '{"request":"status"}',
        ]
    )
    code, events, _ = headless("demo", "--no-ui", "--vehicles", "20", "--commands", "-", lines=lines)
    refused = [event for event in events if event["event"] == "request.refused"]
    assert code == 5
    refused.sort(key=lambda event: int(event["line"]))  # what never reaches the engine is refused at once
    assert [event["line"] for event in refused] == [1, 2, 3, 4, 5, 6, 7]
    assert "FCR, aFRR_UP" in refused[1]["message"]
    assert "positive power" in refused[2]["message"]
    assert one(events, "request.accepted")["result"]["fleet"]["vehicles"] == 20


def test_a_closed_standard_output_ends_the_run_with_1_and_no_traceback() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "demo", "--no-ui", "--vehicles", "20", "--commands", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b'{"request":"dispatch","signal":"MA","power_kw":5,"duration_s":60}\n')
    process.stdin.flush()
    for line in process.stdout:
        if b"dispatch.active" in line:
            break
    process.stdout.close()
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A run that is ended with the test."""
    process = subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(process: "subprocess.Popen[str]", name: str) -> dict[str, Any]:
    """The next event of a name on its standard output."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event
    raise AssertionError(f"{name} never came")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_engine_without_a_screen_ends_with_0_at_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    try:
        with running("run", "-c", config(tmp_path, broker.url), "--no-ui") as process:
            until(process, "engine.ready")
            process.send_signal(number)
            assert until(process, "run.summary")["exit_code"] == 0
            assert process.wait(10) == 0
    finally:
        broker.stop()


def test_sigterm_in_mid_dispatch_releases_the_vehicles() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "demo", "--no-ui", "--vehicles", "20", "--commands", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    with process:
        process.stdin.write('{"request":"dispatch","signal":"MA","power_kw":5,"duration_s":600}\n')
        process.stdin.flush()
        until(process, "dispatch.active")
        process.terminate()
        cancelled = until(process, "dispatch.cancelled")
        assert cancelled["released"] == cancelled["vehicles"]
        assert cancelled["owed"] == 0
        until(process, "run.summary")


def test_an_unreachable_broker_is_exit_code_3_with_a_reason(tmp_path: Path) -> None:
    file = config(tmp_path, f"tcp://127.0.0.1:{free_port()}")
    done = subprocess.run(
        [*PROGRAM, "dispatch", "-c", file, "--signal", "MA", "--power-kw", "5", "--duration", "5s", "--standalone"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "refused" in done.stderr or "nobody listens" in done.stderr


@pytest.mark.mosquitto
def test_a_wrong_password_is_named_in_the_events(tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path / "broker", users={"ana": "right"})
    try:
        file = config(tmp_path, broker.url, "  username: ana\n  password: wrong\n  auth_method: username_password\n")
        with running("run", "-c", file, "--no-ui") as process:
            told = until(process, "link.changed")
            while told["state"] != "down":
                told = until(process, "link.changed")
            assert "password" in told["text"]
            assert "wrong" not in json.dumps(told).replace("wrong user name or password", "")
    finally:
        broker.stop()


def test_a_second_engine_with_the_same_client_id_is_refused(tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    try:
        file = config(tmp_path, broker.url)
        with running("run", "-c", file, "--no-ui") as process:
            until(process, "engine.ready")
            code, events, errors = headless("run", "-c", file, "--no-ui")
            assert (code, events) == (1, [])
            assert "already running" in errors
    finally:
        broker.stop()


def test_without_a_terminal_the_console_refuses_to_draw(tmp_path: Path) -> None:
    code, events, errors = headless("run", "-c", config(tmp_path, "tcp://127.0.0.1:1883"))
    assert (code, events) == (2, [])
    assert "--no-ui" in errors


def wait_for_headroom(socket: list[str], vehicles: int, up_kw: float) -> None:
    """Until the engine knows so many vehicles and so much power: it is ready for requests before its fleet has answered."""
    deadline = time.monotonic() + 30
    while True:
        status = subprocess.run([*PROGRAM, "status", *socket, "--json"], capture_output=True, text=True, timeout=30, check=True)
        fleet = json.loads(status.stdout)["result"]["fleet"]
        if fleet["vehicles"] == vehicles and fleet["up_kw"] >= up_kw:
            return
        assert time.monotonic() < deadline, fleet


def test_metrics_of_a_running_engine_name_no_vehicle(tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    port = free_port()
    file = tmp_path / "config.yaml"
    file.write_text(
        f"mqtt:\n  broker: {broker.url}\nmetrics:\n  port: {port}\njournal:\n  backend: memory\nsocket:\n  path: {tmp_path}/engine.sock\n",
        "utf-8",
    )
    simulator = subprocess.Popen([*PROGRAM, "simulate", "--broker", broker.url, "--vehicles", "20"], stderr=subprocess.DEVNULL)
    try:
        with running("run", "-c", str(file), "--no-ui") as process:
            until(process, "engine.ready")
            socket = ["--socket", f"{tmp_path}/engine.sock"]
            wait_for_headroom(socket, 20, 5.0)
            sent = subprocess.run(
                [*PROGRAM, "dispatch", *socket, "--signal", "MA", "--power-kw", "5", "--duration", "2s", "--wait", "--json"],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert sent.returncode == 0, sent.stderr
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        for name in ("dispatch_execution_latency_seconds_count", "vehicles_dispatched_total", "ack_rate"):
            assert f'{name}{{signal_type="MA"}}' in text
        assert "mqtt_publish_success_total" in text
        assert "v2g_engine_loop_lag_seconds" in text
        assert "veh0000" not in text
    finally:
        simulator.terminate()
        simulator.wait(10)
        broker.stop()


def test_headless_runs_never_load_what_only_draws(tmp_path: Path) -> None:
    script = (
        "import sys, v2g_console.engine.engine, v2g_console.runtime.run, v2g_console.runtime.demo, v2g_console.headless.run;"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_wheel_carries_its_themes_and_example(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(root)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    target = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        check=True,
        timeout=120,
    )
    assert (target / "v2g_console" / "themes" / "grey-dark.yaml").is_file()
    check = "import v2g_console.console.themes as t; print(t.__file__); print(sorted(t.load_themes().themes))"
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    assert "grey-dark" in done.stdout


def test_a_broker_of_choice_is_used_by_the_demo(tmp_path: Path) -> None:
    broker: Broker = start_nats(tmp_path)
    try:
        code, events, errors = headless(
            "demo", "--no-ui", "--vehicles", "20", "--broker", broker.url, "--commands", "-", lines='{"request":"status"}'
        )
        assert code == 0, errors
        assert one(events, "engine.ready")["broker"] == broker.url
    finally:
        broker.stop()
