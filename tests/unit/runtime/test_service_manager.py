"""What systemd is told, read from a real datagram socket."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.console import pictures
from tests.unit.attach.scripted_port import ScriptedPort, until
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.runtime import service_manager
from v2g_console.runtime.service_manager import ServiceManager, tell_for_ever


class Beaten(ScriptedPort):
    """An engine that ticks when told."""

    ticks = 0


class Listener:
    """systemd's end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.setblocking(False)
        self.told: list[str] = []

    def heard(self) -> list[str]:
        """All assignments so far."""
        while True:
            try:
                self.told += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.told


@pytest.fixture
def address() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        yield str(Path(folder) / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[Listener]:
    listener = Listener(address)
    yield listener
    listener.socket.close()


def engine(*, ready: bool = True, link: LinkHealth | None = None) -> Beaten:
    port = Beaten()
    shown = pictures.normal()
    port.picture = replace(shown, engine=msgspec.structs.replace(shown.engine, ready=ready), link=shown.link if link is None else link)
    return port


async def one_more_beat(port: Beaten, systemd: Listener) -> None:
    beats = systemd.heard().count("WATCHDOG=1")
    port.ticks += 1
    await until(lambda: systemd.heard().count("WATCHDOG=1") > beats)


async def test_readiness_watchdog_status_and_the_end_are_told(address: str, systemd: Listener) -> None:
    port, stop = engine(ready=False), asyncio.Event()
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())})
    telling = asyncio.create_task(tell_for_ever(manager, port, stop))
    await until(lambda: port.looks > 2)
    assert not {"READY=1", "WATCHDOG=1"} & set(systemd.heard()), "not ready, and not a single tick"
    port.picture = engine().picture
    await until(lambda: "READY=1" in systemd.heard())
    assert "STATUS=ready; link up; 200 vehicles; 2 active dispatches" in systemd.heard()
    for _ in range(3):
        await one_more_beat(port, systemd)
    looks, beats = port.looks, systemd.heard().count("WATCHDOG=1")
    await until(lambda: port.looks > looks + 2)
    assert systemd.heard().count("WATCHDOG=1") == beats, "an engine that ticks no more is not called alive"
    assert "STOPPING=1" not in systemd.heard()
    stop.set()
    await until(lambda: systemd.heard().count("EXTEND_TIMEOUT_USEC=30000000") > 2)
    assert (systemd.heard().count("STOPPING=1"), systemd.heard().count("READY=1")) == (1, 1)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def test_a_broker_that_is_away_does_not_hold_up_readiness_and_is_named(
    address: str, systemd: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_manager, "READY_LATEST_S", 0.0)
    link = LinkHealth(state=LinkState.DOWN, cause=LinkCause.REFUSED, cause_text="nobody listens\nat broker:8883\x1b[2J")
    telling = asyncio.create_task(
        tell_for_ever(ServiceManager({"NOTIFY_SOCKET": address}), engine(ready=False, link=link), asyncio.Event())
    )
    await until(lambda: "READY=1" in systemd.heard())
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert r"STATUS=starting; link down (nobody listens\nat broker:8883\x1b[2J); 200 vehicles; 2 active dispatches" in systemd.heard()
    assert "WATCHDOG=1" not in systemd.heard()


async def test_an_engine_that_fails_a_look_is_asked_again(address: str, systemd: Listener, caplog: pytest.LogCaptureFixture) -> None:
    port = engine()
    good, port.picture = port.picture, None
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000"})
    telling = asyncio.create_task(tell_for_ever(manager, port, asyncio.Event()))
    await until(lambda: "no sign of life for systemd" in caplog.text)
    port.picture = good
    await until(lambda: "READY=1" in systemd.heard())
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


def test_abstract_sockets_are_reached_too() -> None:
    address = f"@v2g-console-test-{os.getpid()}"
    listener = Listener(address)
    ServiceManager({"NOTIFY_SOCKET": address}).tell("READY=1", "STATUS=x")
    assert listener.heard() == ["READY=1", "STATUS=x"]
    listener.socket.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "relative"}])
def test_without_systemd_nothing_is_told(environ: dict[str, str]) -> None:
    manager = ServiceManager(environ)
    assert not manager
    manager.tell("READY=1")


def test_nobody_at_the_socket_is_a_warning_and_no_error(address: str, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": address}).tell("READY=1")
    assert "systemd was not told READY=1" in caplog.text


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    assert ServiceManager({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    assert ServiceManager({"WATCHDOG_USEC": "30000000"}).watchdog_s == 30.0
    assert ServiceManager({"WATCHDOG_USEC": "soon"}).watchdog_s is None
