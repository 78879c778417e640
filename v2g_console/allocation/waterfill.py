"""The one primitive: every vehicle follows a curve x(l) = clip(slope * (l - start), lower, upper), and one level l meets the target.

It minimises sum x^2 / (2 slope) + start * x under sum x = target: weighted max-min fairness (KKT). Solved exactly by sorting the
break points and one sweep, O(n log n), no iteration; independent of the order of the vehicles, and equal curves get equal power.
"""

from dataclasses import dataclass

import numpy as np

from v2g_console.domain.vehicle import F8


@dataclass(frozen=True, slots=True)
class Curves:
    """n curves: `slope` > 0 (kW a unit of level), `start` (level at which a curve leaves zero), bounds `lower` <= `upper` in kW (>= 0)."""

    slope: F8
    start: F8
    lower: F8
    upper: F8

    def at(self, level: float | F8) -> F8:
        """The powers in kW at a level, one for all or one a curve."""
        return np.clip(self.slope * (level - self.start), self.lower, self.upper)


def waterfill(target_kw: float, curves: Curves) -> F8:
    """Powers in kW whose sum is `target_kw`, or the nearest sum that the bounds allow; exact to 1e-9 relative.

    What rounding leaves is spread over the curves between their bounds by slope, so that equal curves stay equal.
    """
    least, most = float(curves.lower.sum()), float(curves.upper.sum())
    if target_kw >= most:
        return curves.upper.copy()
    if target_kw <= least:
        return curves.lower.copy()
    level = _level_from_zero(target_kw, curves) if least == 0.0 and not curves.start.any() else _level(target_kw, curves, least)
    return _settled(target_kw, curves, curves.at(level))


def _level_from_zero(target_kw: float, curves: Curves) -> float:
    """The level where all curves leave zero together: half the break points of the general case."""
    full_at = curves.upper / curves.slope
    order = np.argsort(full_at)
    full_at, slope, upper = full_at[order], curves.slope[order], curves.upper[order]
    filled = np.cumsum(upper)
    rising = np.cumsum(slope[::-1])[::-1]  # slope of this curve and of all that fill later
    before = np.concatenate(([0.0], filled[:-1]))
    reached = before + full_at * rising
    k = min(int(np.searchsorted(reached, target_kw)), len(order) - 1)
    return float((target_kw - before[k]) / rising[k])


def _level(target_kw: float, curves: Curves, least: float) -> float:
    """The level in the general case: a sweep over both break points of every curve."""
    points = np.concatenate((curves.start + curves.lower / curves.slope, curves.start + curves.upper / curves.slope))
    change = np.concatenate((curves.slope, -curves.slope))
    order = np.argsort(points)
    points = points[order]
    rising = np.maximum(np.cumsum(change[order]), 0.0)
    reached = least + np.concatenate(([0.0], np.cumsum(rising[:-1] * np.diff(points))))
    k = max(0, int(np.searchsorted(reached, target_kw)) - 1)
    last = points[min(k + 1, len(points) - 1)]
    if rising[k] <= 0.0:
        return float(last)
    return float(min(points[k] + (target_kw - reached[k]) / rising[k], last))


def _settled(target_kw: float, curves: Curves, powers: F8) -> F8:
    """`powers` with the error of the level's last digits spread over the curves that are between their bounds."""
    free = (powers > curves.lower) & (powers < curves.upper)
    slope = float(curves.slope[free].sum())
    if slope <= 0.0:
        return powers
    error = target_kw - float(powers.sum())
    return np.where(free, np.clip(powers + curves.slope * (error / slope), curves.lower, curves.upper), powers)
