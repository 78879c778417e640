"""The hash chain: each entry's hash covers its content and the hash before it, so nothing can change, vanish or move unnoticed."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

GENESIS: Final = bytes(32)
"""The hash before the first entry."""
_HEADER: Final = struct.Struct(">qqIII")


@dataclass(frozen=True, slots=True)
class Content:
    """What one entry holds, before it has a place: `body` is JSON, or MessagePack for kinds with columns."""

    utc_ms: int
    kind: str
    dispatch_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in its place. Numbers start at 1 and have no gaps; `link` is the SHA-256 that chains it to the one before."""

    number: int
    content: Content
    link: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many entries were ever written, and the link of the last."""

    number: int = 0
    link: bytes = GENESIS

    def __str__(self) -> str:
        return f"{self.number}:{self.link.hex()}"


def parse_head(text: str) -> Head:
    """The head written as `12:9f0c...` (64 hex digits); raises ValueError."""
    number, _, link = text.strip().partition(":")
    if not (number.isascii() and number.isdecimal()) or len(number) > 18 or len(link) != 64:
        raise ValueError(f"expected a head such as 12:9f0c..., got {text[:80]!r}")
    return Head(int(number), bytes.fromhex(link))


def next_link(before: bytes, number: int, content: Content) -> bytes:
    """SHA-256 over the link before, the numbers and lengths (big-endian), and the bytes of kind, dispatch id and body."""
    kind, dispatch_id = content.kind.encode(), content.dispatch_id.encode()
    digest = hashlib.sha256(before)
    digest.update(_HEADER.pack(number, content.utc_ms, len(kind), len(dispatch_id), len(content.body)))
    digest.update(kind + dispatch_id)
    digest.update(content.body)
    return digest.digest()


def chained(head: Head, contents: list[Content]) -> list[Entry]:
    """`contents` as entries after `head`."""
    number, link, entries = head.number, head.link, []
    for content in contents:
        number += 1
        link = next_link(link, number, content)
        entries.append(Entry(number, content, link))
    return entries
