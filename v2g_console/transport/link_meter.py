"""Rates of one link over the last seconds."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 5.0


@dataclass(slots=True)
class LinkMeter:
    """Messages per second, from totals noted several times a second."""

    _samples: deque[tuple[float, int, int]] = field(default_factory=deque)

    def sample(self, now_s: float, in_total: int, out_total: int) -> None:
        """Note the totals. `now_s` on the monotonic clock."""
        self._samples.append((now_s, in_total, out_total))
        self._forget(now_s)

    def rates(self, now_s: float, in_total: int, out_total: int) -> tuple[float, float]:
        """(in, out) in messages per second over the last ~5 s."""
        self._forget(now_s)
        if not self._samples:
            return 0.0, 0.0
        then_s, in_then, out_then = self._samples[0]
        span_s = max(now_s - then_s, 0.001)
        return (in_total - in_then) / span_s, (out_total - out_then) / span_s

    def _forget(self, now_s: float) -> None:
        while self._samples and self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
