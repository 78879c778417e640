"""The fleet as a decision sees it: who is eligible, what each can do, what limits them together. Reads the fleet, changes nothing."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Problem
from v2g_console.allocation.emphasis import SegmentDefault, emphasised, segment_rules
from v2g_console.allocation.phase_limits import PhaseLimits, forgiven
from v2g_console.allocation.problem import SegmentRule, Weights
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.capability import Capability, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import PRODUCTS, Headroom, Product, Signal
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.clock_skew import clock_skew
from v2g_console.engine.core import Core
from v2g_console.engine.fleet import Fleet
from v2g_console.engine.fuses import phase_limits
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.tags import CAUTIONED, INHIBITED
from v2g_console.engine.wanted import Wanted

MARGIN_S = 30.0

F8 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment; arrays have one row a vehicle of the fleet.

    `problem` is over the free vehicles (and those of the deciding dispatch itself); `phases` are the limits of phases for it, None where no
    site has any; a phase that others overload already counts as full. `reason` says why a vehicle is not eligible;
    `preemptable` could be taken from dispatches of lower rank.
    """

    product: Product
    tau_s: float
    vehicles: VehicleColumns
    capability: Capability
    reason: NDArray[np.uint8]
    problem: Problem
    preemptable: Bool
    phases: PhaseLimits | None

    def with_others(self, core: Core, deciding: Bool) -> Problem:
        """The same problem for the vehicles `deciding` only: in the limits of the sites all others count at their worst."""
        if core.grid is None:
            return self.problem
        return replace(
            self.problem, tree=core.grid.tree(core.fleet, self.vehicles.baseline_kw, deciding, core.settings.dispatch.response_s)
        )

    def bounds_kw(self) -> tuple[F8, F8]:
        """Lowest and highest absolute setpoint of each vehicle (n) for this product."""
        if self.product.headroom is Headroom.BOTH:
            both = np.minimum(self.capability.up_kw, self.capability.down_kw)
            return self.vehicles.baseline_kw - both, self.vehicles.baseline_kw + both
        return self.capability.p_min_kw, self.capability.p_max_kw


def situation(core: Core, wanted: Wanted, fields: DispatchFields, *, own_slot: int | None = None, preempt: bool = False) -> Situation:
    """The fleet now, as `wanted` sees it; vehicles of the dispatch in `own_slot` count as free. Raises RefusalError for unknown names."""
    settings = core.settings.dispatch
    now, utc_s = core.clock.monotonic(), core.clock.utc()
    product, n = PRODUCTS[wanted.signal], len(core.fleet)
    direction = 1 if wanted.target_kw > 0 else -1
    tau_s = sustained_for_s(core, product, wanted.duration_s)
    vehicles = core.vehicles()
    can = capability(vehicles, tau_s, core.rules, reduction_only=product.reduction_only)
    min_soc = settings.soc.fcr_min if wanted.signal is Signal.FCR else product.min_soc
    able = eligibility(vehicles, can, product, direction, tau_s, min_soc=min_soc)
    selected = _not_selected(core, fields, wanted.signal)
    able = np.where(selected != 0, selected, able)
    used = core.fleet.usable_reason(own_slot)
    # Whoever could not serve anyway is told so: ending the dispatch that has him would not help.
    reason = np.where((used == 0) | ((used == Reason.IN_USE) & (able != 0)), able, used).astype(np.uint8)
    marks = core.tags.marks(core.fleet)
    # Whoever nobody can be asked about any more joins a dispatch under way only if the request took the cautions on it.
    barred = marks == INHIBITED
    if own_slot is not None and not fields.accept_cautions:
        barred |= (marks == CAUTIONED) & (core.fleet.owner[:n] != own_slot)
    reason[barred & (selected == 0)] = Reason.TAGGED
    reason[core.overrides.mask(n, now) & (reason == 0)] = Reason.LOCAL_OVERRIDE
    skewed = clock_skew(core.fleet, core.settings.telemetry.max_clock_offset_s).skewed & (core.fleet.protocol[:n] >= 2)
    reason[skewed & (reason == 0) & (core.fleet.owner[:n] < 0)] = Reason.CLOCK_SKEW
    on_hold = core.standing.on_hold(now, reason == 0)
    if own_slot is not None:
        on_hold &= core.fleet.owner[:n] != own_slot
    reason[on_hold & (reason == 0)] = Reason.BLOCKED
    headroom = headroom_kw(can, product, direction)
    headroom = v1_bounded(headroom, core.fleet, reason == 0, settings.v1_max_kw)
    weights = emphasised(core.weights, wanted.signal) if settings.emphasis else core.weights
    problem = Problem(
        target_kw=wanted.target_kw,
        vehicles=vehicles,
        headroom_kw=headroom,
        eligible=reason == 0,
        availability=core.prediction.availability(n, utc_s, wanted.duration_s, stated=core.fleet.availability_prob[:n]),
        duration_s=wanted.duration_s,
        weights=weights,
        tree=core.grid.tree(core.fleet, vehicles.baseline_kw, reason == 0, settings.response_s) if core.grid is not None else None,
        exclusion=reason,
        segments=_segments(core, weights),
    )
    lower = _lower_ranked(core, product) if preempt else np.zeros(n, np.bool_)
    phases = phase_limits(core, vehicles.baseline_kw, reason == 0)
    return Situation(
        product=product,
        tau_s=tau_s,
        vehicles=vehicles,
        capability=can,
        reason=reason,
        problem=problem,
        preemptable=lower & (able == 0) & (reason == Reason.IN_USE),
        phases=None if phases is None else forgiven(problem, phases),
    )


def sustained_for_s(core: Core, product: Product, remaining_s: float) -> float:
    """How long (tau, s) a power must be sustainable for a dispatch of `product` that lasts `remaining_s` more."""
    settings = core.settings.dispatch
    sustained_s = settings.sustain_s if product.sustained_s is not None else remaining_s
    return max(sustained_s, min(settings.lease_s, remaining_s)) + MARGIN_S


def _lower_ranked(core: Core, product: Product) -> Bool:
    """Vehicles (n) owned by dispatches of lower rank than `product`."""
    slots = [one.slot for one in core.running.values() if one.product.rank > product.rank and one.sends]
    return np.isin(core.fleet.owner[: len(core.fleet)], slots)


def _segments(core: Core, weights: Weights) -> tuple[SegmentRule, ...]:
    configured = {one.name: SegmentDefault(one.allocator, Weights(**one.emphasis.model_dump())) for one in core.settings.segments}
    return segment_rules(core.fleet.segments.names, weights, configured)


def _not_selected(core: Core, fields: DispatchFields, signal: Signal) -> NDArray[np.uint8]:
    """NOT_SELECTED for vehicles outside the request's scope, and for v1 vehicles where the configuration keeps them out of a signal."""
    fleet, n = core.fleet, len(core.fleet)
    chosen = np.ones(n, np.bool_)
    if fields.sites:
        chosen &= np.isin(fleet.site[:n], [_code(name, fleet.sites.index, "site") for name in fields.sites])
    if fields.segments:
        chosen &= np.isin(fleet.segment[:n], [_code(name, fleet.segments.index, "segment") for name in fields.segments])
    if fields.vehicles:
        chosen &= np.isin(np.arange(n), [_code(name, fleet.row_of, "vehicle") for name in fields.vehicles])
    if signal.value not in core.settings.dispatch.v1_signals:
        chosen &= fleet.protocol[:n] >= 2
    return np.where(chosen, 0, Reason.NOT_SELECTED).astype(np.uint8)


def _code(name: str, index: dict[str, int], kind: str) -> int:
    code = index.get(name)
    if code is None:
        known = ", ".join(list(index)[:8]) or "none"
        raise RefusalError(Refusal.INVALID, f"unknown {kind} {name[:64]!r}", f"known: {known}{', ...' if len(index) > 8 else ''}")
    return code


def v1_bounded(headroom_kw: F8, fleet: Fleet, eligible: Bool, v1_max_kw: float) -> F8:
    """Shrink the headroom of v1 vehicles (they have no lease) so that all dispatches together can't exceed `v1_max_kw` (0: no limit).

    What is held already stays possible; only what is left of the limit is shared, by the headroom beyond that.
    """
    n = len(headroom_kw)
    without_lease = fleet.protocol[:n] < 2
    if not v1_max_kw or not without_lease.any():
        return headroom_kw
    told_kw = np.fmax(np.abs(fleet.setpoint_kw[:n] - fleet.baseline_kw[:n]), np.abs(fleet.confirmed_kw[:n] - fleet.baseline_kw[:n]))
    held_kw = np.where(without_lease & ((fleet.owner[:n] >= 0) | fleet.owed[:n]), np.nan_to_num(told_kw), 0.0)
    offered = without_lease & eligible
    kept_kw = np.where(offered, np.minimum(headroom_kw, held_kw), 0.0)
    more_kw = np.where(offered, headroom_kw - kept_kw, 0.0)
    left_kw, wanted_kw = max(0.0, v1_max_kw - float(np.sum(held_kw))), float(np.sum(more_kw))
    if wanted_kw <= left_kw:
        return headroom_kw
    return np.where(offered, kept_kw + more_kw * (left_kw / wanted_kw), headroom_kw)
