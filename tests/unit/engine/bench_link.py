"""An MQTT connection in memory, with a broker that takes, refuses, loses or delays, and vehicles at its other end."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

from tests.unit.engine.cars import Answer, Car
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.engine.clock import Clock
from v2g_console.transport.codec import encode_ack
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink, Outgoing, PublishOutcome
from v2g_console.transport.topics import Topics
from v2g_console.transport.wire import Ack

WINDOW = 10
_ARRIVES = (PublishOutcome.SENT, PublishOutcome.NO_SUBSCRIBER)


class BenchLink(MqttLink):
    """`broker_says` names outcomes by vehicle id; `failed_arrives`: a FAILED publish reached the vehicle all the same."""

    def __init__(self, on_message: MessageHandler, on_link: LinkHandler, topics: Topics, clock: Clock) -> None:
        self.on_message, self._on_link = on_message, on_link
        self.topics, self._clock = topics, clock
        self.cars: dict[str, Car] = {}
        self.state = LinkState.CONNECTING
        self.generation = 0
        self.puback_s = 0.005
        self.broker_says: dict[str, PublishOutcome] = {}
        self.failed_arrives = False
        self.receive_maximum: int | None = None
        self.certificate_days: float | None = None
        self.client_certificate_days: float | None = None
        self.broker_certificate_days: float | None = None
        self.certificate_warn_days = 14.0
        self.credentials_fault = ""
        self.refused: dict[str, int] = {}
        self.published: list[Outgoing] = []
        self.hellos = 0

    async def start(self) -> None:
        self.up()

    async def wait_up(self, timeout_s: float) -> bool:
        return self.state is LinkState.UP

    async def close(self) -> None:
        self._set(LinkState.CLOSED)

    def health(self) -> LinkHealth:
        down = self.state not in (LinkState.UP, LinkState.SUSPECT)
        return LinkHealth(
            state=self.state,
            broker="mqtts://broker.example:8883",
            protocol="MQTT 5",
            cause=LinkCause.CUT if down else LinkCause.NONE,
            cause_text="connection cut" if down else "",
            attempt=1 if down else 0,
            receive_maximum=self.receive_maximum,
            certificate_days=self.certificate_days,
            client_certificate_days=self.client_certificate_days,
            broker_certificate_days=self.broker_certificate_days,
            certificate_warn_days=self.certificate_warn_days,
            credentials_fault=self.credentials_fault,
            refused=dict(self.refused),
        )

    def up(self) -> None:
        """Connected and subscribed."""
        self._set(LinkState.UP)

    def down(self) -> None:
        """Cut: what is in flight fails."""
        self.generation += 1
        self._set(LinkState.DOWN)

    def _set(self, state: LinkState) -> None:
        self.state = state
        self._on_link(self.health())

    async def publish(self, message: Outgoing) -> PublishOutcome:
        if self.state is not LinkState.UP:
            return PublishOutcome.DROPPED
        self.published.append(message)
        if message.topic == self.topics.discovery:
            self.hellos += 1
            self._later(0.01, self._everybody_describes)
        elif message.topic == self.topics.telemetry_request:
            self._later(0.01, self.everybody_reports)
        return PublishOutcome.SENT

    async def publish_many(self, messages: Iterable[Outgoing], on_outcome: Callable[[int, PublishOutcome], None]) -> None:
        waiting, position = iter(messages), 0
        while batch := self._send_some(waiting):
            generation = self.generation
            if self.state is LinkState.UP:
                await asyncio.sleep(self.puback_s)
            for outcome in batch:
                lost = outcome in _ARRIVES and generation != self.generation
                on_outcome(position, PublishOutcome.FAILED if lost else outcome)
                position += 1

    def _send_some(self, waiting: Iterable[Outgoing]) -> list[PublishOutcome]:
        return [self._send(message) for message in islice(waiting, WINDOW)]

    def _send(self, message: Outgoing) -> PublishOutcome:
        if self.state is not LinkState.UP:
            return PublishOutcome.DROPPED
        self.published.append(message)
        classified = self.topics.classify(message.topic)
        assert classified is not None
        outcome = self.broker_says.get(classified.vehicle_id, PublishOutcome.SENT)
        arrives = outcome in _ARRIVES or (outcome is PublishOutcome.FAILED and self.failed_arrives)
        if arrives and classified.vehicle_id in self.cars:
            self._deliver(self.cars[classified.vehicle_id], message.payload)
        return outcome

    def _deliver(self, car: Car, payload: bytes) -> None:
        for ack in car.take(payload, self._clock.monotonic(), self._clock.utc() * 1000):
            if car.answer_s:
                self._later(car.answer_s, partial(self.acknowledge, car, ack))
            else:
                self.acknowledge(car, ack)

    def acknowledge(self, car: Car, ack: Ack) -> None:
        """An ack of `car` reaches the engine, if the link is up."""
        vehicle_id = car.vehicle_id
        if car.answer is Answer.OTHERS_TOPIC:
            ids = sorted(self.cars)
            vehicle_id = ids[(ids.index(vehicle_id) + 1) % len(ids)]
        self.inbound(self.topics.ack(vehicle_id), encode_ack(ack))

    def inbound(self, topic: str, payload: bytes) -> None:
        """Any message from the broker."""
        if self.state is LinkState.UP:
            self.on_message(topic, payload, False)

    def describe(self, car: Car) -> None:
        """A vehicle describes itself."""
        self.inbound(self.topics.description(car.vehicle_id), car.description())

    def report(self, car: Car) -> None:
        """A vehicle reports its measurement."""
        if car.reports:
            self.inbound(self.topics.state(car.vehicle_id), car.telemetry(self._clock.utc()))

    def everybody_reports(self) -> None:
        """Telemetry of all."""
        for car in self.cars.values():
            self.report(car)

    def _everybody_describes(self) -> None:
        for car in self.cars.values():
            self.describe(car)
            self.report(car)

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay_s, what)
