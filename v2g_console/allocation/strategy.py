"""The linear programme first, the smart shares if it fails; and what happened, as events for the journal and the screen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from v2g_console.allocation import curves
from v2g_console.allocation.allocate import allocate
from v2g_console.allocation.answer import answer
from v2g_console.allocation.phase_limits import PHASES, PhaseInfeasibleError, PhaseLimits, outside, phase_room
from v2g_console.allocation.phases import allocate_phases
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem, usable_headroom_kw
from v2g_console.allocation.programme import Rows, SolverFailedError
from v2g_console.allocation.tree import Nodes
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8

LP_TIME_LIMIT_S: Final = 1.0
_MOST_ROUNDS: Final = 12


class Strategy(StrEnum):
    """Steps of `lp_first`."""

    LP_ATTEMPT = "lp_attempt"
    LP_FAILURE = "lp_failure"
    SMART_FALLBACK = "smart_fallback"


@dataclass(frozen=True, slots=True)
class StrategyEvent:
    """One step and what to tell people about it."""

    kind: Strategy
    text: str


@dataclass(frozen=True, slots=True)
class Strategic:
    """An allocation, the allocator that made it ("lp" or "smart"), and the steps on the way."""

    allocation: Allocation
    allocator: str
    events: tuple[StrategyEvent, ...]


LinearProgramme = Callable[[Problem, PhaseLimits, float], Allocation]
"""From a problem, phase limits and a time limit in seconds to the optimum; raises SolverFailedError."""


def phase_programme(problem: Problem, limits: PhaseLimits, time_limit_s: float) -> Allocation:
    """`allocate_phases` by merit."""
    return allocate_phases("lp", problem, limits, time_limit_s=time_limit_s)


def lp_first(
    problem: Problem,
    limits: PhaseLimits | None = None,
    *,
    time_limit_s: float = LP_TIME_LIMIT_S,
    programme: LinearProgramme = phase_programme,
) -> Strategic:
    """The linear programme, or where HiGHS fails the smart shares within the same limits.

    Without phase limits the programme is solved in closed form and can't fail. Raises what `allocate` raises and PhaseInfeasibleError:
    input that is no problem, or limits nobody can keep, are no better for another allocator.
    """
    n = int(np.count_nonzero(problem.eligible))
    if limits is None:
        attempt = StrategyEvent(Strategy.LP_ATTEMPT, f"linear programme for {n} vehicles, in closed form")
        return Strategic(allocate("lp", problem), "lp", (attempt,))
    attempt = StrategyEvent(
        Strategy.LP_ATTEMPT, f"linear programme for {n} vehicles with phase limits of {len(limits.names)} sites, {time_limit_s:g} s at most"
    )
    try:
        return Strategic(programme(problem, limits, time_limit_s), "lp", (attempt,))
    except SolverFailedError as error:
        return _smart_instead(problem, limits, attempt, str(error))


def without_solver(name: str, problem: Problem, limits: PhaseLimits, why: str, *, lp_first: bool) -> Strategic:
    """The fallback of `lp_first` or `within_phases` by itself, at once: `why` says what kept the solver's answer from being used."""
    if lp_first:
        attempt = StrategyEvent(Strategy.LP_ATTEMPT, f"linear programme with phase limits of {len(limits.names)} sites")
        return _smart_instead(problem, limits, attempt, why)
    return _cut_instead(name, problem, limits, why)


def _smart_instead(problem: Problem, limits: PhaseLimits, attempt: StrategyEvent, why: str) -> Strategic:
    allocation = allocate_trimmed("smart", problem, limits)
    short = f", {allocation.shortfall_kw:.1f} kW short" if allocation.shortfall_kw > 0.0 else ""
    failure = StrategyEvent(Strategy.LP_FAILURE, f"linear programme failed: {why}")
    fallback = StrategyEvent(
        Strategy.SMART_FALLBACK,
        f"smart shares instead, cut where a phase is full: {allocation.allocated_kw:.1f} of {allocation.requested_kw:.1f} kW{short}",
    )
    return Strategic(allocation, "smart", (attempt, failure, fallback))


def _cut_instead(name: str, problem: Problem, limits: PhaseLimits, why: str) -> Strategic:
    failure = StrategyEvent(Strategy.LP_FAILURE, f"programme for the phases failed: {why}; {name} shares, cut where a phase is full")
    return Strategic(allocate_trimmed(name, problem, limits), name, (failure,))


def within_phases(name: str, problem: Problem, limits: PhaseLimits, *, time_limit_s: float = LP_TIME_LIMIT_S) -> Strategic:
    """`allocate_phases` by any allocator, or where HiGHS fails the allocator's own shares, cut where a phase is full.

    Raises as `lp_first`.
    """
    try:
        return Strategic(allocate_phases(name, problem, limits, time_limit_s=time_limit_s), name, ())
    except SolverFailedError as error:
        return _cut_instead(name, problem, limits, str(error))


def allocate_trimmed(name: str, problem: Problem, limits: PhaseLimits) -> Allocation:
    """Shares by the allocator `name` that keep all phase limits, without a solver: safe, but not always the most that could be had.

    Where a phase is over its limit all its vehicles are cut by the same factor, and others are asked for what is missing, until none is
    over; each round settles one phase at least, and after some rounds nobody else is asked. Raises what `allocate` raises, and
    PhaseInfeasibleError where a phase needs a least regulation that these shares don't give.
    """
    room = phase_room(problem, limits)
    held_by = np.full(len(problem.vehicles), -1, np.intp)
    now = problem
    for _ in range(min(PHASES * len(limits.names), _MOST_ROUNDS) + 1):
        found = allocate(name, now)
        powers = np.abs(found.regulation_kw)
        factor, by = _cut(room, powers)
        if (by < 0).all():
            break
        held_by = np.where(by >= 0, by, held_by)
        now = replace(now, headroom_kw=np.where(by >= 0, powers * factor, now.headroom_kw))
    else:
        powers = _outside_holes(problem, powers * factor)
    broken = np.flatnonzero(outside(room, powers))
    if len(broken):
        at = limits.places[broken[0] % len(limits.places)]
        raise PhaseInfeasibleError(f"at {at}: over its limit, and the shares of its vehicles don't bring it back")
    headroom_kw = usable_headroom_kw(problem)
    held = (held_by >= 0) & (powers < headroom_kw - MICROWATT_KW)
    reason = np.where(held, Reason.SITE_LIMIT, found.reason).astype(np.uint8)
    by_node = np.full(len(powers), -1, np.intp) if found.held_by is None else found.held_by
    return answer(
        problem,
        curves.ALLOCATORS[name](problem, headroom_kw),
        powers,
        reason,
        places=(*limits.places, *found.places),
        held_by=np.where(held, held_by, np.where(by_node >= 0, by_node + len(limits.places), -1)),
    )


def _cut(room: Rows, powers_kw: F8) -> tuple[F8, Nodes]:
    """By what factor each vehicle (n) must give less for its phases to be within their limits, and the phase that says so (-1: none)."""
    sums = room.sums(powers_kw)
    over = outside(room, powers_kw) & (sums > room.most)
    share = np.where(over, np.maximum(room.most, 0.0) / np.where(over, sums, 1.0), 1.0)
    factor, by = np.ones(len(powers_kw)), np.full(len(powers_kw), -1, np.intp)
    np.minimum.at(factor, room.column, share[room.row])
    loads = over[room.row] & (room.value > 0.0) & (share[room.row] <= factor[room.column])
    by[room.column[loads]] = room.row[loads]
    return factor, by


def _outside_holes(problem: Problem, powers_kw: F8) -> F8:
    """Nothing for those whose setpoint would be between 0 and their least power."""
    setpoint, v = problem.vehicles.baseline_kw + problem.direction * powers_kw, problem.vehicles
    hole = ((setpoint > 0.0) & (setpoint < v.min_discharge_kw)) | ((setpoint < 0.0) & (setpoint > -v.min_charge_kw))
    return np.where(hole, 0.0, powers_kw)
