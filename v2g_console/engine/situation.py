"""The fleet as a decision sees it: who is eligible, what each can do, what limits them together. Reads the fleet, changes nothing."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Problem
from v2g_console.allocation.emphasis import SegmentDefault, emphasised, segment_rules
from v2g_console.allocation.problem import SegmentRule, Weights
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.capability import Capability, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import PRODUCTS, Headroom, Product, Signal
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.wanted import Wanted

MARGIN_S = 30.0

F8 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment; arrays have one row a vehicle of the fleet.

    `problem` is over the free vehicles (and those of the deciding dispatch itself). `reason` says why a vehicle is not eligible;
    `preemptable` could be taken from dispatches of lower rank.
    """

    product: Product
    tau_s: float
    vehicles: VehicleColumns
    capability: Capability
    reason: NDArray[np.uint8]
    problem: Problem
    preemptable: Bool

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
    sustained_s = settings.sustain_s if product.sustained_s is not None else wanted.duration_s
    tau_s = max(sustained_s, min(settings.lease_s, wanted.duration_s)) + MARGIN_S
    vehicles = core.vehicles()
    can = capability(vehicles, tau_s, core.rules, reduction_only=product.reduction_only)
    min_soc = settings.soc.fcr_min if wanted.signal is Signal.FCR else product.min_soc
    able = eligibility(vehicles, can, product, direction, tau_s, min_soc=min_soc)
    selected = _not_selected(core, fields, wanted.signal)
    able = np.where(selected != 0, selected, able)
    used = core.fleet.usable_reason(own_slot)
    reason = np.where(used != 0, used, able).astype(np.uint8)
    on_hold = core.standing.on_hold(now, reason == 0)
    if own_slot is not None:
        on_hold &= core.fleet.owner[:n] != own_slot
    reason[on_hold & (reason == 0)] = Reason.BLOCKED
    headroom = headroom_kw(can, product, direction)
    headroom = _v1_bounded(headroom, core.fleet.protocol[:n], reason == 0, settings.v1_max_kw)
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
    return Situation(product, tau_s, vehicles, can, reason, problem, lower & (able == 0) & (reason == Reason.IN_USE))


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


def _v1_bounded(headroom_kw: F8, protocol: NDArray[np.uint8], eligible: Bool, v1_max_kw: float) -> F8:
    """Shrink the v1 vehicles' headroom so that together they can't exceed `v1_max_kw` (0: no limit): they have no lease."""
    without_lease = (protocol < 2) & eligible
    total_kw = float(np.sum(headroom_kw[without_lease]))
    if not v1_max_kw or total_kw <= v1_max_kw:
        return headroom_kw
    return np.where(without_lease, headroom_kw * (v1_max_kw / total_kw), headroom_kw)
