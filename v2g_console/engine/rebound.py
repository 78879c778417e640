"""The rebound of a release: many cars that charge at once. Where nodes have limits, releases wait until the worst of it fits."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.capability import release_setpoint_kw
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.grid import worst_powers_kw

PATIENCE_S = 25.0
"""Bounds hold for 30 s beyond the end (`situation.MARGIN_S`), and leases of v2 vehicles end then: nobody waits longer."""

F8 = NDArray[np.float64]
_ON_THE_WAY = (ReleaseState.SENT, ReleaseState.CONFIRMED, ReleaseState.OWED, ReleaseState.LEASE_ENDED)


def fitting(core: Core, running: Running, positions: list[int]) -> list[int]:
    """Of `positions`, in their order, those that can be released now with every node within its limits, whatever everybody does then."""
    if core.grid is None or not positions:
        return positions
    vehicles, response_s = core.vehicles(), core.settings.dispatch.response_s
    after_low, after_high = _after_kw(core)
    low_kw, high_kw = worst_powers_kw(core.fleet, vehicles.baseline_kw, response_s)
    told = _not_measured_since(core, response_s)
    low_kw = np.where(told, np.minimum(np.nan_to_num(low_kw), after_low), np.nan_to_num(low_kw))
    high_kw = np.where(told, np.maximum(np.nan_to_num(high_kw), after_high), np.nan_to_num(high_kw))
    rows = core.grid.admitted(core.fleet, running.rows[positions], (low_kw, high_kw), (after_low, after_high), response_s)
    chosen = set(rows.tolist())
    return [position for position in positions if running.row_list[position] in chosen]


def _after_kw(core: Core) -> tuple[F8, F8]:
    """Lowest and highest power of each vehicle (n) after its release.

    v1 does as it is told, v2 as its driver's plan has it, which nobody knows.
    """
    vehicles = core.vehicles()
    v1 = core.fleet.protocol[: len(vehicles)] < 2
    released_kw = release_setpoint_kw(vehicles, core.rules)
    fills = ~(vehicles.soc >= np.minimum(vehicles.charge_limit_soc, core.rules.soc_ceiling))
    low_kw = np.where(v1, released_kw, np.where(fills, -vehicles.max_charge_kw, 0.0))
    high_kw = np.where(v1, released_kw, 0.0)
    return np.where(vehicles.available, low_kw, 0.0), np.where(vehicles.available, high_kw, 0.0)


def _not_measured_since(core: Core, response_s: float) -> NDArray[np.bool_]:
    """Vehicles (n) that were told to go their own way, and not measured since: by a dispatch that ends, or one that has ended."""
    fleet, n = core.fleet, len(core.fleet)
    told = fleet.owed[:n] | (fleet.measured_at[:n] <= fleet.released_at[:n] + response_s)
    for one in core.running.values():
        on_the_way = np.isin(one.release_state, _ON_THE_WAY) & (fleet.measured_at[one.rows] <= one.release_sent_at + response_s)
        told[one.rows[on_the_way]] = True
    return told
