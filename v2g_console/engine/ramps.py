"""How fast the setpoint of each vehicle may change: by its own ramp, else by the configured one. Releases and broken bounds don't wait."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.shaping import RampBounds, ramp_bounds
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Quality, VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.planning import USED_KW, Decision

RAMP_STEP_S = 4.0
"""A vehicle that ramps is sent a setpoint this often, each a step further: shorter steps would be a command a second for everybody."""

F8 = NDArray[np.float64]


def ramps_kw_per_s(core: Core) -> F8:
    """Fastest change of each vehicle (n); 0: any."""
    own = core.fleet.ramp_kw_per_s[: len(core.fleet)]
    return np.where(own > 0.0, own, core.settings.dispatch.vehicle_ramp_kw_per_s)


def within_reach(core: Core, running: Running | None, vehicles: VehicleColumns, low_kw: F8, high_kw: F8) -> RampBounds | None:
    """`low_kw..high_kw` (n) as far as the ramps let each vehicle go now, from its setpoint in `running`, else from its present power.

    None where nobody has a ramp.
    """
    ramp = ramps_kw_per_s(core)
    if not ramp.any():
        return None
    n, now = len(vehicles), core.clock.monotonic()
    measured_kw = core.fleet.power_kw[:n]
    known = (core.fleet.quality[:n] == Quality.FRESH) & np.isfinite(measured_kw)
    # Who is taken from another dispatch is on his way to that one's setpoint.
    present_kw = np.where(known, measured_kw, vehicles.baseline_kw)
    present_kw = np.where(np.isfinite(core.fleet.setpoint_kw[:n]), core.fleet.setpoint_kw[:n], present_kw)
    step_s = np.full(n, RAMP_STEP_S)
    if running is not None:
        held = np.flatnonzero(running.held(core.fleet.owner) & np.isfinite(running.sent_at))
        rows = running.rows[held]
        present_kw[rows] = running.setpoint_kw[held]
        step_s[rows] = np.clip(now - running.sent_at[held], 0.0, RAMP_STEP_S)
    return ramp_bounds(
        present_kw,
        low_kw,
        high_kw,
        np.where(ramp > 0.0, ramp * step_s, np.nan),
        1.0,
        min_charge_kw=vehicles.min_charge_kw,
        min_discharge_kw=vehicles.min_discharge_kw,
    )


def first_reach(core: Core, decision: Decision) -> tuple[Decision, float]:
    """A decision as far as the ramps let it be sent at once, and the kW of regulation (signed) that must wait."""
    low_kw, high_kw = decision.situation.bounds_kw()
    reach = within_reach(core, None, decision.vehicles, low_kw, high_kw)
    if reach is None:
        return decision, 0.0
    whole = decision.allocation
    setpoint_kw = np.clip(whole.setpoint_kw, reach.low_kw, reach.high_kw)  # NaN, where a vehicle takes no part, stays NaN
    slower = decision.used & (np.abs(setpoint_kw - whole.setpoint_kw) > USED_KW)
    if not slower.any():
        return decision, 0.0
    setpoint_kw = np.where(slower, setpoint_kw, whole.setpoint_kw)
    regulation_kw = np.where(slower, setpoint_kw - decision.vehicles.baseline_kw, whole.regulation_kw)
    waits_kw = float(np.sum(whole.regulation_kw - regulation_kw))
    allocation = replace(
        whole,
        setpoint_kw=setpoint_kw,
        regulation_kw=regulation_kw,
        allocated_kw=whole.allocated_kw - waits_kw,
        limits=with_ramp(whole.limits, waits_kw),
    )
    return replace(decision, allocation=allocation, reason=np.where(slower, Reason.RAMP, decision.reason).astype(np.uint8)), waits_kw


def with_ramp(limits: tuple[tuple[Reason, float], ...], waits_kw: float) -> tuple[tuple[Reason, float], ...]:
    """`limits` with what the ramps hold back, ranked by kW."""
    if not waits_kw:
        return limits
    return tuple(sorted([*limits, (Reason.RAMP, abs(waits_kw))], key=lambda pair: -pair[1]))
