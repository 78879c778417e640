"""What happened within the last minute, for interlocks: requests by person, and changes of the total power."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from v2g_console.contract.replies import Refusal
from v2g_console.engine.refusal import RefusalError

_MINUTE_S: Final = 60.0
_MOST_PEOPLE: Final = 1000
_MOST_CHANGES: Final = 10_000


@dataclass(slots=True)
class Changes:
    """By how much decisions changed the total within the last minute: (monotonic, kW), oldest first."""

    _made: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_CHANGES))

    def spend(self, now: float, power_kw: float) -> None:
        """A decision changes the total by so much."""
        if power_kw:
            self._made.append((now, power_kw))

    def spent_kw(self, now: float) -> float:
        """Within the last minute."""
        while self._made and self._made[0][0] <= now - _MINUTE_S:
            self._made.popleft()
        return sum(power_kw for _, power_kw in self._made)


class Pace:
    """Requests by person: a stuck key or a runaway script is stopped at the door."""

    def __init__(self, most_per_minute: int) -> None:
        """`most_per_minute` 0: no limit."""
        self._most = most_per_minute
        self._asked: dict[str, deque[float]] = {}  # monotonic, within the last minute

    def admit(self, user: str, now: float) -> None:
        """Count a request of `user`, or raise RefusalError; refused ones don't count."""
        if not self._most:
            return
        times = self._asked.pop(user, None) or deque()
        self._asked[user] = times  # the last one is who asked last
        while times and times[0] <= now - _MINUTE_S:
            times.popleft()
        if len(times) >= self._most:
            raise RefusalError(
                Refusal.INTERLOCK,
                f"requests_per_minute: {user} made {len(times)} requests within the last minute, and {self._most} are allowed",
                f"wait {times[0] + _MINUTE_S - now:.0f} s; STOP and cancel are always taken",
            )
        times.append(now)
        while len(self._asked) > _MOST_PEOPLE:
            del self._asked[next(iter(self._asked))]
