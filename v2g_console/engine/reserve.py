"""How much of a dispatch's target can be held to its end: by its own vehicles, and by those that could still take over."""

import numpy as np

from v2g_console.domain.capability import capability
from v2g_console.domain.eligibility import headroom_kw
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.placing import rest_of
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.situation import situation
from v2g_console.engine.wanted import check


def sustainable_kw(core: Core, running: Running, now: float) -> float:
    """Regulation (kW, in the target's direction, at most the target) that can be held from `now` to the end of an active dispatch.

    Where gaps are shared again (`dispatch.reallocation`) the free headroom counts, of its own vehicles and of those it could take, but no
    limits of sites. Without that, everybody counts with what he was told.
    """
    wanted_kw, shares = abs(running.target_kw), core.settings.dispatch.reallocation != "none"
    own_kw = _own_kw(core, running, now, spare=shares)
    if own_kw < wanted_kw and shares:
        own_kw += _free_kw(core, running)
    return min(own_kw, wanted_kw)


def _own_kw(core: Core, running: Running, now: float, *, spare: bool) -> float:
    """What the vehicles it has can hold; with `spare` also what they were not asked for yet."""
    held = np.flatnonzero(running.held(core.fleet.owner))
    if not len(held):
        return 0.0
    vehicles, product = core.vehicles().take(running.rows[held]), running.product
    baseline_kw, direction = running.baseline_kw[held], 1 if running.target_kw >= 0 else -1
    remaining_s = 1.0 if running.ends_at is None else max(1.0, running.ends_at - now)
    can = capability(vehicles, remaining_s, core.rules, reduction_only=product.reduction_only)
    power_kw = np.where(np.isfinite(running.applied_kw), running.applied_kw, running.setpoint_kw)[held]
    given_kw = direction * (np.clip(power_kw, np.minimum(can.p_min_kw, can.p_max_kw), can.p_max_kw) - baseline_kw)
    if spare:
        given_kw = np.maximum(given_kw, headroom_kw(can, product, direction))
    return float(np.nansum(np.where(vehicles.available, given_kw, 0.0)))


def _free_kw(core: Core, running: Running) -> float:
    """What vehicles that are free could give for the rest of its time."""
    fields = rest_of(core, running, running.target_kw)
    try:
        seen = situation(core, check(fields, core.settings, core.clock.utc()), fields, own_slot=running.slot)
    except RefusalError:
        return 0.0
    free = seen.problem.eligible & (core.fleet.owner[: len(core.fleet)] < 0)
    return float(np.nansum(np.where(free, seen.problem.headroom_kw, 0.0)))
