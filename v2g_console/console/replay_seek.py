"""Where a replay shall begin, as a person writes it."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from v2g_console.domain.units import parse_duration_s

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?[zZ]?")
_EXPECTED: Final = (
    "expected a time after the start such as 90s or 1h30m, a UTC time of day such as 14:02 or 14:02:07, or 2026-11-23T14:02:07Z"
)


def seek_ms(text: str, started_ms: int) -> float:
    """Milliseconds after the start of a recording that began at `started_ms` (UTC). A time of day is the first one after the start.

    Raises ValueError that says what is expected.
    """
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock is not None:
            hour, minute, second = (int(part or 0) for part in clock.groups())
            started = datetime.fromtimestamp(started_ms / 1000, UTC)
            wanted = started.replace(hour=hour, minute=minute, second=second, microsecond=0)
            if wanted < started.replace(microsecond=0):
                wanted += timedelta(days=1)
            return wanted.timestamp() * 1000 - started_ms
        if "T" in text.upper():
            moment = datetime.fromisoformat(text.strip())
            at = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return at.timestamp() * 1000 - started_ms
        after_s = parse_duration_s(text)
        if not math.isfinite(after_s):
            raise ValueError(text)
        return after_s * 1000
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r}: {_EXPECTED}") from None
