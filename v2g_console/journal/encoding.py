"""Records as bytes and back: events, requests and marks as JSON, everything with columns as MessagePack with little-endian arrays."""

import time
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.events import Event
from v2g_console.journal.chain import Content
from v2g_console.journal.marks import Mark
from v2g_console.journal.port import AcksRecord, DispatchRecord, Record, ReleasesRecord, RequestRecord, RoundRecord

ROUND: Final = "round."
ACKS: Final = "acks"
RELEASES: Final = "releases"
DISPATCH: Final = "dispatch"
REQUEST: Final = "request"


class RoundBody(msgspec.Struct, frozen=True):
    """The columns of a round; `<f8`, `<i8` and `u1` arrays as bytes, empty where there are none."""

    seq: int
    valid_until_ms: int
    vehicle_ids: tuple[str, ...]
    setpoint_kw: bytes
    baseline_kw: bytes
    position: bytes = b""
    protocol: bytes = b""


class AcksBody(msgspec.Struct, frozen=True):
    """The columns of acknowledgements."""

    vehicle_ids: tuple[str, ...]
    seq: bytes
    state: bytes
    applied_kw: bytes
    reason: bytes


class ReleasesBody(msgspec.Struct, frozen=True):
    """The columns of release outcomes."""

    vehicle_ids: tuple[str, ...]
    outcome: bytes


class UnreadableEntryError(ValueError):
    """An entry's bytes are not what its kind says."""


Readable = RoundRecord | AcksRecord | ReleasesRecord | DispatchRecord | RequestRecord | Event | Mark
_pack: Final = msgspec.msgpack.Encoder().encode
_json: Final = msgspec.json.Encoder().encode
_round: Final = msgspec.msgpack.Decoder(RoundBody).decode
_acks: Final = msgspec.msgpack.Decoder(AcksBody).decode
_releases: Final = msgspec.msgpack.Decoder(ReleasesBody).decode
_dispatch: Final = msgspec.json.Decoder(DispatchRecord).decode
_request: Final = msgspec.json.Decoder(RequestRecord).decode
_event: Final = msgspec.json.Decoder(Event).decode
_mark: Final = msgspec.json.Decoder(Mark).decode


def contents_of(record: Record) -> list[Content]:
    """A record as entries: one, or two for a round that begins its dispatch."""
    match record:
        case RoundRecord():
            begun = contents_of(record.begun) if record.begun is not None else []
            return [*begun, Content(record.utc_ms, ROUND + record.kind, record.dispatch_id, _round_bytes(record))]
        case AcksRecord():
            return [Content(record.utc_ms, ACKS, record.dispatch_id, _acks_bytes(record))]
        case ReleasesRecord():
            body = _pack(ReleasesBody(record.vehicle_ids, _bytes(record.outcome, "u1")))
            return [Content(record.utc_ms, RELEASES, record.dispatch_id, body)]
        case DispatchRecord():
            return [Content(record.utc_ms, DISPATCH, record.dispatch_id, _json(record))]
        case RequestRecord():
            return [Content(record.utc_ms, REQUEST, "", _json(record))]
        case _:
            return [Content(_ms(record.ts), _tag(record), getattr(record, "dispatch_id", ""), _json(record))]


def mark_content(mark: Mark, utc_ms: int) -> Content:
    """A word of the journal about itself."""
    return Content(utc_ms, _tag(mark), "", _json(mark))


def decoded(content: Content) -> Readable:
    """The record that an entry holds. Raises UnreadableEntryError."""
    try:
        return _decoded(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableEntryError(f"{content.kind[:40]}: {error}") from error


def _decoded(content: Content) -> Readable:
    body, kind = content.body, content.kind
    if kind.startswith(ROUND):
        return _round_record(content, _round(body))
    if kind == ACKS:
        return _acks_record(content, _acks(body))
    if kind == RELEASES:
        releases = _releases(body)
        outcome = _u1(releases.outcome, len(releases.vehicle_ids))
        return ReleasesRecord(content.utc_ms, content.dispatch_id, releases.vehicle_ids, outcome)
    if kind == DISPATCH:
        return _dispatch(body)
    if kind == REQUEST:
        return _request(body)
    readable: Event | Mark = _mark(body) if kind.startswith("journal.") else _event(body)
    return readable


def _round_bytes(record: RoundRecord) -> bytes:
    return _pack(
        RoundBody(
            record.seq,
            record.valid_until_ms,
            record.vehicle_ids,
            _bytes(record.setpoint_kw, "<f8"),
            _bytes(record.baseline_kw, "<f8"),
            b"" if record.position is None else _bytes(record.position, "<i8"),
            b"" if record.protocol is None else _bytes(record.protocol, "u1"),
        )
    )


def _round_record(content: Content, body: RoundBody) -> RoundRecord:
    n = len(body.vehicle_ids)
    return RoundRecord(
        utc_ms=content.utc_ms,
        dispatch_id=content.dispatch_id,
        seq=body.seq,
        kind=content.kind.removeprefix(ROUND),
        vehicle_ids=body.vehicle_ids,
        setpoint_kw=_f8(body.setpoint_kw, n),
        baseline_kw=_f8(body.baseline_kw, n),
        valid_until_ms=body.valid_until_ms,
        position=_i8(body.position, n) if body.position else None,
        protocol=_u1(body.protocol, n) if body.protocol else None,
    )


def _acks_bytes(record: AcksRecord) -> bytes:
    return _pack(
        AcksBody(
            record.vehicle_ids,
            _bytes(record.seq, "<i8"),
            _bytes(record.state, "u1"),
            _bytes(record.applied_kw, "<f8"),
            _bytes(record.reason, "u1"),
        )
    )


def _acks_record(content: Content, body: AcksBody) -> AcksRecord:
    n = len(body.vehicle_ids)
    return AcksRecord(
        utc_ms=content.utc_ms,
        dispatch_id=content.dispatch_id,
        vehicle_ids=body.vehicle_ids,
        seq=_i8(body.seq, n),
        state=_u1(body.state, n),
        applied_kw=_f8(body.applied_kw, n),
        reason=_u1(body.reason, n),
    )


def _bytes(column: NDArray[np.generic], dtype: str) -> bytes:
    return np.ascontiguousarray(column, dtype).tobytes()


def _f8(data: bytes, n: int) -> NDArray[np.float64]:
    return np.frombuffer(_checked(data, 8 * n), "<f8")


def _i8(data: bytes, n: int) -> NDArray[np.int64]:
    return np.frombuffer(_checked(data, 8 * n), "<i8")


def _u1(data: bytes, n: int) -> NDArray[np.uint8]:
    return np.frombuffer(_checked(data, n), "u1")


def _checked(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise ValueError(f"a column has {len(data)} bytes instead of {length}")
    return data


def _tag(record: msgspec.Struct) -> str:
    tag = record.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _ms(ts: str) -> int:
    """UTC milliseconds of an event's time; now for one that can't be read, since a record must not be lost for it."""
    try:
        return round(datetime.fromisoformat(ts).timestamp() * 1000)
    except ValueError:
        return int(time.time() * 1000)
