"""Who may take part in a product, and if not, why: one reason code a vehicle, the most telling one first."""

import numpy as np

from v2g_console.domain.capability import CHARGING_KW, Capability
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import Headroom, Product
from v2g_console.domain.vehicle import F8, U1, Baseline, Quality, VehicleColumns


def eligibility(v: VehicleColumns, cap: Capability, product: Product, direction: int, tau_s: float, *, min_soc: float) -> U1:
    """Reason codes of n vehicles for `product`, 0 = eligible. `direction` is +1 (up) or -1 (down), `cap` was computed for the same `tau_s`.

    `min_soc` is the lowest SoC (0..1) that may take part. A vehicle described but never heard of (quality UNKNOWN) may take part
    with an assumed baseline. Tags, holds, ownership and selection are the caller's. Raises ValueError for another direction.
    """
    if direction not in (1, -1):
        raise ValueError(f"direction must be +1 (up) or -1 (down), got {direction}")
    no_baseline = np.isnan(v.baseline_kw) | (v.baseline_kind == Baseline.MISSING)
    nothing = np.zeros(len(v), np.bool_)
    idle = ~no_baseline & (v.baseline_kw >= -CHARGING_KW)
    code = np.zeros(len(v), np.uint8)
    for reason, mask in (
        (Reason.LOST, v.quality == Quality.LOST),
        (Reason.STALE, v.quality == Quality.STALE),
        (Reason.NOT_AVAILABLE, ~v.available),
        (Reason.NOT_V2G, ~v.is_v2g if product.needs_v2g else nothing),
        (Reason.NO_CONSENT, ~v.consent if product.needs_v2g else nothing),
        (Reason.PRIORITY, v.priority if product.reduction_only else nothing),
        (Reason.NOT_CHARGING, idle if product.reduction_only else nothing),
        (Reason.SOC_BELOW_MIN, v.soc < min_soc),
        (Reason.NO_BASELINE, no_baseline),
        (Reason.LEAVES_BEFORE_END, v.departure_s < tau_s),
        (Reason.BASELINE_ENDS, cap.reason == Reason.BASELINE_ENDS),
    ):
        code[(code == 0) & mask] = reason
    without = (code == 0) & (headroom_kw(cap, product, direction) <= 0.0)
    code[without] = _why_no_headroom(v, cap, product, direction)[without]
    return code


def headroom_kw(cap: Capability, product: Product, direction: int) -> F8:
    """Regulation in kW (>= 0) each vehicle can give to `product` in `direction`; both ways at once for symmetric products."""
    if product.headroom is Headroom.BOTH:
        return np.minimum(cap.up_kw, cap.down_kw)
    return cap.up_kw if direction > 0 else cap.down_kw


def _why_no_headroom(v: VehicleColumns, cap: Capability, product: Product, direction: int) -> U1:
    """The cause of zero headroom; where the bounds name none, the vehicle's kind does."""
    upward = np.full(len(v), direction > 0)
    if product.headroom is Headroom.BOTH:
        upward = cap.up_kw <= cap.down_kw
    code = np.where(upward, cap.up_reason, cap.down_reason)
    idle_up = (code == 0) & upward & (v.baseline_kw >= -CHARGING_KW)
    code = np.where(idle_up & ~v.is_v2g, Reason.NOT_CHARGING, code)
    code = np.where(idle_up & v.is_v2g & ~v.consent, Reason.NO_CONSENT, code)
    return np.where(code == 0, Reason.NO_HEADROOM, code).astype(np.uint8)
