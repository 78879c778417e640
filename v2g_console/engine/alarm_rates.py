"""How much the alarms ask of the operator: rates, floods, the most frequent kinds (ISA-18.2 and EEMUA 191 measure these)."""

from bisect import bisect_left
from collections import Counter, deque

from v2g_console.contract.alarms import AlarmRates

WINDOW_S = 600.0
DAY_S = 86_400.0
TOP_KINDS = 10
_MOST_KEPT = 5_000


class AlarmRateMeter:
    """Counts what was raised in the last 24 hours. Times are monotonic, in seconds."""

    def __init__(self, flood_per_10_min: int) -> None:
        self._limit = flood_per_10_min
        self._raised: deque[tuple[float, str]] = deque(maxlen=_MOST_KEPT)
        self._flood = False

    def count(self, now_s: float, kind: str) -> None:
        """An alarm was raised."""
        self._raised.append((now_s, kind))

    def rates(self, now_s: float, *, stale: int, shelved: int) -> AlarmRates:
        """The figures of now. A flood begins above the limit and ends below half of it."""
        while self._raised and self._raised[0][0] <= now_s - DAY_S:
            self._raised.popleft()
        times = [at_s for at_s, _ in self._raised]
        recent = len(times) - bisect_left(times, now_s - WINDOW_S)
        self._flood = recent > self._limit or (self._flood and recent >= self._limit / 2)
        return AlarmRates(
            last_10_min=recent,
            most_in_10_min=_most_in_window(times),
            last_24_h=len(times),
            flood=self._flood,
            top=tuple(Counter(kind for _, kind in self._raised).most_common(TOP_KINDS)),
            stale=stale,
            shelved=shelved,
        )


def _most_in_window(times: list[float]) -> int:
    most = first = 0
    for last, at_s in enumerate(times):
        while at_s - times[first] > WINDOW_S:
            first += 1
        most = max(most, last - first + 1)
    return most
