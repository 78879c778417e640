"""Deciding: who gets how much. Reads the fleet, changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Allocation, AllocationError, InfeasibleError, Problem, allocate
from v2g_console.allocation.phase_limits import forgiven, outside, phase_room
from v2g_console.allocation.uncertainty import with_others
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.capability import Capability
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import Product, Signal
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.fuses import phase_limits
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
    phases_bind: bool = False  # shares are what the phases of sites let through

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


@dataclass(frozen=True, slots=True)
class Found:
    """What an allocator found: `wanted` names the one that did, `strategy` says how it came to that."""

    wanted: Wanted
    allocation: Allocation
    strategy: "tuple[StrategyEvent, ...]" = ()
    phases_bind: bool = False


def decide(core: Core, fields: DispatchFields, *, own_slot: int | None = None) -> Decision:
    """Who would do what, now, in closed form. Raises RefusalError for a request that makes no sense; a shortfall is an answer.

    Vehicles owned by the dispatch in `own_slot` count as free (a dispatch that decides anew). With `preempt`, what the free ones can't
    give is taken from dispatches of lower rank. Where a phase of a site binds, shares are cut there: safe, but `deliberate` finds more.
    """
    wanted, seen = look(core, fields, own_slot=own_slot)
    with refusing():
        return conclude(core, fields, seen, closed_form(wanted, seen) or _cut(wanted, seen))


def look(core: Core, fields: DispatchFields, *, own_slot: int | None = None) -> tuple[Wanted, Situation]:
    """The request, checked, and the fleet as it sees it. Raises RefusalError."""
    wanted = check(fields, core.settings, core.clock.utc())
    return wanted, situation(core, wanted, fields, own_slot=own_slot, preempt=fields.preempt)


def closed_form(wanted: Wanted, seen: Situation) -> Found | None:
    """The allocation where no phase of a site binds; None where one does. Raises AllocationError."""
    found = _allocated(wanted, seen.problem)
    if seen.phases is None:
        return found
    powers_kw = np.abs(found.allocation.regulation_kw)
    return None if outside(phase_room(seen.problem, seen.phases), powers_kw).any() else found


def conclude(core: Core, fields: DispatchFields, seen: Situation, found: Found) -> Decision:
    """The decision for what was found; with `preempt` the rest of it. Nothing may be awaited since `seen`. Raises AllocationError."""
    wanted, allocation = found.wanted, found.allocation
    if fields.preempt and allocation.shortfall_kw > SHORTFALL_KW and seen.preemptable.any():
        allocation = _with_preempted(core, wanted, seen, allocation)
    used = np.abs(allocation.regulation_kw) > USED_KW
    reason = np.where((seen.reason != 0) & ~used, seen.reason, allocation.reason).astype(np.uint8)
    return Decision(wanted, seen, allocation, reason, used, found.strategy, found.phases_bind)


@contextmanager
def refusing() -> Iterator[None]:
    """What allocators raise, as refusals."""
    try:
        yield
    except InfeasibleError as error:
        raise RefusalError(Refusal.LIMIT, str(error), "the site is beyond its limit already: see who draws or injects there") from error
    except AllocationError as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error


def places_of(core: Core, allocation: Allocation, n: int) -> NDArray[np.int32]:
    """What holds each vehicle (n) back, as numbers of `Grid.places`, -1 for nothing."""
    if core.grid is None or allocation.held_by is None:
        return np.full(n, -1, np.int32)
    number = {name: index for index, name in enumerate(core.grid.places)}
    of_place = np.array([number.get(name, -1) for name in allocation.places] + [-1], np.int32)
    return of_place[allocation.held_by]


def left_out(decision: Decision) -> dict[str, int]:
    """Vehicles that do not take part, by reason name, most first."""
    codes, counts = np.unique(decision.reason[~decision.used], return_counts=True)
    pairs = sorted(zip(codes, counts, strict=True), key=lambda pair: -pair[1])
    return {Reason(int(code)).name: int(count) for code, count in pairs if code}


def _allocated(wanted: Wanted, problem: Problem) -> Found:
    if not wanted.lp_first:
        return Found(wanted, allocate(wanted.allocator, problem))
    from v2g_console.allocation.strategy import lp_first  # with its solver, which most engines never need

    found = lp_first(problem)
    return Found(replace(wanted, allocator=found.allocator), found.allocation, found.events)


def _cut(wanted: Wanted, seen: Situation) -> Found:
    assert seen.phases is not None
    from v2g_console.allocation.strategy import allocate_trimmed

    return Found(wanted, allocate_trimmed(wanted.allocator, seen.problem, seen.phases), phases_bind=True)


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
        places=(*free.places, *taken.places),
        held_by=np.where(use | seen.preemptable, _held_by(taken, len(free.places)), _held_by(free, 0)),
    )


def _held_by(allocation: Allocation, offset: int) -> NDArray[np.intp]:
    if allocation.held_by is None:
        return np.full(len(allocation.reason), -1, np.intp)
    return np.where(allocation.held_by >= 0, allocation.held_by + offset, -1)


def _from(core: Core, wanted: Wanted, seen: Situation, free: Allocation, eligible: NDArray[np.bool_]) -> Allocation:
    """What `eligible` give of the shortfall of `free`, whose vehicles stand fast by now."""
    problem = seen.with_others(core, seen.problem.eligible | eligible)
    tree = problem.tree
    settled_kw = np.where(np.isnan(free.setpoint_kw), seen.vehicles.baseline_kw, free.setpoint_kw)
    if tree is not None:
        tree = with_others(tree, settled_kw, settled_kw, problem.eligible)
    exclusion = np.where(seen.preemptable, np.where(eligible, 0, Reason.IN_USE), seen.reason).astype(np.uint8)
    target_kw = problem.direction * free.shortfall_kw
    rest = replace(problem, target_kw=target_kw, tree=tree, eligible=eligible, exclusion=exclusion)
    phases = phase_limits(core, seen.vehicles.baseline_kw, eligible, np.where(problem.eligible, settled_kw, np.nan))
    if phases is None:
        return allocate(wanted.allocator, rest)
    from v2g_console.allocation.strategy import allocate_trimmed

    return allocate_trimmed(wanted.allocator, rest, forgiven(rest, phases))


def _few(seen: Situation, missing_kw: float) -> NDArray[np.bool_]:
    """The fewest vehicles that can give `missing_kw`: whole vehicles change hands, so the largest are taken first."""
    candidates = np.flatnonzero(seen.preemptable)
    order = candidates[np.argsort(-seen.problem.headroom_kw[candidates], kind="stable")]
    enough = int(np.searchsorted(np.cumsum(seen.problem.headroom_kw[order]), missing_kw)) + 1
    few = np.zeros(len(seen.vehicles), np.bool_)
    few[order[:enough]] = True
    return few
