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
        """`rows` refuse because of somebody on the spot. `for_s` infinite: no end by time."""
        self._until.update(dict.fromkeys(rows.tolist(), now + for_s))

    def end(self, rows: NDArray[np.intp]) -> list[int]:
        """`rows` follow again, or are trusted again; those of them that were left alone."""
        if not self._until:
            return []
        return [row for row in rows.tolist() if self._until.pop(row, None) is not None]

    def standing(self, now: float) -> list[tuple[int, float]]:
        """Who is left alone, and for how many more seconds (infinite: no end by time)."""
        return [(row, until - now) for row, until in self._until.items() if until > now]

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
