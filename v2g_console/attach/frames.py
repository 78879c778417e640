"""What goes over the socket: MessagePack in frames with a length in front, a hello both ways, then numbered calls and answers.

MessagePack and not JSON: a number that is not finite must not make an answer unreadable.
"""

import asyncio
import struct
from collections.abc import Iterator
from typing import Final, Literal, get_args

import msgspec

from v2g_console.attach.errors import ContractMismatchError
from v2g_console.contract.events import Event, EventBatch, RequestAccepted
from v2g_console.contract.replies import Accepted, Refused, Reply, Result
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import EngineInfo

LARGEST_CALL_BYTES: Final = 1024 * 1024
LARGEST_ANSWER_BYTES: Final = 64 * 1024 * 1024
LARGEST_PICTURE_BYTES: Final = 256 * 1024 * 1024
"""2 000 000 vehicles, the most that can be configured, as a whole."""
_PIECE_BYTES: Final = 128 * 1024
_HANG_UP_S: Final = 1.0
_LENGTH: Final = struct.Struct(">I")

_RESULTS: Final[dict[str, type]] = {kind.__name__: kind for kind in get_args(Result) if kind is not type(None)}

encode: Final = msgspec.msgpack.Encoder().encode


Method = Literal["request", "events", "snapshot", "withdraw"]
FaultCode = Literal["busy", "failed", "gone", "malformed", "too_large"]


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for hostile bytes: text that is no UTF-8 and nesting without end have errors of their own."""


class FrameError(ConnectionError):
    """The other end sent what is no frame, or one above the limit."""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", tag_field="type"):
    """The first frame of both sides. Its shape never changes, so that any two versions can say what is wrong."""

    program: str = "v2g-console"
    contract: int
    version: str
    instance: str = ""
    """of an engine: another one after each start, so that a caller who comes back knows whether it is still the same"""


class Farewell(msgspec.Struct, frozen=True, kw_only=True, tag="farewell", tag_field="type"):
    """Instead of the engine's hello or of an answer: the connection ends, and why."""

    message: str
    contract: int
    version: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a caller; `number` comes back in the answer."""

    number: int
    method: Method
    body: msgspec.Raw


class RequestBody(msgspec.Struct, frozen=True, kw_only=True):
    """A request. Of `origin` only the way is believed, and only as a remark: the kernel says who the caller is."""

    request: Request
    origin: Origin


class EventsBody(msgspec.Struct, frozen=True, kw_only=True):
    """A long poll for events above `after`."""

    after: int
    wait_s: float


class SnapshotBody(msgspec.Struct, frozen=True, kw_only=True):
    """A look at the newest snapshot. `base` is the number of the one that the caller has, 0 for none."""

    base: int


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer", tag_field="type"):
    """The answer to call `number`."""

    number: int
    kind: Literal["accepted", "refused", "events", "snapshot", "fault"]
    body: msgspec.Raw


class SnapshotHead(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as this caller sees it, with the caller's own user. A frame of `size` bytes follows, a `picture.Picture`.

    No frame follows if `size` is 0: the caller has the newest snapshot.
    """

    engine: EngineInfo
    size: int


class AcceptedBody(msgspec.Struct, frozen=True, kw_only=True):
    """`Accepted` with the type of its result by name, since results carry no tag of their own."""

    request: str
    dispatch_id: str
    result_type: str
    result: msgspec.Raw


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A call that got no answer of the engine."""

    code: FaultCode
    message: str


def pack_reply(reply: Reply, number: int) -> bytes:
    """The frame body that answers call `number` with `reply`."""
    if isinstance(reply, Refused):
        return encode(Answer(number=number, kind="refused", body=msgspec.Raw(encode(reply))))
    result_type = "" if reply.result is None else type(reply.result).__name__
    body = AcceptedBody(
        request=reply.request, dispatch_id=reply.dispatch_id, result_type=result_type, result=msgspec.Raw(encode(reply.result))
    )
    return encode(Answer(number=number, kind="accepted", body=msgspec.Raw(encode(body))))


def pack_events(batch: EventBatch, number: int) -> bytes:
    """The frame body that answers call `number` with events."""
    carried = EventBatch(next_number=batch.next_number, dropped=batch.dropped, events=tuple(map(without_result, batch.events)))
    return encode(Answer(number=number, kind="events", body=msgspec.Raw(encode(carried))))


def pack_snapshot_head(engine: EngineInfo, size: int, number: int) -> bytes:
    """The frame body that answers call `number` with a snapshot, the `size` bytes of which come in a frame of their own."""
    return encode(Answer(number=number, kind="snapshot", body=msgspec.Raw(encode(SnapshotHead(engine=engine, size=size)))))


def fault_answer(code: FaultCode, message: str, number: int) -> Answer:
    """The answer to call `number` that says why there is none of the engine."""
    return Answer(number=number, kind="fault", body=msgspec.Raw(encode(Fault(code=code, message=message))))


def without_result(event: Event) -> Event:
    """Answers of queries belong to who asked, and as raw JSON they have no place in a MessagePack frame."""
    if isinstance(event, RequestAccepted) and event.result is not None:
        return msgspec.structs.replace(event, result=None)
    return event


def unpack_accepted(body: msgspec.Raw) -> Accepted:
    """`Accepted` with its result as the right type; raises UNREADABLE, or ContractMismatchError for an unknown result."""
    accepted = msgspec.msgpack.decode(body, type=AcceptedBody)
    result: Result = None
    if accepted.result_type:
        kind = _RESULTS.get(accepted.result_type)
        if kind is None:
            raise ContractMismatchError(f"the engine answered with a {accepted.result_type[:40]!r}, which this program does not know")
        result = msgspec.msgpack.decode(accepted.result, type=kind)
    return Accepted(request=accepted.request, result=result, dispatch_id=accepted.dispatch_id)


async def read_frame(reader: asyncio.StreamReader, largest_bytes: int) -> bytes | None:
    """The next frame's body, None at the end of the connection. Raises FrameError before reading a body above the limit."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > largest_bytes:
            raise FrameError(f"a frame of {length} bytes; at most {largest_bytes} are taken")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
        return None


def framed(body: bytes) -> bytes:
    """`body` with its length in front."""
    return _LENGTH.pack(len(body)) + body


def in_pieces(body: bytes) -> Iterator[bytes | memoryview]:
    """`framed(body)` a piece at a time: a transport copies what it can't send at once, and must never copy a whole snapshot."""
    if len(body) <= _PIECE_BYTES:
        yield framed(body)
        return
    yield _LENGTH.pack(len(body))
    whole = memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        yield whole[start : start + _PIECE_BYTES]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close the connection; what the other end does not take within a second is thrown away."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), _HANG_UP_S)
    except (TimeoutError, OSError):
        writer.transport.abort()
