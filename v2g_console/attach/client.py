"""The way to an engine in another process."""

import asyncio
import itertools
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from v2g_console.attach import frames
from v2g_console.attach.errors import (
    SAME_VERSION,
    ContractMismatchError,
    EngineGoneError,
    EngineNotRunningError,
    SocketDeniedError,
    SocketPathError,
)
from v2g_console.attach.fleet_patch import PatchError
from v2g_console.attach.frames import Answer, Call, EventsBody, Farewell, Fault, Hello, Method, RequestBody, SnapshotBody, SnapshotHead
from v2g_console.attach.ownership import whose
from v2g_console.attach.paths import check_before_connecting
from v2g_console.attach.picture import unpacked
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Refusal, Refused, Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot
from v2g_console.version import program_version

HELLO_S: Final = 5.0

T = TypeVar("T")


class SocketClient:
    """An EnginePort over the socket at `path`. The first snapshot comes whole, then only what changed; what did not is the same object.

    `async with SocketClient(path) as engine:` raises EngineNotRunningError, SocketDeniedError, SocketPathError or ContractMismatchError,
    all of them ConnectionErrors; later calls raise EngineGoneError once the engine has gone. The engine takes the user from the kernel,
    not from the origin given here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine_version = ""
        self.instance = ""
        """another one after each start of an engine"""
        self._held: Snapshot | None = None
        self._looking = asyncio.Lock()
        self._picture = b""  # of the snapshot that came in last, until it is unpacked
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._gone = "not connected"

    async def __aenter__(self) -> Self:
        check_before_connecting(self.path)
        try:
            reader, writer = await asyncio.open_unix_connection(self.path)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise EngineNotRunningError(self.path) from None
        except PermissionError:
            raise SocketDeniedError(self.path, await asyncio.to_thread(whose, self.path)) from None
        except OSError as error:
            raise SocketPathError(f"can't use the socket {self.path}: {error.strerror or error}") from error
        self._writer = writer
        try:
            hello = await self._greet(reader, writer)
        except BaseException:
            await frames.hang_up(writer)
            raise
        self.engine_version, self.instance, self._gone = hello.version, hello.instance, ""
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            await frames.hang_up(self._writer)
        self._gone = "the connection to the engine was closed"

    @property
    def gone(self) -> str:
        """Why calls fail; "" while connected."""
        return self._gone

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Ask for something. A caller who is cancelled gives up waiting; the engine goes on."""
        body = RequestBody(request=request, origin=origin)
        answer = await self._call("request", frames.encode(body))
        if answer.kind == "accepted":
            try:
                return frames.unpack_accepted(answer.body)
            except frames.UNREADABLE as error:
                raise self._unreadable(error) from None
        if answer.kind == "refused":
            return self._decoded(answer.body, Refused)
        fault = self._fault(answer)
        if fault.code == "gone":
            raise EngineGoneError(fault.message)
        reason = Refusal.BUSY if fault.code == "busy" else Refusal.LIMIT if fault.code == "too_large" else Refusal.INVALID
        return Refused(request=str(type(request).__struct_config__.tag), reason=reason, message=fault.message)

    async def snapshot(self) -> Snapshot:
        """The newest picture; its arrays are read-only. Raises ContractMismatchError if it can't be read; the next one comes whole."""
        async with self._looking:
            answer = await self._call("snapshot", frames.encode(SnapshotBody(base=0 if self._held is None else self._held.number)))
            if answer.kind != "snapshot":
                raise EngineGoneError(self._fault(answer).message)
            picture, self._picture = self._picture, b""
            if not picture and self._held is not None:
                return self._held
            held, self._held = self._held, None
            try:
                self._held = unpacked(picture, self._decoded(answer.body, SnapshotHead).engine, held)
            except (PatchError, *frames.UNREADABLE) as error:
                raise self._unreadable(error) from None
            return self._held

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`; waits up to `wait_s` seconds (the engine allows 60) for the first."""
        answer = await self._call("events", frames.encode(EventsBody(after=after, wait_s=wait_s)))
        if answer.kind != "events":
            raise EngineGoneError(self._fault(answer).message)
        return self._decoded(answer.body, EventBatch)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Hello:
        """The engine's hello; raises ContractMismatchError."""
        writer.write(frames.framed(frames.encode(Hello(contract=CONTRACT_VERSION, version=program_version()))))
        try:
            body = await asyncio.wait_for(frames.read_frame(reader, frames.LARGEST_CALL_BYTES), HELLO_S)
        except TimeoutError:
            raise EngineGoneError(
                f"the engine at {self.path} does not answer within {HELLO_S:g} s, so nothing was asked of it: it hangs, or its machine is "
                "overloaded; try again, or end its process and start it again"
            ) from None
        except frames.FrameError:
            body = b""
        if body is None:
            raise EngineGoneError(f"the engine at {self.path} hung up")
        try:
            first: Hello | Farewell = msgspec.msgpack.decode(body, type=Hello | Farewell)
        except frames.UNREADABLE:
            raise ContractMismatchError(f"what listens at {self.path} is no v2g-console engine") from None
        if isinstance(first, Farewell) and first.contract == CONTRACT_VERSION:
            raise EngineGoneError(f"the engine at {self.path} refused the connection: {first.message}")
        if isinstance(first, Farewell):
            raise ContractMismatchError(first.message, _differ(first))
        if first.contract != CONTRACT_VERSION:
            raise ContractMismatchError(
                f"the engine at {self.path} (version {first.version[:40]}) speaks contract {first.contract}, "
                f"this program (version {program_version()}) contract {CONTRACT_VERSION}: {SAME_VERSION}",
                _differ(first),
            )
        return first

    async def _call(self, method: Method, body: bytes) -> Answer:
        if self._gone or self._writer is None:
            raise EngineGoneError(self._gone)
        number = next(self._numbers)
        packed = frames.encode(Call(number=number, method=method, body=msgspec.Raw(body)))
        if len(packed) > frames.LARGEST_CALL_BYTES:
            message = f"the request has {len(packed)} bytes; at most {frames.LARGEST_CALL_BYTES} are taken"
            return frames.fault_answer("too_large", message, number)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(frames.framed(packed))
            await self._writer.drain()
            return await answer
        except asyncio.CancelledError:
            self._withdraw(number)
            raise
        except (ConnectionResetError, BrokenPipeError):
            raise EngineGoneError(f"the engine at {self.path} has gone") from None
        finally:
            self._waiting.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # if the engine went while the caller left, nobody else will look at it

    def _withdraw(self, number: int) -> None:
        """Tell the engine that nobody waits for a long poll any more. It ignores this for requests."""
        if self._writer is not None and not self._writer.is_closing():
            body = msgspec.Raw(frames.encode(number))
            self._writer.write(frames.framed(frames.encode(Call(number=number, method="withdraw", body=body))))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand each answer to its call until the connection ends; then every call that waits fails."""
        why = f"the engine at {self.path} has gone"
        try:
            while (body := await frames.read_frame(reader, frames.LARGEST_ANSWER_BYTES)) is not None:
                frame: Answer | Farewell = msgspec.msgpack.decode(body, type=Answer | Farewell)
                if isinstance(frame, Farewell):
                    why = f"the engine ended the connection: {frame.message}"
                    break
                if frame.kind == "snapshot":
                    self._picture = await self._read_picture(reader, frame)
                waiting = self._waiting.get(frame.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame)
        except (frames.FrameError, *frames.UNREADABLE) as error:
            why = f"the engine at {self.path} sent what can't be read: {error}"
        finally:
            self._gone = why
            self._held = None
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(EngineGoneError(why))

    async def _read_picture(self, reader: asyncio.StreamReader, answer: Answer) -> bytes:
        """The frame that follows the head of a snapshot; raises FrameError if it is not as long as the head says."""
        head = msgspec.msgpack.decode(answer.body, type=SnapshotHead)
        if not head.size:
            return b""
        picture = await frames.read_frame(reader, frames.LARGEST_PICTURE_BYTES)
        if picture is None or len(picture) != head.size:
            raise frames.FrameError(f"a snapshot of {head.size} bytes was announced and did not come")
        return picture

    def _fault(self, answer: Answer) -> Fault:
        return self._decoded(answer.body, Fault)

    def _decoded(self, body: msgspec.Raw, kind: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except frames.UNREADABLE as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> ContractMismatchError:
        """The hello was right, yet an answer has another shape: both ends call themselves the same and are not."""
        engine, here = self.engine_version[:40], program_version()
        return ContractMismatchError(
            f"the engine's answer can't be read ({error}): the engine (version {engine}) and this program (version {here}) differ: "
            f"{SAME_VERSION}",
            f"engine {engine}, console {here}: restart the older one",
        )


def _differ(engine: Hello | Farewell) -> str:
    """Both versions in a few words, and which one to restart: the older."""
    older = "engine" if engine.contract < CONTRACT_VERSION else "console"
    there, here = f"engine {engine.version[:20]} (contract {engine.contract})", f"console {program_version()} (contract {CONTRACT_VERSION})"
    return f"{there}, {here}: restart the {older}"
