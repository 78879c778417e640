"""What a vehicle can do, by hand calculation, and what is left alone."""

from typing import Any

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.domain.capability import CapabilityRules, capability, holds_s, release_setpoint_kw
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Baseline

RULES = CapabilityRules()
HOUR = 3600.0


def test_a_full_idle_v2g_car_can_inject_its_rated_power_but_not_charge() -> None:
    can = capability(vehicles(soc=1.0), 930.0, RULES)
    assert can.up_kw[0] == 11.0
    assert can.down_kw[0] == 0.0
    assert can.down_reason[0] == Reason.SOC_CEILING


def test_injection_stops_at_the_floor_after_losses() -> None:
    # 60 kWh, 0.5 -> reserve 0.4: 6 kWh stored, 5.64 kWh at the plug, over one hour
    can = capability(vehicles(reserve_soc=0.4), HOUR, RULES)
    assert can.up_kw[0] == pytest.approx(5.64)
    assert can.up_reason[0] == Reason.SOC_FLOOR


def test_charging_stops_at_the_vehicle_s_own_limit() -> None:
    # 0.5 -> 0.6 of 60 kWh = 6 kWh stored, 6 / 0.94 drawn
    can = capability(vehicles(charge_limit_soc=0.6), HOUR, RULES)
    assert can.down_kw[0] == pytest.approx(6.0 / 0.94)


def test_degradation_shrinks_the_battery() -> None:
    can = capability(vehicles(reserve_soc=0.4, degradation=0.5), HOUR, RULES)
    assert can.up_kw[0] == pytest.approx(5.64 / 2)


def test_without_a_departure_the_wanted_soc_is_kept() -> None:
    can = capability(vehicles(min_soc=0.45, departure_s=np.inf), HOUR, RULES)
    assert can.up_kw[0] == pytest.approx(0.05 * 60 * 0.94)


def test_a_departure_that_needs_all_the_time_left_pins_the_charger() -> None:
    # needs 24 kWh stored within 2 h less the margin: more than 11 kW can do
    can = capability(vehicles(min_soc=0.9, departure_s=2 * HOUR, baseline_kw=-11.0), 930.0, RULES)
    assert can.p_max_kw[0] == -11.0
    assert can.up_kw[0] == 0.0
    assert can.up_reason[0] == Reason.DEPARTURE


def test_a_departure_may_leave_part_of_the_charging_to_reduce() -> None:
    # after tau (1 h) 9000 s - 600 s remain for charging at 11 kW: 11 * 0.94 * 8400/3600 = 24.127 of the 30 kWh wanted
    can = capability(vehicles(soc=0.4, min_soc=0.9, departure_s=HOUR + 9000.0, baseline_kw=-11.0), HOUR, RULES)
    needed_kw = (30.0 - 11 * 0.94 * 8400 / 3600) / 0.94
    assert can.p_max_kw[0] == pytest.approx(-needed_kw)
    assert can.up_kw[0] == pytest.approx(11.0 - needed_kw)


def test_the_site_s_share_slows_the_charging_afterwards() -> None:
    free = capability(vehicles(soc=0.6, min_soc=0.6, departure_s=3 * HOUR), HOUR, RULES)
    shared = capability(vehicles(soc=0.6, min_soc=0.6, departure_s=3 * HOUR, site_import_share_kw=2.0), HOUR, RULES)
    assert free.up_kw[0] == 11.0
    assert shared.up_kw[0] == pytest.approx(2.0 * 0.94 * (2 * HOUR - 600) / HOUR * 0.94)
    assert shared.up_reason[0] == Reason.DEPARTURE


def test_a_car_that_charges_too_little_for_its_departure_is_left_alone() -> None:
    can = capability(vehicles(min_soc=0.9, departure_s=2 * HOUR, baseline_kw=-3.0), 930.0, RULES)
    assert (can.up_kw[0], can.down_kw[0], can.reason[0]) == (0.0, 0.0, Reason.DEPARTURE)


def test_charging_that_ends_by_itself_is_left_alone() -> None:
    can = capability(vehicles(soc=0.99, baseline_kw=-11.0), HOUR, RULES)
    assert (can.up_kw[0], can.down_kw[0], can.reason[0]) == (0.0, 0.0, Reason.BASELINE_ENDS)


def test_a_charge_only_car_gives_up_by_drawing_less_and_nothing_when_idle() -> None:
    can = capability(vehicles(2, is_v2g=False, max_discharge_kw=0.0, baseline_kw=[-7.0, 0.0]), 930.0, RULES)
    assert can.up_kw.tolist() == [7.0, 0.0]


def test_without_consent_nothing_is_injected() -> None:
    assert capability(vehicles(consent=False), 930.0, RULES).p_max_kw[0] == 0.0


def test_reduction_only_ends_at_zero() -> None:
    can = capability(vehicles(baseline_kw=-7.0), 930.0, RULES, reduction_only=True)
    assert (can.p_max_kw[0], can.up_kw[0]) == (0.0, 7.0)


@pytest.mark.parametrize(
    ("columns", "side", "bound"),
    [
        ({"reserve_soc": 0.49, "min_discharge_kw": 2.0}, "p_max_kw", 0.0),
        ({"charge_limit_soc": 0.51, "min_charge_kw": 2.0}, "p_min_kw", 0.0),
        ({"min_soc": 0.51, "departure_s": 4000.0, "min_charge_kw": 4.1, "baseline_kw": -11.0}, "p_max_kw", -4.1),
    ],
)
def test_what_is_below_the_minimum_power_becomes_nothing_or_the_minimum(columns: dict[str, Any], side: str, bound: float) -> None:
    assert getattr(capability(vehicles(**columns), HOUR, RULES), side)[0] == bound


def test_a_minimum_power_that_would_break_the_ceiling_leaves_the_car_alone() -> None:
    # it needs 0.26 kW, the battery takes 0.32 kW for the hour, the charger starts at 4.1 kW
    fleet = vehicles(soc=0.795, min_soc=0.799, charge_limit_soc=0.8, departure_s=4000.0, min_charge_kw=4.1, baseline_kw=-0.3)
    can = capability(fleet, HOUR, RULES)
    assert (can.up_kw[0], can.down_kw[0], can.reason[0]) == (0.0, 0.0, Reason.DEPARTURE)


def test_a_missing_baseline_or_battery_gives_nothing() -> None:
    fleet = vehicles(
        5,
        baseline_kw=[np.nan, -5.0, 0.0, 0.0, -40.0],
        baseline_kind=[Baseline.MISSING, Baseline.MISSING, 0, 0, 0],
        soc=[0.5, 0.5, np.nan, 0.5, 0.5],
        battery_kwh=[60.0, 60.0, 60.0, 0.0, 60.0],
    )
    can = capability(fleet, 930.0, RULES)
    assert (can.up_kw == 0.0).all()
    assert (can.down_kw == 0.0).all()
    assert can.reason.tolist() == [Reason.NO_BASELINE, Reason.NO_BASELINE, Reason.NO_HEADROOM, Reason.NO_HEADROOM, Reason.NO_BASELINE]
    assert can.p_max_kw[2] == 0.0


def test_meter_noise_at_the_rated_power_is_no_contradiction() -> None:
    can = capability(vehicles(soc=0.2, is_v2g=False, max_discharge_kw=0.0, baseline_kw=[-11.1]), 930.0, RULES)
    assert can.up_kw[0] == 11.0
    assert can.down_kw[0] == 0.0


def test_a_shorter_time_never_allows_less() -> None:
    fleet = vehicles(3, soc=[0.2, 0.5, 0.95], reserve_soc=0.15)
    short, long = capability(fleet, 60.0, RULES), capability(fleet, 4 * HOUR, RULES)
    assert (short.p_max_kw >= long.p_max_kw).all()
    assert (short.p_min_kw <= long.p_min_kw).all()


@pytest.mark.parametrize("tau_s", [np.nan, np.inf])
def test_a_time_that_is_no_number_is_refused(tau_s: float) -> None:
    with pytest.raises(ValueError, match="tau_s"):
        capability(vehicles(), tau_s, RULES)


def test_an_empty_fleet_has_empty_bounds() -> None:
    assert len(capability(vehicles(0), 930.0, RULES).up_kw) == 0


@pytest.mark.parametrize(
    ("columns", "setpoint_kw"),
    [
        ({"baseline_kw": -7.0}, -7.0),
        ({"baseline_kw": 5.0}, 0.0),
        ({"baseline_kw": np.nan}, 0.0),
        # 18 kWh missing, 4 h to go
        ({"soc": 0.5, "min_soc": 0.8, "departure_s": 4 * HOUR}, -18.0 / 0.94 / 4.0),
        # no departure: 8 hours
        ({"soc": 0.5, "min_soc": 0.8, "departure_s": np.inf}, -18.0 / 0.94 / 8.0),
        ({"soc": 0.5, "min_soc": 0.8, "departure_s": 60.0}, -11.0),
        ({"soc": 0.5, "min_soc": 0.8, "departure_s": -60.0}, -11.0),
        ({"soc": 0.5, "min_soc": 0.8, "departure_s": np.nan, "min_charge_kw": 4.1}, -4.1),
        ({"soc": np.nan, "battery_kwh": np.nan, "baseline_kw": np.nan}, 0.0),
        ({"baseline_kw": -0.01, "min_charge_kw": 4.1}, 0.0),
        ({"baseline_kw": -2.0, "min_charge_kw": 4.1}, -4.1),
    ],
)
def test_a_release_leaves_nobody_uncharged(columns: dict[str, Any], setpoint_kw: float) -> None:
    assert release_setpoint_kw(vehicles(**columns), RULES)[0] == pytest.approx(setpoint_kw)


@pytest.mark.parametrize(("soc", "baseline_kw", "up_kw"), [(0.25, -7.0, 0.0), (0.25, 0.0, 0.0), (0.31, -7.0, 7.0), (0.3, -7.0, 7.0)])
def test_below_its_wanted_soc_a_vehicle_without_a_known_departure_is_never_made_to_charge_less(
    soc: float, baseline_kw: float, up_kw: float
) -> None:
    hungry = vehicles(is_v2g=False, soc=soc, baseline_kw=baseline_kw, departure_s=np.inf)
    can = capability(hungry, 930.0, RULES)
    assert can.up_kw[0] == pytest.approx(up_kw)
    assert (can.up_reason[0] == Reason.SOC_BELOW_MIN) == (soc < 0.3)
    assert can.down_kw[0] == pytest.approx(11.0 + baseline_kw), "charging more is welcome"


def test_a_known_departure_or_the_configuration_lets_it_charge_later() -> None:
    told = vehicles(soc=0.25, baseline_kw=-7.0, departure_s=20 * HOUR)
    assert capability(told, 930.0, RULES).up_kw[0] > 6.9
    untold = vehicles(soc=0.25, baseline_kw=-7.0, departure_s=np.inf)
    assert capability(untold, 930.0, CapabilityRules(protect_below_min_soc=False)).up_kw[0] == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("columns", "setpoint_kw", "hours"),
    [
        ({"departure_s": np.inf}, 6.0, 0.2 * 60 * 0.94 / 6.0),  # down to the wanted 0.3
        ({"departure_s": np.inf, "reserve_soc": 0.4}, 6.0, 0.1 * 60 * 0.94 / 6.0),
        ({"departure_s": np.inf}, -10.0, 0.5 * 60 / 0.94 / 10.0),
        ({"departure_s": np.inf, "charge_limit_soc": 0.8}, -10.0, 0.3 * 60 / 0.94 / 10.0),
        ({"departure_s": np.inf}, 0.0, np.inf),
        ({"departure_s": 2 * HOUR}, 0.0, 2.0),  # it leaves with what it wants
        ({"departure_s": 2 * HOUR, "min_soc": 0.6}, 0.0, (2 - 1 / 6) - 6.0 / (0.94 * 11.0)),  # the last moment to begin charging
        (
            {"departure_s": 2 * HOUR, "min_soc": 0.45},
            2.0,
            (3.0 + 10.34 * 11 / 6) / (10.34 + 2 / 0.94),
        ),  # later it can't get back what it gave
        ({"departure_s": 2 * HOUR, "min_soc": 0.9}, 0.0, 0.0),  # too late already
        ({"departure_s": np.inf, "soc": 0.2}, 5.0, 0.0),
        ({"soc": np.nan}, 5.0, 0.0),
        ({"battery_kwh": 0.0}, -5.0, 0.0),
    ],
)
def test_how_long_a_setpoint_can_be_held(columns: dict[str, object], setpoint_kw: float, hours: float) -> None:
    found_s = holds_s(vehicles(1, **columns), np.array([setpoint_kw]), RULES)
    assert found_s[0] == pytest.approx(hours * HOUR, rel=1e-6, abs=1e-6)
