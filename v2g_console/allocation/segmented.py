"""Each segment of the fleet by its own rule."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.problem import MICROWATT_KW, Problem, SegmentRule, Weights
from v2g_console.allocation.score import score_by_group
from v2g_console.allocation.shapes import SHAPES, Plan, Shape
from v2g_console.allocation.tree import AllocationError
from v2g_console.allocation.waterfill import Curves, waterfill
from v2g_console.domain.vehicle import F8, I4

_FEW: Final = 65_536
_NO_WEIGHTS: Final = Weights(soc=0.0, time=0.0, priority=0.0, price=0.0, wear=0.0, fairness=0.0, availability=0.0)


def segmented(problem: Problem, headroom_kw: F8) -> Plan:
    """Each segment gets its part of the target by headroom and shares it by its own rule (none: `smart` with the problem's weights).

    At level 1 every vehicle has what its segment gave it. Where a limit keeps a segment from taking its part, the level rises and the
    others take it: those already in use first in proportion, those not used once the level passes 1.
    """
    n = len(problem.vehicles)
    codes, group = _groups(problem.vehicles.segment)
    configured = {rule.segment: rule for rule in problem.segments}
    rules = [configured.get(int(code), SegmentRule(int(code), "smart", problem.weights)) for code in codes]
    shapes = [_shape(rule) for rule in rules]
    weights = [_NO_WEIGHTS if rule.allocator == "equal" else rule.weights for rule in rules]
    scores, parts = score_by_group(problem, headroom_kw, weights, group)
    share = min(1.0, abs(problem.target_kw) / max(float(headroom_kw.sum()), MICROWATT_KW))
    order = np.argsort(group, kind="stable")  # a segment is a slice from here on
    sizes = np.bincount(group, minlength=len(rules))
    ends = np.cumsum(sizes)
    scores_by, headroom_by, given = scores[order], headroom_kw[order], np.zeros(n)
    for shape, begin, end in zip(shapes, ends - sizes, ends, strict=True):
        rows = slice(int(begin), int(end))
        curves = shape(scores_by[rows], headroom_by[rows])
        given[rows] = waterfill(share * float(headroom_by[rows].sum()), curves)
    powers = np.empty(n)
    powers[order] = given
    used = powers > MICROWATT_KW
    slope = np.where(used, powers, np.where(headroom_kw > 0.0, headroom_kw, 1.0))
    return Plan(Curves(slope, np.where(used, 0.0, 1.0), np.zeros(n), headroom_kw), scores, parts)


def _groups(segment: I4) -> tuple[I4, NDArray[np.uint16]]:
    """The segment codes that occur, rising, and for each vehicle which of them is its own."""
    lowest = int(segment.min(initial=0))
    if int(segment.max(initial=0)) - lowest >= _FEW:
        codes, group = np.unique(segment, return_inverse=True)
        return codes, group.astype(np.uint16 if len(codes) < _FEW else np.intp)
    counts = np.bincount(segment - lowest)
    present = np.flatnonzero(counts)
    position = np.zeros(len(counts), np.uint16)  # two bytes: sorted by radix, in linear time
    position[present] = np.arange(len(present))
    return (present + lowest).astype(np.int32), position[segment - lowest]


def _shape(rule: SegmentRule) -> Shape:
    shape = SHAPES.get(rule.allocator)
    if shape is None:
        raise AllocationError(f"unknown allocator {rule.allocator[:40]!r} for segment {rule.segment}: known are {', '.join(SHAPES)}")
    return shape
