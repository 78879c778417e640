"""Deciding: who may take part, what each can do, who gets how much. Reads the fleet, changes nothing."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import ALLOCATORS, Allocation, AllocationError, InfeasibleError, Problem, Weights, allocate
from v2g_console.config.settings import Settings
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.capability import Capability, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import PRODUCTS, Product, Signal, UnknownSignalError, WrongDirectionError, parse_signal
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.core import Core

LONGEST_S = 7 * 86400.0
MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to one request, over the whole fleet of a moment; arrays have one row a vehicle."""

    signal: Signal
    product: Product
    target_kw: float
    duration_s: float
    tau_s: float  # time the power must be sustainable
    allocator: str
    start_utc_s: float | None  # None: now
    vehicles: VehicleColumns
    capability: Capability
    headroom_kw: NDArray[np.float64]
    allocation: Allocation
    reason: NDArray[np.uint8]  # why a vehicle was left out or limited
    used: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Fleet rows that take part."""
        return np.flatnonzero(self.used)


class RefusalError(Exception):
    """A request that can't be met; carries the reason, what happened and what to do."""

    def __init__(self, reason: Refusal, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason, self.message, self.hint = reason, message, hint

    def reply(self, request: str) -> Refused:
        """The refusal as an answer."""
        return Refused(request=request, reason=self.reason, message=self.message, hint=self.hint)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, checked: everything that does not depend on the fleet."""

    signal: Signal
    target_kw: float
    duration_s: float
    allocator: str
    start_utc_s: float | None


def check(fields: DispatchFields, settings: Settings, now_utc_s: float) -> Wanted:
    """The request's values, or RefusalError."""
    if not math.isfinite(fields.power_kw) or fields.power_kw == 0:
        raise RefusalError(
            Refusal.INVALID, f"power_kw must be a number other than 0, got {fields.power_kw:g}", "positive is up, negative is down"
        )
    if not math.isfinite(fields.duration_s) or not 1 <= fields.duration_s <= LONGEST_S:
        raise RefusalError(Refusal.INVALID, f"duration_s must be from 1 to {LONGEST_S:.0f}, got {fields.duration_s:g}")
    try:
        signal, target_kw = parse_signal(fields.signal, fields.power_kw)
    except UnknownSignalError as error:
        raise RefusalError(Refusal.UNKNOWN_SIGNAL, str(error)) from error
    except WrongDirectionError as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    limit_kw = settings.dispatch.max_power_kw
    if limit_kw and abs(target_kw) > limit_kw:
        raise RefusalError(Refusal.LIMIT, f"{abs(target_kw):g} kW is above the limit of {limit_kw:g} kW", "dispatch.max_power_kw")
    allocator = fields.allocator or settings.dispatch.allocator
    if allocator not in ALLOCATORS:
        raise RefusalError(Refusal.INVALID, f"unknown allocator {allocator[:40]!r}: known are {', '.join(ALLOCATORS)}")
    start_utc_s = None
    if fields.start_at is not None:
        try:
            start_utc_s = parse_rfc3339(fields.start_at)
        except ValueError as error:
            raise RefusalError(Refusal.INVALID, f"start_at: {error}") from error
        if start_utc_s < now_utc_s - 60:
            raise RefusalError(Refusal.INVALID, f"start_at {fields.start_at[:40]} is in the past")
    return Wanted(signal, target_kw, fields.duration_s, allocator, start_utc_s)


def decide(core: Core, fields: DispatchFields, *, own_slot: int | None = None) -> Decision:
    """Who would do what, now. Raises RefusalError for a request that makes no sense; a shortfall is an answer, not an error.

    Vehicles owned by the dispatch in `own_slot` count as free (a dispatch that decides anew).
    """
    settings = core.settings.dispatch
    now, utc_s = core.clock.monotonic(), core.clock.utc()
    wanted = check(fields, core.settings, utc_s)
    product = PRODUCTS[wanted.signal]
    direction = 1 if wanted.target_kw > 0 else -1
    sustained_s = settings.sustain_s if product.sustained_s is not None else wanted.duration_s
    tau_s = max(sustained_s, min(settings.lease_s, wanted.duration_s)) + MARGIN_S
    vehicles = core.fleet.columns(now, utc_s, settle_s=settings.settle_s, efficiency=core.rules.charge_efficiency)
    can = capability(vehicles, tau_s, core.rules, reduction_only=product.reduction_only)
    min_soc = settings.soc.fcr_min if wanted.signal is Signal.FCR else product.min_soc
    reason = eligibility(vehicles, can, product, direction, tau_s, min_soc=min_soc)
    for known in (core.fleet.usable_reason(own_slot), _not_selected(core, fields, wanted.signal)):
        reason = np.where(known != 0, known, reason)
    headroom = headroom_kw(can, product, direction)
    headroom = _v1_bounded(headroom, core.fleet.protocol[: len(vehicles)], reason == 0, settings.v1_max_kw)
    problem = Problem(
        target_kw=wanted.target_kw,
        vehicles=vehicles,
        headroom_kw=headroom,
        eligible=reason == 0,
        availability=core.prediction.availability(len(vehicles), utc_s, wanted.duration_s),
        duration_s=wanted.duration_s,
        weights=Weights(**settings.weights.model_dump()),
        exclusion=reason,
    )
    try:
        allocation = allocate(wanted.allocator, problem)
    except InfeasibleError as error:
        raise RefusalError(Refusal.LIMIT, str(error), "the site is beyond its limit already: see who draws or injects there") from error
    except AllocationError as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    reason = np.where(reason != 0, reason, allocation.reason).astype(np.uint8)
    return Decision(
        signal=wanted.signal,
        product=product,
        target_kw=wanted.target_kw,
        duration_s=wanted.duration_s,
        tau_s=tau_s,
        allocator=wanted.allocator,
        start_utc_s=wanted.start_utc_s,
        vehicles=vehicles,
        capability=can,
        headroom_kw=headroom,
        allocation=allocation,
        reason=reason,
        used=np.abs(allocation.regulation_kw) > 1e-6,
    )


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


def _v1_bounded(
    headroom_kw: NDArray[np.float64], protocol: NDArray[np.uint8], eligible: NDArray[np.bool_], v1_max_kw: float
) -> NDArray[np.float64]:
    """Shrink the v1 vehicles' headroom so that together they can't exceed `v1_max_kw` (0: no limit): they have no lease."""
    without_lease = (protocol < 2) & eligible
    total_kw = float(np.sum(headroom_kw[without_lease]))
    if not v1_max_kw or total_kw <= v1_max_kw:
        return headroom_kw
    return np.where(without_lease, headroom_kw * (v1_max_kw / total_kw), headroom_kw)
