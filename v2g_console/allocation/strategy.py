"""The linear programme first, the smart shares if it fails; and what happened, as events for the journal and the screen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from v2g_console.allocation import curves
from v2g_console.allocation.allocate import allocate
from v2g_console.allocation.answer import answer
from v2g_console.allocation.phases import PHASES, PhaseInfeasibleError, PhaseLimits, allocate_phases, outside, phase_room
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem, usable_headroom_kw
from v2g_console.allocation.programme import SolverFailedError
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Bool

LP_TIME_LIMIT_S: Final = 1.0


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
        failure = StrategyEvent(Strategy.LP_FAILURE, f"linear programme failed: {error}")
    allocation = allocate_trimmed("smart", problem, limits)
    short = f", {allocation.shortfall_kw:.1f} kW short" if allocation.shortfall_kw > 0.0 else ""
    fallback = StrategyEvent(
        Strategy.SMART_FALLBACK,
        f"smart shares instead, cut where a phase is full: {allocation.allocated_kw:.1f} of {allocation.requested_kw:.1f} kW{short}",
    )
    return Strategic(allocation, "smart", (attempt, failure, fallback))


def allocate_trimmed(name: str, problem: Problem, limits: PhaseLimits) -> Allocation:
    """Shares by the allocator `name` that keep all phase limits, without a solver: safe, but not always the most that could be had.

    Where a phase is over its limit all its vehicles are cut by the same factor, and others are asked for what is missing, until none is
    over; each round settles one phase at least. Raises what `allocate` raises, and PhaseInfeasibleError where a phase needs a least
    regulation that these shares don't give.
    """
    room = phase_room(problem, limits)
    cut = np.zeros(len(problem.vehicles), np.bool_)
    now = problem
    for _ in range(PHASES * len(limits.names) + 1):
        found = allocate(name, now)
        powers = np.abs(found.regulation_kw)
        sums = room.sums(powers)
        over = outside(room, powers) & (sums > room.most)
        if not over.any():
            break
        share = np.where(over, np.maximum(room.most, 0.0) / np.where(over, sums, 1.0), 1.0)
        factor = np.ones(len(powers))
        np.minimum.at(factor, room.column, share[room.row])
        under = _under(over[room.row], room.column, len(powers))
        cut |= under
        now = replace(now, headroom_kw=np.where(under, powers * factor, now.headroom_kw))
    broken = np.flatnonzero(outside(room, powers))
    if len(broken):
        at = f"{limits.names[broken[0] // PHASES]} L{broken[0] % PHASES + 1}"
        raise PhaseInfeasibleError(f"at {at}: over its limit, and the shares of its vehicles don't bring it back")
    headroom_kw = usable_headroom_kw(problem)
    held = cut & (powers < headroom_kw - MICROWATT_KW)
    reason = np.where(held, Reason.SITE_LIMIT, found.reason).astype(np.uint8)
    return answer(problem, curves.ALLOCATORS[name](problem, headroom_kw), powers, reason)


def _under(chosen: Bool, column: np.ndarray[tuple[int], np.dtype[np.intp]], n: int) -> Bool:
    under = np.zeros(n, np.bool_)
    under[column[chosen]] = True
    return under
