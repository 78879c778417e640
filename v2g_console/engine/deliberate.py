"""Deciding where the phases of a site bind: by the solver, in a worker thread, and held against the fleet as it is when it answers."""

from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Allocation
from v2g_console.allocation.explain import limits
from v2g_console.allocation.phase_limits import PhaseLimits
from v2g_console.allocation.problem import Problem, usable_headroom_kw
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.reasons import Reason
from v2g_console.engine.core import Core
from v2g_console.engine.planning import USED_KW, Decision, Found, closed_form, conclude, look, refusing
from v2g_console.engine.situation import Situation
from v2g_console.engine.wanted import Wanted

_TRIES: Final = 2
_GRACE_S: Final = 1.0  # the solver looks at its clock now and then, and may have to wait for another one
MATERIAL_SHARE: Final = 0.02
MATERIAL_KW: Final = 1.0
_Kind = TypeVar("_Kind", bound=np.generic)


async def deliberate(core: Core, fields: DispatchFields, *, own_slot: int | None = None) -> Decision:
    """As `planning.decide`, with the most that phases of sites allow. Raises RefusalError.

    The decision is one about the fleet of the moment at which it returns: what changed while the solver worked is taken out of it, and if
    that is much, all is decided again. After some tries, or if the solver takes too long, shares are cut in closed form instead.
    Nothing may be awaited between this and taking the vehicles. What does not depend on the fleet (STOP, the armed plan) the caller must
    look at again.
    """
    limit_s, why = core.settings.dispatch.lp_time_limit_s, ""
    with refusing():
        for _ in range(_TRIES):
            wanted, seen = look(core, fields, own_slot=own_slot)
            found = closed_form(wanted, seen)
            if found is not None:
                return conclude(core, fields, seen, found)
            assert seen.phases is not None
            try:
                found = await core.aside.run(partial(_solve, wanted, seen.problem, seen.phases, limit_s), limit_s + _GRACE_S)
            except TimeoutError:
                why = f"no answer within {limit_s + _GRACE_S:g} s"
                break
            _, now = look(core, fields, own_slot=own_slot)
            kept = brought_forward(found.allocation, now)
            if kept is not None:
                return conclude(core, fields, now, replace(found, allocation=kept))
            why = "the fleet changed too much while it was solved"
        return _at_once(core, fields, why, own_slot)


def _solve(wanted: Wanted, problem: Problem, phases: PhaseLimits, time_limit_s: float) -> Found:
    """In the worker thread: it reads nothing but its arguments, which nobody changes."""
    from v2g_console.allocation.strategy import lp_first, within_phases  # with its solver, which most engines never need

    if wanted.lp_first:
        got = lp_first(problem, phases, time_limit_s=time_limit_s)
    else:
        got = within_phases(wanted.allocator, problem, phases, time_limit_s=time_limit_s)
    return Found(replace(wanted, allocator=got.allocator), got.allocation, got.events, phases_bind=True)


def _at_once(core: Core, fields: DispatchFields, why: str, own_slot: int | None) -> Decision:
    from v2g_console.allocation.strategy import without_solver

    wanted, seen = look(core, fields, own_slot=own_slot)
    found = closed_form(wanted, seen)
    if found is None:
        assert seen.phases is not None
        got = without_solver(wanted.allocator, seen.problem, seen.phases, why, lp_first=wanted.lp_first)
        found = Found(replace(wanted, allocator=got.allocator), got.allocation, got.events, phases_bind=True)
    return conclude(core, fields, seen, found)


def brought_forward(old: Allocation, now: Situation) -> Allocation | None:
    """An allocation for an earlier moment as one for the fleet of `now`, which may have more vehicles; None if too much of it is lost.

    Who can't take part any more (another dispatch owns him by now) gives nothing, who can do less gives that; baselines are those of now.
    """
    problem, n = now.problem, len(now.vehicles)
    headroom_kw = usable_headroom_kw(problem)
    asked_kw = _longer(np.abs(old.regulation_kw), n, 0.0)
    powers_kw = np.minimum(asked_kw, headroom_kw)
    setpoint_kw = now.vehicles.baseline_kw + problem.direction * powers_kw
    powers_kw[_in_hole(now, setpoint_kw)] = 0.0
    lost_kw, allocated_kw = float(np.sum(asked_kw - powers_kw)), float(np.sum(powers_kw))
    if lost_kw > max(MATERIAL_KW, MATERIAL_SHARE * abs(old.allocated_kw)):
        return None
    reason = _longer(old.reason, n, Reason.NOT_NEEDED)
    reason[(asked_kw - powers_kw > USED_KW) & problem.eligible] = Reason.NO_HEADROOM
    reason = np.where(now.reason != 0, now.reason, reason).astype(np.uint8)
    shortfall_kw = old.shortfall_kw + lost_kw if lost_kw > USED_KW else old.shortfall_kw
    return Allocation(
        regulation_kw=problem.direction * powers_kw + 0.0,
        setpoint_kw=np.where(powers_kw > 0.0, setpoint_kw, np.nan),
        score=_longer(old.score, n, 0.0),
        parts={name: _longer(column, n, 0.0) for name, column in old.parts.items()},
        reason=reason,
        requested_kw=old.requested_kw,
        allocated_kw=problem.direction * allocated_kw + 0.0,
        shortfall_kw=shortfall_kw,
        limits=limits(problem, powers_kw, reason, shortfall_kw),
        places=old.places,
        held_by=None if old.held_by is None else _longer(old.held_by, n, -1),
    )


def _in_hole(now: Situation, setpoint_kw: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Setpoints between 0 and the vehicle's least power; baselines that moved can bring one there."""
    v = now.vehicles
    up, down = v.min_discharge_kw, v.min_charge_kw
    hole: NDArray[np.bool_] = ((setpoint_kw > 0.0) & (setpoint_kw < up - USED_KW)) | ((setpoint_kw < 0.0) & (setpoint_kw > USED_KW - down))
    return hole


def _longer(column: NDArray[_Kind], n: int, value: float) -> NDArray[_Kind]:
    """A copy of a column with rows for vehicles that came later."""
    longer: NDArray[_Kind] = np.full(n, value, column.dtype)
    longer[: len(column)] = column
    return longer
