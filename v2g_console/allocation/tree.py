"""Limits of sites and feeders as a tree: what may flow at each node, seen from the dispatch."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, Bool

Nodes = NDArray[np.intp]
_DEEPEST: Final = 32


class AllocationError(ValueError):
    """A problem that can't be solved as it is written; the message says what to change."""


class InfeasibleError(AllocationError):
    """A node is over its limit whatever the vehicles of the problem do. `node` is its index, `reason` SITE_LIMIT or NODE_LIMIT."""

    def __init__(self, tree: "SiteTree", node: int, detail: str) -> None:
        self.node = node
        self.reason = tree.reason(node)
        super().__init__(f"{self.reason.name} at {tree.names[node]}: {detail}")


@dataclass(frozen=True, slots=True)
class SiteTree:
    """m nodes (sites, feeders) with absolute limits on net power in kW, positive = to the grid.

    `parent` (m): index of the node above, -1 at the top. `lower_kw`, `upper_kw` (m): limits, -inf / +inf for none (an import limit of
    50 kW is a `lower_kw` of -50). `other_low_kw`, `other_high_kw` (m): lowest and highest power, attached at this very node, of all that
    is no eligible vehicle of the problem: base load, vehicles not taking part, uncertain ones at their worst. `is_site` (m): names the
    reason. `node_of` (n): the node of each vehicle, -1 for none. Raises AllocationError for cycles, bad indices or contradicting limits.
    """

    parent: Nodes
    lower_kw: F8
    upper_kw: F8
    other_low_kw: F8
    other_high_kw: F8
    is_site: Bool
    names: tuple[str, ...]
    node_of: Nodes

    def __post_init__(self) -> None:
        m = len(self.parent)
        for column in (self.lower_kw, self.upper_kw, self.other_low_kw, self.other_high_kw, self.is_site, self.names):
            if len(column) != m:
                raise AllocationError(f"a column of the site tree has {len(column)} rows for {m} nodes")
        if ((self.parent < -1) | (self.parent >= m)).any() or ((self.node_of < -1) | (self.node_of >= m)).any():
            raise AllocationError(f"the site tree points to nodes that don't exist (it has {m})")
        wrong = ~(self.lower_kw <= self.upper_kw) | ~(self.other_low_kw <= self.other_high_kw)
        if wrong.any():
            name = self.names[int(np.flatnonzero(wrong)[0])]
            raise AllocationError(f"the limits of {name} contradict each other: lower above upper, or no number")

    def reason(self, node: int) -> Reason:
        """How a limit at `node` is named."""
        return Reason.SITE_LIMIT if self.is_site[node] else Reason.NODE_LIMIT


@dataclass(frozen=True, slots=True)
class Room:
    """A tree seen in one direction: the sum of powers x >= 0 below each node must lie within `least_kw..most_kw` (m).

    `levels` (depth x n) holds the node above each vehicle at every depth, top first, -1 where there is none.
    """

    least_kw: F8
    most_kw: F8
    levels: Nodes

    def sums(self, powers_kw: F8) -> F8:
        """Sum of `powers_kw` (n) below each node (m)."""
        total = np.zeros(len(self.least_kw))
        for nodes in self.levels:
            below = nodes >= 0
            total += np.bincount(nodes[below], weights=powers_kw[below], minlength=len(total))
        return total


def no_room(n: int) -> Room:
    """The room of n vehicles without any tree."""
    return Room(np.zeros(0), np.zeros(0), np.zeros((0, n), np.intp))


def room_for(tree: SiteTree, baseline_kw: F8, direction: int) -> Room:
    """What the tree leaves to regulation in `direction` (+1 up, -1 down); `baseline_kw` (n) is 0 for vehicles that don't take part."""
    levels = _levels(tree)
    at_zero = Room(np.zeros(len(tree.parent)), np.zeros(len(tree.parent)), levels).sums(baseline_kw)
    low, high = at_zero + _below(tree, tree.other_low_kw), at_zero + _below(tree, tree.other_high_kw)
    if direction > 0:
        return Room(tree.lower_kw - low, tree.upper_kw - high, levels)
    return Room(high - tree.upper_kw, low - tree.lower_kw, levels)


def _depths(tree: SiteTree) -> Nodes:
    """Depth of each node, 0 at the top; raises AllocationError for a cycle."""
    depth = np.zeros(len(tree.parent), np.intp)
    above = tree.parent
    for _ in range(_DEEPEST):
        if not (above >= 0).any():
            return depth
        depth += above >= 0
        above = np.where(above >= 0, tree.parent[above], -1)
    raise AllocationError(f"the site tree has a cycle or is deeper than {_DEEPEST} levels")


def _levels(tree: SiteTree) -> Nodes:
    depth = _depths(tree)
    levels = np.full((int(depth.max(initial=-1)) + 1, len(tree.node_of)), -1, np.intp)
    at = tree.node_of
    while (at >= 0).any():
        rows = np.flatnonzero(at >= 0)
        levels[depth[at[rows]], rows] = at[rows]
        at = np.where(at >= 0, tree.parent[at], -1)
    return levels


def _below(tree: SiteTree, own_kw: F8) -> F8:
    """Each node's own power plus that of all nodes below it."""
    total = own_kw.copy()
    depth = _depths(tree)
    for level in range(int(depth.max(initial=0)), 0, -1):
        nodes = np.flatnonzero(depth == level)
        np.add.at(total, tree.parent[nodes], total[nodes])
    return total
