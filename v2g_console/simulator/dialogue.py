"""What vehicles say and when: answers to hello, polls and commands, telemetry spread over the interval, outages."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from v2g_console.simulator.diary import Diary
from v2g_console.simulator.moment import Moment, now
from v2g_console.simulator.options import SimulateOptions
from v2g_console.simulator.outbox import Outbox
from v2g_console.simulator.vehicle import Vehicle
from v2g_console.simulator.wheel import Wheel
from v2g_console.transport.codec import decode_command, encode_ack, encode_description, encode_telemetry
from v2g_console.transport.port import Outgoing
from v2g_console.transport.refused import RefusedMessageError
from v2g_console.transport.topics import Topics

log = logging.getLogger(__name__)

ACK_QOS: Final = 1
_GOLDEN: Final = 0.618033988749895
"""Multiples of it, modulo 1, spread any number of vehicles evenly over an interval."""
FIRST_REPORT_S: Final = (1.0, 2.0)
"""After a new setpoint a charger reports within this time ..."""
SETTLED_REPORT_S: Final = (5.5, 6.5)
"""... and once more when it has surely settled."""
UP_TIME_S: Final = (30.0, 120.0)
OUTAGE_S: Final = (10.0, 40.0)


@dataclass(slots=True)
class Station:
    """A vehicle on the air: its connection's outbox, and what it last told.

    `set_link` really disconnects and reconnects a vehicle that has a connection of its own; sharing ones only fall silent.
    """

    vehicle: Vehicle
    outbox: Outbox
    set_link: Callable[[bool], None] | None = None
    online: bool = True
    told_plugged: bool = True
    told_power_kw: float = 0.0
    outages: int = 0


@dataclass(slots=True)
class Tally:
    """What happened so far; `dropped` commands were lost by the drop rate, `missed` came during an outage, `refused` were malformed."""

    commands: int = 0
    dropped: int = 0
    missed: int = 0
    refused: int = 0
    acks: int = 0
    telemetry: int = 0
    descriptions: int = 0


@dataclass(slots=True)
class Dialogue:
    """The behaviour of all stations on one wheel; called on the loop of their links."""

    options: SimulateOptions
    topics: Topics
    wheel: Wheel
    clock: Callable[[], Moment] = now
    tally: Tally = field(default_factory=Tally)
    diary: Diary | None = None
    _luck: Random = field(init=False)

    def __post_init__(self) -> None:
        self._luck = Random(f"{self.options.seed}/luck")  # noqa: S311 - reproducible, nothing secret

    def begin(self, stations: list[Station]) -> None:
        """Start telemetry, spread evenly over one interval, and the outages of unsteady vehicles."""
        at = self.clock()
        for number, station in enumerate(stations):
            phase_s = (number * _GOLDEN) % 1.0 * self.options.telemetry_interval_s
            self.wheel.add(at.steady_s + phase_s, partial(self._report_regularly, station, at.steady_s + phase_s))
            if station.vehicle.spec.unsteady:
                self._later(UP_TIME_S, partial(self._lose_connection, station))

    def on_hello(self, station: Station) -> None:
        """Describe the vehicle, and report once so that its power need not be guessed."""
        if station.online:
            self._describe(station, self.clock())
            self.report(station)

    def on_poll(self, station: Station) -> None:
        """Answer a pull: v1 on the state topic, v2 on the response topic."""
        if not station.online:
            return
        vehicle_id = station.vehicle.spec.vehicle_id
        is_v1 = station.vehicle.spec.protocol == 1
        self._send_telemetry(station, self.topics.state(vehicle_id) if is_v1 else self.topics.pulled_telemetry(vehicle_id))

    def on_command(self, station: Station, payload: bytes) -> None:
        """Obey at once (orders of one vehicle keep their order) and acknowledge after the latency."""
        self.tally.commands += 1
        if not station.online:
            self.tally.missed += 1
            self._write_down(station, payload, "missed")
            return
        if self._luck.random() < self.options.drop_rate:
            self.tally.dropped += 1
            self._write_down(station, payload, "dropped")
            return
        spec = station.vehicle.spec
        try:
            command = decode_command(payload, spec.vehicle_id)
        except RefusedMessageError as refusal:
            self.tally.refused += 1
            self._write_down(station, payload, "malformed")
            log.warning("%s: malformed command ignored: %s", spec.vehicle_id, refusal)
            return
        at = self.clock()
        ack = station.vehicle.receive(command, at)
        if self.diary is not None:
            self.diary.command(station.vehicle, payload, command, station.vehicle.decision.value, at)
        if ack is not None:
            due_s = at.steady_s + self._luck.uniform(0.5, 1.5) * self.options.latency_ms / 1000.0
            message = Outgoing(self.topics.ack(spec.vehicle_id), encode_ack(ack), ACK_QOS)
            self.wheel.add(due_s, partial(self._acknowledge, station, message))
        self._report_change(station, at)

    def _write_down(self, station: Station, payload: bytes, fate: str) -> None:
        """A command that its vehicle never saw."""
        if self.diary is not None:
            self.diary.command(station.vehicle, payload, None, fate, self.clock())

    def report(self, station: Station) -> None:
        """Publish telemetry on the state topic."""
        self._send_telemetry(station, self.topics.state(station.vehicle.spec.vehicle_id))

    def _acknowledge(self, station: Station, message: Outgoing) -> None:
        if station.online:
            self.tally.acks += 1
            station.outbox.put(message)

    def _report_change(self, station: Station, at: Moment) -> None:
        if abs(station.vehicle.power_kw(at) - station.told_power_kw) > 0.05:
            self._later(FIRST_REPORT_S, partial(self.report, station))
            self._later(SETTLED_REPORT_S, partial(self.report, station))

    def _report_regularly(self, station: Station, due_s: float) -> None:
        self.report(station)
        next_s = due_s + self.options.telemetry_interval_s
        self.wheel.add(next_s, partial(self._report_regularly, station, next_s))
        change_s = station.vehicle.next_change_s()
        if change_s < next_s:
            # The end of a lease, a departure or a return: tell it soon after it has happened.
            self.wheel.add(change_s + self._luck.uniform(0.2, 1.0), partial(self.report, station))

    def _send_telemetry(self, station: Station, topic: str) -> None:
        if not station.online:
            return
        at, vehicle = self.clock(), station.vehicle
        telemetry = vehicle.telemetry(at)
        if vehicle.plugged and not station.told_plugged:
            self._describe(station, at)  # back with another departure
        station.told_plugged, station.told_power_kw = vehicle.plugged, telemetry.power_kw
        self.tally.telemetry += 1
        station.outbox.put(Outgoing(topic, encode_telemetry(vehicle.spec.vehicle_id, telemetry), 0))

    def _describe(self, station: Station, at: Moment) -> None:
        vehicle_id = station.vehicle.spec.vehicle_id
        payload = encode_description(vehicle_id, station.vehicle.description(at))
        self.tally.descriptions += 1
        station.outbox.put(Outgoing(self.topics.description(vehicle_id), payload, 0))

    def _lose_connection(self, station: Station) -> None:
        station.online = False
        station.outages += 1
        if station.set_link is not None:
            station.set_link(False)
        self._later(OUTAGE_S, partial(self._find_connection, station))

    def _find_connection(self, station: Station) -> None:
        station.online = True
        if station.set_link is not None:
            station.set_link(True)
        else:
            self.on_hello(station)
        self._later(UP_TIME_S, partial(self._lose_connection, station))

    def _later(self, between_s: tuple[float, float], action: "partial[None]") -> None:
        self.wheel.add(self.clock().steady_s + self._luck.uniform(*between_s), action)
