"""Time as the engine sees it: UTC for payloads and records, monotonic for deadlines."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A step of the wall clock never moves a deadline: deadlines use `monotonic` only."""

    def utc(self) -> float:
        """UTC seconds since 1970."""

    def monotonic(self) -> float:
        """Seconds that only grow."""


class SystemClock:
    """The machine's clocks."""

    def utc(self) -> float:
        """UTC seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


def rfc3339(utc_s: float) -> str:
    """`2026-11-23T13:02:07.123Z`."""
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_rfc3339(text: str) -> float:
    """UTC seconds of an RFC 3339 time; raises ValueError for anything without a time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} names no time zone: write 2026-11-23T14:00:00Z")
    return moment.timestamp()
