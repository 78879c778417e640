"""The primitive on a tree: the same curves, with the sum below every node kept within its limits.

With f_v(l) = clip(sum of the children's f, least, most), each node stops following the common level where it saturates. Bottom-up this
narrows, for every vehicle, the window of levels it can still follow; top-down the one level is clipped to the windows. Exact for trees
(laminar limits): weighted max-min fair within the limits. One sort of break points a depth, O(depth * n log n).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.tree import InfeasibleError, Nodes, Room, SiteTree
from v2g_console.allocation.waterfill import Curves
from v2g_console.domain.vehicle import F8

_TOLERANCE_KW = 1e-7


@dataclass(slots=True)
class _Windows:
    """The levels each vehicle can still follow, and the node that set the upper end (-1: none)."""

    low: F8
    high: F8
    binder: Nodes

    def clip(self, level: float | F8) -> F8:
        return np.clip(level, self.low, self.high)


def fill_tree(target_kw: float, curves: Curves, room: Room, tree: SiteTree) -> tuple[F8, Nodes]:
    """Powers in kW (n) whose sum is as near `target_kw` as the limits allow, and the node that holds each vehicle back (-1: none).

    Raises InfeasibleError where a node can't be brought within its limits, or only with more than the target.
    """
    n = len(curves.slope)
    windows = _Windows(np.full(n, -np.inf), np.full(n, np.inf), np.full(n, -1, np.intp))
    for nodes in room.levels[::-1]:
        _narrow(nodes, curves, room, windows, tree)
    least, most = curves.at(windows.low), curves.at(windows.high)
    if float(least.sum()) > target_kw + _TOLERANCE_KW:
        node = int(np.argmax(np.where(np.isfinite(room.least_kw), room.least_kw, -np.inf)))
        raise InfeasibleError(tree, node, f"its limit needs {float(least.sum()):.1f} kW, more than the {target_kw:.1f} kW asked for")
    if target_kw >= float(most.sum()):
        level = np.inf
        powers = most
    else:
        level = float(_group_levels(np.zeros(n, np.intp), np.array([target_kw]), curves, windows)[0])
        powers = _settled(target_kw, curves, windows, level)
    held = (windows.high < level) & (powers < curves.upper)
    return powers, np.where(held, windows.binder, -1)


def _narrow(nodes: Nodes, curves: Curves, room: Room, windows: _Windows, tree: SiteTree) -> None:
    """Narrow the windows of all vehicles below `nodes` (n, one depth) where a limit of theirs can bind."""
    m = len(room.least_kw)
    below = np.flatnonzero((nodes >= 0) & (curves.upper > 0.0))  # a node where nobody takes part is none of our business
    least = np.bincount(nodes[below], weights=curves.at(windows.low)[below], minlength=m)
    most = np.bincount(nodes[below], weights=curves.at(windows.high)[below], minlength=m)
    here = np.zeros(m, np.bool_)
    here[nodes[below]] = True
    over = here & ((least > room.most_kw + _TOLERANCE_KW) | (most < room.least_kw - _TOLERANCE_KW))
    if over.any():
        node = int(np.flatnonzero(over)[0])
        wanted = f"{room.least_kw[node]:.1f} to {room.most_kw[node]:.1f}"
        raise InfeasibleError(
            tree, node, f"regulation must be {wanted} kW there, its vehicles can do {least[node]:.1f} to {most[node]:.1f}"
        )
    full, bound = here & (most > room.most_kw), here & (least < room.least_kw)
    rows = below[(full | bound)[nodes[below]]]
    if len(rows) == 0:
        return
    group = nodes[rows]
    part = Curves(curves.slope[rows], curves.start[rows], curves.lower[rows], curves.upper[rows])
    window = _Windows(windows.low[rows], windows.high[rows], windows.binder[rows])
    ceiling, ground = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    if full.any():
        ceiling = np.where(full, _group_levels(group, np.where(full, room.most_kw, 0.0), part, window), np.inf)[group]
    if bound.any():
        ground = np.where(bound, _group_levels(group, np.where(bound, room.least_kw, 0.0), part, window), -np.inf)[group]
    windows.binder[rows] = np.where(ceiling < window.high, group, window.binder)
    windows.low[rows], windows.high[rows] = window.clip(ground), window.clip(ceiling)


def _group_levels(group: NDArray[np.intp], target_kw: F8, curves: Curves, windows: _Windows) -> F8:
    """For each group the level at which the powers of its curves, within their windows, add up to its `target_kw`."""
    m = len(target_kw)
    begins = windows.clip(curves.start + curves.lower / curves.slope)
    ends = windows.clip(curves.start + curves.upper / curves.slope)
    points = np.concatenate((begins, ends))
    owner = np.concatenate((group, group))
    order = np.lexsort((points, owner))
    points, owner = points[order], owner[order]
    rising = np.maximum(np.cumsum(np.concatenate((curves.slope, -curves.slope))[order]), 0.0)
    step = np.where(owner[1:] == owner[:-1], rising[:-1] * np.diff(points), 0.0)
    reached = np.concatenate(([0.0], np.cumsum(step)))
    first = np.minimum(np.searchsorted(owner, np.arange(m)), len(owner) - 1)
    last = np.maximum(np.searchsorted(owner, np.arange(m), side="right") - 1, first)
    base = np.bincount(group, weights=curves.at(windows.low), minlength=m)
    wanted = reached[first] + target_kw - base
    k = np.clip(np.searchsorted(reached, wanted) - 1, first, last)
    following = points[np.minimum(k + 1, last)]
    slope = np.where(rising[k] > 0.0, rising[k], np.inf)
    level = np.clip(points[k] + np.maximum(wanted - reached[k], 0.0) / slope, points[k], following)
    level = np.where(rising[k] > 0.0, level, following)
    return _refined(level, group, target_kw, curves, windows)


def _refined(level: F8, group: NDArray[np.intp], target_kw: F8, curves: Curves, windows: _Windows) -> F8:
    """One Newton step per group: takes back what cumulative sums over many groups lost."""
    at = windows.clip(level[group])
    powers = curves.at(at)
    free = (powers > curves.lower) & (powers < curves.upper) & (at == level[group])
    error = target_kw - np.bincount(group, weights=powers, minlength=len(level))
    slope = np.bincount(group[free], weights=curves.slope[free], minlength=len(level))
    return np.where(slope > 0.0, level + error / np.where(slope > 0.0, slope, 1.0), level)


def _settled(target_kw: float, curves: Curves, windows: _Windows, level: float) -> F8:
    """The powers at `level`, with the error of its last digits spread over the curves that follow it freely."""
    powers = curves.at(windows.clip(level))
    free = (powers > curves.lower) & (powers < curves.upper) & (windows.low < level) & (windows.high > level)
    slope = float(curves.slope[free].sum())
    if slope <= 0.0:
        return powers
    error = target_kw - float(powers.sum())
    return np.where(free, np.clip(powers + curves.slope * (error / slope), curves.lower, curves.upper), powers)
