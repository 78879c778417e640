"""Time as the engine sees it: UTC for payloads and records, monotonic for deadlines."""

import time
from datetime import UTC, datetime
from typing import Final, Protocol

_LATE_STAMP_SHARE: Final = 0.2


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
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a time such as 2026-11-23T14:00:00Z, got {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} names no time zone: write 2026-11-23T14:00:00Z")
    return moment.timestamp()


def ahead_s(before_s: float, stamp_s: float) -> float:
    """How far another clock is ahead of ours, by what was thought before (NaN: nothing) and one more stamp, in seconds ahead of ours.

    A message that was on its way for long looks like a clock that is behind, so a stamp further ahead is believed at once and one further
    behind a little at a time.
    """
    return before_s + _LATE_STAMP_SHARE * (stamp_s - before_s) if stamp_s < before_s else stamp_s
