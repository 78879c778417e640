"""Who calls on the socket, how often, and what he may see."""

import asyncio
import os
import pwd
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.attach.scripted_port import READY, TS, ScriptedPort
from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from v2g_console.attach import peer as peer_module
from v2g_console.attach import server as server_module
from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import EngineGoneError
from v2g_console.attach.peer import Peer, PeerNames, peer_of
from v2g_console.attach.server import SocketServer
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Event, OperatorNote, RequestAccepted, RequestRefused, StopLatched

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        yield Path(folder) / "v2g-console.sock"


async def test_the_kernel_tells_user_and_all_groups() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    found = peer_of(writer)
    assert (found.pid, found.credentials.uid, found.credentials.gids[0]) == (os.getpid(), os.geteuid(), os.getegid())
    assert set(found.credentials.gids) == {os.getegid(), *os.getgroups()}
    writer.close()
    theirs.close()
    assert await reader.read() == b""


async def test_a_caller_whose_name_nobody_tells_is_served_under_his_number_and_then_under_his_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "NAME_S", 0.02)
    answers = threading.Event()

    def slow(uid: int) -> str:
        assert answers.wait(30)
        return f"name{uid}"

    monkeypatch.setattr(server_module, "PeerNames", lambda: PeerNames(slow))
    port = ScriptedPort()
    server = SocketServer(port, path)
    await server.start()
    try:
        async with SocketClient(path) as engine:
            await engine.request(ask.Stop(), ask.Origin(user="x", way="cli"))
            (asking,) = server._names._asking.values()
            answers.set()
            await asyncio.wait_for(asking, 10)
            await engine.request(ask.Stop(), ask.Origin(user="x", way="cli"))
    finally:
        answers.set()
        await server.close()
    assert [origin.user for _, origin in port.requests] == [f"uid:{os.getuid()}", f"name{os.getuid()}"]


async def test_a_name_that_can_t_be_read_any_more_is_the_last_one_known(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = False

    def name_of(uid: int) -> str:
        if fails:
            raise OSError("the directory is down")
        return "ana"

    names = PeerNames(name_of)
    assert names.known(7) == "uid:7"
    await names.find(7)
    fails = True
    await names.find(7)
    await names.find(8)
    assert (names.known(7), names.known(8)) == ("ana", "uid:8")
    await names.close()


async def test_one_user_does_not_take_all_the_places(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = iter([1001] * 9 + [1002])
    monkeypatch.setattr(server_module, "peer_of", lambda writer: Peer(1, ask.Credentials(uid=next(callers))))
    monkeypatch.setattr(server_module, "PeerNames", lambda: PeerNames(lambda uid: f"name{uid}"))
    server = SocketServer(ScriptedPort(), path)
    await server.start()
    try:
        clients = [SocketClient(path) for _ in range(8)]
        for client in clients:
            await client.__aenter__()
        with pytest.raises(EngineGoneError, match="8 callers of name1001 are connected already"):
            async with SocketClient(path):
                pass
        async with SocketClient(path) as other:
            await other.request(ask.Stop(), ask.Origin(user="x", way="cli"))
        for client in clients:
            await client.__aexit__(None, None, None)
    finally:
        await server.close()


async def seen(path: Path, role: str) -> list[Event]:
    """What somebody with this role reads of a stream in which others left a note, a request, a refusal and a STOP, and he a refusal."""
    roles = [{"role": role, "users": [ME]}, {"role": "supervisor", "users": ["sven"]}]
    sven, olaf = ask.Origin(user="sven", way="console"), ask.Origin(user="olaf", way="socket")
    async with bench(cars(1), sections={"access": {"roles": roles}}) as one:
        server = SocketServer(one.engine, path)
        await server.start()
        try:
            await one.engine.request(ask.Note(text="the key is under the mat"), sven)
            await one.engine.request(ask.Stop(), olaf)
            await one.engine.request(ask.Stop(), sven)
            async with SocketClient(path) as engine:
                await engine.request(ask.Resume(), ask.Origin(user="x", way="cli"))
                batch = await engine.events(0, 0.0)
                assert batch.next_number == (await one.engine.events(0, 0.0)).next_number
                assert batch.dropped == 0
                return list(batch.events)
        finally:
            await server.close()


async def test_a_viewer_sees_what_happens_and_his_own_requests_but_no_notes_and_nobody_else_s(path: Path) -> None:
    events = await seen(path, "viewer")
    assert any(isinstance(event, StopLatched) for event in events)
    assert not any(isinstance(event, OperatorNote | RequestAccepted) for event in events)
    assert [event.by for event in events if isinstance(event, RequestRefused)] == [ME]


@pytest.mark.parametrize("role", ["auditor", "operator"])
async def test_who_may_read_the_record_sees_all_events(role: str, path: Path) -> None:
    events = await seen(path, role)
    assert [event.text for event in events if isinstance(event, OperatorNote)] == ["the key is under the mat"]
    assert [event.by for event in events if isinstance(event, RequestRefused)] == ["olaf", ME]
    assert {event.request for event in events if isinstance(event, RequestAccepted)} == {"note", "stop"}


async def test_who_an_engine_does_not_know_sees_no_notes(path: Path) -> None:
    port = ScriptedPort()
    await port.emit(READY, OperatorNote(ts=TS, by="sven", way="cli", text="the key is under the mat"))
    server = SocketServer(port, path)
    await server.start()
    try:
        async with SocketClient(path) as engine:
            assert (await engine.events(0, 0.0)).events == (READY,)
    finally:
        await server.close()
