"""The wire codec of engine and vehicle: strict structs behind limits. Nothing but `RefusedMessageError` comes out of a decoder.

Commands, acks and telemetry are here, a vehicle's description of itself in `description`, the shared limits in `strict`.
"""

import msgspec

from v2g_console.transport.description import decode_description, encode_description
from v2g_console.transport.refused import Cause, RefusedMessageError
from v2g_console.transport.strict import (
    MAX_TEXT,
    MAX_UTC_MS,
    MAX_VEHICLE_KW,
    clipped,
    decode_with,
    encode,
    require_range,
    require_same_id,
    require_utc_ms,
)
from v2g_console.transport.wire import Ack, CommandV1, CommandV2, Telemetry

__all__ = [
    "decode_ack",
    "decode_command",
    "decode_description",
    "decode_telemetry",
    "encode_ack",
    "encode_command",
    "encode_description",
    "encode_offline",
    "encode_telemetry",
    "says_offline",
]

MILLISECONDS_ABOVE = 1e11
"""a telemetry stamp above this is in milliseconds (`domain.md`, Time)"""
ACK_STATUSES = frozenset(("", "accepted", "limited", "rejected", "expired", "superseded"))


class _AckV1(msgspec.Struct, frozen=True):
    command_id: str


class _WireTelemetry(msgspec.Struct, frozen=True, omit_defaults=True):
    soc: float
    power_kw: float
    vehicle_id: str = ""
    available: bool | None = None
    charging: bool | None = None
    ts: int | float | None = None


class _Presence(msgspec.Struct, frozen=True):
    """What a last will says; measurements don't say it."""

    vehicle_id: str = ""
    online: bool = True


class _Version(msgspec.Struct, frozen=True):
    v: int = 1


_ack = msgspec.json.Decoder(Ack)
_telemetry = msgspec.json.Decoder(_WireTelemetry)
_presence = msgspec.json.Decoder(_Presence)
_version = msgspec.json.Decoder(_Version)
_command_v1 = msgspec.json.Decoder(CommandV1)
_command_v2 = msgspec.json.Decoder(CommandV2)


def _require_command_id(text: str) -> None:
    if not (0 < len(text) <= 128 and text.isascii() and text.isprintable()):
        raise RefusedMessageError(Cause.BAD_ID, "command_id")


# Engine side


def encode_command(command: CommandV1 | CommandV2) -> bytes:
    """A command as JSON; the same command always gives the same bytes."""
    return encode(command)


def decode_ack(payload: bytes) -> Ack:
    """An ack of v1 (status "") or v2. Raises `RefusedMessageError`."""
    ack = decode_with(_ack, payload)
    _require_command_id(ack.command_id)
    if ack.status not in ACK_STATUSES:
        raise RefusedMessageError(Cause.BAD_SHAPE, "status")
    if ack.applied_kw is not None:
        require_range("applied_kw", ack.applied_kw, -MAX_VEHICLE_KW, MAX_VEHICLE_KW)
    if ack.ts is not None:
        require_utc_ms("ts", ack.ts)
    if ack.reason:
        return msgspec.structs.replace(ack, reason=clipped(ack.reason))
    return ack


def says_offline(payload: bytes, vehicle_id: str) -> bool:
    """True if a message on the state topic is the vehicle's last will and no measurement. Raises `RefusedMessageError`."""
    if b'"online"' not in payload:  # measurements have no such key, and pay for no second decoder
        return False
    presence = decode_with(_presence, payload)
    require_same_id(presence.vehicle_id, vehicle_id)
    return not presence.online


def decode_telemetry(payload: bytes, vehicle_id: str) -> Telemetry:
    """A measurement of the topic's vehicle. A stamp of 0 is Go's "unset". Raises `RefusedMessageError`."""
    wire = decode_with(_telemetry, payload)
    require_same_id(wire.vehicle_id, vehicle_id)
    require_range("soc", wire.soc, 0.0, 1.0)
    require_range("power_kw", wire.power_kw, -MAX_VEHICLE_KW, MAX_VEHICLE_KW)
    ts_s: float | None = None
    was_ms = False
    if wire.ts:
        require_utc_ms("ts", wire.ts)
        was_ms = wire.ts > MILLISECONDS_ABOVE
        ts_s = wire.ts / 1000 if was_ms else float(wire.ts)
        require_range("ts", ts_s, 0.0, MAX_UTC_MS / 1000)  # seconds up to 1e11 would reach the year 5138
    return Telemetry(wire.soc, wire.power_kw, wire.available, wire.charging, ts_s, was_ms)


# Vehicle side


def decode_command(payload: bytes, vehicle_id: str) -> CommandV1 | CommandV2:
    """A command for the topic's vehicle: v2 if it says `"v": 2` or more. Raises `RefusedMessageError`."""
    command: CommandV1 | CommandV2
    if decode_with(_version, payload).v >= 2:
        command = decode_with(_command_v2, payload)
        _check_lease(command)
    else:
        command = decode_with(_command_v1, payload)
    _require_command_id(command.command_id)
    require_same_id(command.vehicle_id, vehicle_id)
    require_range("power_kw", command.power_kw, -MAX_VEHICLE_KW, MAX_VEHICLE_KW)
    require_utc_ms("timestamp", command.timestamp)
    return command


def _check_lease(command: CommandV2) -> None:
    require_utc_ms("accept_until", command.accept_until)
    require_utc_ms("valid_until", command.valid_until)
    require_utc_ms("seq", command.seq)  # starts at the UTC milliseconds of the engine's first round
    if not 0 <= command.hold_s <= 10_000_000:
        raise RefusedMessageError(Cause.OUT_OF_RANGE, "hold_s")
    if command.fallback_kw is not None:
        require_range("fallback_kw", command.fallback_kw, -MAX_VEHICLE_KW, MAX_VEHICLE_KW)
    if len(command.dispatch_id) > MAX_TEXT or len(command.signal) > MAX_TEXT:
        raise RefusedMessageError(Cause.OUT_OF_RANGE, "dispatch_id or signal is too long")


def encode_ack(ack: Ack) -> bytes:
    """An ack: v1 (no status) carries only its `command_id`, v2 all keys."""
    return encode(ack if ack.status else _AckV1(ack.command_id))


def encode_offline(vehicle_id: str) -> bytes:
    """The last will of a vehicle, for its state topic: it is gone until it reports again."""
    return encode(_Presence(vehicle_id, online=False))


def encode_telemetry(vehicle_id: str, telemetry: Telemetry) -> bytes:
    """A measurement with whole seconds, or milliseconds where `ts_was_ms` says so; unknown flags are left out."""
    ts = None if telemetry.ts_s is None else int(telemetry.ts_s * 1000) if telemetry.ts_was_ms else int(telemetry.ts_s)
    return encode(_WireTelemetry(telemetry.soc, telemetry.power_kw, vehicle_id, telemetry.available, telemetry.charging, ts))
