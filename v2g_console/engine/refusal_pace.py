"""How many refused requests of one person are written down one by one: who may not act must not be able to fill the record."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

MOST_A_MINUTE: Final = 30
_MINUTE_S: Final = 60.0
_MOST_PEOPLE: Final = 1000


@dataclass(frozen=True, slots=True)
class Repeated:
    """Refused requests of one person that were only counted: the sum, the most frequent reason, and in words what they were."""

    user: str
    way: str
    count: int
    reason: str
    words: str


@dataclass(slots=True)
class _Minute:
    until: float  # monotonic
    way: str
    written: int = 0
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)  # (request, reason)


class RefusalPace:
    """Refused requests by person: the first of a minute are written down, the others counted."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def admit(self, user: str, way: str, request: str, reason: str, now: float) -> bool:
        """True if this one is to be written down by itself; `now` monotonic."""
        minute = self._minutes.get(user)
        if minute is None:
            # Somebody with a thousand accounts gets one minute for all that are too many.
            user = user if len(self._minutes) < _MOST_PEOPLE else ""
            minute = self._minutes.setdefault(user, _Minute(now + _MINUTE_S, way))
        if minute.written < MOST_A_MINUTE:
            minute.written += 1
            return True
        minute.counted[request, reason] += 1
        return False

    def over(self, now: float) -> list[Repeated]:
        """What was only counted in minutes that are over."""
        over = {user: minute for user, minute in self._minutes.items() if minute.until <= now}
        for user in over:
            del self._minutes[user]
        return [_repeated(user, minute) for user, minute in over.items() if minute.counted]


def _repeated(user: str, minute: _Minute) -> Repeated:
    reasons: Counter[str] = Counter()
    for (_, reason), count in minute.counted.items():
        reasons[reason] += count
    kinds = ", ".join(f"{count} {request} {reason}" for (request, reason), count in minute.counted.most_common())
    count = minute.counted.total()
    words = f"{count} more requests refused after {minute.written} within a minute: {kinds}"
    return Repeated(user or "several people", minute.way, count, reasons.most_common(1)[0][0], words)
