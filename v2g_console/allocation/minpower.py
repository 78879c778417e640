"""Minimum power makes holes: a charger runs at nothing or at least at its minimum, never between.

Solve without holes; each vehicle that lands in one goes, best score first, to the upper edge while what they were given allows, else to
the lower; then solve once more with every vehicle kept on its side. What is still missing is offered to vehicles below a hole, best first.
The very best choice is NP-hard; without a tree this one misses a reachable target by less than the smallest hole left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.problem import MICROWATT_KW
from v2g_console.allocation.tree import Room
from v2g_console.domain.vehicle import F8, Bool, VehicleColumns

Rows = NDArray[np.intp]
Solve = Callable[[F8, F8], F8]
"""From lower and upper bounds (kW, n) to powers (kW, n)."""
_ROUNDS: Final = 32


@dataclass(frozen=True, slots=True)
class Segments:
    """Where the power x >= 0 of each vehicle may lie: three ranges `lower[k]..upper[k]` in kW, rising; fewer ones repeat."""

    lower: F8  # 3 x n
    upper: F8  # 3 x n
    cut: Bool  # the headroom itself ended in a hole and was cut to its lower edge

    @property
    def whole(self) -> bool:
        """True if no vehicle has a hole."""
        return bool((self.lower[2] <= 0.0).all()) and not bool(self.cut.any())


def segments(v: VehicleColumns, rows: Rows, headroom_kw: F8, direction: int) -> Segments:
    """The ranges of x = regulation in `direction` (+1 up, -1 down) that keep the setpoints of `rows` out of the holes around 0 kW.

    `headroom_kw` has one value for each of `rows`.
    """
    n = len(rows)
    baseline = v.baseline_kw[rows]
    inject = _minimum(v.min_discharge_kw[rows], np.inf)
    charge = _minimum(v.min_charge_kw[rows], np.fmax(v.max_charge_kw[rows], 0.0))
    zero = -direction * baseline  # the x that brings the setpoint to 0 kW
    first, second = (charge, inject) if direction > 0 else (inject, charge)
    low_1, high_1 = np.maximum(zero - first, 0.0), zero
    low_2, high_2 = np.maximum(zero, 0.0), zero + second

    cap = headroom_kw.copy()
    cut = np.zeros(n, np.bool_)
    for low, high in ((low_2, high_2), (low_1, high_1)):
        inside = (cap > low + MICROWATT_KW) & (cap < high - MICROWATT_KW)
        cap, cut = np.where(inside, low, cap), cut | inside
    hole_1 = (high_1 > low_1 + MICROWATT_KW) & (high_1 <= cap + MICROWATT_KW)
    hole_2 = (high_2 > low_2 + MICROWATT_KW) & (high_2 <= cap + MICROWATT_KW)
    end_1 = np.where(hole_2, low_2, cap)
    start_1 = np.where(hole_1, high_1, 0.0)
    lower = np.stack((np.zeros(n), start_1, np.where(hole_2, high_2, start_1)))
    upper = np.stack((np.where(hole_1, low_1, end_1), end_1, cap))
    return Segments(np.minimum(lower, cap), np.minimum(upper, cap), cut)


def _minimum(minimum_kw: F8, rated_kw: float | F8) -> F8:
    """A minimum power that makes sense: no number counts as none, and none is above the rating."""
    return np.minimum(np.where(np.isfinite(minimum_kw), np.maximum(minimum_kw, 0.0), 0.0), rated_kw)


def fill_around_holes(target_kw: float, score: F8, ranges: Segments, room: Room, solve: Solve) -> tuple[F8, Bool]:
    """Powers in kW outside all holes, and which vehicles are held back by one. `solve` meets `target_kw` within given bounds and `room`."""
    n = len(score)
    ideal = solve(np.zeros(n), ranges.upper[2])
    if ranges.whole:
        return ideal, np.zeros(n, np.bool_)
    rows = np.arange(n)
    side = _side(ranges, ideal)
    in_hole = ideal > ranges.upper[side, rows] + MICROWATT_KW
    powers = ideal
    if in_hole.any():
        side = _enter(side, ranges, ideal, in_hole, score, room)
        side = _offer_missing(target_kw, side, ranges, score, room)
        powers = solve(ranges.lower[side, rows], ranges.upper[side, rows])
    missing = float(powers.sum()) < target_kw - max(MICROWATT_KW, 1e-9 * target_kw)
    at_edge = (powers >= ranges.upper[side, rows] - MICROWATT_KW) & (ranges.upper[side, rows] < ranges.upper[2] - MICROWATT_KW)
    held = at_edge & ((ideal > powers + MICROWATT_KW) | missing)
    return powers, held | (ranges.cut & (powers >= ranges.upper[2] - MICROWATT_KW))


def _side(ranges: Segments, powers: F8) -> Rows:
    """The highest range that begins at or below each power."""
    begun = ranges.lower <= powers + MICROWATT_KW
    return np.where(begun[2], 2, np.where(begun[1], 1, 0)).astype(np.intp)


def _enter(side: Rows, ranges: Segments, ideal: F8, in_hole: Bool, score: F8, room: Room) -> Rows:
    """Lift vehicles in a hole to its upper edge, best score first, while what they were given pays for it, at every node."""
    rows = np.flatnonzero(in_hole)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    low = ranges.upper[side[rows], rows]
    width = ranges.lower[side[rows] + 1, rows] - low
    paid = np.zeros(len(side))
    paid[rows] = ideal[rows] - low
    budget = np.append(room.sums(paid), paid.sum())
    lifted = admit(rows, width, np.zeros(len(rows)), np.inf, budget, room)
    side = side.copy()
    side[lifted] += 1
    return side


def _offer_missing(target_kw: float, side: Rows, ranges: Segments, score: F8, room: Room) -> Rows:
    """While the upper bounds reach neither the target nor what a node needs, lift further vehicles whose minimum still fits."""
    side = side.copy()
    rows = np.arange(len(side))
    for _ in range(_ROUNDS):
        lower, upper = ranges.lower[side, rows], ranges.upper[side, rows]
        above = np.minimum(side + 1, 2)
        gain = ranges.upper[above, rows] - upper
        cost = ranges.lower[above, rows] - lower
        budget = np.append(room.most_kw - room.sums(lower), target_kw - lower.sum())
        wanted, missing = _wanted(target_kw, upper, room)
        fits = np.flatnonzero(wanted & (gain > MICROWATT_KW) & (cost <= _least_on_path(budget, room) + MICROWATT_KW))
        if missing <= MICROWATT_KW or len(fits) == 0:
            break
        fits = fits[np.argsort(-score[fits], kind="stable")]
        lifted = admit(fits, cost[fits], gain[fits], missing, budget, room)
        if len(lifted) == 0:
            break
        side[lifted] += 1
    return side


def _least_on_path(budget: F8, room: Room) -> float | F8:
    """The smallest budget above each vehicle, the whole included."""
    least: float | F8 = float(budget[-1])
    for nodes in room.levels:
        least = np.minimum(least, np.where(nodes >= 0, budget[nodes], np.inf))
    return least


def _wanted(target_kw: float, upper: F8, room: Room) -> tuple[Bool, float]:
    """Which vehicles should offer more, and how many kW are missing: a node below its least first, then the target."""
    needs = room.least_kw - room.sums(upper)
    if len(needs) and float(needs.max()) > MICROWATT_KW:
        node = int(np.argmax(needs))
        return (room.levels == node).any(axis=0), float(needs[node])
    return np.ones(len(upper), np.bool_), target_kw - float(_reachable(upper, room))


def _reachable(upper: F8, room: Room) -> float:
    """The most that the upper bounds give in all, with every node's limit applied from the bottom up."""
    for nodes in room.levels[::-1]:
        below = nodes >= 0
        total = np.bincount(nodes[below], weights=upper[below], minlength=len(room.most_kw))
        over = total > np.maximum(room.most_kw, 0.0)
        shrink = np.where(over, np.maximum(room.most_kw, 0.0), 1.0) / np.where(over, total, 1.0)
        upper = np.where(below, upper * np.where(below, shrink[nodes], 1.0), upper)
    return float(upper.sum())


def admit(rows: Rows, cost: F8, gain: F8, missing: float, budget: F8, room: Room) -> Rows:
    """Of `rows`, best first, those whose `cost` the `budget` (nodes, then the whole) pays for, until `gain` covers what is missing."""
    if len(room.levels) == 0:
        count = int(np.searchsorted(np.cumsum(cost), budget[-1] + MICROWATT_KW, side="right"))
        enough = int(np.searchsorted(np.cumsum(gain), missing)) + 1
        return rows[: min(count, enough)]
    fits = np.ones(len(rows), np.bool_)
    # From the bottom up; what one level turns away no longer counts at the next. Never too many: each level counts at least who remains.
    for nodes in (*room.levels[::-1], np.full(room.levels.shape[1], len(budget) - 1)):
        below = np.flatnonzero(fits & (nodes[rows] >= 0))
        owner = nodes[rows[below]]
        order = np.argsort(owner, kind="stable")
        owner, spent = owner[order], np.cumsum(cost[below[order]])
        begins = np.searchsorted(owner, owner)  # first of the same node
        before = np.where(begins > 0, spent[np.maximum(begins - 1, 0)], 0.0)
        fits[below[order]] = spent - before <= budget[owner] + MICROWATT_KW
    admitted = rows[fits]
    return admitted[: int(np.searchsorted(np.cumsum(gain[fits]), missing)) + 1]
