"""Requests and events over a real Unix socket."""
# ruff: noqa: ASYNC240  (a look at a file in a temporary folder holds nobody up here)

import asyncio
import fcntl
import getpass
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.attach.scripted_port import FIRST_ID, READY, TS, ScriptedPort, dispatch_event, until
from v2g_console.attach import client as client_module
from v2g_console.attach import frames, listening, session
from v2g_console.attach import server as server_module
from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import (
    ContractMismatchError,
    EngineAlreadyRunningError,
    EngineGoneError,
    EngineNotRunningError,
    SocketPathError,
)
from v2g_console.attach.peer import Peer, PeerNames
from v2g_console.attach.server import SocketServer
from v2g_console.attach.shelf import Shelf
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import DispatchCompleted, RequestAccepted
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.replies import Accepted, FleetPage, FleetRow, IdentityView, PlanView, Refusal, Refused, Reply, StatusView
from v2g_console.contract.requests import Cancel, Credentials, Dispatch, Fleet, Origin, Request, Status, Stop
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.contract.stop import StopView
from v2g_console.domain.states import DispatchState
from v2g_console.version import program_version

CLI = Origin(user="somebody else", way="cli")


@pytest.fixture
def path() -> Iterator[Path]:
    """A path short enough for a Unix socket wherever the tests keep their files."""
    with tempfile.TemporaryDirectory(prefix="v2g-") as folder:
        yield Path(folder) / "v2g-console.sock"


@asynccontextmanager
async def serving(port: ScriptedPort, path: Path, most_callers: int = 32) -> AsyncIterator[SocketServer]:
    server = SocketServer(port, path, most_callers=most_callers)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def a_dispatch_view() -> DispatchView:
    return DispatchView(
        dispatch_id=FIRST_ID,
        short_id="#018f",
        signal="aFRR_DOWN",
        state=DispatchState.ACTIVE,
        requested_kw=-120.0,
        left_out={"SOC_CEILING": 4},
    )


def a_status() -> StatusView:
    engine = EngineInfo(
        version="0.1.0", name="paris-nord", ready=True, started_ms=1_795_440_127_000, user="v2g", role="supervisor",
        read_only=False, demo=False, stopped=False,
    )  # fmt: skip
    fleet = FleetSummary(vehicles=200, soc_histogram=(0,) * 10)
    return StatusView(engine=engine, link=LinkHealth(), fleet=fleet, dispatches=(a_dispatch_view(),))


def a_fleet_page(up_kw: float = 3.7) -> FleetPage:
    row = FleetRow(
        vehicle_id="FR-ZOE:0042", site="depot-nord", segment="vans", state="idle", quality="fresh", soc=0.62, power_kw=None,
        up_kw=up_kw, down_kw=0.0, age_s=1.5,
    )  # fmt: skip
    return FleetPage(summary=FleetSummary(vehicles=1), total=1, rows=(row,))


def a_plan() -> PlanView:
    return PlanView(
        plan_id="p1", revision=3, signal="FCR", note="step, not frequency response", requested_kw=300.0, allocated_kw=280.0,
        shortfall_kw=20.0, vehicles=60, eligible=61, considered=200, up_kw=280.0, down_kw=300.0, allocator="smart", duration_s=30.0,
        sustain_s=930.0, left_out={"NOT_V2G": 139}, limits=(("NOT_V2G", 20.0),), without_lease_kw=80.0, without_lease_vehicles=9,
        soc_before=0.7, soc_after=0.66, soc_min_after=0.55, departures_at_risk=0,
        rebound_kw=12.0, preempts=(("#7f3a", 12.5),), warnings=("no site limits",), type_to_confirm=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        Accepted(request="dispatch", dispatch_id=FIRST_ID),
        Accepted(request="status", result=a_status()),
        Accepted(request="fleet", result=a_fleet_page()),
        Accepted(request="fleet", result=a_fleet_page(up_kw=float("inf"))),
        Accepted(request="dispatch", result=a_plan()),
        Accepted(request="dispatch", result=a_dispatch_view(), dispatch_id=FIRST_ID),
        Accepted(request="stop", result=StopView(dispatches=2, vehicles=120)),
        Refused(request="operate", reason=Refusal.PLAN_CHANGED, message="plan p1 has changed", hint="look again", plan=a_plan()),
    ],
    ids=lambda reply: f"{type(reply).__name__}-{type(getattr(reply, 'result', None)).__name__}",
)
async def test_replies_arrive_as_they_were_given(reply: Reply, path: Path) -> None:
    async def handle(request: Request, origin: Origin) -> Reply:
        return reply

    async with serving(ScriptedPort(handle), path), SocketClient(path) as engine:
        assert await engine.request(Status(), CLI) == reply


async def test_requests_arrive_as_they_were_made(path: Path) -> None:
    port = ScriptedPort()
    asked = Dispatch(signal="FCR", power_kw=50.0, duration_s=300.0, sites=("depot-nord",), external_ref="RTE-2026-11", dry_run=True)
    async with serving(port, path), SocketClient(path) as engine:
        await engine.request(asked, CLI)
        await engine.request(Stop(reason="storm"), CLI)
    assert [request for request, _ in port.requests] == [asked, Stop(reason="storm")]


async def test_the_kernel_says_who_asks_whatever_the_caller_claims(path: Path) -> None:
    port = ScriptedPort()
    mine = Credentials(uid=os.geteuid(), gids=(os.getegid(), *sorted(os.getgroups())))
    claimed = Credentials(uid=0, gids=(0, 27))
    async with serving(port, path), SocketClient(path) as engine:
        await engine.request(Status(), Origin(user="supervisor", way="cli", detail="trust me"))
        await engine.request(Status(), Origin(user="supervisor", way="signal\x1b[2J", credentials=claimed))
    assert [origin for _, origin in port.requests] == [
        Origin(user=getpass.getuser(), way="socket", detail=f"pid {os.getpid()}, cli", credentials=mine),
        Origin(user=getpass.getuser(), way="socket", detail=f"pid {os.getpid()}", credentials=mine),
    ]


async def test_events_are_carried_and_awaited(path: Path) -> None:
    port = ScriptedPort()
    completed = dispatch_event(DispatchCompleted)
    async with serving(port, path), SocketClient(path) as engine:
        reading = asyncio.create_task(engine.events(0, 30.0))
        await until(lambda: port.polls == 1)
        await port.emit(READY)
        first = await reading
        assert first.events == (READY,)
        await port.emit(completed)
        assert (await engine.events(first.next_number, 30.0)).events == (completed,)
        assert (await engine.events(2, 0.0)).events == ()


async def test_answers_of_somebody_elses_queries_stay_out_of_the_stream(path: Path) -> None:
    async def auditor(request: Request, origin: Origin) -> Reply:
        return Accepted(request="identity", result=IdentityView(user=origin.user, role="auditor", may=("identity", "journal")))

    port = ScriptedPort(auditor)
    event = RequestAccepted(ts=TS, request="status", by="marie", way="commands", result=msgspec.Raw(b'{"vehicles":200}'))
    async with serving(port, path), SocketClient(path) as engine:
        await port.emit(event)
        assert (await engine.events(0, 5.0)).events == (msgspec.structs.replace(event, result=None),)


async def test_a_long_poll_does_not_hold_up_a_stop(path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path), SocketClient(path) as engine:
        reading = asyncio.create_task(engine.events(0, 60.0))
        await until(lambda: port.polls == 1)
        assert await asyncio.wait_for(engine.request(Stop(), CLI), 5) == Accepted(request="stop")
        reading.cancel()
        await until(lambda: port.withdrawn_polls == 1)


async def test_a_caller_who_hangs_up_does_not_undo_his_request(path: Path) -> None:
    go_on, finished = asyncio.Event(), asyncio.Event()
    port = ScriptedPort()

    async def handle(request: Request, origin: Origin) -> Reply:
        await go_on.wait()
        finished.set()
        return Accepted(request="stop")

    port.handler = handle
    async with serving(port, path) as server:
        async with SocketClient(path) as engine:
            asking = asyncio.create_task(engine.request(Stop(), CLI))
            await until(lambda: bool(port.requests))
            asking.cancel()
        await until(lambda: server.callers == 0)
        go_on.set()
        await asyncio.wait_for(finished.wait(), 5)


async def test_closing_waits_for_requests_that_have_begun(path: Path) -> None:
    go_on = asyncio.Event()
    port = ScriptedPort()

    async def handle(request: Request, origin: Origin) -> Reply:
        await go_on.wait()
        return Accepted(request="stop")

    port.handler = handle
    server = SocketServer(port, path)
    await server.start()
    async with SocketClient(path) as engine:
        asking = asyncio.create_task(engine.request(Stop(), CLI))
        await until(lambda: bool(port.requests))
        closing = asyncio.create_task(server.close())
        await until(lambda: not path.exists())
        go_on.set()
        assert await asyncio.wait_for(asking, 5) == Accepted(request="stop")
        await closing


async def test_nobody_listening_is_named_with_its_path(path: Path) -> None:
    with pytest.raises(EngineNotRunningError, match=r"no engine is running at .*v2g-console\.sock: start one"):
        async with SocketClient(path):
            pass


async def test_waiting_callers_and_later_ones_learn_that_the_engine_is_gone(path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path) as server, SocketClient(path) as engine:
        reading = asyncio.create_task(engine.events(0, 60.0))
        await until(lambda: port.polls == 1)
        await server.close()
        with pytest.raises(EngineGoneError, match="has gone"):
            await asyncio.wait_for(reading, 5)
        with pytest.raises(EngineGoneError):
            await engine.request(Status(), CLI)


async def test_an_engine_that_ends_behind_the_socket_is_a_connection_error(path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path), SocketClient(path) as engine:
        await port.go()
        with pytest.raises(ConnectionError, match="the engine has ended"):
            await engine.request(Status(), CLI)
        with pytest.raises(ConnectionError, match="the engine has ended"):
            await engine.events(0, 1.0)


async def test_a_failure_inside_the_engine_is_a_refusal_and_the_connection_lives_on(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = ScriptedPort()

    async def handle(request: Request, origin: Origin) -> Reply:
        raise ZeroDivisionError

    port.handler = handle
    async with serving(port, path), SocketClient(path) as engine:
        reply = await engine.request(Cancel(dispatch_id="d1"), CLI)
        assert isinstance(reply, Refused)
        assert (reply.request, reply.reason) == ("cancel", Refusal.INTERNAL)
        assert "ZeroDivisionError" in caplog.text
        port.handler = None
        assert isinstance(await engine.request(Status(), CLI), Accepted)


async def test_an_answer_that_does_not_fit_the_contract_is_a_connection_error(path: Path) -> None:
    async def handle(request: Request, origin: Origin) -> Reply:
        return Accepted(request="stop", result=StopView(dispatches=2, vehicles=1.5))  # type: ignore[arg-type]  # a fault to be found

    async with serving(ScriptedPort(handle), path), SocketClient(path) as engine:
        with pytest.raises(ContractMismatchError, match=r"can't be read .*vehicles"):
            await engine.request(Stop(), CLI)


async def test_only_owner_and_group_may_use_the_socket(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


async def test_the_socket_of_a_dead_engine_is_replaced(path: Path) -> None:
    killed = "import os,socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); os._exit(9)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", killed, str(path), stderr=subprocess.DEVNULL)
    assert await process.wait() == 9
    assert path.exists()
    with pytest.raises(EngineNotRunningError):
        async with SocketClient(path):
            pass
    async with serving(ScriptedPort(), path), SocketClient(path) as engine:
        assert isinstance(await engine.request(Status(), CLI), Accepted)


async def test_a_live_engine_is_left_alone(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        with pytest.raises(EngineAlreadyRunningError, match=r"an engine is already running at .*v2g-console\.sock"):
            await SocketServer(ScriptedPort(), path).start()
        async with SocketClient(path) as engine:
            assert isinstance(await engine.request(Status(), CLI), Accepted)


async def test_of_two_engines_that_start_at_once_one_wins(path: Path) -> None:
    servers = [SocketServer(ScriptedPort(), path) for _ in range(4)]
    outcomes = await asyncio.gather(*(server.start() for server in servers), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EngineAlreadyRunningError"] * 3 + ["NoneType"]
    async with SocketClient(path) as engine:
        assert isinstance(await engine.request(Status(), CLI), Accepted)
    for server in servers:
        await server.close()


async def test_a_start_waits_for_the_lock_of_another_start_and_says_what_holds_it_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_LOCK_WAIT_S", 0.05)
    other = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(SocketPathError, match="is locked by another process"):
        await SocketServer(ScriptedPort(), path).start()
    os.close(other)
    async with serving(ScriptedPort(), path):
        assert path.exists()


async def test_a_file_in_the_way_is_not_removed(path: Path) -> None:
    path.write_text("minutes of the meeting")
    with pytest.raises(SocketPathError, match="exists and is no socket"):
        await SocketServer(ScriptedPort(), path).start()
    assert path.read_text() == "minutes of the meeting"


async def test_a_file_that_replaced_the_socket_is_not_removed_at_the_end(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        path.unlink()
        path.write_text("ours")
    assert path.read_text() == "ours"


async def test_callers_above_the_limit_are_told_why(path: Path) -> None:
    async with serving(ScriptedPort(), path, most_callers=1) as server, SocketClient(path):
        with pytest.raises(EngineGoneError, match="1 callers are connected already"):
            async with SocketClient(path):
                pass
        assert server.callers == 1


async def test_calls_above_the_limit_of_a_caller_are_refused_as_busy(path: Path) -> None:
    go_on = asyncio.Event()
    port = ScriptedPort()

    async def handle(request: Request, origin: Origin) -> Reply:
        await go_on.wait()
        return Accepted(request="status")

    port.handler = handle
    async with serving(port, path), SocketClient(path) as engine:
        asking = [asyncio.create_task(engine.request(Status(), CLI)) for _ in range(session.IN_FLIGHT_PER_CALLER)]
        await until(lambda: len(port.requests) == session.IN_FLIGHT_PER_CALLER)
        one_more = await asyncio.wait_for(engine.request(Status(), CLI), 5)
        assert isinstance(one_more, Refused)
        assert one_more.reason is Refusal.BUSY
        go_on.set()
        assert all(isinstance(reply, Accepted) for reply in await asyncio.gather(*asking))


async def test_a_request_above_the_size_limit_is_refused_before_it_is_sent(path: Path) -> None:
    async with serving(ScriptedPort(), path), SocketClient(path) as engine:
        reply = await engine.request(Stop(reason="x" * frames.LARGEST_CALL_BYTES), CLI)
        assert isinstance(reply, Refused)
        assert reply.reason is Refusal.LIMIT
        assert isinstance(await engine.request(Status(), CLI), Accepted)


class RawCaller:
    """A caller who writes what he likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, path: Path) -> "RawCaller":
        return cls(*await asyncio.open_unix_connection(path))

    async def greet(self) -> None:
        await self.send(frames.encode(frames.Hello(contract=CONTRACT_VERSION, version=program_version())))
        assert b"hello" in await self.read()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def send(self, body: bytes) -> None:
        self.writer.write(frames.framed(body))
        await self.writer.drain()

    async def read(self) -> bytes:
        body = await asyncio.wait_for(frames.read_frame(self.reader, frames.LARGEST_ANSWER_BYTES), 5)
        return b"" if body is None else body


HOSTILE_FRAMES = {
    "not MessagePack": b"\xc1\xc1\xc1",
    "empty": b"",
    "not a call": msgspec.msgpack.encode(["dispatch", 1]),
    "unknown method": msgspec.msgpack.encode({"number": 1, "method": "eval", "body": "1"}),
    "number as text": msgspec.msgpack.encode({"number": "1", "method": "request", "body": {}}),
    "a wait of text": msgspec.msgpack.encode({"number": 1, "method": "events", "body": {"after": 0, "wait_s": "for ever"}}),
    "nested without end": b"\x91" * 500_000,
    "a body nested without end": b"\x83\xa6number\x01\xa6method\xa7request\xa4body" + b"\x91" * 500_000 + b"\xc0",
}


@pytest.mark.parametrize("body", HOSTILE_FRAMES.values(), ids=HOSTILE_FRAMES.keys())
async def test_a_hostile_frame_costs_its_sender_the_connection_and_nobody_else(body: bytes, path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path), SocketClient(path) as honest:
        caller = await RawCaller.connect(path)
        await caller.greet()
        await caller.send(body)
        assert b"farewell" in await caller.read()
        assert await caller.read() == b""
        await caller.close()
        assert isinstance(await honest.request(Status(), CLI), Accepted)


async def test_a_length_above_the_limit_is_refused_before_any_byte_of_it_is_read(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        caller.writer.write((frames.LARGEST_CALL_BYTES + 1).to_bytes(4, "big"))
        assert b"at most 1048576 are taken" in await caller.read()
        await caller.close()


async def test_a_malformed_request_is_answered_and_the_connection_lives_on(path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        request = {"request": "dispatch", "signal": "FCR", "power_kw": "lots", "duration_s": 30}
        origin = {"user": "u", "way": "cli"}
        await caller.send(msgspec.msgpack.encode({"number": 7, "method": "request", "body": {"request": request, "origin": origin}}))
        answer = msgspec.msgpack.decode(await caller.read(), type=frames.Answer)
        assert (answer.number, answer.kind) == (7, "fault")
        assert b"power_kw" in bytes(answer.body)
        request["power_kw"] = 30.0
        await caller.send(msgspec.msgpack.encode({"number": 8, "method": "request", "body": {"request": request, "origin": origin}}))
        assert msgspec.msgpack.decode(await caller.read(), type=frames.Answer).kind == "accepted"
        assert len(port.requests) == 1
        await caller.close()


async def test_text_that_is_no_utf_8_is_answered_like_anything_malformed(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        call = msgspec.msgpack.encode(
            {"number": 7, "method": "request", "body": {"request": {"request": "status"}, "origin": {"user": "###", "way": "cli"}}}
        )
        await caller.send(call.replace(b"###", b"\xff\xfe\xfd"))
        assert b"not a request" in await caller.read()
        await caller.send(call)
        assert msgspec.msgpack.decode(await caller.read(), type=frames.Answer).kind == "accepted"
        await caller.close()


async def test_a_hello_that_is_no_utf_8_is_told_so(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        caller = await RawCaller.connect(path)
        await caller.send(frames.encode(frames.Hello(contract=CONTRACT_VERSION, version="#")).replace(b"#", b"\xff"))
        assert b"farewell" in await caller.read()
        await caller.close()


async def test_two_calls_with_one_number_break_the_connection(path: Path) -> None:
    port = ScriptedPort()
    async with serving(port, path):
        caller = await RawCaller.connect(path)
        await caller.greet()
        poll = msgspec.msgpack.encode({"number": 1, "method": "events", "body": {"after": 0, "wait_s": 60.0}})
        await caller.send(poll)
        await until(lambda: port.polls == 1)
        await caller.send(poll)
        assert b"call number 1 is in use" in await caller.read()
        await caller.close()
        await until(lambda: port.withdrawn_polls == 1)


async def test_a_caller_of_another_contract_is_told_both_versions(path: Path) -> None:
    async with serving(ScriptedPort(), path):
        caller = await RawCaller.connect(path)
        await caller.send(frames.encode(frames.Hello(contract=CONTRACT_VERSION + 1, version="9.0.0")))
        farewell = msgspec.msgpack.decode(await caller.read(), type=frames.Farewell)
        assert f"speaks contract {CONTRACT_VERSION}" in farewell.message
        assert f"version 9.0.0 and speaks contract {CONTRACT_VERSION + 1}" in farewell.message
        await caller.close()


async def test_a_caller_who_never_says_hello_is_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HELLO_S", 0.02)
    async with serving(ScriptedPort(), path) as server:
        caller = await RawCaller.connect(path)
        assert await caller.read() == b""
        await until(lambda: server.callers == 0)
        await caller.close()


@asynccontextmanager
async def answering(path: Path, answer: bytes) -> AsyncIterator[None]:
    """Somebody else's server."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_unix_server(talk, path)
    try:
        yield
    finally:
        server.close()
        await asyncio.wait_for(done.wait(), 5)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frames.framed(b"220 mail ready")], ids=["http", "framed text"])
async def test_what_is_no_engine_is_recognised(answer: bytes, path: Path) -> None:
    async with answering(path, answer):
        with pytest.raises(ContractMismatchError, match="is no v2g-console engine"):
            async with SocketClient(path):
                pass


async def test_an_engine_of_another_contract_is_refused_by_the_caller(path: Path) -> None:
    hello = frames.framed(frames.encode(frames.Hello(contract=CONTRACT_VERSION + 1, version="9.0.0")))
    async with answering(path, hello):
        with pytest.raises(ContractMismatchError, match=r"version 9\.0\.0\) speaks contract"):
            async with SocketClient(path):
                pass


async def test_an_engine_that_hangs_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "HELLO_S", 0.02)
    async with answering(path, b""):
        with pytest.raises(EngineGoneError, match="does not answer within"):
            async with SocketClient(path):
                pass


async def test_a_caller_who_does_not_read_is_cut_off_and_delays_nobody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STALLED_S", 0.2)
    large = FleetPage(summary=FleetSummary(), total=20_000, rows=a_fleet_page().rows * 20_000)
    port = ScriptedPort()

    async def handle(request: Request, origin: Origin) -> Reply:
        return Accepted(request="fleet", result=large) if isinstance(request, Fleet) else Accepted(request="status")

    port.handler = handle
    async with serving(port, path) as server, SocketClient(path) as honest:
        with socket.socket(socket.AF_UNIX) as stalled:
            stalled.connect(str(path))
            stalled.sendall(frames.framed(frames.encode(frames.Hello(contract=CONTRACT_VERSION, version="0"))))
            body = frames.RequestBody(request=Fleet(), origin=CLI)
            call = frames.encode(frames.Call(number=1, method="request", body=msgspec.Raw(frames.encode(body))))
            stalled.sendall(frames.framed(call))
            await until(lambda: len(port.requests) == 1)
            assert isinstance(await honest.request(Status(), CLI), Accepted)
            assert server.callers == 2
            await until(lambda: server.callers == 1)
            assert isinstance(await honest.request(Status(), CLI), Accepted)


class Sink:
    """The writing end of a connection to nowhere."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        """Never full."""

    def is_closing(self) -> bool:
        return False


HELLO_FRAME = frames.framed(frames.encode(frames.Hello(contract=CONTRACT_VERSION, version="0")))
_method = st.sampled_from(["request", "events", "snapshot", "withdraw", "eval"])
_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["request", "origin", "base", "after", "wait_s", "x"]), inner)
    ),
    max_leaves=6,
)
_call = st.fixed_dictionaries({"number": st.integers(0, 3), "method": _method, "body": _value}).map(msgspec.msgpack.encode)


@given(st.booleans(), st.lists(_call | st.binary(max_size=60), max_size=6), st.binary(max_size=6))
def test_no_bytes_from_a_caller_raise_in_the_engine(greets: bool, bodies: list[bytes], rest: bytes) -> None:
    async def serve() -> bytes:
        reader, sink = asyncio.StreamReader(), Sink()
        reader.feed_data((HELLO_FRAME if greets else b"") + b"".join(map(frames.framed, bodies)) + rest)
        reader.feed_eof()
        port, requests = ScriptedPort(), set[asyncio.Task[None]]()
        peer = Peer(pid=1, credentials=Credentials(uid=1000, gids=(1000,)))
        writer: asyncio.StreamWriter = sink  # type: ignore[assignment]  # the part of one that a session uses
        served = session.Session(
            port, reader, writer, peer=peer, names=PeerNames(), shelf=Shelf(port), instance="i", requests=requests, most_requests=64
        )
        await served.run()
        await asyncio.gather(*requests)
        return sink.written

    written = asyncio.run(serve())
    assert not greets or written.startswith(b"\0\0")


async def test_a_socket_file_that_somebody_removes_is_made_again_and_those_attached_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "LOOK_EVERY_S", 0.01)
    async with serving(ScriptedPort(), path), SocketClient(path) as before:
        path.unlink()
        await until(path.exists)
        async with SocketClient(path) as after:
            assert isinstance(await after.request(Status(), CLI), Accepted)
        assert isinstance(await before.request(Status(), CLI), Accepted)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


async def test_what_somebody_puts_in_the_place_of_the_socket_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LOOK_EVERY_S", 0.01)
    async with serving(ScriptedPort(), path):
        path.unlink()
        path.write_text("mine")
        await asyncio.sleep(0.05)
    assert path.read_text() == "mine"
