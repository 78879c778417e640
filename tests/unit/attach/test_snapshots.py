"""Snapshots over a real Unix socket: whole once, then differences; slow, hostile and many callers."""

import asyncio
import getpass
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.console import pictures
from tests.unit.attach.scripted_port import ScriptedPort, until
from tests.unit.attach.test_fleet_patch import changed, grown, same
from tests.unit.attach.test_socket import RawCaller
from v2g_console.attach import frames, picture, session, shelf
from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import ContractMismatchError, EngineGoneError
from v2g_console.attach.fleet_patch import PatchError
from v2g_console.attach.server import SocketServer
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.replies import Accepted, IdentityView, Reply
from v2g_console.contract.requests import Identity, Origin, Request
from v2g_console.contract.snapshot import Snapshot
from v2g_console.version import program_version


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        yield Path(folder) / "v2g-console.sock"


@pytest.fixture
def port() -> ScriptedPort:
    port = ScriptedPort()
    port.picture = pictures.normal()
    return port


@asynccontextmanager
async def serving(port: ScriptedPort, path: Path) -> AsyncIterator[SocketServer]:
    server = SocketServer(port, path)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def next_of(snapshot: Snapshot, rows: int = 3) -> Snapshot:
    """The picture a moment later: some vehicles measured, everything else as it was."""
    return replace(snapshot, number=snapshot.number + 1, fleet=changed(snapshot.fleet, "power_kw", list(range(rows)), snapshot.number))


def alike(told: Snapshot, made: Snapshot) -> bool:
    """Equal in everything but the EngineInfo, which is the caller's own."""
    rest = [field.name for field in fields(Snapshot) if field.name not in {"fleet", "engine"}]
    return same(told.fleet, made.fleet) and all(getattr(told, name) == getattr(made, name) for name in rest)


async def test_a_caller_sees_what_the_engine_shows_again_and_again(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path), SocketClient(path) as engine:
        for _ in range(4):
            assert port.picture is not None and alike(await engine.snapshot(), port.picture)
            port.picture = next_of(port.picture)
        assert port.picture is not None
        port.picture = replace(port.picture, fleet=grown(port.picture.fleet, 7), alarms=(), dispatches=port.picture.dispatches[:1])
        assert alike(await engine.snapshot(), port.picture)


async def test_what_did_not_change_is_the_same_object_at_the_caller(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path), SocketClient(path) as engine:
        first = await engine.snapshot()
        assert await engine.snapshot() is first
        assert port.picture is not None
        port.picture = next_of(port.picture)
        second = await engine.snapshot()
        assert second is not first
        assert second.fleet.soc is first.fleet.soc and second.fleet.ids is first.fleet.ids
        assert second.fleet.power_kw is not first.fleet.power_kw
        assert all(view is before for view, before in zip(second.dispatches, first.dispatches, strict=True)) and first.dispatches
        port.picture = replace(port.picture, number=port.picture.number + 1)
        assert (await engine.snapshot()).fleet is second.fleet


async def test_the_first_snapshot_is_whole_and_later_ones_are_small(port: ScriptedPort, path: Path) -> None:
    assert port.picture is not None
    port.picture = replace(port.picture, fleet=pictures.fleet(20_000))
    later = next_of(port.picture, rows=200)
    whole, change = len(picture.packed(None, port.picture)), len(picture.packed(port.picture, later))
    assert whole > 1_000_000
    assert change < 10_000
    async with serving(port, path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        await caller.send(_look(1, 0))
        assert _head(await caller.read()).size == len(await caller.read()) == whole
        port.picture = later
        await caller.send(_look(2, later.number - 1))
        assert _head(await caller.read()).size == len(await caller.read()) == change
        await caller.send(_look(3, later.number))
        assert _head(await caller.read()).size == 0
        await caller.send(_look(4, 12_345))
        assert _head(await caller.read()).size == len(await caller.read()) > 1_000_000
        await caller.close()


def _look(number: int, base: int) -> bytes:
    return msgspec.msgpack.encode({"number": number, "method": "snapshot", "body": {"base": base}})


def _head(body: bytes) -> frames.SnapshotHead:
    answer = msgspec.msgpack.decode(body, type=frames.Answer)
    assert answer.kind == "snapshot", bytes(answer.body)
    return msgspec.msgpack.decode(answer.body, type=frames.SnapshotHead)


async def test_each_caller_sees_himself_as_the_user(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path), SocketClient(path) as engine:
        assert (await engine.snapshot()).engine.user == getpass.getuser()

    async def viewer(request: Request, origin: Origin) -> Reply:
        assert isinstance(request, Identity) and origin.way == "socket"
        return Accepted(request="identity", result=IdentityView(user=origin.user, role="viewer", may=(), denied={"stop": "operator"}))

    port.handler = viewer
    async with serving(port, path), SocketClient(path) as engine:
        seen = (await engine.snapshot()).engine
        assert (seen.user, seen.role) == (getpass.getuser(), "viewer")


async def test_callers_who_look_together_share_one_packing(port: ScriptedPort, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packings = []

    def counted(base: Snapshot | None, now: Snapshot) -> bytes:
        packings.append((base and base.number, now.number))
        return picture.packed(base, now)

    monkeypatch.setattr(shelf, "packed", counted)
    async with serving(port, path):
        callers = [SocketClient(path) for _ in range(5)]
        for caller in callers:
            await caller.__aenter__()
        first = await asyncio.gather(*(caller.snapshot() for caller in callers))
        assert port.picture is not None
        port.picture = next_of(port.picture)
        second = await asyncio.gather(*(caller.snapshot() for caller in callers))
        assert all(alike(one, port.picture) for one in second)
        assert packings == [(None, first[0].number), (first[0].number, second[0].number)]
        for caller in callers:
            await caller.__aexit__(None, None, None)


async def test_a_caller_who_was_away_for_long_gets_a_whole_snapshot(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path), SocketClient(path) as quick, SocketClient(path) as slow:
        await slow.snapshot()
        for _ in range(shelf.MOST_BASES + 1):
            assert port.picture is not None
            port.picture = next_of(port.picture)
            await quick.snapshot()
        assert port.picture is not None and alike(await slow.snapshot(), port.picture)


async def test_nothing_is_kept_when_nobody_looks_any_more(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path) as server, SocketClient(path) as teller:
        async with SocketClient(path) as engine:
            await engine.snapshot()
            assert len(server.shelf) == 1
        await until(lambda: server.callers == 1)
        assert len(server.shelf) == 0
        assert isinstance(await teller.request(Identity(), Origin(user="", way="cli")), Accepted)


async def test_a_second_look_before_the_first_was_answered_is_refused(port: ScriptedPort, path: Path) -> None:
    go_on = asyncio.Event()

    async def late(request: Request, origin: Origin) -> Reply:
        await go_on.wait()
        return Accepted(request="identity")

    port.handler = late
    async with serving(port, path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        await caller.send(_look(1, 0))
        await caller.send(_look(2, 0))
        assert b"a snapshot is on its way already" in await caller.read()
        go_on.set()
        assert _head(await caller.read()).size == len(await caller.read())
        await caller.close()


async def test_a_stalled_caller_never_holds_more_than_one_snapshot_and_gets_the_newest_after_it(port: ScriptedPort, path: Path) -> None:
    assert port.picture is not None
    port.picture = replace(port.picture, fleet=pictures.fleet(50_000))
    async with serving(port, path), SocketClient(path) as honest:
        stalled = await RawCaller.connect(path)
        await stalled.greet()
        await stalled.send(_look(1, 0))
        old = port.picture.number
        await until(lambda: port.looks == 1)
        for _ in range(5):
            port.picture = next_of(port.picture)
            assert alike(await honest.snapshot(), port.picture)
        head, body = _head(await stalled.read()), await stalled.read()
        assert head.size == len(body)
        assert picture.unpacked(body, head.engine, None).number == old
        await stalled.send(_look(2, old))
        head, body = _head(await stalled.read()), await stalled.read()
        assert b"fleet" in body and len(body) < 100_000
        await stalled.close()


async def test_a_caller_who_never_takes_his_snapshot_is_cut_off(port: ScriptedPort, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STALLED_S", 0.2)
    assert port.picture is not None
    port.picture = replace(port.picture, fleet=pictures.fleet(50_000))
    async with serving(port, path) as server, SocketClient(path) as honest:
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        stalled = RawCaller(reader, writer)
        await stalled.greet()
        await stalled.send(_look(1, 0))
        await until(lambda: server.callers == 1)
        assert alike(await honest.snapshot(), port.picture)
        await stalled.close()


async def test_who_waits_behind_stalled_callers_gets_the_newest_when_they_are_cut_off(
    port: ScriptedPort, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "STALLED_S", 0.2)
    monkeypatch.setattr(shelf, "WRITTEN_AT_ONCE", 1)
    assert port.picture is not None
    port.picture = replace(port.picture, fleet=pictures.fleet(50_000))
    async with serving(port, path), SocketClient(path) as honest:
        stalled = RawCaller(*await asyncio.open_unix_connection(path, limit=1024))
        await stalled.greet()
        await stalled.send(_look(1, 0))
        await until(lambda: port.looks == 1)
        waiting = asyncio.create_task(honest.snapshot())
        await honest.request(Identity(), Origin(user="", way="cli"))
        assert port.looks == 1, "not made for who can't be served yet: that would be an old one by then"
        port.picture = next_of(port.picture)
        assert alike(await asyncio.wait_for(waiting, 5), port.picture)
        await stalled.close()


async def test_an_engine_that_fails_to_make_a_snapshot_says_so_and_makes_the_next(
    port: ScriptedPort, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, port.picture = port.picture, None
    async with serving(port, path), SocketClient(path) as engine:
        with pytest.raises(EngineGoneError, match="failed to make a snapshot"):
            await engine.snapshot()
        assert "this test gave no snapshot" in caplog.text
        port.picture = good
        assert good is not None and alike(await engine.snapshot(), good)


async def test_an_engine_that_ends_is_said_to_who_looks(port: ScriptedPort, path: Path) -> None:
    async with serving(port, path), SocketClient(path) as engine:
        await port.go()
        with pytest.raises(EngineGoneError, match="the engine has ended"):
            await engine.snapshot()


@asynccontextmanager
async def pretending(path: Path, *answers: bytes) -> AsyncIterator[None]:
    """Another program's engine: greets rightly, then answers each call with these frames."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await frames.read_frame(reader, frames.LARGEST_CALL_BYTES)
        writer.write(frames.framed(frames.encode(frames.Hello(contract=CONTRACT_VERSION, version=program_version()))))
        while await frames.read_frame(reader, frames.LARGEST_CALL_BYTES) is not None:
            writer.write(b"".join(answers))
        await frames.hang_up(writer)
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_unix_server(talk, path)
    try:
        yield
    finally:
        server.close()
        await asyncio.wait_for(done.wait(), 5)


def _answered(body: bytes, size: int | None = None) -> bytes:
    head = frames.pack_snapshot_head(pictures.normal().engine, len(body) if size is None else size, 1)
    return frames.framed(head) + (frames.framed(body) if body else b"")


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1",
        msgspec.msgpack.encode({"number": 1}),
        picture.packed(None, pictures.normal())[:-5],
        picture.packed(pictures.normal(), next_of(pictures.normal())),
        b"\x91" * 100_000,
    ],
    ids=["not MessagePack", "another shape", "cut short", "a change of what nobody has", "nested without end"],
)
async def test_a_snapshot_that_can_not_be_read_is_refused_whole(body: bytes, path: Path) -> None:
    async with pretending(path, _answered(body)), SocketClient(path) as engine:
        with pytest.raises(ContractMismatchError, match="can't be read"):
            await engine.snapshot()
        assert not engine.gone


async def test_no_snapshot_for_who_has_none_is_refused(path: Path) -> None:
    async with pretending(path, _answered(b"")), SocketClient(path) as engine:
        with pytest.raises(ContractMismatchError, match="can't be read"):
            await engine.snapshot()


async def test_another_length_than_announced_ends_the_connection(path: Path) -> None:
    async with pretending(path, _answered(picture.packed(None, pictures.normal()), size=17)), SocketClient(path) as engine:
        with pytest.raises(EngineGoneError, match="a snapshot of 17 bytes was announced and did not come"):
            await engine.snapshot()
        assert engine.gone


_WHOLE = picture.packed(None, pictures.normal())


@settings(max_examples=120)
@given(st.lists(st.tuples(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, len(_WHOLE)))
def test_no_damage_to_a_snapshot_gets_further_than_its_decoder(hits: list[tuple[int, int]], length: int) -> None:
    body = bytearray(_WHOLE)
    for place, byte in hits:
        body[place] = byte
    for damaged in (bytes(body), bytes(body[:length])):
        try:
            told = picture.unpacked(damaged, pictures.normal().engine, None)
        except (PatchError, *frames.UNREADABLE):
            continue
        assert len(told.fleet.ids) == len(told.fleet.soc) == len(told.fleet.seen_ms)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_noise_is_no_snapshot(noise: bytes) -> None:
    with pytest.raises((PatchError, *frames.UNREADABLE)):
        picture.unpacked(noise, pictures.normal().engine, None)


def test_a_dispatch_that_was_never_told_is_refused() -> None:
    before = pictures.normal()
    body = picture.packed(before, next_of(before))
    with pytest.raises(PatchError, match="keeps a dispatch that was never told"):
        picture.unpacked(body, before.engine, replace(before, dispatches=()))


def test_a_picture_from_before_a_field_with_a_default_is_read() -> None:
    now = pictures.normal()
    parts = msgspec.msgpack.decode(picture.packed(None, now))
    for later in ("proposals", "approvals", "stop"):
        del parts["small"][later]
    shown = picture.unpacked(msgspec.msgpack.encode(parts), now.engine, None)
    assert (shown.proposals, shown.approvals, shown.stop, shown.number) == ((), (), None, now.number)
    del parts["small"]["summary"]
    with pytest.raises(msgspec.ValidationError, match="summary"):
        picture.unpacked(msgspec.msgpack.encode(parts), now.engine, None)


def test_every_field_of_a_snapshot_is_carried() -> None:
    made = pictures.normal()
    assert alike(picture.unpacked(picture.packed(None, made), made.engine, None), made)
