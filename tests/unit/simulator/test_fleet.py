"""The demo fleet is varied, reproducible, and able to do what the demo promises."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from v2g_console.domain.capability import CapabilityRules, capability
from v2g_console.domain.eligibility import eligibility, headroom_kw
from v2g_console.domain.ids import is_vehicle_id
from v2g_console.domain.signal import PRODUCTS, Signal
from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns
from v2g_console.simulator.fleet import build_fleet, site_names
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
from v2g_console.simulator.spec import Fault
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.transport.codec import decode_description, decode_telemetry, encode_description, encode_telemetry

START = Moment(1000.0, 1_795_441_129.0)
TAU_S = 930.0


def as_the_engine_sees_it(vehicles: list[Vehicle], at: Moment) -> VehicleColumns:
    """Columns from what the vehicles say on the wire."""
    told = []
    for vehicle in vehicles:
        name = vehicle.spec.vehicle_id
        telemetry = decode_telemetry(encode_telemetry(name, vehicle.telemetry(at)), name)
        told.append((decode_description(encode_description(name, vehicle.description(at)), name), telemetry))
    infinity = float("inf")
    n = len(told)
    return VehicleColumns(
        is_v2g=np.array([d.is_v2g for d, _ in told]),
        consent=np.array([d.consent for d, _ in told]),
        available=np.array([bool(t.available) for _, t in told]),
        priority=np.array([d.priority for d, _ in told]),
        quality=np.full(n, Quality.FRESH, np.uint8),
        soc=np.array([t.soc for _, t in told]),
        battery_kwh=np.array([d.battery_kwh for d, _ in told]),
        degradation=np.array([d.degradation for d, _ in told]),
        max_charge_kw=np.array([d.max_charge_kw for d, _ in told]),
        max_discharge_kw=np.array([d.max_discharge_kw for d, _ in told]),
        min_charge_kw=np.array([d.min_charge_kw for d, _ in told]),
        min_discharge_kw=np.array([d.min_discharge_kw for d, _ in told]),
        min_soc=np.array([d.min_soc or 0.3 for d, _ in told]),
        reserve_soc=np.array([d.reserve_soc for d, _ in told]),
        charge_limit_soc=np.array([d.charge_limit_soc for d, _ in told]),
        departure_s=np.array([infinity if d.departure_s is None else d.departure_s - at.utc_s for d, _ in told]),
        baseline_kw=np.array([t.power_kw for _, t in told]),
        baseline_kind=np.full(n, Baseline.MEASURED, np.uint8),
        site=np.zeros(n, np.int32),
        segment=np.zeros(n, np.int32),
        availability_prob=np.array([d.availability_prob for d, _ in told]),
        participation=np.zeros(n),
        site_import_share_kw=np.full(n, infinity),
    )


def fleet_headroom_kw(vehicles: list[Vehicle], at: Moment, signal: Signal, direction: int) -> float:
    columns, product = as_the_engine_sees_it(vehicles, at), PRODUCTS[signal]
    able = capability(columns, TAU_S, CapabilityRules(), reduction_only=product.reduction_only)
    codes = eligibility(columns, able, product, direction, TAU_S, min_soc=product.min_soc)
    return float(headroom_kw(able, product, direction)[codes == 0].sum())


@pytest.mark.parametrize("protocol", list(ProtocolMix))
@pytest.mark.parametrize("minutes", [0, 5, 30])
def test_the_default_fleet_can_deliver_its_fcr_twice_both_ways(protocol: ProtocolMix, minutes: int) -> None:
    vehicles = [Vehicle(spec, START) for spec in build_fleet(SimulateOptions(protocol=protocol))]
    at = START.later(60.0 * minutes)
    assert fleet_headroom_kw(vehicles, at, Signal.FCR, +1) >= 600.0
    assert fleet_headroom_kw(vehicles, at, Signal.FCR, -1) >= 600.0


@pytest.mark.parametrize("signal", [Signal.AFRR_UP, Signal.MA, Signal.NEBEF, Signal.ECOWATT])
def test_the_default_fleet_has_something_for_every_signal(signal: Signal) -> None:
    vehicles = [Vehicle(spec, START) for spec in build_fleet(SimulateOptions())]
    assert fleet_headroom_kw(vehicles, START, signal, +1) >= 200.0


def test_the_same_options_give_the_same_fleet_and_another_seed_another_one() -> None:
    assert build_fleet(SimulateOptions(seed=7)) == build_fleet(SimulateOptions(seed=7))
    assert build_fleet(SimulateOptions(seed=7)) != build_fleet(SimulateOptions(seed=8))


def test_a_vehicle_is_the_same_whatever_the_size_of_the_fleet_and_the_faults_of_others() -> None:
    small, large = build_fleet(SimulateOptions(vehicles=10)), build_fleet(SimulateOptions(vehicles=500))
    assert large[:10] == small
    silent = build_fleet(SimulateOptions(vehicles=10, silent_rate=0.5))
    assert [spec.soc for spec in silent] == [spec.soc for spec in small]


def test_the_fleet_is_varied() -> None:
    fleet = build_fleet(SimulateOptions(vehicles=1000, sites=4))
    assert 0.5 < sum(spec.is_v2g for spec in fleet) / 1000 < 0.6
    assert Counter(spec.site for spec in fleet) == dict.fromkeys(("paris-nord", "lyon-2", "lille-est", "nantes-port"), 250)
    assert {spec.segment for spec in fleet} == {"commuter", "captive", "opportunistic"}
    assert {spec.battery.max_charge_kw for spec in fleet} == {7.4, 11.0, 22.0}
    assert all(40.0 <= spec.nominal_kwh <= 100.0 for spec in fleet)
    assert min(spec.soc for spec in fleet) < 0.25
    assert max(spec.soc for spec in fleet) > 0.85
    assert {spec.priority for spec in fleet} == {True, False}
    assert {spec.consent for spec in fleet} == {True, False}


def test_most_vehicles_are_at_their_charger_and_some_are_charging() -> None:
    vehicles = [Vehicle(spec, START) for spec in build_fleet(SimulateOptions())]
    assert sum(vehicle.plugged for vehicle in vehicles) > 180
    assert 40 < sum(vehicle.power_kw(START) < -1.0 for vehicle in vehicles) < 100


def test_ids_and_sites_pass_every_entrance() -> None:
    fleet = build_fleet(SimulateOptions(vehicles=123, sites=40))
    assert fleet[-1].vehicle_id == "veh000123"
    assert all(is_vehicle_id(spec.vehicle_id) and is_vehicle_id(spec.site) for spec in fleet)
    assert len(set(site_names(40))) == 40


def test_mixed_is_half_and_half_on_every_site() -> None:
    fleet = build_fleet(SimulateOptions(vehicles=400, protocol=ProtocolMix.MIXED))
    assert Counter(spec.protocol for spec in fleet) == {1: 200, 2: 200}
    assert {(spec.site, spec.protocol) for spec in fleet} == {(site, protocol) for site in site_names(4) for protocol in (1, 2)}


def test_faults_come_at_their_rates_and_one_to_a_vehicle() -> None:
    options = SimulateOptions(vehicles=2000, silent_rate=0.3, reject_rate=0.2, limit_rate=0.1, disconnect_rate=0.25)
    counts = Counter(spec.fault for spec in build_fleet(options))
    assert counts[Fault.SILENT] == pytest.approx(600, abs=80)
    assert counts[Fault.REJECTING] == pytest.approx(400, abs=70)
    assert counts[Fault.LIMITING] == pytest.approx(200, abs=55)
    assert sum(spec.unsteady for spec in build_fleet(options)) == pytest.approx(500, abs=80)


def test_a_v1_vehicle_has_one_power_for_both_directions() -> None:
    for spec in build_fleet(SimulateOptions(protocol=ProtocolMix.V1)):
        assert spec.battery.max_discharge_kw == (spec.battery.max_charge_kw if spec.is_v2g else 0.0)
        assert spec.battery.min_charge_kw == 0.0


def test_vehicles_that_are_always_available_never_leave() -> None:
    fleet = build_fleet(SimulateOptions(availability_profile=AvailabilityProfile.ALWAYS))
    vehicles = [Vehicle(spec, START) for spec in fleet]
    for vehicle in vehicles:
        vehicle.advance(START.later(7 * 86_400.0))
    assert all(vehicle.plugged for vehicle in vehicles)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"drop_rate": 1.5}, "drop_rate"),
        ({"silent_rate": float("nan")}, "silent_rate"),
        ({"silent_rate": 0.7, "reject_rate": 0.7}, "silent_rate"),
        ({"vehicles": 0}, "vehicles"),
        ({"sites": 0}, "sites"),
        ({"connections": 0}, "connections"),
        ({"latency_ms": -1.0}, "latency_ms"),
        ({"telemetry_interval_s": 0.0}, "telemetry_interval_s"),
        ({"prefix": "veh/+"}, "prefix"),
        ({"prefix": ""}, "prefix"),
    ],
)
def test_impossible_options_are_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SimulateOptions(**wrong)


def test_small_chargers_are_on_one_phase_turned_along_each_site_and_only_v2_tells() -> None:
    fleet = build_fleet(SimulateOptions(vehicles=600, sites=4, protocol=ProtocolMix.MIXED))
    assert all((spec.phases == 1) == (spec.battery.max_charge_kw <= 7.4) for spec in fleet)
    for site in site_names(4):
        at = Counter(spec.phase for spec in fleet if spec.site == site and spec.phases == 1)
        assert set(at) == {1, 2, 3}
        assert min(at.values()) > 0.5 * max(at.values())
    for spec in fleet[:20]:
        told = Vehicle(spec, START).description(START)
        assert (told.phases, told.phase) == ((spec.phases, spec.phase) if spec.protocol == 2 else (0, 0))
