"""No sequence of allowed setpoints breaks a floor, a ceiling or a departure; and a sign flipped anywhere is caught."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.property.fleets import fleet
from v2g_console.domain.capability import Capability, CapabilityRules, capability
from v2g_console.domain.vehicle import F8, VehicleColumns

RULES = CapabilityRules()
Bounds = Callable[[VehicleColumns, float, CapabilityRules], Capability]
SLACK_KWH = 1e-6
LEAST_KW = 1e-9


def _stored_after(v: VehicleColumns, power_kw: F8, seconds: float) -> F8:
    """SoC after holding a grid power: charging stores less than it draws, injecting takes more than it gives."""
    kwh = v.battery_kwh * (1.0 - v.degradation)
    rate = np.where(power_kw < 0, -power_kw * RULES.charge_efficiency, -power_kw / RULES.discharge_efficiency)
    return v.soc + rate * seconds / 3600.0 / kwh


def _reachable_kwh(v: VehicleColumns, soc: F8, departure_s: F8) -> F8:
    """Energy to spare at departure if it charged all it can from now on; negative: its goal is out of reach.

    The margin is a reserve for us, not part of the promise: the goal may be reached within it.
    """
    kwh = v.battery_kwh * (1.0 - v.degradation)
    after_kw = np.minimum(v.max_charge_kw, v.site_import_share_kw)
    hours = np.maximum(0.0, departure_s) / 3600.0
    goal = np.minimum(v.min_soc, np.minimum(v.charge_limit_soc, RULES.soc_ceiling))
    return (soc - goal) * kwh + RULES.charge_efficiency * after_kw * hours


def _walk(bounds: Bounds, seed: int, n: int = 400, steps: int = 25) -> int:
    """Dispatch every vehicle at random within `bounds` again and again; asserts the laws, returns how many regulations were made."""
    rng = np.random.default_rng(seed)
    v = fleet(rng, n)
    regulated = 0
    for _ in range(steps):
        tau_s = float(rng.choice([60.0, 930.0, 3600.0]))
        can = bounds(v, tau_s, RULES)
        up = rng.random(n) < 0.5
        wanted = np.where(up, can.up_kw, -can.down_kw) * rng.choice([0.0, 0.3, 1.0], n)
        setpoint = v.baseline_kw + wanted
        hole = ((setpoint < -LEAST_KW) & (setpoint > -v.min_charge_kw)) | ((setpoint > LEAST_KW) & (setpoint < v.min_discharge_kw))
        setpoint = np.where(hole, v.baseline_kw + np.where(up, can.up_kw, -can.down_kw), setpoint)
        touched = np.abs(setpoint - v.baseline_kw) > LEAST_KW
        regulated += int(touched.sum())
        held_s = float(rng.choice([0.3, 1.0])) * tau_s
        soc = _stored_after(v, setpoint, held_s)
        kwh = v.battery_kwh * (1.0 - v.degradation)
        _assert_floor(v, soc, touched, kwh)
        ceiling = np.minimum(v.charge_limit_soc, RULES.soc_ceiling)
        assert ((soc - np.maximum(ceiling, v.soc)) * kwh <= SLACK_KWH)[touched].all(), "above the ceiling"
        departs = touched & np.isfinite(v.departure_s) & (v.departure_s >= tau_s)
        could = _reachable_kwh(v, v.soc, v.departure_s) >= 0
        can_still = _reachable_kwh(v, soc, v.departure_s - held_s) >= -SLACK_KWH
        assert can_still[departs & could].all(), "a departure out of reach"
        assert not touched[(v.baseline_kw > -LEAST_KW) & ~(v.is_v2g & v.consent) & (setpoint > v.baseline_kw)].any(), "idle V1G gave up"
        assert (setpoint <= np.where(v.is_v2g & v.consent, v.max_discharge_kw, 0.0) + LEAST_KW).all()
        assert (setpoint >= -v.max_charge_kw - LEAST_KW).all()
        v = _moved_on(rng, v, np.where(touched, soc, np.clip(soc, 0.0, ceiling)), held_s)
    return regulated


def _assert_floor(v: VehicleColumns, soc: F8, touched: np.ndarray, kwh: F8) -> None:
    unknown_leave = ~np.isfinite(v.departure_s)
    floor = np.maximum(np.maximum(v.reserve_soc, RULES.safe_discharge_floor), np.where(unknown_leave, v.min_soc, 0.0))
    below = (np.minimum(floor, v.soc) - soc) * kwh > SLACK_KWH
    assert not below[touched].any(), "below the floor"


def _moved_on(rng: np.random.Generator, v: VehicleColumns, soc: F8, seconds: float) -> VehicleColumns:
    """The fleet a little later, some vehicles with another plan of their own."""
    other = rng.random(len(v)) < 0.3
    fresh = np.where(rng.random(len(v)) < 0.5, -v.max_charge_kw * rng.choice([0.5, 1.0], len(v)), 0.0)
    return replace(v, soc=np.clip(soc, 0.0, 1.0), departure_s=v.departure_s - seconds, baseline_kw=np.where(other, fresh, v.baseline_kw))


@pytest.mark.parametrize("seed", range(12))
def test_no_sequence_of_allowed_setpoints_breaks_floor_ceiling_or_departure(seed: int) -> None:
    assert _walk(capability, seed) > 1000


def _flipped_baseline(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    return capability(replace(v, baseline_kw=-v.baseline_kw), tau_s, rules)


def _swapped_directions(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    can = capability(v, tau_s, rules)
    return replace(can, up_kw=can.down_kw, down_kw=can.up_kw)


def _empty_taken_for_full(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    return capability(replace(v, soc=1.0 - v.soc), tau_s, rules)


def _no_departures(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    return capability(replace(v, departure_s=np.full(len(v), np.inf), min_soc=np.zeros(len(v))), tau_s, rules)


def _no_losses(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    return capability(v, tau_s, replace(rules, charge_efficiency=1.0, discharge_efficiency=1.0))


def _new_batteries(v: VehicleColumns, tau_s: float, rules: CapabilityRules) -> Capability:
    return capability(replace(v, degradation=np.zeros(len(v))), tau_s, rules)


@pytest.mark.parametrize(
    "mutant", [_flipped_baseline, _swapped_directions, _empty_taken_for_full, _no_departures, _no_losses, _new_batteries]
)
def test_a_flipped_sign_or_forgotten_term_is_caught(mutant: Bounds) -> None:
    with pytest.raises(AssertionError):
        for seed in range(3):
            _walk(mutant, seed)
