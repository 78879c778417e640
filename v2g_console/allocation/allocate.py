"""From a problem to an answer: check, curves, fill, explain."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import curves
from v2g_console.allocation.answer import answer
from v2g_console.allocation.explain import reasons
from v2g_console.allocation.minpower import fill_around_holes, segments
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem, check, usable_headroom_kw
from v2g_console.allocation.shapes import Plan
from v2g_console.allocation.tree import AllocationError, Nodes, Room, SiteTree, no_room, room_for
from v2g_console.allocation.treefill import fill_tree
from v2g_console.allocation.waterfill import Curves, waterfill
from v2g_console.domain.vehicle import F8, Bool

ALLOCATORS: Final = tuple(curves.ALLOCATORS)
"""The names that `allocate` knows."""


def allocate(name: str, problem: Problem) -> Allocation:
    """Share the target of `problem` by the allocator `name`; as near as the vehicles allow, and says what is missing and why.

    Raises AllocationError for an unknown name and for input that is no problem at all (NaN or infinite target, columns that don't match),
    and InfeasibleError, which names the node, where a site or feeder is over its limit and these vehicles can't bring it back.
    """
    allocator = curves.ALLOCATORS.get(name)
    if allocator is None:
        raise AllocationError(f"unknown allocator {name[:40]!r}: known are {', '.join(ALLOCATORS)}")
    check(problem)
    headroom_kw = usable_headroom_kw(problem)
    plan = allocator(problem, headroom_kw)
    powers_kw, held, node = _fill(problem, plan, headroom_kw)
    code = reasons(problem, headroom_kw, powers_kw, held, node)
    if problem.tree is None:
        return answer(problem, plan, powers_kw, code)
    return answer(problem, plan, powers_kw, code, places=problem.tree.names, held_by=node)


def _fill(problem: Problem, plan: Plan, headroom_kw: F8) -> tuple[F8, Bool, Nodes]:
    """Powers in kW, who is held back by a minimum power, and the node at its limit above each vehicle (-1: none)."""
    target_kw = abs(problem.target_kw) if abs(problem.target_kw) > MICROWATT_KW else 0.0
    n = len(headroom_kw)
    powers_kw, held, node = np.zeros(n), np.zeros(n, np.bool_), np.full(n, -1, np.intp)
    rows = np.flatnonzero(headroom_kw > 0.0)  # nobody else can do anything
    binder = np.full(len(rows), -1, np.intp)
    slope, start = plan.curves.slope[rows], plan.curves.start[rows]
    tree = problem.tree
    room = no_room(len(rows)) if tree is None else _room(problem, tree, rows)

    def solve(lower_kw: F8, upper_kw: F8) -> F8:
        curves_now = Curves(slope, start, lower_kw, upper_kw)
        if tree is None:
            return waterfill(target_kw, curves_now)
        found_kw, binder[:] = fill_tree(target_kw, curves_now, room, tree)
        return found_kw

    ranges = segments(problem.vehicles, rows, headroom_kw[rows], problem.direction)
    powers_kw[rows], held[rows] = fill_around_holes(target_kw, plan.score[rows], ranges, room, solve)
    node[rows] = binder
    return powers_kw, held, node


def _room(problem: Problem, tree: SiteTree, rows: NDArray[np.intp]) -> Room:
    """What the tree leaves to `rows`; eligible vehicles without headroom count with their baseline."""
    whole = room_for(tree, np.where(problem.eligible, np.nan_to_num(problem.vehicles.baseline_kw), 0.0), problem.direction)
    return Room(whole.least_kw, whole.most_kw, whole.levels[:, rows])
