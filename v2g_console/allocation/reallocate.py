"""After refusals, limits and silence: the shortfall once more, over what is left of everybody who can help, used before or not."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.explain import limits, reasons
from v2g_console.allocation.minpower import Segments, fill_around_holes, segments
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem, check, usable_headroom_kw
from v2g_console.allocation.score import soc_feature
from v2g_console.allocation.tree import AllocationError, InfeasibleError, Nodes, Room, no_room, room_for
from v2g_console.allocation.treefill import fill_tree
from v2g_console.allocation.waterfill import Curves, waterfill
from v2g_console.domain.vehicle import F8, Bool

Rows = NDArray[np.intp]
_LEAST_SCORE: Final = 0.01
_BEYOND_KW: Final = 1e-7
_GENEROSITY: Final = (1.0, 4.0, 16.0)
"""How many times more vehicles than necessary are tried before all: nodes and holes may keep the best ones from helping."""
_UNKNOWN: Final = 0.5


class Strategy(StrEnum):
    """By what the shortfall is shared: nothing is done; remaining headroom x SoC; that x availability x battery health."""

    NONE = "none"
    BALANCED = "balanced"
    PROBABILISTIC = "probabilistic"


class Outcome(StrEnum):
    """What a reallocation comes to, if everybody obeys: the target is met, it comes nearer, or nothing is left to do."""

    MET = "met"
    PARTLY = "partly"
    HOPELESS = "hopeless"


@dataclass(frozen=True, slots=True)
class Reallocation:
    """`allocation` is the whole new state, those who keep what they hold included; `changed` are the rows that must be sent a setpoint."""

    allocation: Allocation
    changed: Rows
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Task:
    """The movable part in one direction, x >= 0 in kW: share `target_kw` between `floor` (held already) and `cap` by `score`."""

    problem: Problem
    target_kw: float
    floor: F8
    cap: F8
    score: F8
    least_kw: float  # that is worth a message; 0: no matter
    room: Room
    full: Nodes  # the node above each vehicle that is beyond its limit already, -1: none


def reallocate(
    strategy: Strategy | str,
    shortfall_kw: float,
    problem: Problem,
    *,
    held_kw: F8,
    fixed: Bool | None = None,
    least_kw: float = 1.0,
    met_within_kw: float = 1.0,
) -> Reallocation:
    """Add `shortfall_kw` (signed like all regulation: target minus what is held in all) to what n vehicles hold.

    `problem` is that of the dispatch as it is now: its target's sign is the direction, `headroom_kw` counts from the baseline, `eligible`
    are participants and reserve alike, and its tree holds everybody not eligible at their worst (`uncertainty.with_others`).
    `held_kw` (n, signed) is the regulation each gives now: as acknowledged, expected or measured; 0 for the reserve. `fixed` (n) keep
    theirs and count as not eligible: limited, refusing, silent or handed over.
    Vehicles that hold something give no less, unless a node above them needs it or the shortfall points the other way (too much is
    held): then they give back in proportion. Only so many are asked that each gives `least_kw`, while that suffices. MET means within
    `met_within_kw`. Below a node that is beyond its limit all is given back, and others take over; it raises nothing.
    Raises AllocationError for an unknown strategy, or figures that are no problem (as `allocate`).
    """
    fixed = np.zeros(len(problem.vehicles), np.bool_) if fixed is None else fixed
    _check(strategy, shortfall_kw, problem, held_kw, fixed)
    # Without a baseline there is nothing that regulation could be counted from.
    held_kw = np.where(np.isfinite(held_kw) & np.isfinite(problem.vehicles.baseline_kw), held_kw, 0.0)
    movable = replace(problem, eligible=problem.eligible & ~fixed)
    if strategy == Strategy.NONE:
        powers_kw = np.where(movable.eligible, problem.direction * held_kw, 0.0)
        return _answer(movable, shortfall_kw, held_kw, _Filled.unchanged(powers_kw), np.zeros(len(powers_kw)), met_within_kw)
    task = _task(Strategy(strategy), shortfall_kw, movable, held_kw, least_kw)
    return _answer(movable, shortfall_kw, held_kw, _solve(task), task.score, met_within_kw)


def _check(strategy: str, shortfall_kw: float, problem: Problem, held_kw: F8, fixed: Bool) -> None:
    if strategy not in tuple(Strategy):
        raise AllocationError(f"unknown strategy {str(strategy)[:40]!r}: known are {', '.join(Strategy)}")
    if not np.isfinite(shortfall_kw):
        raise AllocationError(f"the shortfall must be a finite number of kW, got {shortfall_kw}")
    check(problem)
    for name, column in (("held_kw", held_kw), ("fixed", fixed)):
        if len(column) != len(problem.vehicles):
            raise AllocationError(f"{name} has {len(column)} rows for {len(problem.vehicles)} vehicles")


def _task(strategy: Strategy, shortfall_kw: float, movable: Problem, held_kw: F8, least_kw: float) -> _Task:
    direction = movable.direction
    room = _room(movable)
    full = _full_node(room)
    cap = np.where(full >= 0, 0.0, usable_headroom_kw(movable))  # below a node beyond its limit, the best is to give all back
    given = np.where(movable.eligible, direction * held_kw, 0.0)
    target_kw = max(0.0, float(given.sum()) + direction * shortfall_kw)
    floor = np.clip(given, 0.0, cap)
    if direction * shortfall_kw < 0.0:  # too much is held: nobody new, and everybody gives back in proportion
        return _Task(movable, target_kw, np.zeros(len(cap)), floor, np.ones(len(cap)), 0.0, room, full)
    return _Task(movable, target_kw, floor, cap, _score(strategy, movable), least_kw, room, full)


def _room(problem: Problem) -> Room:
    """What the tree leaves to each vehicle; whoever may move counts with the baseline, the others are in the tree already."""
    if problem.tree is None:
        return no_room(len(problem.vehicles))
    baseline = np.where(problem.eligible, np.nan_to_num(problem.vehicles.baseline_kw), 0.0)
    return room_for(problem.tree, baseline, problem.direction)


def _full_node(room: Room) -> Nodes:
    """The lowest node above each vehicle that is beyond its limit without any regulation; -1: none."""
    full = np.full(room.levels.shape[1], -1, np.intp)
    for nodes in room.levels:
        beyond = (nodes >= 0) & (room.most_kw[nodes] < -_BEYOND_KW) if len(room.most_kw) else np.zeros(len(nodes), np.bool_)
        full = np.where(beyond, nodes, full)
    return full


def _score(strategy: Strategy, problem: Problem) -> F8:
    """What a kW of remaining headroom is worth, 0.01..1; unknown figures count as middling."""
    v = problem.vehicles
    score = soc_feature(v.soc, problem.direction)
    if strategy is Strategy.PROBABILISTIC:
        score = score * _share(problem.availability) * (1.0 - _share(v.degradation))
    return np.maximum(score, _LEAST_SCORE)


def _share(values: F8) -> F8:
    return np.clip(np.where(np.isnan(values), _UNKNOWN, values), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Filled:
    """Powers x in kW (n), who is held back by a minimum power, and the node at its limit above each (-1: none)."""

    powers_kw: F8
    held_back: Bool
    node: Nodes

    @staticmethod
    def unchanged(powers_kw: F8) -> "_Filled":
        return _Filled(powers_kw, np.zeros(len(powers_kw), np.bool_), np.full(len(powers_kw), -1, np.intp))


def _solve(task: _Task) -> _Filled:
    """With few vehicles; if they don't suffice with all; if a node needs it, with those giving back who hold something.

    A node that needs more regulation than its vehicles have was not brought there by this dispatch: then its need is left to others.
    """
    task = _within_nodes(task)
    for generosity in _GENEROSITY:
        few = _few(task, generosity)
        filled = None if few is None else _try(replace(task, cap=np.where(few, task.cap, task.floor)))
        if filled is None:
            break
        if float(filled.powers_kw.sum()) >= task.target_kw - max(MICROWATT_KW, 1e-9 * task.target_kw):
            return filled
    giving_back = replace(task, floor=np.zeros(len(task.floor)))
    without_needs = replace(task.room, least_kw=np.full(len(task.room.least_kw), -np.inf))
    return _try(task) or _try(giving_back) or _fill(replace(giving_back, room=without_needs))


def _within_nodes(task: _Task) -> _Task:
    """The task with less held below nodes that are beyond their limit with all that is held; the rest of the fleet keeps what it holds."""
    if not (task.room.sums(task.floor) > task.room.most_kw + _BEYOND_KW).any():
        return task
    kept = _try(replace(task, target_kw=float(task.floor.sum()), cap=task.floor, floor=np.zeros(len(task.floor))))
    return task if kept is None else replace(task, floor=kept.powers_kw)


def _try(task: _Task) -> "_Filled | None":
    try:
        return _fill(task)
    except InfeasibleError:
        return None


def _few(task: _Task, generosity: float) -> Bool | None:
    """The best vehicles, so many that each can be given the least and together enough, times `generosity`; None if that would be all."""
    left = np.minimum(task.cap - task.floor, _left_above(task))
    rows = np.flatnonzero(left > MICROWATT_KW)
    extra = task.target_kw - float(task.floor.sum())
    if task.least_kw <= 0.0 or extra <= 0.0:
        return None
    rows = rows[np.argsort(-(task.score * left)[rows], kind="stable")]
    enough = int(np.searchsorted(np.cumsum(left[rows]), extra)) + 1
    count = int(generosity * max(enough, extra // task.least_kw, 1))
    if count >= len(rows):
        return None
    few = np.zeros(len(left), np.bool_)
    few[rows[:count]] = True
    return few


def _left_above(task: _Task) -> F8:
    """What the nodes above each vehicle still leave, with everybody at what is held."""
    budget = np.maximum(0.0, task.room.most_kw - task.room.sums(task.floor))
    left = np.full(len(task.floor), np.inf)
    for nodes in task.room.levels:
        left = np.minimum(left, np.where(nodes >= 0, budget[nodes], np.inf))
    return left


def _fill(task: _Task) -> _Filled:
    """Meet the task's target as near as bounds, holes and nodes allow. Raises InfeasibleError where a node can't be mended."""
    n = len(task.cap)
    powers_kw, held_back, node = np.zeros(n), np.zeros(n, np.bool_), task.full.copy()
    rows = np.flatnonzero(task.cap > 0.0)
    floor, tree, direction = task.floor[rows], task.problem.tree, task.problem.direction
    left = task.cap[rows] - floor
    slope = np.where(left > MICROWATT_KW, task.score[rows] * left, 1.0)
    start, binder = -floor / slope, np.full(len(rows), -1, np.intp)
    room = Room(task.room.least_kw, task.room.most_kw, task.room.levels[:, rows])

    def solve(lower_kw: F8, upper_kw: F8) -> F8:
        curves = Curves(slope, start, np.maximum(lower_kw, floor), np.maximum(upper_kw, floor))
        if tree is None:
            return waterfill(task.target_kw, curves)
        found_kw, binder[:] = fill_tree(task.target_kw, curves, room, tree)
        return found_kw

    ranges = segments(task.problem.vehicles, rows, task.cap[rows], direction)
    raised = Segments(np.maximum(ranges.lower, floor), np.maximum(ranges.upper, floor), ranges.cut)
    powers_kw[rows], held_back[rows] = fill_around_holes(task.target_kw, task.score[rows], raised, room, solve)
    node[rows] = binder
    return _Filled(powers_kw, held_back, node)


def _answer(movable: Problem, shortfall_kw: float, held_kw: F8, filled: _Filled, score: F8, met_within_kw: float) -> Reallocation:
    """The whole state after the change, what still stands in the way, and whether it is worth sending."""
    direction, baseline = movable.direction, movable.vehicles.baseline_kw
    regulation = np.where(movable.eligible, direction * filled.powers_kw, held_kw) + 0.0
    changed = np.flatnonzero(np.abs(regulation - held_kw) > MICROWATT_KW)
    requested_kw = float(held_kw.sum()) + shortfall_kw
    missing_kw = direction * (requested_kw - float(regulation.sum()))
    still_short_kw = missing_kw if missing_kw > max(MICROWATT_KW, 1e-9 * abs(requested_kw)) else 0.0
    headroom_kw = usable_headroom_kw(movable)
    code = reasons(movable, headroom_kw, filled.powers_kw, filled.held_back, filled.node)
    setpoint = baseline + regulation
    setpoint = np.where(np.abs(setpoint) < MICROWATT_KW, 0.0, setpoint)
    told = regulation != 0.0
    told[changed] = True
    allocation = Allocation(
        regulation_kw=regulation,
        setpoint_kw=np.where(told, setpoint, np.nan),
        score=score,
        parts={},
        reason=code,
        requested_kw=requested_kw,
        allocated_kw=float(regulation.sum()),
        shortfall_kw=still_short_kw,
        limits=limits(movable, filled.powers_kw, code, still_short_kw),
    )
    if abs(missing_kw) <= max(met_within_kw, MICROWATT_KW):
        return Reallocation(allocation, changed, Outcome.MET)
    return Reallocation(allocation, changed, Outcome.PARTLY if len(changed) else Outcome.HOPELESS)
