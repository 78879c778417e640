"""Bulk publishing: one bounded window over lazily read iterables, driven by the acknowledgements. No task per message."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import random

from v2g_console.transport.aiomqtt_private import DirectConnection
from v2g_console.transport.backoff import full_jitter_s
from v2g_console.transport.mqtt_frames import FrameError
from v2g_console.transport.port import Outgoing, PublishOutcome

log = logging.getLogger(__name__)

OVERDUE_S = 3.0
"""a PUBACK missing for this long makes the link suspect and the publish is tried again"""
QOS_2_WINDOW = 20
"""mosquitto ends a connection with more of QoS 2 in flight than its default limit"""
_TURN = 200  # messages handed over before other work of the loop gets its turn
_NO_SUBSCRIBER = 0x10
_REFUSED_FROM = 0x80
_QUOTA_EXCEEDED = 0x97

OutcomeHandler = Callable[[int, PublishOutcome], None]


@dataclass(slots=True, eq=False)
class _Bulk:
    """One `publish_many`: its source, and what is still open of it."""

    source: Iterator[tuple[int, Outgoing]]
    on_outcome: OutcomeHandler
    done: asyncio.Future[None]
    single: bool = False
    open: int = 0
    exhausted: bool = False
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class _Flight:
    """One message on its way."""

    bulk: _Bulk
    position: int
    message: Outgoing
    sent_at: float
    expires_at: float = math.inf  # monotonic: not repeated from then on
    attempt: int = 0
    serial: int = 0  # grows with each message sent


@dataclass(slots=True)
class PublishCounts:
    """Totals since the start."""

    sent: int = 0
    failed: int = 0
    refused: int = 0
    no_subscriber: int = 0


@dataclass(slots=True)
class Publisher:
    """Keeps up to `window` publishes in flight on the present connection; without one everything is DROPPED at once."""

    window: int
    max_retries: int
    backoff_s: float
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random
    counts: PublishCounts = field(default_factory=PublishCounts)
    puback_s: float | None = None
    """latency of a recent PUBACK"""
    _connection: DirectConnection | None = None
    _bulks: deque[_Bulk] = field(default_factory=deque)
    _flights: dict[int, _Flight] = field(default_factory=dict)
    _waiting: dict[_Flight, asyncio.TimerHandle] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)  # serial of the newest message by topic, while anything is on its way
    _serial: int = 0
    _capacity: int = 0
    _pump_due: bool = False
    _silent: bool = False  # a publish timed out and no PUBACK has come since

    @property
    def in_flight(self) -> int:
        """Messages given to the connection and not acknowledged."""
        return len(self._flights)

    @property
    def idle(self) -> bool:
        """True if nothing is in flight, waiting to be repeated or still to be sent."""
        return not (self._flights or self._waiting or self._bulks)

    @property
    def overdue(self) -> bool:
        """True if a publish has waited for its PUBACK for 3 s, and none has come since."""
        if self._silent:
            return True
        for flight in self._flights.values():
            return self.monotonic() - flight.sent_at >= OVERDUE_S
        return False

    async def publish(self, message: Outgoing) -> PublishOutcome:
        """One message, ahead of any bulk."""
        outcome = PublishOutcome.DROPPED

        def keep(_position: int, reached: PublishOutcome) -> None:
            nonlocal outcome
            outcome = reached

        await self._run((message,), keep, first=True)
        return outcome

    async def publish_many(self, messages: Iterable[Outgoing], on_outcome: OutcomeHandler) -> None:
        """All messages; bulks under way at the same time take turns."""
        await self._run(messages, on_outcome, first=False)

    async def _run(self, messages: Iterable[Outgoing], on_outcome: OutcomeHandler, *, first: bool) -> None:
        bulk = _Bulk(enumerate(messages), on_outcome, asyncio.get_running_loop().create_future(), single=first)
        if self._connection is None:
            self._drop_rest(bulk)
        elif first:
            self._bulks.appendleft(bulk)
        else:
            self._bulks.append(bulk)
        self._pump()
        try:
            await bulk.done
        finally:  # cancelled: nothing more of it is sent
            bulk.exhausted = True
            bulk.on_outcome = _ignore
            if bulk in self._bulks:
                self._bulks.remove(bulk)
            for flight in [flight for flight in self._waiting if flight.bulk is bulk]:
                self._waiting.pop(flight).cancel()

    # The connection's side

    def attach(self, connection: DirectConnection) -> None:
        """From now on publish on `connection`, within what its broker allows."""
        self._connection = connection
        limit = connection.negotiated.receive_maximum
        self._capacity = self.window if limit is None else min(self.window, limit)

    def detach(self) -> None:
        """The connection is gone: what is in flight has FAILED, what is unsent is DROPPED, now."""
        self._connection = None
        self._silent = False
        flights = [*self._flights.values(), *self._waiting]
        for timer in self._waiting.values():
            timer.cancel()
        self._flights.clear()
        self._waiting.clear()
        self._newest.clear()
        for flight in flights:
            self._finish(flight, PublishOutcome.FAILED)
        while self._bulks:
            self._drop_rest(self._bulks.popleft())

    def on_puback(self, mid: int, reason: int) -> None:
        """The broker answered for one packet id."""
        self._silent = False
        flight = self._flights.pop(mid, None)
        if flight is None:
            return
        self.puback_s = self.monotonic() - flight.sent_at
        if reason < _REFUSED_FROM:
            self._finish(flight, PublishOutcome.NO_SUBSCRIBER if reason == _NO_SUBSCRIBER else PublishOutcome.SENT)
        elif reason == _QUOTA_EXCEEDED and flight.attempt < self.max_retries:
            self._retry_later(flight)
        else:
            self._finish(flight, PublishOutcome.REFUSED)
        if self._bulks and not self._pump_due:
            self._pump_due = True
            asyncio.get_running_loop().call_soon(self._pump)

    def on_drained(self) -> None:
        """There is room for more on the connection."""
        if self._bulks:
            self._pump()

    def tick(self) -> None:
        """Try overdue publishes again; to be called several times a second."""
        if not self._flights and not self._waiting:
            self._newest.clear()
        now = self.monotonic()
        overdue = []
        for mid, flight in self._flights.items():
            if now - flight.sent_at < OVERDUE_S:
                break  # they are in the order of sending
            overdue.append(mid)
        self._silent = self._silent or bool(overdue)
        for mid in overdue:
            flight = self._flights.pop(mid)
            if flight.attempt < self.max_retries:
                self._retry_later(flight)
            else:
                self._finish(flight, PublishOutcome.FAILED)

    # Inside

    def _pump(self) -> None:
        """Fill the window."""
        self._pump_due = False
        connection = self._connection
        for _ in range(_TURN):
            if connection is None or connection is not self._connection or not self._bulks:
                return
            if len(self._flights) + len(self._waiting) >= self._capacity or not connection.room:
                return
            bulk = self._bulks[0]
            message = self._next(bulk)
            if message is None:
                self._bulks.popleft()
                self._settle(bulk)
                continue
            self._begin(connection, bulk, *message)
            if bulk.exhausted:
                self._bulks.remove(bulk)
            elif len(self._bulks) > 1:
                self._bulks.rotate(-1)
        self._pump_due = True
        asyncio.get_running_loop().call_soon(self._pump)

    def _next(self, bulk: _Bulk) -> tuple[int, Outgoing] | None:
        if bulk.exhausted:
            return None
        try:
            message = next(bulk.source)
        except StopIteration:
            bulk.exhausted = True
        except Exception as error:  # the caller's iterable: what it raises goes back to the caller
            bulk.exhausted = True
            bulk.error = error
        else:
            bulk.exhausted = bulk.single  # known to be its last: it need not wait for another turn to end
            return message
        return None

    def _begin(self, connection: DirectConnection, bulk: _Bulk, position: int, message: Outgoing) -> None:
        """Send a message for the first time; one whose time is over already is not sent."""
        bulk.open += 1
        flight = _Flight(bulk, position, message, 0.0)
        if message.expiry_s is not None and message.expiry_s <= 0:
            self._finish(flight, PublishOutcome.DROPPED)
            return
        if message.expiry_s is not None and not message.expiry_anew:
            flight.expires_at = self.monotonic() + message.expiry_s
        self._send(connection, flight)

    def _send(self, connection: DirectConnection, flight: _Flight) -> None:
        try:
            mid = connection.send(flight.message)
        except (FrameError, OSError) as error:
            log.warning("not published: %s", error)
            self._finish(flight, PublishOutcome.DROPPED)
            return
        if not mid:
            self._finish(flight, PublishOutcome.SENT)
            return
        flight.sent_at = self.monotonic()
        if not flight.serial:
            self._serial += 1
            flight.serial = self._newest[flight.message.topic] = self._serial
        self._flights[mid] = flight

    def _retry_later(self, flight: _Flight) -> None:
        pause_s = full_jitter_s(flight.attempt, self.backoff_s, self.random)
        flight.attempt += 1
        self._waiting[flight] = asyncio.get_running_loop().call_later(pause_s, self._retry, flight)

    def _retry(self, flight: _Flight) -> None:
        """Send once more, unless its time is over or something newer went out on its topic: no vehicle may go back to an older command."""
        if self._waiting.pop(flight, None) is None or self._connection is None:
            return
        left_s = flight.expires_at - self.monotonic()
        if left_s <= 0 or self._newest.get(flight.message.topic, flight.serial) > flight.serial:
            self._finish(flight, PublishOutcome.FAILED)
            return
        if left_s < math.inf:
            flight.message = replace(flight.message, expiry_s=left_s)
        self._send(self._connection, flight)

    def _finish(self, flight: _Flight, outcome: PublishOutcome) -> None:
        self._count(outcome)
        bulk = flight.bulk
        bulk.open -= 1
        _tell(bulk, flight.position, outcome)
        if bulk.exhausted:
            self._settle(bulk)

    def _count(self, outcome: PublishOutcome) -> None:
        if outcome <= PublishOutcome.NO_SUBSCRIBER:
            self.counts.sent += 1
            self.counts.no_subscriber += outcome is PublishOutcome.NO_SUBSCRIBER
        else:
            self.counts.failed += 1
            self.counts.refused += outcome is PublishOutcome.REFUSED

    def _drop_rest(self, bulk: _Bulk) -> None:
        while (message := self._next(bulk)) is not None:
            self._count(PublishOutcome.DROPPED)
            _tell(bulk, message[0], PublishOutcome.DROPPED)
        self._settle(bulk)

    def _settle(self, bulk: _Bulk) -> None:
        """Wake the caller once everything has its outcome."""
        if bulk.open or bulk.done.done():
            return
        if bulk.error is not None:
            bulk.done.set_exception(bulk.error)
        else:
            bulk.done.set_result(None)


def _tell(bulk: _Bulk, position: int, outcome: PublishOutcome) -> None:
    try:
        bulk.on_outcome(position, outcome)
    except Exception as error:  # the caller's handler: what it raises goes back to the caller, and the link lives on
        bulk.error = error


def _ignore(_position: int, _outcome: PublishOutcome) -> None:
    """Nobody waits for the outcome of an abandoned bulk."""
