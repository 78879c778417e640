"""Bringing a new decision into a dispatch under way: vehicles it has get another setpoint, new ones are taken."""

import math

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.setpoint_gate import Why, pass_gate

_NEXT_TO_NOTHING_KW = 1e-3


def place(
    core: Core, running: Running, rows: Rows, setpoint_kw: NDArray[np.float64], score: NDArray[np.float64], vehicles: VehicleColumns
) -> Rows:
    """Write the absolute setpoints (k) of the fleet's `rows` (k) into the columns; returns their positions, for a round.

    A vehicle that this dispatch let go, and that is free again, is taken anew, in a row of its own. Raises RefusalError, before anything is
    written, if an interlock does not let it pass.
    """
    passed = pass_gate(core, Why.DECIDED, rows, setpoint_kw, vehicles.baseline_kw[rows])
    held_positions = np.flatnonzero(running.held(core.fleet.owner))
    order = np.argsort(running.rows[held_positions])
    sorted_rows = running.rows[held_positions][order]
    at = np.searchsorted(sorted_rows, rows)
    known = (
        (at < len(sorted_rows)) & (sorted_rows[np.minimum(at, max(0, len(sorted_rows) - 1))] == rows)
        if len(sorted_rows)
        else np.zeros(len(rows), np.bool_)
    )
    positions = held_positions[order][at[known]]
    running.setpoint_kw[positions] = passed.setpoint_kw[known]
    passed.intend()
    new = rows[~known]
    core.fleet.take(new, running.slot, vehicles.baseline_kw[new], vehicles.baseline_kind[new])
    added = running.add(new, passed.setpoint_kw[~known], vehicles.baseline_kw[new], score[~known])
    return np.concatenate([positions, added])


def rest_of(core: Core, running: Running, power_kw: float) -> DispatchFields:
    """The dispatch's request with another power, for the rest of its time. For 0 kW its first direction decides who may take part."""
    power_kw = power_kw or math.copysign(_NEXT_TO_NOTHING_KW, running.request.power_kw)
    fields, remaining_s = running.request, running.duration_s
    if running.ends_at is not None:
        remaining_s = max(1.0, running.ends_at - core.clock.monotonic())
    return DispatchFields(
        signal=running.signal.value,
        power_kw=power_kw,
        duration_s=remaining_s,
        allocator=None if running.allocator == core.settings.dispatch.allocator else running.allocator,
        sites=fields.sites,
        segments=fields.segments,
        vehicles=fields.vehicles,
        accept_cautions=fields.accept_cautions,
    )
