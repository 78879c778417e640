"""Signals and terminals with real processes: once, twice, in mid-release; the terminal is as it was, and what is owed is told."""

import signal
import subprocess
import time
from pathlib import Path

from tests.broker.brokers import start_nats
from tests.chaos.gateway import LONG, PROGRAM, Gateway, wait
from tests.console.test_terminal_behaviour import LIMIT_S, Terminal

UNREAD_S = 30.0 if LONG else 6.0


def test_a_second_sigint_leaves_at_once_and_tells_what_is_owed(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, True, "--vehicles", "20", "--silent-rate", "1")
    try:
        assert terminal.dispatch(power_kw="10").returncode == 0
        terminal.until_drawn(b"MA ")
        terminal.process.send_signal(signal.SIGINT)
        terminal.until_drawn(b"releasing the vehicles of 1 dispatch")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(LIMIT_S) == 0
        log = terminal.log()
        assert "asked to end once more" in log
        assert "not confirmed a release: the last setpoint may still be followed" in log
        terminal.until_drawn(b"may still be followed")
        assert terminal.settings() == terminal.before
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        terminal.close()


def test_without_a_screen_a_second_signal_turns_a_drain_into_a_release(tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    gateway = Gateway(tmp_path, broker.url, dispatch="{on_exit: drain}")
    try:
        with gateway.vehicles(broker.url, 6), gateway.engine() as engine:
            engine.said("engine.ready")
            gateway.all_fresh(6)
            assert gateway.command("dispatch", "--signal", "MA", "--power-kw", "4", "--duration", "10m").returncode == 0
            engine.said("dispatch.active")
            engine.process.send_signal(signal.SIGTERM)
            wait(lambda: gateway.command("dispatch", "--signal", "MA", "--power-kw", "4", "--duration", "10m").returncode == 5, "it ends")
            assert engine.events[-1]["event"] != "run.summary", "the dispatch still runs"
            engine.process.send_signal(signal.SIGTERM)
            assert engine.ended() == 0
            cancelled = engine.said("dispatch.cancelled")
            assert (cancelled["owed"], cancelled["released"]) == (0, cancelled["vehicles"])
        assert not [kw for kw in gateway.targets_kw().values() if kw is not None]
    finally:
        broker.stop()


def test_a_terminal_unread_while_500_vehicles_are_dispatched_costs_no_deadline_and_no_link(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, True, "--vehicles", "500", "--protocol", "2")
    try:
        terminal.until_drawn(b"500")
        terminal.freeze()
        until_s = time.monotonic() + UNREAD_S
        number = 0
        while number == 0 or time.monotonic() < until_s:
            number += 1
            done = terminal.dispatch("--wait", power_kw="400", duration="1s")
            assert done.returncode == 0, done.stdout + done.stderr
            assert '"silent":0' in done.stdout.splitlines()[-1].replace(" ", "")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(LIMIT_S) == 0
        assert terminal.settings() == terminal.before
        log = terminal.log()
        assert "link is down" not in log
        assert "engine tick failed" not in log
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        terminal.close()


def test_standard_output_closed_releases_and_exits_with_1(tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    gateway = Gateway(tmp_path, broker.url)
    try:
        with gateway.vehicles(broker.url, 6):
            process = subprocess.Popen(
                [*PROGRAM, "run", "-c", str(gateway.config), "--no-ui"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )  # fmt: skip
            assert process.stdout is not None
            assert b"link.changed" in process.stdout.readline()
            gateway.all_fresh(6)
            assert gateway.command("dispatch", "--signal", "MA", "--power-kw", "4", "--duration", "10m").returncode == 0
            wait(lambda: [kw for kw in gateway.targets_kw().values() if kw is not None], "somebody follows")
            process.stdout.close()
            assert process.wait(LIMIT_S) == 1
            process.communicate()
        assert not [kw for kw in gateway.targets_kw().values() if kw is not None]
    finally:
        broker.stop()
