"""Vehicles whose clock is off, by the stamps of their telemetry; and whether it is rather our own clock that is wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import Quality
from v2g_console.engine.fleet import Fleet

FEWEST = 3
"""So many clocks that agree with each other, but not with ours, are believed rather than ours."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """`skewed` (n): whose clock is off. `fleet_ahead_s`: how far the fleet's clocks are ahead of ours in the median, NaN without stamps.

    `ours` is True where that is too far: then a vehicle is judged by the other vehicles, and only who differs from them is `skewed`.
    """

    skewed: NDArray[np.bool_]
    fleet_ahead_s: float
    ours: bool


def clock_skew(fleet: Fleet, most_s: float) -> ClockSkew:
    """The clocks of the fleet now; more than `most_s` is off."""
    n = len(fleet)
    ahead_s = fleet.clock_offset_s[:n]
    told = np.isfinite(ahead_s) & np.isin(fleet.quality[:n], (Quality.FRESH, Quality.STALE))
    if not told.any():
        return ClockSkew(np.zeros(n, np.bool_), float("nan"), False)
    middle_s = float(np.median(ahead_s[told]))
    ours = abs(middle_s) > most_s and int(np.count_nonzero(told)) >= FEWEST
    skewed = told & (np.abs(ahead_s - (middle_s if ours else 0.0)) > most_s)
    return ClockSkew(skewed, middle_s, ours)
