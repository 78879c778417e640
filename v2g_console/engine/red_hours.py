"""An EcoWatt forecast checked, and its red hours as stretches of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from v2g_console.contract.ecowatt import RED, EcowattDay
from v2g_console.contract.replies import Refusal
from v2g_console.domain.text import visible
from v2g_console.engine.refusal import RefusalError

ZONE: Final = "Europe/Paris"
"""EcoWatt's hours are those of the clocks in France."""
MOST_DAYS: Final = 10
MOST_HOURS: Final = 25
_LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class RedHours:
    """Red hours without a gap, in UTC ms."""

    begins_ms: int
    ends_ms: int

    @property
    def proposal_id(self) -> str:
        """`e112317-3`: begins on 23 November at 17 h UTC, for 3 h. The same hours have the same id in every later forecast."""
        hours = round((self.ends_ms - self.begins_ms) / 3_600_000)
        return f"e{datetime.fromtimestamp(self.begins_ms / 1000, ZoneInfo('UTC')):%m%d%H}-{hours}"


def checked_days(days: tuple[EcowattDay, ...], utc_s: float) -> tuple[EcowattDay, ...]:
    """The days with plain dates and harmless texts, in order. Raises RefusalError for what is no forecast of the days around now."""
    if not 1 <= len(days) <= MOST_DAYS:
        raise RefusalError(
            Refusal.INVALID, f"expected 1 to {MOST_DAYS} days in signals, got {len(days)}", "send the publisher's file as it is"
        )
    found: dict[str, EcowattDay] = {}
    for day in days:
        _check_hours(day)
        jour = _date_of(day, utc_s).isoformat()
        found[jour] = msgspec.structs.replace(
            day, jour=jour, message=visible(day.message[:_LONGEST_TEXT]), generated=visible(day.generated[:_LONGEST_TEXT])
        )
    return tuple(found[jour] for jour in sorted(found))


def red_hours(days: Iterable[EcowattDay]) -> tuple[RedHours, ...]:
    """The red hours of checked days, joined where one follows another, also over midnight."""
    stretches: list[RedHours] = []
    for begins_ms, ends_ms in sorted(_hour(day, one.pas) for day in days for one in day.values if one.hvalue == RED):
        if stretches and begins_ms <= stretches[-1].ends_ms:
            stretches[-1] = RedHours(stretches[-1].begins_ms, max(ends_ms, stretches[-1].ends_ms))
        elif ends_ms > begins_ms:  # the hour that is left out in spring is none
            stretches.append(RedHours(begins_ms, ends_ms))
    return tuple(stretches)


def require_zone() -> None:
    """Raises RefusalError where this machine does not know the clocks of France."""
    try:
        ZoneInfo(ZONE)
    except (ZoneInfoNotFoundError, OSError):
        raise RefusalError(Refusal.NOT_READY, f"this machine has no time zone {ZONE}", "install the package tzdata") from None


def day_ends_ms(day: EcowattDay) -> int:
    """The midnight after a checked day, in UTC ms."""
    return _wall_ms(date.fromisoformat(day.jour), 24)


def _hour(day: EcowattDay, pas: int) -> tuple[int, int]:
    """`(begins_ms, ends_ms)`: the hour that comes twice in autumn lasts for two."""
    jour = date.fromisoformat(day.jour)
    return _wall_ms(jour, pas), _wall_ms(jour, pas + 1)


def _wall_ms(jour: date, hour: int) -> int:
    at = datetime.combine(jour + timedelta(days=hour // 24), time(hour % 24), ZoneInfo(ZONE))
    return round(at.timestamp() * 1000)


def _check_hours(day: EcowattDay) -> None:
    name = visible(day.jour[:40])
    if len(day.values) > MOST_HOURS:
        raise RefusalError(Refusal.INVALID, f"{name}: {len(day.values)} hours are no day")
    for one in day.values:
        if not 0 <= one.pas <= 23 or not 0 <= one.hvalue <= RED:
            raise RefusalError(
                Refusal.INVALID,
                f"{name}: pas {one.pas} with hvalue {one.hvalue}",
                "pas is an hour from 0 to 23, hvalue a level from 0 to 3",
            )
    if not 0 <= day.dvalue <= RED:
        raise RefusalError(Refusal.INVALID, f"{name}: dvalue {day.dvalue}", "dvalue is a level from 0 to 3")


def _date_of(day: EcowattDay, utc_s: float) -> date:
    try:
        told = datetime.fromisoformat(day.jour)
        jour = (told if told.tzinfo is None else told.astimezone(ZoneInfo(ZONE))).date()  # a midnight may be told in UTC
    except (ValueError, OverflowError):
        raise RefusalError(Refusal.INVALID, f"jour {visible(day.jour[:40])!r} is no date", "write it as 2026-11-23") from None
    today = datetime.fromtimestamp(utc_s, ZoneInfo(ZONE)).date()
    if not -1 <= (jour - today).days <= MOST_DAYS:
        raise RefusalError(
            Refusal.INVALID,
            f"{jour.isoformat()} is not among the days around {today.isoformat()}",
            "feed the newest forecast; check the clock",
        )
    return jour
