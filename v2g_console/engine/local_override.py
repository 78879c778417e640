"""Vehicles that somebody on the spot took over: they acknowledged, then refused with LOCAL_OVERRIDE. They are left alone for a while."""

import math

import numpy as np
from numpy.typing import NDArray


class Overrides:
    """By fleet row, until when (monotonic) a vehicle is left alone; infinite: until it follows again, or an operator trusts it."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def begin(self, rows: NDArray[np.intp], now: float, for_s: float) -> None:
        """`rows` refuse because of somebody on the spot. `for_s` 0: no end by time."""
        until = now + for_s if for_s else math.inf
        self._until.update(dict.fromkeys(rows.tolist(), until))

    def end(self, rows: NDArray[np.intp]) -> None:
        """`rows` follow again, or are trusted again."""
        if self._until:
            for row in rows.tolist():
                self._until.pop(row, None)

    def mask(self, n: int, now: float) -> NDArray[np.bool_]:
        """Which of the fleet's `n` vehicles are left alone now."""
        overridden = np.zeros(n, np.bool_)
        for row in [row for row, until in self._until.items() if until <= now]:
            del self._until[row]
        overridden[list(self._until)] = True
        return overridden

    def left_s(self, row: int, now: float) -> float | None:
        """How long one vehicle is still left alone, in seconds; None: it is not."""
        until = self._until.get(row, -math.inf)
        return until - now if until > now else None
