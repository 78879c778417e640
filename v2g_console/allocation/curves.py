"""The allocators: each says by which curve a vehicle takes part, nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.problem import MICROWATT_KW, Problem, SegmentRule, Weights
from v2g_console.allocation.score import score
from v2g_console.allocation.tree import AllocationError
from v2g_console.allocation.waterfill import Curves, waterfill
from v2g_console.domain.vehicle import F8

LEAST_SCORE: Final = 0.01
"""A poor vehicle still gets a little, so that a target is never missed for want of good ones."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An allocator's view of the vehicles: their curves and the score behind them with its parts."""

    curves: Curves
    score: F8
    parts: dict[str, F8]


Allocator = Callable[[Problem, F8], Plan]
"""From a checked problem and its usable headroom (kW, n) to a plan."""


def equal(problem: Problem, headroom_kw: F8) -> Plan:
    """The same power for everybody, capped by what each can do."""
    n = len(problem.vehicles)
    zero = np.zeros(n)
    return Plan(Curves(np.ones(n), zero, zero, headroom_kw), np.ones(n), {})


def smart(problem: Problem, headroom_kw: F8) -> Plan:
    """Shares in proportion to score times headroom: good vehicles are used to a larger part of what they can do."""
    scores, parts = score(problem, headroom_kw)
    zero = np.zeros(len(scores))
    slope = np.where(headroom_kw > 0.0, np.maximum(scores, LEAST_SCORE) * headroom_kw, 1.0)
    return Plan(Curves(slope, zero, zero, headroom_kw), scores, parts)


def merit(problem: Problem, headroom_kw: F8) -> Plan:
    """Best score first, each filled before the next begins; vehicles of equal score share by headroom.

    Curves that start one whole level after another can't overlap, so the result maximises sum(score * x): the linear programme, exactly.
    """
    scores, parts = score(problem, headroom_kw)
    usable = headroom_kw > 0.0
    rank = np.zeros(len(scores))
    rank[usable] = np.unique(-scores[usable], return_inverse=True)[1]
    return Plan(Curves(np.where(usable, headroom_kw, 1.0), rank, np.zeros(len(scores)), headroom_kw), scores, parts)


def segmented(problem: Problem, headroom_kw: F8) -> Plan:
    """Each segment gets its part of the target by headroom and shares it by its own rule (none: `smart` with the problem's weights).

    At level 1 every vehicle has what its segment gave it. Where a limit keeps a segment from taking its part, the level rises and the
    others take it: those already in use first in proportion, those not used once the level passes 1.
    """
    n = len(problem.vehicles)
    share = min(1.0, abs(problem.target_kw) / max(float(headroom_kw.sum()), MICROWATT_KW))
    powers, scores, parts = np.zeros(n), np.zeros(n), {field: np.zeros(n) for field in Weights.__slots__}
    default = SegmentRule(-1, "smart", problem.weights)
    rules = {rule.segment: rule for rule in problem.segments}
    for segment in np.unique(problem.vehicles.segment):
        rule = rules.get(int(segment), default)
        rows = np.flatnonzero(problem.vehicles.segment == segment)
        plan = _within(rule)(_rows_of(problem, rows, rule.weights), headroom_kw[rows])
        powers[rows] = waterfill(share * float(headroom_kw[rows].sum()), plan.curves)
        scores[rows] = plan.score
        for name, part in plan.parts.items():
            parts[name][rows] = part
    used = powers > MICROWATT_KW
    slope = np.where(used, powers, np.where(headroom_kw > 0.0, headroom_kw, 1.0))
    return Plan(Curves(slope, np.where(used, 0.0, 1.0), np.zeros(n), headroom_kw), scores, parts)


def _within(rule: SegmentRule) -> Allocator:
    allocator = _SIMPLE.get(rule.allocator)
    if allocator is None:
        raise AllocationError(f"unknown allocator {rule.allocator[:40]!r} for segment {rule.segment}: known are {', '.join(_SIMPLE)}")
    return allocator


def _rows_of(problem: Problem, rows: NDArray[np.intp], weights: Weights) -> Problem:
    """The problem of some vehicles only, with their own weights."""
    return Problem(
        target_kw=problem.target_kw,
        vehicles=problem.vehicles.take(rows),
        headroom_kw=problem.headroom_kw[rows],
        eligible=problem.eligible[rows],
        availability=problem.availability[rows],
        duration_s=problem.duration_s,
        weights=weights,
    )


_SIMPLE: Final[dict[str, Allocator]] = {"equal": equal, "smart": smart, "merit": merit, "lp": merit}
ALLOCATORS: Final[dict[str, Allocator]] = {**_SIMPLE, "segmented": segmented}
