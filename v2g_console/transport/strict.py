"""Strict reading: limits that every decoder shares, in the order size, UTF-8, JSON, types, ranges."""

import math
from typing import TypeVar

import msgspec

from v2g_console.domain.ids import is_vehicle_id
from v2g_console.transport.refused import Cause, RefusedMessageError

MAX_PAYLOAD_BYTES = 65_536
MAX_VEHICLE_KW = 5_000.0
"""above the 3.75 MW of the Megawatt Charging System: more is a mistake of units"""
MAX_TEXT = 200
MAX_UTC_MS = 4_102_444_800_000
"""the year 2100"""

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """Any wire struct as JSON; the same value always gives the same bytes."""
    return _encoder.encode(value)


def decode_with(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    """Size limit, UTF-8, JSON and types, in this order. Raises `RefusedMessageError` with too_large, bad_json or bad_shape."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RefusedMessageError(Cause.TOO_LARGE, f"{len(payload)} bytes")
    try:
        return decoder.decode(payload.decode("utf-8"))
    except msgspec.ValidationError as error:
        raise RefusedMessageError(Cause.BAD_SHAPE, str(error)) from None
    except (ValueError, RecursionError) as error:  # DecodeError and UnicodeDecodeError are ValueErrors
        raise RefusedMessageError(Cause.BAD_JSON, str(error)) from None


def require_range(key: str, value: float, low: float, high: float) -> float:
    """`value` if it is finite and within low..high, else `RefusedMessageError` out_of_range."""
    if math.isfinite(value) and low <= value <= high:
        return value
    raise RefusedMessageError(Cause.OUT_OF_RANGE, f"{key} {value:.6g} is not within {low:g}..{high:g}")


def require_same_id(named: str, vehicle_id: str) -> None:
    """Raises id_mismatch if the payload names another vehicle than its topic; a payload that names none is taken as the topic's."""
    if named and named != vehicle_id:
        raise RefusedMessageError(Cause.ID_MISMATCH if is_vehicle_id(named) else Cause.BAD_ID, "the payload names another vehicle")


def clipped(text: str) -> str:
    """A vehicle's own words: at most 200 characters, anything unprintable escaped."""
    text = text[:MAX_TEXT]
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")[:MAX_TEXT]


def require_utc_ms(key: str, value: float) -> None:
    """Raises `RefusedMessageError` out_of_range unless it is a time up to 2100, in milliseconds (or in seconds, which are fewer)."""
    # compared as it is: an integer of a thousand digits has no float
    if not 0 <= value <= MAX_UTC_MS:
        raise RefusedMessageError(Cause.OUT_OF_RANGE, f"{key} is no time between 1970 and 2100")
