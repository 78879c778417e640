"""What v1 vehicles really do (`wire.md`)."""

import pytest

from tests.unit.simulator.vehicles import START, order_v1, order_v2, spec_of
from v2g_console.simulator.spec import ChargingPlan, Fault, PlanKind, Trips
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.transport.codec import encode_ack


def test_an_order_is_followed_and_the_ack_says_received_and_no_more() -> None:
    vehicle = Vehicle(spec_of(1), START)
    command = order_v1(5.0)
    ack = vehicle.receive(command, START)
    assert ack is not None
    assert encode_ack(ack) == b'{"command_id":"' + command.command_id.encode() + b'"}'
    assert vehicle.power_kw(START) == 5.0


def test_a_setpoint_lasts_for_ever() -> None:
    vehicle = Vehicle(spec_of(1, soc=0.5), START)
    vehicle.receive(order_v1(-0.5), START)
    assert vehicle.power_kw(START.later(20 * 3600.0)) == -0.5


@pytest.mark.parametrize("power_kw", [11.5, -12.0, 1e6, -1e6])
def test_an_order_over_the_limit_is_ignored_and_acked_all_the_same(power_kw: float) -> None:
    vehicle = Vehicle(spec_of(1), START)
    vehicle.receive(order_v1(-3.0), START)
    assert vehicle.receive(order_v1(power_kw, 1), START) is not None
    assert vehicle.power_kw(START) == -3.0


def test_a_vehicle_without_v2g_ignores_an_order_to_inject_and_acks() -> None:
    vehicle = Vehicle(spec_of(1, is_v2g=False), START)
    assert vehicle.receive(order_v1(4.0), START) is not None
    assert vehicle.power_kw(START) == 0.0


def test_charging_is_reported_the_wrong_way_round() -> None:
    vehicle = Vehicle(spec_of(1), START)
    vehicle.receive(order_v1(5.0), START)
    assert vehicle.telemetry(START).charging is True
    vehicle.receive(order_v1(-5.0, 1), START)
    assert vehicle.telemetry(START).charging is False


def test_the_last_order_to_arrive_wins_whatever_its_age() -> None:
    vehicle = Vehicle(spec_of(1), START)
    for power_kw in (4.0, -2.0, 4.0):
        vehicle.receive(order_v1(power_kw), START)
    assert vehicle.power_kw(START) == 4.0


def test_the_keys_of_v2_mean_nothing_to_it() -> None:
    vehicle = Vehicle(spec_of(1), START)
    ack = vehicle.receive(order_v2(5.0, seq=10, valid_s=1.0, hold_s=1), START)
    assert ack is not None
    assert ack.status == ""
    assert vehicle.power_kw(START.later(3600.0)) == 5.0


def test_a_refusing_vehicle_says_received_and_does_nothing() -> None:
    vehicle = Vehicle(spec_of(1, fault=Fault.REJECTING), START)
    assert vehicle.receive(order_v1(5.0), START) is not None
    assert vehicle.power_kw(START) == 0.0


def test_a_silent_vehicle_obeys() -> None:
    vehicle = Vehicle(spec_of(1, fault=Fault.SILENT), START)
    assert vehicle.receive(order_v1(5.0), START) is None
    assert vehicle.power_kw(START) == 5.0


def test_a_limiting_vehicle_goes_part_of_the_way_and_does_not_say_so() -> None:
    vehicle = Vehicle(spec_of(1, fault=Fault.LIMITING, limit_share=0.5), START)
    ack = vehicle.receive(order_v1(5.0), START)
    assert ack is not None
    assert ack.status == ""
    assert vehicle.power_kw(START) == 2.5


def test_injection_ends_at_the_floor_by_itself() -> None:
    vehicle = Vehicle(spec_of(1, soc=0.21), START)
    vehicle.receive(order_v1(11.0), START)
    assert vehicle.power_kw(START.later(3600.0)) == 0.0
    assert vehicle.soc == pytest.approx(0.2)


def test_an_order_dies_when_the_vehicle_drives_away_and_it_comes_back_emptier() -> None:
    vehicle = Vehicle(spec_of(1, trips=Trips(first_departure_s=600.0, trip_s=1800.0, trip_soc=0.2)), START)
    vehicle.receive(order_v1(-2.0), START)
    away = vehicle.telemetry(START.later(700.0))
    assert (away.available, away.power_kw) == (False, 0.0)
    assert vehicle.receive(order_v1(-2.0, 1), START.later(700.0)) is not None
    back = vehicle.telemetry(START.later(2500.0))
    assert (back.available, back.power_kw) == (True, 0.0)
    assert back.soc == pytest.approx(0.7 + 2.0 * 0.94 * 600 / 3600 / 60 - 0.2, abs=1e-3)


def test_the_description_has_one_power_and_leaves_charging_open() -> None:
    vehicle = Vehicle(spec_of(1, soc=0.3, plan=ChargingPlan(PlanKind.AT_ONCE, 0.8, 0.4)), START)
    described = vehicle.description(START)
    assert vehicle.power_kw(START) == -11.0
    assert described.charging is None
    assert described.departure_s is None
    assert described.protocol == 1
