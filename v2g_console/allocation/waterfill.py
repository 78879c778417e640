"""The one primitive: every vehicle follows a curve x(l) = clip(slope * (l - start), lower, upper), and one level l meets the target.

It minimises sum x^2 / (2 slope) + start * x under sum x = target: weighted max-min fairness (KKT). Solved exactly by one sweep over sorted
break points, of which all but a few are first left out; independent of the order of the vehicles, and equal curves get equal power.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8

_SAMPLE: Final = 64
"""Break points of either kind that are looked at to find the neighbourhood of the level."""

_FEW: Final = 4096
"""Up to here sorting is as cheap as looking."""


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
    return _settled(target_kw, curves, curves.at(_level(target_kw, curves)))


def _level(target_kw: float, curves: Curves) -> float:
    """The level that meets the target: a sweep over the break points of the curves that change between two levels around it."""
    begins, ends = curves.start + curves.lower / curves.slope, curves.start + curves.upper / curves.slope
    low, high = _around(target_kw, curves, begins, ends)
    rows = np.flatnonzero((ends > low) & (begins < high) & (curves.upper > curves.lower))
    begins, ends, slope = begins[rows], ends[rows], curves.slope[rows]
    begun, ended = begins <= low, ends >= high
    points = np.concatenate((begins[~begun], ends[~ended]))
    order = np.argsort(points)
    points = np.concatenate(([low], points[order], [high]))
    change = np.concatenate((slope[~begun], -slope[~ended]))[order]
    rising = np.maximum(np.cumsum(np.concatenate(([float(slope[begun].sum())], change))), 0.0)
    reached = float(curves.at(low).sum()) + np.concatenate(([0.0], np.cumsum(rising * np.diff(points))))
    k = min(max(0, int(np.searchsorted(reached, target_kw)) - 1), len(rising) - 1)
    if rising[k] <= 0.0:
        return float(points[k + 1])
    return float(min(points[k] + (target_kw - reached[k]) / rising[k], points[k + 1]))


def _around(target_kw: float, curves: Curves, begins: F8, ends: F8) -> tuple[float, float]:
    """Two levels with the target's level between them, and few break points: found by halving a sample of the break points.

    A handful of evaluations is far cheaper than sorting everything, and the sweep in between is exact whatever the sample was.
    """
    low, high = float(begins.min()), float(ends.max())
    if len(begins) < _FEW:
        return low, high
    step = len(begins) // _SAMPLE + 1
    sample = np.unique(np.concatenate((begins[::step], ends[::step])))
    powers = np.empty(len(begins))
    first, last = 0, len(sample)  # sample[:first] is at or below the target, sample[last:] at or above
    while first < last:
        middle = (first + last) // 2
        np.subtract(sample[middle], curves.start, out=powers)  # in place: new arrays of a million cost more than the arithmetic
        np.multiply(powers, curves.slope, out=powers)
        np.maximum(powers, curves.lower, out=powers)
        np.minimum(powers, curves.upper, out=powers)
        if float(powers.sum()) <= target_kw:
            first, low = middle + 1, max(low, float(sample[middle]))
        else:
            last, high = middle, min(high, float(sample[middle]))
    return low, high


def _settled(target_kw: float, curves: Curves, powers: F8) -> F8:
    """`powers` with the error of the level's last digits spread over the curves that are between their bounds."""
    free = (powers > curves.lower) & (powers < curves.upper)
    slope = float(curves.slope[free].sum())
    if slope <= 0.0:
        return powers
    error = target_kw - float(powers.sum())
    return np.where(free, np.clip(powers + curves.slope * (error / slope), curves.lower, curves.upper), powers)
