"""From bytes to facts: classifies, decodes and counts every inbound message, and hands the good ones on. Never raises."""

import logging
import math
import time
from collections.abc import Callable

from v2g_console.transport.codec import decode_ack, decode_telemetry, says_offline
from v2g_console.transport.description import decode_description
from v2g_console.transport.refused import Cause, RefusedLog, RefusedMessageError
from v2g_console.transport.topics import Kind, Topics
from v2g_console.transport.wire import Ack, Description, Telemetry

log = logging.getLogger(__name__)

AckHandler = Callable[[str, Ack], None]
TelemetryHandler = Callable[[str, Telemetry], None]
DescriptionHandler = Callable[[str, Description], None]
GoneHandler = Callable[[str], None]


class Inbound:
    """A `MessageHandler` for the engine. Telemetry beyond `telemetry_max_per_s` is shed and counted, acks never are."""

    def __init__(
        self,
        topics: Topics,
        on_ack: AckHandler,
        on_telemetry: TelemetryHandler,
        on_description: DescriptionHandler,
        on_gone: GoneHandler,
        refused: RefusedLog,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        telemetry_max_per_s: int = 20_000,
    ) -> None:
        """The handlers are called on the link's loop with the vehicle id of the topic; `monotonic` in seconds."""
        self._topics = topics
        self._on_ack = on_ack
        self._on_telemetry = on_telemetry
        self._on_description = on_description
        self._on_gone = on_gone
        self._refused = refused
        self._budget = _Budget(telemetry_max_per_s, monotonic)

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        """One message; refusals and even a failing handler only count."""
        try:
            self._take(topic, payload, retained)
        except RefusedMessageError as refusal:
            self._refused.add(refusal.cause, topic, payload)
        except Exception:
            log.exception("handling a message failed", extra={"topic": topic})
            self._refused.add(Cause.INTERNAL, topic, payload)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        classified = self._topics.classify(topic)
        if classified is None:
            raise RefusedMessageError(self._topics.why_not(topic))
        kind, vehicle_id = classified
        if kind is Kind.TELEMETRY:
            if not self._budget.take():
                self._refused.shed += 1
                return
            self._take_state(vehicle_id, payload, retained)
        elif kind is Kind.ACK:
            if retained:
                raise RefusedMessageError(Cause.RETAINED)
            self._on_ack(vehicle_id, decode_ack(payload))
        elif kind is Kind.DESCRIPTION:
            self._on_description(vehicle_id, decode_description(payload, vehicle_id))
        else:
            raise RefusedMessageError(Cause.RETAINED if retained else Cause.UNKNOWN_TOPIC)

    def _take_state(self, vehicle_id: str, payload: bytes, retained: bool) -> None:
        if says_offline(payload, vehicle_id):
            if retained:
                raise RefusedMessageError(Cause.RETAINED, "a kept last will could be of any age")
            self._on_gone(vehicle_id)
            return
        telemetry = decode_telemetry(payload, vehicle_id)
        if retained and telemetry.ts_s is None:
            raise RefusedMessageError(Cause.RETAINED, "a kept measurement without a stamp could be of any age")
        self._on_telemetry(vehicle_id, telemetry)


class _Budget:
    """So many in each second, counted from the first one of that second."""

    def __init__(self, per_s: int, monotonic: Callable[[], float]) -> None:
        self._per_s = per_s
        self._monotonic = monotonic
        self._window_ends = -math.inf
        self._left = 0

    def take(self) -> bool:
        now = self._monotonic()
        if now >= self._window_ends:
            self._window_ends = now + 1.0
            self._left = self._per_s
        self._left -= 1
        return self._left >= 0
