"""Bounds checked again with the news of each held vehicle: a setpoint that is outside by now is moved back at once, and explained."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.setpoints import Allowed
from v2g_console.contract.events import Strategy
from v2g_console.domain.capability import Capability, capability
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.units import counted
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.rounds import send_round
from v2g_console.engine.setpoint_gate import Why, pass_gate
from v2g_console.engine.situation import sustained_for_s
from v2g_console.journal.port import JournalError

LOOK_S = 0.2
LOOK_S_A_VEHICLE = 1e-5
"""A look copies the columns of the fleet, so it is rarer in a large one: 5 a second up to 20 000 vehicles, one a second for 100 000."""
LOOK_AT_ALL_S = 10.0
"""Departures come nearer and batteries drain without any news."""
TOLERANCE_KW = 0.01
INWARD_SHARE = 0.05
"""A correction goes this much further than the bound, which goes on narrowing: else every telemetry would bring another command."""
HOLD_S = 300.0
"""Nobody asks a corrected vehicle for more again before this."""
REPEAT_S = 15.0
"""A vehicle that refuses is asked this often to come back within its bounds."""

F8 = NDArray[np.float64]
_NOT_FOLLOWING = (CommandState.EXPIRED, CommandState.SUPERSEDED, CommandState.RELEASED)
_AS_APPLIED = (CommandState.REJECTED, CommandState.LIMITED)
_UNSENT = (CommandState.DROPPED, CommandState.FAILED)
_TOLD_UP = (Reason.SOC_FLOOR, Reason.SOC_BELOW_MIN, Reason.DEPARTURE, Reason.MIN_POWER)


@dataclass(frozen=True, slots=True)
class Correction:
    """Positions of a dispatch (k) with the absolute setpoints that bring them back within their bounds, and why.

    `too_high`: the upper bound was broken, else the lower.
    """

    positions: Rows
    setpoint_kw: F8
    reason: NDArray[np.uint8]
    too_high: NDArray[np.bool_]


def look(core: Core, running: Running, now: float) -> Correction | None:
    """Who is outside its bounds, of the held vehicles with news since the last look. None: nobody, or nothing could be sent now."""
    pause_s = max(LOOK_S, len(core.fleet) * LOOK_S_A_VEHICLE)
    if not running.sends or now < running.checked_at + pause_s or now < core.journal_again_at or not core.link_up():
        return None
    at_all = now >= running.checked_all_at + LOOK_AT_ALL_S
    news = running.held(core.fleet.owner) & running.out & (at_all | (core.fleet.seen_at[running.rows] > running.checked_at))
    running.checked_at = now
    running.checked_all_at = now if at_all else running.checked_all_at
    refused = (running.command_state == CommandState.REJECTED) & (now < running.sent_at + REPEAT_S)
    positions = np.flatnonzero(news & ~refused & ~np.isin(running.command_state, _NOT_FOLLOWING))
    if not len(positions):
        return None
    return _broken(core, running, positions, now)


async def correct(core: Core, running: Running, found: Correction) -> None:
    """Send the setpoints of a correction. Raises JournalError before anything is published; the next look finds them again."""
    still = running.held(core.fleet.owner)[found.positions]
    positions, setpoint_kw, reason = found.positions[still], found.setpoint_kw[still], found.reason[still]
    if not running.sends or not len(positions):
        return
    passed = pass_gate(core, Why.CORRECTED, running.rows[positions], setpoint_kw)
    # Who can't move, for the limits of its site, is not told again.
    moves = np.abs(passed.setpoint_kw - _in_force_kw(running, positions)) > TOLERANCE_KW
    reason = np.where(np.abs(passed.setpoint_kw - setpoint_kw) > TOLERANCE_KW, Reason.SITE_LIMIT, reason).astype(np.uint8)
    passed, positions, reason, too_high = passed.only(moves), positions[moves], reason[moves], found.too_high[still][moves]
    if not len(positions):
        return
    setpoint_kw = passed.setpoint_kw
    moved_kw = float(np.nansum(np.abs(setpoint_kw - _in_force_kw(running, positions))))
    running.setpoint_kw[positions] = setpoint_kw
    running.most_kw[positions] = np.where(too_high, setpoint_kw, np.inf)
    running.least_kw[positions] = np.where(too_high, -np.inf, setpoint_kw)
    running.bounded_until[positions] = core.clock.monotonic() + HOLD_S
    passed.intend()
    text = f"{moved_kw:.1f} kW on {counted(len(positions), 'vehicle', 'vehicles')} back within their bounds: {_counted(reason)}"
    core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind="correction", text=text))
    try:
        await send_round(core, running, positions, "correction", reason=reason)
    except JournalError:
        running.checked_at = running.checked_all_at = -np.inf
        raise


def bounded_kw(running: Running, positions: Rows, low_kw: F8, high_kw: F8, now: float) -> tuple[F8, F8]:
    """`low_kw..high_kw` (k) of the vehicles at `positions` (k), narrowed where a correction still holds."""
    holds = running.bounded_until[positions] > now
    return (
        np.where(holds, np.maximum(low_kw, np.minimum(running.least_kw[positions], high_kw)), low_kw),
        np.where(holds, np.minimum(high_kw, np.maximum(running.most_kw[positions], low_kw)), high_kw),
    )


def _broken(core: Core, running: Running, positions: Rows, now: float) -> Correction | None:
    remaining_s = max(0.0, (running.ends_at or now) - now)
    vehicles = core.vehicles().take(running.rows[positions])
    product = running.product
    can = capability(vehicles, sustained_for_s(core, product, remaining_s), core.rules, reduction_only=product.reduction_only)
    # A reduction is none of a driver's business who wants to charge with priority by now.
    hurried = vehicles.priority & product.reduction_only
    own_kw = np.clip(running.baseline_kw[positions], -vehicles.max_charge_kw, 0.0)
    most_kw = np.where(hurried, np.minimum(can.p_max_kw, own_kw), can.p_max_kw)
    least_kw = np.minimum(can.p_min_kw, most_kw)
    power_kw = _in_force_kw(running, positions)
    too_high, too_low = power_kw > most_kw + TOLERANCE_KW, power_kw < least_kw - TOLERANCE_KW
    out = (too_high | too_low) & vehicles.available
    if not out.any():
        return None
    must_charge = (most_kw < 0.0) & (most_kw < own_kw) & ~hurried
    deeper_kw = np.where(must_charge, np.maximum((1.0 + INWARD_SHARE) * most_kw, least_kw), most_kw)
    high_kw = np.where(most_kw > 0.0, (1.0 - INWARD_SHARE) * most_kw, deeper_kw)
    low_kw = np.minimum(np.where(least_kw < 0.0, (1.0 - INWARD_SHARE) * least_kw, least_kw), high_kw)
    allowed = Allowed.between(low_kw, high_kw, vehicles.min_charge_kw, vehicles.min_discharge_kw)
    setpoint_kw = allowed.nearest(np.nan_to_num(power_kw), running.baseline_kw[positions])
    reason = _why(vehicles, can, power_kw, too_high, hurried)
    return Correction(positions[out], setpoint_kw[out] + 0.0, reason[out], too_high[out])


def _in_force_kw(running: Running, positions: Rows) -> F8:
    """The setpoint each vehicle follows, or will as soon as it hears of it; NaN where there is none."""
    states = running.command_state[positions]
    power_kw = np.where(np.isin(states, _AS_APPLIED), running.applied_kw[positions], running.setpoint_kw[positions])
    return np.where(np.isin(states, _UNSENT), running.sent_kw[positions], power_kw)


def _why(v: VehicleColumns, can: Capability, power_kw: F8, too_high: NDArray[np.bool_], hurried: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What broke the bound of each vehicle (n)."""
    up = np.where(np.isin(can.up_reason, _TOLD_UP), can.up_reason, np.where(can.p_max_kw < 0.0, Reason.DEPARTURE, Reason.SOC_FLOOR))
    for reason, mask in (
        (Reason.PRIORITY, hurried),
        (Reason.OVER_LIMIT, power_kw > v.max_discharge_kw + TOLERANCE_KW),
        (Reason.NO_CONSENT, (power_kw > 0.0) & ~v.consent),
        (Reason.NOT_V2G, (power_kw > 0.0) & ~v.is_v2g),
    ):
        up = np.where(mask, reason, up)
    down = np.where(power_kw < -v.max_charge_kw - TOLERANCE_KW, Reason.OVER_LIMIT, Reason.SOC_CEILING)
    return np.where(too_high, up, down).astype(np.uint8)


def _counted(reason: NDArray[np.uint8]) -> str:
    return ", ".join(f"{count} {Reason(code).name}" for code, count in Counter(reason.tolist()).most_common())
