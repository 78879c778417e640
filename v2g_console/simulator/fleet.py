"""A varied fleet from a seed: the same options always give the same vehicles, and vehicle 7 is the same in a fleet of 10 or of 10 000.

The default fleet (200 vehicles, seed 1) is made so that FCR of 300 kW fits twice: most V2G vehicles are parked, well charged and idle.
"""

from random import Random
from typing import Final

from v2g_console.simulator.battery import Battery
from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
from v2g_console.simulator.spec import ChargingPlan, Fault, PlanKind, Trips, VehicleSpec

V2G_SHARE: Final = 0.55
CHARGER_KW: Final = (7.4, 11.0, 22.0)
CHARGER_WEIGHTS: Final = (50, 32, 18)
ONE_PHASE_UP_TO_KW: Final = 7.4
"""32 A on one phase; larger chargers are on three."""
BATTERY_KWH: Final = (40.0, 52.0, 58.0, 60.0, 64.0, 77.0, 82.0, 100.0)
MIN_CHARGE_KW: Final = 1.4
"""6 A on one phase, the least that IEC 61851 can signal."""
HARDWARE_FLOOR_SOC: Final = 0.05
"""Below this a battery gives nothing, whatever its driver reserves."""
SEGMENTS: Final = ("commuter", "captive", "opportunistic")
SEGMENT_WEIGHTS: Final = (60, 25, 15)
_HOUR_S: Final = 3600.0
_SITES: Final = (
    "paris-nord", "lyon-2", "lille-est", "nantes-port", "marseille-3", "bordeaux-lac", "toulouse-sud", "rennes-1",
    "strasbourg-gare", "nice-ouest", "grenoble-2", "montpellier-est", "dijon-1", "le-havre-quai", "rouen-nord", "metz-2",
)  # fmt: skip


def site_names(count: int) -> tuple[str, ...]:
    """`count` different site names that look like the field's."""
    rounds = range(1 + (count - 1) // len(_SITES))
    return tuple(name if again == 0 else f"{name}-b{again}" for again in rounds for name in _SITES)[:count]


def build_fleet(options: SimulateOptions) -> tuple[VehicleSpec, ...]:
    """The vehicles of these options, named `veh000001` and so on."""
    sites = site_names(options.sites)
    return tuple(_vehicle(options, sites, number) for number in range(1, options.vehicles + 1))


def _vehicle(options: SimulateOptions, sites: tuple[str, ...], number: int) -> VehicleSpec:
    # Seeded by text, so that neighbouring numbers have nothing in common.
    draw = Random(f"{options.seed}/{number}")  # noqa: S311 - a reproducible fleet, nothing secret
    protocol = _protocol(options.protocol, number)
    is_v2g = draw.random() < V2G_SHARE
    segment = draw.choices(SEGMENTS, SEGMENT_WEIGHTS)[0]
    parked_full = draw.random() < (0.8 if is_v2g else 0.35)
    soc = draw.uniform(0.63, 0.87) if parked_full else draw.uniform(0.2, 0.58)
    min_soc = draw.choice((0.3, 0.4, 0.5, 0.6))
    target_soc = draw.choice((0.8, 0.9, 1.0))
    plan = ChargingPlan(PlanKind.IN_TIME if parked_full else PlanKind.AT_ONCE, target_soc, min_soc)
    reserve_soc = draw.choice((0.0, 0.0, 0.15, 0.2, 0.3)) if protocol == 2 else 0.0
    nominal_kwh, degradation = draw.choice(BATTERY_KWH), round(draw.uniform(0.0, 0.12), 3)
    battery = _battery(draw, protocol, is_v2g, nominal_kwh * (1.0 - degradation), reserve_soc)
    trips = _trips(draw, segment, options.availability_profile)
    one_phase = battery.max_charge_kw <= ONE_PHASE_UP_TO_KW
    availability_prob = round(draw.uniform(0.72, 0.98), 2)
    priority, consent = draw.random() < 0.04, draw.random() >= 0.03
    return VehicleSpec(
        vehicle_id=f"{options.prefix}{number:06d}",
        protocol=protocol,
        nominal_kwh=nominal_kwh,
        battery=battery,
        is_v2g=is_v2g,
        soc=round(soc, 4),
        plan=plan,
        trips=trips,
        site=sites[(number - 1) % len(sites)],
        fleet="depot" if segment == "captive" else "public",
        segment=segment,
        priority=priority,
        consent=consent or protocol == 1,
        reserve_soc=reserve_soc,
        availability_prob=availability_prob,
        degradation=degradation,
        phases=1 if one_phase else 3,
        # Turned from charger to charger along a site, as electricians do.
        phase=1 + (number - 1) // len(sites) % 3 if one_phase else 0,
        fault=_fault(draw.random(), options),
        limit_share=draw.uniform(0.4, 0.85),
        unsteady=draw.random() < options.disconnect_rate,
    )


def _protocol(mix: ProtocolMix, number: int) -> int:
    match mix:
        case ProtocolMix.V1:
            return 1
        case ProtocolMix.V2:
            return 2
        case ProtocolMix.MIXED:
            # Pairs, so that both protocols are found on every site, however many sites there are.
            first_of_pair = Random(f"protocol/{(number - 1) // 2}").randint(1, 2)  # noqa: S311 - reproducible
            return first_of_pair if number % 2 else 3 - first_of_pair


def _battery(draw: Random, protocol: int, is_v2g: bool, capacity_kwh: float, reserve_soc: float) -> Battery:
    charger_kw = draw.choices(CHARGER_KW, CHARGER_WEIGHTS)[0]
    # Many bidirectional chargers inject a little less than they draw; v1 has one number for both.
    asymmetry = draw.choice((1.0, 1.0, 0.9))
    discharge_kw = 0.0 if not is_v2g else charger_kw if protocol == 1 else round(charger_kw * asymmetry, 1)
    minimum_kw = 0.0 if protocol == 1 else MIN_CHARGE_KW
    ceiling_soc = draw.choice((1.0, 1.0, 1.0, 0.9)) if protocol == 2 else 1.0
    return Battery(
        capacity_kwh=capacity_kwh,
        max_charge_kw=charger_kw,
        max_discharge_kw=discharge_kw,
        min_charge_kw=minimum_kw,
        min_discharge_kw=minimum_kw if is_v2g else 0.0,
        floor_soc=max(HARDWARE_FLOOR_SOC, reserve_soc),
        ceiling_soc=ceiling_soc,
    )


def _trips(draw: Random, segment: str, profile: AvailabilityProfile) -> Trips:
    stay_s = draw.uniform(3.0, 12.0) * _HOUR_S if segment != "opportunistic" else draw.uniform(1.0, 5.0) * _HOUR_S
    trip_s = draw.uniform(0.7, 9.0) * _HOUR_S
    trip_soc = draw.uniform(0.05, 0.25)
    away, back_at_s = draw.random() < 0.05, draw.uniform(600.0, 2.0 * _HOUR_S)
    announced = draw.random() < (0.5 if segment == "opportunistic" else 0.95)
    if profile is AvailabilityProfile.ALWAYS:
        return Trips()
    return Trips(
        first_departure_s=back_at_s + stay_s if away else stay_s,
        back_at_s=back_at_s if away else None,
        trip_s=trip_s,
        trip_soc=trip_soc,
        announced=announced,
    )


def _fault(luck: float, options: SimulateOptions) -> Fault:
    if luck < options.silent_rate:
        return Fault.SILENT
    if luck < options.silent_rate + options.reject_rate:
        return Fault.REJECTING
    if luck < options.silent_rate + options.reject_rate + options.limit_rate:
        return Fault.LIMITING
    return Fault.NONE
