"""What goes over the air and when: telemetry spread over the interval, reports after a setpoint, acks after the latency, outages."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.simulator.vehicles import START, order_v1, order_v2, spec_of
from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.simulator.dialogue import Dialogue, Station
from v2g_console.simulator.fleet import build_fleet
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.outbox import Outbox
from v2g_console.simulator.spec import Fault, Trips, VehicleSpec
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.simulator.wheel import SLOT_S, Wheel
from v2g_console.transport.codec import decode_ack, decode_telemetry, encode_command
from v2g_console.transport.port import Outgoing
from v2g_console.transport.topics import Topics

TOPICS = Topics.from_settings(MqttSettings(), TelemetrySettings(mode="hybrid"))
ACK, STATE, DESCRIPTION = TOPICS.ack("veh000123"), TOPICS.state("veh000123"), TOPICS.description("veh000123")


class Air:
    """A dialogue on a clock of the test's own, and what was said when, in seconds from the start."""

    def __init__(self, *specs: VehicleSpec, **options: Any) -> None:
        self.now = START
        self.said: list[tuple[float, Outgoing]] = []
        self.wheel = Wheel()
        self.dialogue = Dialogue(SimulateOptions(**options), TOPICS, self.wheel, clock=self.clock)
        self.stations = [Station(Vehicle(spec, START), self._outbox()) for spec in specs]

    def clock(self) -> Moment:
        return self.now

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / SLOT_S)):
            self.now = self.now.later(SLOT_S)
            self.wheel.run_due(self.now.steady_s)

    def run_while(self, condition: Callable[[], bool], at_most_s: float = 600.0) -> None:
        ends_s = self.now.steady_s + at_most_s
        while condition():
            assert self.now.steady_s < ends_s
            self.run(SLOT_S)

    def times(self, topic: str) -> list[float]:
        return [at_s for at_s, message in self.said if message.topic == topic]

    def powers(self) -> list[float]:
        return [decode_telemetry(m.payload, "veh000123").power_kw for _, m in self.said if m.topic == STATE]

    def _outbox(self) -> Outbox:
        air = self

        class Recording(Outbox):
            def put(self, message: Outgoing) -> None:
                air.said.append((air.now.steady_s - START.steady_s, message))

        return Recording()


def test_telemetry_is_spread_evenly_over_the_interval() -> None:
    air = Air(*build_fleet(SimulateOptions(vehicles=500)), telemetry_interval_s=10.0)
    air.dialogue.begin(air.stations)
    air.run(30.0)
    in_each_second = Counter(int(at_s) for at_s, message in air.said if "/state/" in message.topic)
    assert all(45 <= in_each_second[second] <= 55 for second in range(1, 29))
    assert all(2 <= count <= 4 for count in Counter(message.topic for _, message in air.said).values())


def test_a_new_setpoint_is_reported_within_two_seconds_and_again_when_settled() -> None:
    air = Air(spec_of(2), telemetry_interval_s=3600.0)
    air.dialogue.on_command(air.stations[0], encode_command(order_v2(5.0, 1_795_441_129_000)))
    air.run(10.0)
    first_s, settled_s = air.times(STATE)
    assert 1.0 <= first_s <= 2.1
    assert 5.5 <= settled_s <= 6.6
    assert air.powers() == [5.0, 5.0]


def test_a_command_that_changes_nothing_causes_no_extra_report() -> None:
    air = Air(spec_of(2), telemetry_interval_s=3600.0)
    air.dialogue.on_command(air.stations[0], encode_command(order_v2(0.0, 1_795_441_129_000)))
    air.run(10.0)
    assert air.times(STATE) == []
    assert len(air.times(ACK)) == 1


def test_an_ack_comes_after_the_latency_and_the_order_is_obeyed_at_once() -> None:
    air = Air(spec_of(1), latency_ms=400.0)
    air.dialogue.on_command(air.stations[0], encode_command(order_v1(5.0)))
    assert air.stations[0].vehicle.power_kw(air.now) == 5.0
    assert air.times(ACK) == []
    air.run(1.0)
    [acked_s] = air.times(ACK)
    assert 0.2 <= acked_s <= 0.62


def test_orders_of_one_vehicle_keep_their_order_whatever_the_latency() -> None:
    air = Air(spec_of(1), latency_ms=500.0)
    for position, power_kw in enumerate((5.0, -5.0, 2.0)):
        air.dialogue.on_command(air.stations[0], encode_command(order_v1(power_kw, position)))
    air.run(2.0)
    assert air.stations[0].vehicle.power_kw(air.now) == 2.0
    assert len(air.times(ACK)) == 3


def test_the_drop_rate_loses_that_share_of_commands_and_a_retry_can_get_through() -> None:
    air = Air(spec_of(2), drop_rate=0.5, telemetry_interval_s=3600.0)
    payload = encode_command(order_v2(5.0, 1_795_441_129_000))
    for _ in range(400):
        air.dialogue.on_command(air.stations[0], payload)
    air.run(1.0)
    assert air.dialogue.tally.dropped == pytest.approx(200, abs=45)
    assert len(air.times(ACK)) == 400 - air.dialogue.tally.dropped
    assert {decode_ack(m.payload).status for _, m in air.said if m.topic == ACK} == {"accepted"}


def test_the_end_of_a_lease_is_told_soon_after() -> None:
    air = Air(spec_of(2), telemetry_interval_s=30.0)
    air.dialogue.begin(air.stations)
    air.run(0.1)
    air.dialogue.on_command(air.stations[0], encode_command(order_v2(5.0, 1_795_441_129_000, hold_s=40)))
    air.run(42.0)
    assert air.powers()[-1] == 0.0
    assert 40.2 <= air.times(STATE)[-1] <= 41.3


def test_a_vehicle_that_comes_back_describes_itself_anew() -> None:
    air = Air(spec_of(2, trips=Trips(first_departure_s=20.0, trip_s=40.0, trip_soc=0.1)), telemetry_interval_s=10.0)
    air.dialogue.begin(air.stations)
    air.run(90.0)
    [described_s] = air.times(DESCRIPTION)
    assert 60.0 <= described_s <= 61.5
    told = [decode_telemetry(m.payload, "veh000123").available for _, m in air.said if m.topic == STATE]
    assert told[0] is True
    assert False in told
    assert told[-1] is True


def test_an_unsteady_vehicle_misses_commands_during_an_outage_and_announces_its_return() -> None:
    air = Air(spec_of(2, unsteady=True), telemetry_interval_s=1.0)
    air.dialogue.begin(air.stations)
    station = air.stations[0]
    air.run_while(lambda: station.online)
    air.dialogue.on_command(station, encode_command(order_v2(5.0, 1_795_441_129_000, at=air.now)))
    air.dialogue.on_hello(station)
    air.dialogue.on_poll(station)
    quiet_from, heard = air.now, len(air.said)
    air.run_while(lambda: not station.online)
    assert len(air.said) == heard + 2  # the description and the measurement of its return
    assert 9.0 <= air.now.steady_s - quiet_from.steady_s <= 41.0
    assert air.dialogue.tally.missed == 1
    assert station.vehicle.power_kw(air.now) == 0.0


def test_an_ack_is_lost_with_the_connection() -> None:
    air = Air(spec_of(1), latency_ms=1000.0)
    air.dialogue.on_command(air.stations[0], encode_command(order_v1(5.0)))
    air.stations[0].online = False
    air.run(2.0)
    assert air.times(ACK) == []


def test_hello_is_answered_by_a_description_and_a_measurement_even_by_a_refusing_vehicle() -> None:
    air = Air(spec_of(1, fault=Fault.REJECTING))
    air.dialogue.on_hello(air.stations[0])
    assert [message.topic for _, message in air.said] == [DESCRIPTION, STATE]
