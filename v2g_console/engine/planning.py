"""Deciding: who gets how much. Reads the fleet, changes nothing."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Allocation, AllocationError, InfeasibleError, Problem, allocate
from v2g_console.allocation.uncertainty import with_others
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.capability import Capability
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import Product, Signal
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.situation import Situation, situation
from v2g_console.engine.wanted import Wanted, check

if TYPE_CHECKING:
    from v2g_console.allocation.strategy import StrategyEvent

SHORTFALL_KW = 1e-6
USED_KW = 1e-6


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to one request, over the whole fleet of a moment; arrays have one row a vehicle."""

    wanted: Wanted
    situation: Situation
    allocation: Allocation
    reason: NDArray[np.uint8]  # why a vehicle was left out or limited
    used: NDArray[np.bool_]
    strategy: "tuple[StrategyEvent, ...]" = ()

    @property
    def signal(self) -> Signal:
        """What was asked for."""
        return self.wanted.signal

    @property
    def product(self) -> Product:
        """Its rules."""
        return self.situation.product

    @property
    def target_kw(self) -> float:
        """Signed regulation."""
        return self.wanted.target_kw

    @property
    def duration_s(self) -> float:
        """How long."""
        return self.wanted.duration_s

    @property
    def start_utc_s(self) -> float | None:
        """When; None: now."""
        return self.wanted.start_utc_s

    @property
    def allocator(self) -> str:
        """Who decided; `smart` where the linear programme failed."""
        return self.wanted.allocator

    @property
    def tau_s(self) -> float:
        """Time the power must be sustainable."""
        return self.situation.tau_s

    @property
    def vehicles(self) -> VehicleColumns:
        """The fleet of that moment."""
        return self.situation.vehicles

    @property
    def capability(self) -> Capability:
        """What each could do."""
        return self.situation.capability

    @property
    def headroom_kw(self) -> NDArray[np.float64]:
        """In the direction of the target, or both ways if the product needs that."""
        return self.situation.problem.headroom_kw

    @property
    def rows(self) -> NDArray[np.intp]:
        """Fleet rows that take part."""
        return np.flatnonzero(self.used)


def decide(core: Core, fields: DispatchFields, *, own_slot: int | None = None) -> Decision:
    """Who would do what, now. Raises RefusalError for a request that makes no sense; a shortfall is an answer, not an error.

    Vehicles owned by the dispatch in `own_slot` count as free (a dispatch that decides anew). With `preempt`, what the free ones can't
    give is taken from dispatches of lower rank.
    """
    wanted = check(fields, core.settings, core.clock.utc())
    seen = situation(core, wanted, fields, own_slot=own_slot, preempt=fields.preempt)
    try:
        wanted, allocation, strategy = _allocated(wanted, seen.problem)
        if fields.preempt and allocation.shortfall_kw > SHORTFALL_KW and seen.preemptable.any():
            allocation = _with_preempted(core, wanted, seen, allocation)
    except InfeasibleError as error:
        raise RefusalError(Refusal.LIMIT, str(error), "the site is beyond its limit already: see who draws or injects there") from error
    except AllocationError as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    used = np.abs(allocation.regulation_kw) > USED_KW
    reason = np.where((seen.reason != 0) & ~used, seen.reason, allocation.reason).astype(np.uint8)
    return Decision(wanted, seen, allocation, reason, used, strategy)


def _allocated(wanted: Wanted, problem: Problem) -> "tuple[Wanted, Allocation, tuple[StrategyEvent, ...]]":
    if not wanted.lp_first:
        return wanted, allocate(wanted.allocator, problem), ()
    from v2g_console.allocation.strategy import lp_first  # with its solver, which most engines never need

    found = lp_first(problem)
    return replace(wanted, allocator=found.allocator), found.allocation, found.events


def _with_preempted(core: Core, wanted: Wanted, seen: Situation, free: Allocation) -> Allocation:
    """`free` plus what dispatches of lower rank must give up: only the kW that the free vehicles could not give."""
    taken = _from(core, wanted, seen, free, _few(seen, free.shortfall_kw))
    if taken.shortfall_kw > SHORTFALL_KW:  # limits of sites: fewer won't do
        taken = _from(core, wanted, seen, free, seen.preemptable)
    use = np.abs(taken.regulation_kw) > USED_KW
    return replace(
        free,
        regulation_kw=free.regulation_kw + taken.regulation_kw,
        setpoint_kw=np.where(use, taken.setpoint_kw, free.setpoint_kw),
        score=np.where(use, taken.score, free.score),
        reason=np.where(seen.preemptable, taken.reason, free.reason).astype(np.uint8),
        allocated_kw=free.allocated_kw + taken.allocated_kw,
        shortfall_kw=taken.shortfall_kw,
        limits=taken.limits,
    )


def _from(core: Core, wanted: Wanted, seen: Situation, free: Allocation, eligible: NDArray[np.bool_]) -> Allocation:
    """What `eligible` give of the shortfall of `free`, whose vehicles stand fast by now."""
    problem = seen.with_others(core, seen.problem.eligible | eligible)
    tree = problem.tree
    if tree is not None:
        settled_kw = np.where(np.isnan(free.setpoint_kw), seen.vehicles.baseline_kw, free.setpoint_kw)
        tree = with_others(tree, settled_kw, settled_kw, problem.eligible)
    exclusion = np.where(seen.preemptable, np.where(eligible, 0, Reason.IN_USE), seen.reason).astype(np.uint8)
    target_kw = problem.direction * free.shortfall_kw
    rest = replace(problem, target_kw=target_kw, tree=tree, eligible=eligible, exclusion=exclusion)
    return allocate(wanted.allocator, rest)


def _few(seen: Situation, missing_kw: float) -> NDArray[np.bool_]:
    """The fewest vehicles that can give `missing_kw`: whole vehicles change hands, so the largest are taken first."""
    candidates = np.flatnonzero(seen.preemptable)
    order = candidates[np.argsort(-seen.problem.headroom_kw[candidates], kind="stable")]
    enough = int(np.searchsorted(np.cumsum(seen.problem.headroom_kw[order]), missing_kw)) + 1
    few = np.zeros(len(seen.vehicles), np.bool_)
    few[order[:enough]] = True
    return few
