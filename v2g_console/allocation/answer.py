"""From powers to the answer that people and the engine read."""

from typing import Final

import numpy as np

from v2g_console.allocation.explain import limits
from v2g_console.allocation.problem import MICROWATT_KW, Allocation, Problem
from v2g_console.allocation.shapes import Plan
from v2g_console.allocation.tree import Nodes
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, U1

_OF_THE_GRID: Final = (Reason.SITE_LIMIT, Reason.NODE_LIMIT)


def answer(
    problem: Problem,
    plan: Plan,
    powers_kw: F8,
    reason: U1,
    *,
    exact_to_kw: float = 0.0,
    places: tuple[str, ...] = (),
    held_by: Nodes | None = None,
) -> Allocation:
    """The allocation that gives each vehicle `powers_kw` (n, >= 0, in the direction of the target), for the given reasons (n).

    `held_by` (n, indices of `places`) counts where the reason is a limit of the grid. A shortfall up to `exact_to_kw` is the solver's
    rounding and counts as none.
    """
    allocated_kw = float(powers_kw.sum())
    shortfall_kw = max(0.0, abs(problem.target_kw) - allocated_kw)
    if shortfall_kw <= max(exact_to_kw, 1e-9 * abs(problem.target_kw)):
        shortfall_kw = 0.0
    return Allocation(
        regulation_kw=problem.direction * powers_kw + 0.0,
        setpoint_kw=_setpoints_kw(problem, powers_kw),
        score=plan.score,
        parts=plan.parts,
        reason=reason,
        requested_kw=problem.target_kw,
        allocated_kw=problem.direction * allocated_kw + 0.0,
        shortfall_kw=shortfall_kw,
        limits=limits(problem, powers_kw, reason, shortfall_kw),
        places=places,
        held_by=None if held_by is None else np.where(np.isin(reason, _OF_THE_GRID), held_by, -1),
    )


def _setpoints_kw(problem: Problem, powers_kw: F8) -> F8:
    """Baseline plus regulation, NaN where not used; a rounding error away from zero is zero, not a command within a hole."""
    setpoint = problem.vehicles.baseline_kw + problem.direction * powers_kw
    setpoint = np.where(np.abs(setpoint) < MICROWATT_KW, 0.0, setpoint)
    return np.where(powers_kw > 0.0, setpoint, np.nan)
