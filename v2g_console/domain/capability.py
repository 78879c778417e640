"""What a vehicle can do, sustained for a time: bounds in kW from battery, departure, chargers and minimum power (`domain.md`).

Everything is seen from the grid: positive injects, negative charges. One row a vehicle; NaN and nonsense mean "leave it alone".
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, U1, Baseline, Bool, VehicleColumns

CHARGING_KW: Final = 0.05
"""A vehicle draws power if it takes more than this; below is the noise of an idle meter."""
RELEASE_HORIZON_H: Final = 8.0
"""Time to charge after a release where no departure is known."""
_ENERGY_SLACK_KWH: Final = 1e-9


@dataclass(frozen=True, slots=True)
class CapabilityRules:
    """Rules for the whole fleet; shares of 0..1, `departure_margin_s` in seconds before a departure by which charging must be done.

    `protect_below_min_soc`: a vehicle below its wanted SoC whose departure nobody knows is never made to charge less, since it may leave
    at any moment.
    """

    charge_efficiency: float = 0.94
    discharge_efficiency: float = 0.94
    safe_discharge_floor: float = 0.1
    soc_ceiling: float = 1.0
    departure_margin_s: float = 600.0
    protect_below_min_soc: bool = True


@dataclass(frozen=True, slots=True)
class Capability:
    """Bounds of n vehicles in kW: setpoints within `p_min_kw..p_max_kw` can be held; `up_kw` and `down_kw` (>= 0) count from the baseline.

    `reason` is what binds a vehicle (SOC_FLOOR, SOC_BELOW_MIN, SOC_CEILING, DEPARTURE, MIN_POWER, BASELINE_ENDS, NO_BASELINE,
    NO_HEADROOM; 0 none); `up_reason` and `down_reason` say it per direction. A vehicle left to its own charging has 0 kW both ways.
    """

    p_min_kw: F8
    p_max_kw: F8
    up_kw: F8
    down_kw: F8
    reason: U1
    up_reason: U1
    down_reason: U1


@dataclass(frozen=True, slots=True)
class _Battery:
    """Energies in kWh and charger limits in kW of n vehicles, free of NaN."""

    known: Bool  # capacity and SoC make sense
    stored: F8
    floor: F8
    ceiling: F8
    goal: F8  # wanted at departure, never above the ceiling
    need: F8  # at the end of tau, so that the goal can still be reached; -inf without departure
    hungry: Bool  # below what is wanted at a departure that nobody knows
    charge_kw: F8
    discharge_kw: F8
    min_charge_kw: F8
    min_discharge_kw: F8


def capability(v: VehicleColumns, tau_s: float, rules: CapabilityRules, *, reduction_only: bool = False) -> Capability:
    """What each vehicle can do for `tau_s` seconds (below one second counts as one); `reduction_only` forbids injection.

    Raises ValueError if `tau_s` is not finite.
    """
    if not np.isfinite(tau_s):
        raise ValueError(f"tau_s must be a finite number of seconds, got {tau_s}")
    tau_s = max(1.0, tau_s)
    battery = _battery(v, tau_s, rules)
    hours = tau_s / 3600.0
    fill_kwh = rules.charge_efficiency * hours
    needy = battery.stored < battery.need - _ENERGY_SLACK_KWH
    lowest = -np.clip((battery.ceiling - battery.stored) / fill_kwh, 0.0, battery.charge_kw)
    forced = np.maximum(-battery.charge_kw, (battery.stored - battery.need) / fill_kwh)
    spare_kwh = battery.stored - np.maximum(battery.floor, battery.need)
    highest = np.where(needy, forced, np.clip(spare_kwh * rules.discharge_efficiency / hours, 0.0, battery.discharge_kw))
    lowest = np.where(needy, np.minimum(lowest, highest), lowest)

    p_max = np.where((highest > 0) & (highest < battery.min_discharge_kw), 0.0, highest)
    p_max = np.where((highest < 0) & (highest > -battery.min_charge_kw), -battery.min_charge_kw, p_max)
    p_min = np.where((lowest < 0) & (lowest > -battery.min_charge_kw), 0.0, lowest)
    if reduction_only:
        p_max = np.minimum(p_max, 0.0)
    hungry = battery.hungry if rules.protect_below_min_soc else np.zeros(len(v), np.bool_)
    own_charging = np.clip(np.nan_to_num(v.baseline_kw, nan=0.0), -battery.charge_kw, 0.0)
    p_max = np.where(hungry, np.minimum(p_max, own_charging), p_max)
    # Nothing is known to be broken where the battery is unknown: any charging stands, no injection.
    p_max = np.where(battery.known, p_max, 0.0)
    p_min = np.where(battery.known, np.minimum(p_min, p_max), -battery.charge_kw)

    baseline = np.clip(np.nan_to_num(v.baseline_kw, nan=0.0), -battery.charge_kw, battery.discharge_kw)
    pinned = p_max < lowest - _ENERGY_SLACK_KWH  # the minimum power would charge it beyond its ceiling
    alone = _left_alone(v, battery, baseline < lowest - _ENERGY_SLACK_KWH, baseline > highest + _ENERGY_SLACK_KWH, pinned)
    up = np.where(alone > 0, 0.0, np.maximum(0.0, p_max - baseline))
    down = np.where(alone > 0, 0.0, np.maximum(0.0, baseline - p_min))
    up_reason = np.where(alone > 0, alone, np.where(hungry & (up <= 0.0), Reason.SOC_BELOW_MIN, _up_reason(battery, needy, highest)))
    down_reason = np.where(alone > 0, alone, _down_reason(battery, lowest))
    reason = np.where(up_reason > 0, up_reason, down_reason)
    # + 0.0 turns -0.0 into 0.0, which nobody wants to read.
    return Capability(p_min + 0.0, p_max + 0.0, up, down, reason.astype(np.uint8), up_reason.astype(np.uint8), down_reason.astype(np.uint8))


def holds_s(v: VehicleColumns, setpoint_kw: F8, rules: CapabilityRules) -> F8:
    """How long (s, n) each vehicle can hold `setpoint_kw` from now: until floor, ceiling, what its departure needs, or the departure.

    Infinite where nothing ends it; 0 where a bound is broken already, or nothing is known of the battery.
    """
    battery = _battery(v, 1.0, rules)
    power_kw = np.nan_to_num(setpoint_kw, nan=0.0)
    rate = np.where(power_kw < 0.0, -power_kw * rules.charge_efficiency, -power_kw / rules.discharge_efficiency)  # kWh in an hour
    departs = np.isfinite(v.departure_s)
    leaves_h = np.where(departs, np.maximum(v.departure_s, 0.0), 0.0) / 3600.0
    charged_by_h = np.maximum(0.0, leaves_h - rules.departure_margin_s / 3600.0)
    catches_up = rules.charge_efficiency * np.fmin(battery.charge_kw, np.maximum(0.0, v.site_import_share_kw))
    spare = battery.stored - battery.goal + catches_up * charged_by_h
    too_late_h = _until(spare, catches_up - rate)
    never_h = _until(battery.stored - battery.goal, -rate)  # once there is no time left to catch up
    hours = np.minimum(_until(battery.stored - battery.floor, -rate), _until(battery.ceiling - battery.stored, rate))
    due_h = np.minimum(np.where(too_late_h <= charged_by_h, too_late_h, np.maximum(charged_by_h, never_h)), leaves_h)
    return np.where(battery.known, np.minimum(hours, np.where(departs, due_h, np.inf)) * 3600.0, 0.0)


def _until(spare: F8, loss: F8) -> F8:
    """Hours until `spare` (kWh, n) is used up at `loss` (kW, n); infinite where nothing is lost."""
    lost = np.where(loss > 0.0, loss, 1.0)
    return np.where(loss > 0.0, np.maximum(spare, 0.0) / lost, np.inf)


def release_setpoint_kw(v: VehicleColumns, rules: CapabilityRules) -> F8:
    """Setpoints in kW (<= 0, never NaN) that bring v1 vehicles back to a charge with which nobody is left uncharged.

    The baseline, or the steady power that reaches the SoC wanted at departure (no departure known: within 8 hours) if that is more;
    a power below the minimum of its charger becomes the minimum.
    """
    battery = _battery(v, 1.0, rules)
    known_s = np.where(np.isfinite(v.departure_s), v.departure_s, RELEASE_HORIZON_H * 3600.0)
    hours = np.maximum(known_s, 1.0) / 3600.0
    missing_kwh = np.where(battery.known, battery.stored - battery.goal, 0.0)
    wanted = np.minimum(np.nan_to_num(v.baseline_kw, nan=0.0), missing_kwh / (rules.charge_efficiency * hours))
    setpoint = np.clip(wanted, -battery.charge_kw, 0.0)
    charges = (setpoint < -CHARGING_KW) | (missing_kwh < -_ENERGY_SLACK_KWH)
    return np.where(charges, np.minimum(setpoint, -battery.min_charge_kw), 0.0) + 0.0


def _battery(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> _Battery:
    """The columns as energies, with NaN and impossible values made harmless."""
    capacity = _at_least_zero(v.battery_kwh) * (1.0 - _share(v.degradation, 0.0))
    known = (capacity > 0.0) & np.isfinite(v.soc)
    charge_kw = _at_least_zero(v.max_charge_kw)
    may_inject = v.is_v2g & v.consent
    departs = np.isfinite(v.departure_s)
    min_soc = _share(v.min_soc, 0.0)
    ceiling_soc = np.minimum(rules.soc_ceiling, _share(v.charge_limit_soc, 1.0))
    goal = np.minimum(min_soc, ceiling_soc) * capacity
    stored = np.clip(np.where(known, v.soc, 0.0), 0.0, 1.0) * capacity
    floor_soc = np.maximum(np.maximum(_share(v.reserve_soc, 0.0), rules.safe_discharge_floor), np.where(departs, 0.0, min_soc))
    after_s = np.maximum(0.0, np.where(departs, v.departure_s, 0.0) - tau_s - rules.departure_margin_s)
    after_kw = np.fmin(charge_kw, np.maximum(0.0, v.site_import_share_kw))
    return _Battery(
        known=known,
        stored=stored,
        floor=floor_soc * capacity,
        ceiling=ceiling_soc * capacity,
        goal=goal,
        need=np.where(departs, goal - rules.charge_efficiency * after_kw * after_s / 3600.0, -np.inf),
        hungry=known & ~departs & (stored < goal - _ENERGY_SLACK_KWH),
        charge_kw=charge_kw,
        discharge_kw=np.where(may_inject, _at_least_zero(v.max_discharge_kw), 0.0),
        min_charge_kw=np.minimum(_at_least_zero(v.min_charge_kw), charge_kw),
        min_discharge_kw=_at_least_zero(v.min_discharge_kw),
    )


def _left_alone(v: VehicleColumns, battery: _Battery, draws_on: Bool, draws_too_little: Bool, pinned: Bool) -> U1:
    """Reason codes of vehicles that no command may touch (0: none).

    Their charging ends by itself (`draws_on` beyond what the battery takes), is less than the departure needs, or is unknown.
    """
    code = np.zeros(len(v), np.uint8)
    # A meter may read a little beyond the rated power; further out, the figures contradict each other.
    too_low = v.baseline_kw < -1.05 * battery.charge_kw - 2 * CHARGING_KW
    too_high = v.baseline_kw > 1.05 * battery.discharge_kw + 2 * CHARGING_KW
    for reason, mask in (
        (Reason.BASELINE_ENDS, draws_on | draws_too_little),
        (Reason.DEPARTURE, (draws_too_little & (battery.need > battery.floor)) | pinned),
        (Reason.NO_HEADROOM, ~battery.known),
        (Reason.NO_BASELINE, ~np.isfinite(v.baseline_kw) | (v.baseline_kind == Baseline.MISSING) | too_low | too_high),
    ):
        code[mask] = reason
    return code


def _up_reason(battery: _Battery, needy: Bool, highest: F8) -> U1:
    code = np.zeros(len(highest), np.uint8)
    limited = highest < battery.discharge_kw
    code[limited] = Reason.SOC_FLOOR
    code[(limited & (battery.need > battery.floor)) | needy] = Reason.DEPARTURE
    code[(highest > 0) & (highest < battery.min_discharge_kw)] = Reason.MIN_POWER
    return code


def _down_reason(battery: _Battery, lowest: F8) -> U1:
    code = np.zeros(len(lowest), np.uint8)
    code[lowest > -battery.charge_kw] = Reason.SOC_CEILING
    code[(lowest < 0) & (lowest > -battery.min_charge_kw)] = Reason.MIN_POWER
    return code


def _at_least_zero(values: F8) -> F8:
    return np.where(np.isfinite(values) & (values > 0.0), values, 0.0)


def _share(values: F8, missing: float) -> F8:
    return np.clip(np.where(np.isnan(values), missing, values), 0.0, 1.0)
