"""What is to come of setpoints: how long they can be held, and how much extra charging follows their release."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.holding import held_for_s
from v2g_console.domain.capability import holds_s
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running

F8 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outlook:
    """`holds_s`: how long 95 % of the power can be held from now, None if nothing ends it. `rebound_kw`: extra charging afterwards."""

    holds_s: float | None = None
    rebound_kw: float = 0.0


def outlook(core: Core, vehicles: VehicleColumns, setpoint_kw: F8, baseline_kw: F8) -> Outlook:
    """Of `vehicles` (k) at absolute setpoints (k) with frozen baselines (k)."""
    regulation_kw = setpoint_kw - baseline_kw
    lasts_s = held_for_s(regulation_kw, holds_s(vehicles, setpoint_kw, core.rules))
    given_up_kw = np.maximum(0.0, np.minimum(regulation_kw, -baseline_kw))  # of charging; they take it back afterwards
    return Outlook(lasts_s if np.isfinite(lasts_s) else None, float(np.nansum(given_up_kw)))


def outlook_of(core: Core, running: Running) -> Outlook:
    """Of a dispatch under way, with what its vehicles acknowledged, or were sent."""
    held = np.flatnonzero(running.held(core.fleet.owner) & running.out)
    power_kw = np.where(np.isfinite(running.applied_kw), running.applied_kw, running.setpoint_kw)[held]
    return outlook(core, core.vehicles().take(running.rows[held]), power_kw, running.baseline_kw[held])
