"""When a dispatch is to start, as people write it: a full time with its zone, or a time of day where they are."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EXPECTED: Final = "18:30 (local time), 18:30Z (UTC), or 2026-11-23T18:30:00+01:00"
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?([Zz]?)")
_LATE_S: Final = 60.0
"""As late as a start may be and still be taken, which is what the engine takes too."""


def parse_start(text: str, now_utc_s: float) -> datetime:
    """The moment meant, in whole seconds with a zone: a time of day is the next one of this machine's clock, with Z of UTC.

    Raises ValueError with what is wrong, also for a moment that has passed.
    """
    written = text.strip()
    time_of_day = _TIME_OF_DAY.fullmatch(written)
    try:
        moment = _next_at(time_of_day, now_utc_s) if time_of_day else datetime.fromisoformat(written)
        if moment.tzinfo is None:
            raise ValueError(f"{written[:40]!r} names no zone: expected {EXPECTED}")
        late = moment.timestamp() < now_utc_s - _LATE_S
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(str(error) if "zone" in str(error) else f"expected {EXPECTED}, got {written[:40]!r}") from None
    if late:
        raise ValueError(f"{start_text(moment)} has passed")
    return moment.replace(microsecond=0)


def start_text(moment: datetime) -> str:
    """`2026-11-23 18:30:00+01:00`, `2026-11-23 17:30:00Z`: the day and the zone are always there."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if not moment.utcoffset() else moment.isoformat(" ", "seconds")


def start_words(start_at: str) -> str:
    """Of RFC 3339: `2026-11-23 17:30:00Z`; of another zone with the time in UTC behind it: `2026-11-23 18:30:00+01:00 (17:30:00Z)`."""
    moment = datetime.fromisoformat(start_at)
    return start_text(moment) if not moment.utcoffset() else f"{start_text(moment)} ({moment.astimezone(UTC):%H:%M:%SZ})"


def _next_at(time_of_day: re.Match[str], now_utc_s: float) -> datetime:
    """The next such time of day by the local clock or in UTC, also over a change to or from summer time."""
    hour, minute, second = (int(part or 0) for part in time_of_day.groups()[:3])
    zone = UTC if time_of_day[4] else None
    today = datetime.fromtimestamp(now_utc_s, zone)
    for days in (0, 1):
        wall = datetime.combine(today.date() + timedelta(days=days), today.time().replace(hour, minute, second, 0), zone)
        moment = wall if zone else wall.astimezone()
        if moment.timestamp() >= now_utc_s - _LATE_S:
            return moment
    return moment
