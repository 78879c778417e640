"""A console's port over engines that end, come back, and are other engines than before."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.console import pictures
from tests.unit.attach.scripted_port import READY, ScriptedPort, dispatch_event, until
from tests.unit.attach.test_socket import answering
from v2g_console.attach import frames
from v2g_console.attach.errors import EngineGoneError
from v2g_console.attach.reattaching import TRY_EVERY_S, ReattachingPort
from v2g_console.attach.server import SocketServer
from v2g_console.attach.viewing import ViewingPort
from v2g_console.console.model import ConsoleModel
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import DispatchCompleted
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Fleet, Lock, Origin, Status, Stop
from v2g_console.contract.snapshot import Snapshot
from v2g_console.version import program_version

ANA = Origin(user="ana", way="console")


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def pass_a_try(self) -> None:
        self.now_s += TRY_EVERY_S


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        yield Path(folder) / "v2g-console.sock"


@asynccontextmanager
async def attached(path: Path) -> AsyncIterator[tuple[ReattachingPort, Clock]]:
    clock = Clock()
    port = ReattachingPort(path, clock)
    try:
        yield port, clock
    finally:
        await port.close()


async def an_engine(path: Path, picture: Snapshot) -> tuple[SocketServer, ScriptedPort]:
    port = ScriptedPort()
    port.picture = picture
    server = SocketServer(port, path)
    await server.start()
    return server, port


async def refused_look(port: ReattachingPort) -> str:
    """Why there is no snapshot."""
    with pytest.raises(EngineGoneError) as raised:
        await port.snapshot()
    return str(raised.value)


async def test_it_attaches_at_the_first_look_and_again_when_the_engine_is_back(path: Path) -> None:
    first, _ = await an_engine(path, pictures.normal())
    async with attached(path) as (port, clock):
        assert len((await port.snapshot()).fleet) == 200
        await first.close()
        assert await refused_look(port) == "it hung up, still trying"
        clock.pass_a_try()
        assert await refused_look(port) == "nobody listens at its socket, still trying"
        second, _ = await an_engine(path, replace(pictures.normal(), fleet=pictures.fleet(50)))
        assert await refused_look(port) == "nobody listens at its socket, still trying", "not before its next try"
        clock.pass_a_try()
        assert len((await port.snapshot()).fleet) == 50
        await second.close()


async def test_while_there_is_no_engine_it_is_looked_for_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Path] = []
    monkeypatch.setattr("v2g_console.attach.client.check_before_connecting", tries.append)
    async with attached(path) as (port, clock):
        for _ in range(5):
            await refused_look(port)
        assert len(tries) == 1
        clock.pass_a_try()
        await asyncio.gather(*(refused_look(port) for _ in range(5)))
        assert len(tries) == 2


async def test_numbers_and_revisions_go_on_over_a_new_engine(path: Path) -> None:
    old = replace(pictures.normal(), number=500, fleet=replace(pictures.fleet(), revision=900, layout_revision=40))
    new = replace(pictures.normal(), number=500, fleet=replace(pictures.fleet(seed=9), revision=900, layout_revision=40))
    server, _ = await an_engine(path, old)
    async with attached(path) as (port, clock):
        before = await port.snapshot()
        assert (before.number, before.fleet.revision) == (500, 900)
        for generation in (2, 3):
            await server.close()
            server, _ = await an_engine(path, new)
            await refused_look(port)
            clock.pass_a_try()
            after = await port.snapshot()
            assert after.number == 500 * generation
            assert after.fleet.revision > before.fleet.revision and after.fleet.layout_revision > before.fleet.layout_revision
            assert (await port.snapshot()).fleet is after.fleet
            before = after
        await server.close()


async def test_no_event_of_a_new_engine_is_missed_or_told_twice(path: Path) -> None:
    server, engine = await an_engine(path, pictures.normal())
    completed = dispatch_event(DispatchCompleted)
    async with attached(path) as (port, clock):
        await engine.emit(READY, completed, completed)
        first = await port.events(0, 0.0)
        assert first.next_number == 3
        await server.close()
        server, engine = await an_engine(path, pictures.normal())
        await engine.emit(READY, completed)
        await refused_look(port)
        clock.pass_a_try()
        second = await port.events(first.next_number, 0.0)
        assert (second.events, second.next_number) == ((READY, completed), 5)
        await engine.emit(READY)
        assert (await port.events(second.next_number, 0.0)).events == (READY,)
        await server.close()


async def test_a_lost_connection_to_the_same_engine_changes_no_number(path: Path) -> None:
    server, engine = await an_engine(path, pictures.normal())
    async with attached(path) as (port, clock):
        await engine.emit(READY)
        number, events = (await port.snapshot()).number, await port.events(0, 0.0)
        await port.close()
        clock.pass_a_try()
        assert (await port.snapshot()).number == number
        await engine.emit(READY)
        assert (await port.events(events.next_number, 0.0)).events == (READY,)
    await until(lambda: server.callers == 0)
    await server.close()


async def test_an_engine_that_comes_back_with_another_contract_is_named(path: Path) -> None:
    other = frames.framed(frames.encode(frames.Hello(contract=CONTRACT_VERSION + 1, version="9.0.0")))
    async with answering(path, other), attached(path) as (port, _):
        model = ConsoleModel(port, ANA)
        for _ in range(2):  # also the look that is too soon for another try
            await model.pull()
            contact = model.contact()
            assert contact.heading == "CONSOLE AND ENGINE DIFFER"
            assert contact.problem == (
                f"engine 9.0.0 (contract {CONTRACT_VERSION + 1}), console {program_version()} (contract {CONTRACT_VERSION}):"
                " restart the console"
            )


async def test_a_request_reaches_the_engine_that_is_there_now(path: Path) -> None:
    async with attached(path) as (port, clock):
        with pytest.raises(EngineGoneError):
            await port.request(Stop(), ANA)
        server, engine = await an_engine(path, pictures.normal())
        clock.pass_a_try()
        assert isinstance(await port.request(Stop(), ANA), Accepted)
        assert [type(request) for request, _ in engine.requests] == [Stop]
        await server.close()


async def test_a_port_for_looking_lets_nothing_through_that_acts() -> None:
    engine = ScriptedPort()
    engine.picture = pictures.normal()
    port = ViewingPort(engine)
    for request in (Fleet(), Status(), Lock(idle_s=600.0)):
        assert isinstance(await port.request(request, ANA), Accepted)
    reply = await port.request(Stop(), ANA)
    assert isinstance(reply, Refused) and reply.reason is Refusal.READ_ONLY
    assert [type(request) for request, _ in engine.requests] == [Fleet, Status, Lock]
    assert (await port.snapshot()).engine.read_only and not engine.picture.engine.read_only
    await engine.emit(READY)
    assert (await port.events(0, 0.0)).events == (READY,)
