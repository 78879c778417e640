"""One caller on the socket, from hello to the end: reads calls, runs them on the engine, writes the answers."""

import asyncio
import itertools
import logging
from typing import Final

import msgspec

from v2g_console.attach import frames
from v2g_console.attach.errors import SAME_VERSION
from v2g_console.attach.frames import Call, EventsBody, Farewell, FaultCode, Hello, RequestBody, SnapshotBody
from v2g_console.attach.peer import Peer, PeerNames
from v2g_console.attach.shelf import Shelf
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import EventBatch
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, IdentityView, Refusal, Refused, Reply
from v2g_console.contract.requests import Identity, Origin
from v2g_console.contract.seeing import holds_record, seen_by
from v2g_console.contract.snapshot import EngineInfo
from v2g_console.domain.roles import Role
from v2g_console.version import program_version

IN_FLIGHT_PER_CALLER: Final = 16
HELLO_S: Final = 5.0
STALLED_S: Final = 10.0
"""A caller who has not taken an answer by then is cut off."""
LONGEST_POLL_S: Final = 60.0
_CONSOLE: Final = Origin(user="", way="console")
_WAYS: Final = frozenset({"cli", "console", "commands"})

_log = logging.getLogger(__name__)


class Session:
    """A connection. Bounded: so many calls at once, one answer being written at a time.

    `requests` is the server's set of running requests: they outlive a caller who hangs up, and `most_requests` bounds them over all
    callers.
    """

    def __init__(
        self,
        port: EnginePort,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        peer: Peer,
        names: PeerNames,
        shelf: Shelf,
        instance: str,
        requests: set[asyncio.Task[None]],
        most_requests: int,
    ) -> None:
        self._port = port
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._names = names
        self._shelf = shelf
        self._instance = instance
        self._requests = requests
        self._most_requests = most_requests
        self._calls: set[asyncio.Task[None]] = set()
        self._polls: dict[int, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    @property
    def _user(self) -> str:
        """By name, as far as it is known by now."""
        return self._names.known(self._peer.credentials.uid)

    async def run(self) -> None:
        """Serve until the caller hangs up or breaks the rules. Requests that have begun go on, long polls end."""
        try:
            if await self._greet():
                await self._serve()
        except (frames.FrameError, *frames.UNREADABLE) as error:
            await self._say_farewell(str(error))
        finally:
            for poll in self._polls.values():
                poll.cancel()
            if self._looking is not None:
                self._looking.cancel()
                _log.info("a console has left (%s, pid %d)", self._user, self._peer.pid)
            self._shelf.leave(self)

    async def _greet(self) -> bool:
        try:
            body = await asyncio.wait_for(frames.read_frame(self._reader, frames.LARGEST_CALL_BYTES), HELLO_S)
        except TimeoutError:
            return False
        if body is None:
            return False
        hello = msgspec.msgpack.decode(body, type=Hello)
        if hello.contract != CONTRACT_VERSION:
            await self._say_farewell(
                f"the engine is version {program_version()} and speaks contract {CONTRACT_VERSION}, "
                f"this program is version {hello.version[:40]} and speaks contract {hello.contract}: {SAME_VERSION}"
            )
            return False
        await self._send(frames.encode(Hello(contract=CONTRACT_VERSION, version=program_version(), instance=self._instance)))
        return True

    async def _serve(self) -> None:
        while (body := await frames.read_frame(self._reader, frames.LARGEST_CALL_BYTES)) is not None:
            await self._take(msgspec.msgpack.decode(body, type=Call))

    async def _take(self, call: Call) -> None:
        if call.method == "withdraw":
            poll = self._polls.get(msgspec.msgpack.decode(call.body, type=int))
            if poll is not None:
                poll.cancel()
        elif len(self._calls) >= IN_FLIGHT_PER_CALLER or len(self._requests) >= self._most_requests:
            await self._fault(call.number, "busy", "too many calls are under way: wait for their answers")
        elif call.number in self._polls:
            raise frames.FrameError(f"call number {call.number} is in use")
        elif call.method == "events":
            self._begin_poll(call)
        elif call.method == "snapshot":
            await self._begin_look(call)
        else:
            self._begin_request(call)

    def _begin_poll(self, call: Call) -> None:
        body = msgspec.msgpack.decode(call.body, type=EventsBody)
        task = asyncio.get_running_loop().create_task(self._poll(call.number, body))
        self._polls[call.number] = task
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        task.add_done_callback(lambda _: self._polls.pop(call.number) if self._polls.get(call.number) is task else None)

    async def _begin_look(self, call: Call) -> None:
        """One look at a time: who reads slowly asks less often, and always gets the newest."""
        body = msgspec.msgpack.decode(call.body, type=SnapshotBody)
        if self._looking is not None and not self._looking.done():
            await self._fault(call.number, "busy", "a snapshot is on its way already: read it first")
            return
        if self._looking is None:
            _log.info("a console is attached (%s, pid %d)", self._user, self._peer.pid)
        self._shelf.join(self)
        self._looking = asyncio.get_running_loop().create_task(self._look(call.number, body.base))

    def _begin_request(self, call: Call) -> None:
        task = asyncio.get_running_loop().create_task(self._request(call))
        self._calls.add(task)
        self._requests.add(task)
        task.add_done_callback(self._calls.discard)
        task.add_done_callback(self._requests.discard)

    async def _poll(self, number: int, body: EventsBody) -> None:
        try:
            batch = await self._for_caller(await self._port.events(body.after, min(max(body.wait_s, 0.0), LONGEST_POLL_S)))
        except ConnectionError as error:
            await self._fault(number, "gone", str(error))
            return
        self._polls.pop(number, None)  # from here on it can't be withdrawn: half a frame would end the connection
        await self._send(frames.pack_events(batch, number))

    async def _for_caller(self, batch: EventBatch) -> EventBatch:
        """The events that the caller may see. A number is a number: what he may not see is not counted as dropped."""
        if not holds_record(batch.events):
            return batch
        caller = await self._identity() or IdentityView(user=self._user, role=Role.VIEWER.value, may=(), denied={})
        return msgspec.structs.replace(batch, events=seen_by(batch.events, caller))

    async def _identity(self) -> IdentityView | None:
        """Who the engine takes the caller for, asked each time, since rights may change; None if it does not say."""
        reply = await self._port.request(Identity(), self._origin(_CONSOLE))
        return reply.result if isinstance(reply, Accepted) and isinstance(reply.result, IdentityView) else None

    async def _look(self, number: int, base: int) -> None:
        async with self._shelf.turn:
            try:
                engine, picture = await self._shelf.newest(base)
                head = frames.pack_snapshot_head(await self._seen_by_caller(engine), len(picture), number)
            except ConnectionError as error:
                await self._fault(number, "gone", str(error))
                return
            except Exception:
                _log.exception("a snapshot for a caller on the socket failed")
                await self._fault(number, "failed", "the engine failed to make a snapshot: see its log")
                return
            await (self._send(head, picture) if picture else self._send(head))

    async def _seen_by_caller(self, engine: EngineInfo) -> EngineInfo:
        """`engine` with the caller's own user, role and rights."""
        caller = await self._identity()
        return caller.seeing(engine) if caller is not None else msgspec.structs.replace(engine, user=self._user)

    async def _request(self, call: Call) -> None:
        try:
            body = msgspec.msgpack.decode(call.body, type=RequestBody)
        except frames.UNREADABLE as error:
            await self._fault(call.number, "malformed", f"not a request: {error}"[:500])
            return
        try:
            reply = await self._port.request(body.request, self._origin(body.origin))
        except ConnectionError as error:
            await self._fault(call.number, "gone", str(error))
            return
        except Exception:
            _log.exception("a request from the socket failed in the engine")
            reply = _internal(body)
        packed = frames.pack_reply(reply, call.number)
        if len(packed) > frames.LARGEST_ANSWER_BYTES:
            await self._fault(call.number, "too_large", f"the answer has {len(packed)} bytes: ask with a smaller limit")
            return
        await self._send(packed)

    def _origin(self, claimed: Origin) -> Origin:
        """Who asks, as the kernel says; the way that the caller claims is kept as a remark only."""
        remark = f", {claimed.way}" if claimed.way in _WAYS else ""
        return Origin(user=self._user, way="socket", detail=f"pid {self._peer.pid}{remark}", credentials=self._peer.credentials)

    async def _fault(self, number: int, code: FaultCode, message: str) -> None:
        await self._send(frames.encode(frames.fault_answer(code, message, number)))

    async def _say_farewell(self, message: str) -> None:
        await self._send(frames.encode(Farewell(message=message, contract=CONTRACT_VERSION, version=program_version())))

    async def _send(self, *bodies: bytes) -> None:
        """Write frames, one behind the other; cut the caller off if he does not read. Does nothing once the connection is gone."""
        async with self._writing:
            try:
                async with asyncio.timeout(STALLED_S):
                    for piece in itertools.chain.from_iterable(map(frames.in_pieces, bodies)):
                        if self._writer.is_closing():
                            return
                        self._writer.write(piece)
                        await self._writer.drain()
            except TimeoutError:
                _log.warning("a caller on the socket does not read its answers and is cut off (pid %d, %s)", self._peer.pid, self._user)
                self._writer.transport.abort()
            except ConnectionError:
                self._writer.close()


def _internal(body: RequestBody) -> Reply:
    kind = type(body.request).__struct_config__.tag
    return Refused(request=str(kind), reason=Refusal.INTERNAL, message="the engine failed to handle this", hint="see the engine's log")
