"""What v2 vehicles do with orders that are good, late, doubled, out of order, too much, or hostile (`wire.md`)."""

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.vehicles import START, order_v1, order_v2, spec_of
from v2g_console.simulator.spec import ChargingPlan, Fault, PlanKind, Trips
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.transport.wire import Ack

AT_ONCE = ChargingPlan(PlanKind.AT_ONCE, target_soc=0.9, min_soc=0.4)


def answer(vehicle: Vehicle, ack: Ack | None) -> tuple[str, float | None, str]:
    assert ack is not None
    return ack.status, ack.applied_kw, ack.reason


def test_an_order_is_accepted_with_the_power_applied() -> None:
    vehicle = Vehicle(spec_of(2), START)
    assert answer(vehicle, vehicle.receive(order_v2(5.0, 10), START)) == ("accepted", 5.0, "")
    assert vehicle.power_kw(START) == 5.0


@pytest.mark.parametrize(
    ("asked_kw", "soc", "applied_kw", "reason"),
    [
        (15.0, 0.7, 11.0, "OVER_LIMIT"),
        (-15.0, 0.7, -11.0, "OVER_LIMIT"),
        (5.0, 0.2, 0.0, "SOC_FLOOR"),
        (-5.0, 1.0, 0.0, "SOC_CEILING"),
        (-0.9, 0.7, 0.0, "MIN_POWER"),
    ],
)
def test_what_can_not_be_done_is_limited_with_a_reason(asked_kw: float, soc: float, applied_kw: float, reason: str) -> None:
    vehicle = Vehicle(spec_of(2, soc=soc), START)
    assert answer(vehicle, vehicle.receive(order_v2(asked_kw, 10), START)) == ("limited", applied_kw, reason)
    assert vehicle.power_kw(START) == applied_kw


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fault": Fault.REJECTING}, "LOCAL_OVERRIDE"),
        ({"is_v2g": False}, "NOT_V2G"),
        ({"consent": False}, "NO_CONSENT"),
        ({"trips": Trips(first_departure_s=9e9, back_at_s=600.0)}, "NOT_AVAILABLE"),
    ],
)
def test_a_refusal_says_why_and_has_no_effect(changes: dict[str, Any], reason: str) -> None:
    vehicle = Vehicle(spec_of(2, **changes), START)
    assert answer(vehicle, vehicle.receive(order_v2(5.0, 10), START)) == ("rejected", 0.0, reason)
    assert vehicle.power_kw(START) == 0.0


def test_a_refused_order_leaves_the_one_before_in_force() -> None:
    vehicle = Vehicle(spec_of(2, is_v2g=False), START)
    vehicle.receive(order_v2(-4.0, 10), START)
    assert answer(vehicle, vehicle.receive(order_v2(3.0, 11), START)) == ("rejected", -4.0, "NOT_V2G")
    assert vehicle.power_kw(START) == -4.0


def test_a_limiting_vehicle_says_how_far_it_goes() -> None:
    vehicle = Vehicle(spec_of(2, soc=0.5, fault=Fault.LIMITING, limit_share=0.5, plan=AT_ONCE), START)
    assert vehicle.power_kw(START) == -11.0
    assert answer(vehicle, vehicle.receive(order_v2(-5.0, 10), START)) == ("limited", -8.0, "OVER_LIMIT")


def test_a_silent_vehicle_obeys() -> None:
    vehicle = Vehicle(spec_of(2, fault=Fault.SILENT), START)
    assert vehicle.receive(order_v2(5.0, 10), START) is None
    assert vehicle.power_kw(START) == 5.0


def test_the_lease_ends_at_hold_s_of_its_own_clock() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, hold_s=60), START)
    assert vehicle.power_kw(START.later(59.0)) == 5.0
    assert vehicle.power_kw(START.later(60.0)) == 0.0


def test_the_lease_ends_at_valid_until_if_that_is_earlier() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, valid_s=30.0, hold_s=60), START)
    assert vehicle.power_kw(START.later(29.0)) == 5.0
    assert vehicle.power_kw(START.later(30.1)) == 0.0


def test_a_step_of_the_wall_clock_does_not_move_the_end_of_a_lease() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, valid_s=60.0, hold_s=60), START)
    stepped = dataclasses.replace(START.later(30.0), utc_s=START.utc_s + 86_400.0)
    assert vehicle.power_kw(stepped) == 5.0
    assert vehicle.power_kw(dataclasses.replace(START.later(61.0), utc_s=START.utc_s - 86_400.0)) == 0.0


def test_after_the_lease_it_goes_to_the_fallback_and_stays_there() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, hold_s=60, fallback_kw=-2.0), START)
    assert vehicle.power_kw(START.later(61.0)) == -2.0
    assert vehicle.power_kw(START.later(6000.0)) == -2.0


def test_without_a_fallback_it_goes_back_to_its_driver_s_plan() -> None:
    vehicle = Vehicle(spec_of(2, soc=0.5, plan=AT_ONCE), START)
    vehicle.receive(order_v2(5.0, 10, hold_s=60), START)
    assert vehicle.power_kw(START.later(61.0)) == -11.0


def test_the_energy_of_a_lease_is_counted_to_its_exact_end() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(10.0, 10, hold_s=60), START)
    vehicle.advance(START.later(3600.0))
    assert vehicle.soc == pytest.approx(0.7 - 10.0 / 0.94 * 60 / 3600 / 60)


def test_a_renewal_prolongs_the_lease() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, hold_s=60), START)
    later = START.later(30.0)
    vehicle.receive(order_v2(5.0, 11, at=later, hold_s=60), later)
    assert vehicle.power_kw(START.later(89.0)) == 5.0
    assert vehicle.power_kw(START.later(91.0)) == 0.0


def test_a_release_gives_the_vehicle_back_at_once() -> None:
    vehicle = Vehicle(spec_of(2, soc=0.5, plan=AT_ONCE), START)
    vehicle.receive(order_v2(5.0, 10), START)
    assert answer(vehicle, vehicle.receive(order_v2(0.0, 11, release=True), START)) == ("accepted", -11.0, "")
    assert vehicle.power_kw(START) == -11.0


def test_a_refusing_vehicle_still_accepts_its_release() -> None:
    vehicle = Vehicle(spec_of(2, fault=Fault.REJECTING), START)
    assert answer(vehicle, vehicle.receive(order_v2(0.0, 11, release=True), START)) == ("accepted", 0.0, "")


def test_a_late_command_is_refused_as_expired() -> None:
    vehicle = Vehicle(spec_of(2), START)
    command = order_v2(5.0, 10, accept_s=5.0)
    assert answer(vehicle, vehicle.receive(command, START.later(5.5))) == ("expired", 0.0, "EXPIRED")
    assert vehicle.power_kw(START.later(6.0)) == 0.0


@pytest.mark.parametrize("dates", [{"valid_s": -1.0}, {"hold_s": 0}])
def test_a_command_whose_lease_is_over_is_refused_as_expired(dates: dict[str, Any]) -> None:
    vehicle = Vehicle(spec_of(2), START)
    command = order_v2(5.0, 10, **dates)
    assert answer(vehicle, vehicle.receive(command, START)) == ("expired", 0.0, "EXPIRED")


def test_a_duplicate_is_acked_again_and_does_not_prolong_the_lease() -> None:
    vehicle = Vehicle(spec_of(2), START)
    command = order_v2(5.0, 10, hold_s=60, accept_s=600.0)
    first = vehicle.receive(command, START)
    assert vehicle.receive(command, START.later(30.0)) == first
    assert vehicle.power_kw(START.later(61.0)) == 0.0


def test_a_duplicate_that_arrives_past_its_deadline_still_says_what_is_in_force() -> None:
    vehicle = Vehicle(spec_of(2), START)
    command = order_v2(5.0, 10, accept_s=5.0)
    vehicle.receive(command, START)
    assert answer(vehicle, vehicle.receive(command, START.later(8.0))) == ("accepted", 5.0, "")


def test_a_duplicate_after_the_end_of_the_lease_does_not_claim_to_be_in_force() -> None:
    vehicle = Vehicle(spec_of(2), START)
    command = order_v2(5.0, 10, hold_s=60, accept_s=600.0)
    vehicle.receive(command, START)
    assert answer(vehicle, vehicle.receive(command, START.later(61.0))) == ("expired", 0.0, "EXPIRED")


def test_a_known_id_with_another_power_has_no_effect() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10, command_id="same"), START)
    vehicle.receive(order_v2(-9.0, 12, command_id="same"), START)
    assert vehicle.power_kw(START) == 5.0


@pytest.mark.parametrize("seq", [9, 10])
def test_a_command_that_is_not_newer_is_superseded(seq: int) -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(5.0, 10), START)
    command = order_v2(-5.0, seq, command_id=f"other-{seq}-1")
    assert answer(vehicle, vehicle.receive(command, START)) == ("superseded", 5.0, "STALE_SEQ")
    assert vehicle.power_kw(START) == 5.0


def test_a_duplicate_of_a_replaced_command_is_superseded() -> None:
    vehicle = Vehicle(spec_of(2), START)
    first = order_v2(5.0, 10)
    vehicle.receive(first, START)
    vehicle.receive(order_v2(-5.0, 11), START)
    assert answer(vehicle, vehicle.receive(first, START)) == ("superseded", -5.0, "SUPERSEDED")
    assert vehicle.power_kw(START) == -5.0


def test_an_order_that_was_refused_still_makes_older_ones_stale() -> None:
    vehicle = Vehicle(spec_of(2, is_v2g=False), START)
    vehicle.receive(order_v2(5.0, 11), START)
    ack = vehicle.receive(order_v2(-5.0, 10), START)
    assert ack is not None
    assert ack.status == "superseded"


def test_the_sequence_survives_a_trip() -> None:
    vehicle = Vehicle(spec_of(2, trips=Trips(first_departure_s=60.0, trip_s=60.0, trip_soc=0.05)), START)
    vehicle.receive(order_v2(5.0, 10), START)
    back = START.later(150.0)
    assert vehicle.power_kw(back) == 0.0
    ack = vehicle.receive(order_v2(5.0, 9, at=back), back)
    assert ack is not None
    assert ack.status == "superseded"


def test_a_v1_command_is_obeyed_without_a_lease() -> None:
    vehicle = Vehicle(spec_of(2), START)
    assert answer(vehicle, vehicle.receive(order_v1(5.0), START)) == ("accepted", 5.0, "")
    assert vehicle.power_kw(START.later(3600.0)) == 5.0


def test_charging_is_reported_as_it_is() -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(-5.0, 10), START)
    assert vehicle.telemetry(START).charging is True


# A sequence as the network may deliver it: the powers say which seq they belong to.
_deliveries = st.lists(st.integers(1, 12), min_size=1, max_size=40)


@settings(max_examples=1000, deadline=None)
@given(deliveries=_deliveries, release_at=st.integers(1, 12), gap_s=st.floats(0.0, 3.0))
def test_no_shuffled_or_doubled_sequence_applies_an_older_command_after_a_newer(
    deliveries: list[int], release_at: int, gap_s: float
) -> None:
    vehicle = Vehicle(spec_of(2), START)
    commands = {seq: order_v2(-1.5 - seq / 2, seq, release=seq == release_at, accept_s=20.0, hold_s=45) for seq in range(1, 13)}
    newest, now = 0, START
    for seq in deliveries:
        now = now.later(gap_s)
        before_kw = vehicle.power_kw(now)
        ack = vehicle.receive(commands[seq], now)
        assert ack is not None
        after_kw = vehicle.power_kw(now)
        if seq <= newest:
            assert after_kw == before_kw
            assert (ack.status == "superseded") == (seq < newest)
        elif ack.status == "accepted":
            assert after_kw == (0.0 if seq == release_at else commands[seq].power_kw)
        else:
            assert (ack.status, after_kw) == ("expired", before_kw)
        newest = max(newest, seq)
    assert vehicle.power_kw(now.later(46.0)) == 0.0  # nothing outlives its lease


@settings(max_examples=200, deadline=None)
@given(
    power_kw=st.floats(-1e4, 1e4),
    seq=st.integers(0, 2**62),
    hold_s=st.integers(-5, 10**7),
    valid_s=st.floats(-1e6, 1e6),
    fallback_kw=st.none() | st.floats(-1e4, 1e4),
    release=st.booleans(),
)
def test_no_command_makes_a_vehicle_leave_its_limits(
    power_kw: float, seq: int, hold_s: int, valid_s: float, fallback_kw: float | None, release: bool
) -> None:
    vehicle = Vehicle(spec_of(2), START)
    vehicle.receive(order_v2(power_kw, seq, hold_s=hold_s, valid_s=valid_s, fallback_kw=fallback_kw, release=release), START)
    for seconds in (0.0, 10.0, 3600.0, 86_400.0):
        assert -11.0 <= vehicle.power_kw(START.later(seconds)) <= 11.0
        assert 0.2 <= vehicle.soc <= 1.0
        assert math.isfinite(vehicle.soc)
