"""The two MQTT packets that come by the ten thousand, PUBLISH and PUBACK, as bytes. All other packets are paho's.

Pure functions; layouts from MQTT 3.1.1 and 5.0, sections 3.3 and 3.4. Only QoS 0 and 1 are read here.
"""

import math
import struct
from functools import lru_cache
from typing import NamedTuple

from v2g_console.transport.port import Outgoing

PUBLISH = 0x30
PUBACK = 0x40
PINGRESP = 0xD0
_QOS_1 = 0x02
_QOS_MASK = 0x06
_RETAIN = 0x01
_MAX_TOPIC_BYTES = 65_535


class FrameError(ValueError):
    """Bytes that are no MQTT packet."""


class Frame(NamedTuple):
    """Where a packet lies in a buffer: first byte, start of its body, end."""

    first: int
    start: int
    end: int


class InboundPublish(NamedTuple):
    """A PUBLISH as received; `mid` is 0 at QoS 0."""

    topic: bytes
    payload: bytes
    qos: int
    mid: int
    retained: bool


def next_frame(data: bytes, position: int) -> Frame | None:
    """The packet that starts at `position`, or None if it is not complete yet. Raises `FrameError` for an impossible length."""
    frame = announced_frame(data, position)
    return frame if frame is not None and frame.end <= len(data) else None


def announced_frame(data: bytes, position: int) -> Frame | None:
    """The packet that starts at `position`, as long as it says, or None if it has not said it yet. Raises `FrameError`."""
    length = 0
    at = position + 1
    for shift in (0, 7, 14, 21):
        if at >= len(data):
            return None
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return Frame(data[position], at, at + length)
    raise FrameError("remaining length of more than four bytes")


def is_fast_publish(first: int) -> bool:
    """True for a PUBLISH of QoS 0 or 1."""
    return first & 0xF0 == PUBLISH and first & 0x04 == 0


def read_publish(data: bytes, frame: Frame, mqtt5: bool) -> InboundPublish:
    """The PUBLISH in `frame`. Raises `FrameError` if its inner lengths don't fit."""
    first, start, end = frame
    topic_end = start + 2 + (data[start] << 8 | data[start + 1]) if start + 2 <= end else end + 1
    at = topic_end
    mid = 0
    qos = (first & _QOS_MASK) >> 1
    if qos and at + 2 <= end:
        mid = data[at] << 8 | data[at + 1]
        at += 2
    elif qos:
        raise FrameError("PUBLISH without its packet id")
    if mqtt5:
        at = _after_properties(data, at, end)
    if at > end:
        raise FrameError("PUBLISH shorter than its topic")
    return InboundPublish(data[start + 2 : topic_end], data[at:end], qos, mid, bool(first & _RETAIN))


def _after_properties(data: bytes, at: int, end: int) -> int:
    length = 0
    for shift in (0, 7, 14, 21):
        if at >= end:
            raise FrameError("PUBLISH without its properties")
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return at + length
    raise FrameError("property length of more than four bytes")


def read_puback(data: bytes, frame: Frame) -> tuple[int, int]:
    """(packet id, reason code) of a PUBACK; the reason is 0 where there is none. Raises `FrameError`."""
    _, start, end = frame
    if end - start < 2:
        raise FrameError("PUBACK without its packet id")
    return data[start] << 8 | data[start + 1], data[start + 2] if end - start > 2 else 0


def puback(mid: int) -> bytes:
    """The acknowledgement of an inbound PUBLISH of QoS 1."""
    return b"\x40\x02" + mid.to_bytes(2, "big")


def publish(message: Outgoing, mid: int, mqtt5: bool) -> bytes:
    """A PUBLISH of QoS 0 or 1. Raises `FrameError` for a topic that no broker may be sent."""
    topic = message.topic
    name = topic.encode("utf-8", errors="replace")
    if not name or len(name) > _MAX_TOPIC_BYTES or "+" in topic or "#" in topic or not topic.isprintable():
        raise FrameError(f"not a topic to publish on: {topic[:80]!r}")
    head = len(name).to_bytes(2, "big") + name
    if message.qos:
        head += mid.to_bytes(2, "big")
    if mqtt5:
        head += _expiry_property(whole_seconds(message.expiry_s))
    first = PUBLISH | (_QOS_1 if message.qos else 0) | (_RETAIN if message.retain else 0)
    return bytes((first,)) + _remaining_length(len(head) + len(message.payload)) + head + message.payload


def whole_seconds(expiry_s: float | None) -> int | None:
    """A Message Expiry Interval: rounded up, at least one second, at most what four bytes hold."""
    return None if expiry_s is None else max(1, min(math.ceil(expiry_s), 0xFFFFFFFF))


@lru_cache(maxsize=4096)
def _expiry_property(expiry_s: int | None) -> bytes:
    """The property block: Message Expiry Interval alone, or nothing."""
    return b"\x00" if expiry_s is None else b"\x05\x02" + struct.pack("!I", expiry_s)


@lru_cache(maxsize=4096)
def _remaining_length(length: int) -> bytes:
    if length > 268_435_455:
        raise FrameError("packet above 256 MiB")
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(digits)
