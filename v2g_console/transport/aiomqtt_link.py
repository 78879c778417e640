"""The MQTT connection that never gives up: a fresh client per attempt, back-off with full jitter, and a cause for every loss."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from random import random as system_random
from typing import TypeVar

import aiomqtt
from aiomqtt import ProtocolVersion

from v2g_console.config.settings import MqttSettings
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.transport import causes
from v2g_console.transport.aiomqtt_private import DirectConnection
from v2g_console.transport.attempt import AttemptFailedError, open_connection
from v2g_console.transport.backoff import full_jitter_s
from v2g_console.transport.causes import LinkEnd
from v2g_console.transport.connect_options import TransportConfigError, checked_address
from v2g_console.transport.credentials import Credentials
from v2g_console.transport.keeper import CredentialKeeper
from v2g_console.transport.link_reading import LinkReading
from v2g_console.transport.port import LinkHandler, MessageHandler, Outgoing, PublishOutcome, Subscription
from v2g_console.transport.publisher import QOS_2_WINDOW, Publisher
from v2g_console.transport.refused import Cause, RefusedLog
from v2g_console.transport.renewal import LOOK_S, renewal_due
from v2g_console.transport.tls import TlsMaterialError

log = logging.getLogger(__name__)

ONLINE = b"online"
_TICK_S = 0.25
_STEADY_S = 10.0  # a link that lasted this long starts its next back-off from the beginning
_FLAP_S = 30.0  # two clean ends by a broker that lets us in again look like another client with our id
_CLOSE_S = 0.8
_REFUSED_FROM = 0x80

T = TypeVar("T")


class _LostError(Exception):
    """The connection ended while it was being brought up."""


class AiomqttLink:
    """A `MqttLink` over aiomqtt. Constructing it checks settings and certificates and raises `TransportConfigError`."""

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: Iterable[Subscription],
        on_message: MessageHandler,
        on_link: LinkHandler,
        *,
        refused: RefusedLog | None = None,
        announce_status: bool = True,
        will: Outgoing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], float] = time.time,
        random: Callable[[], float] = system_random,
        look_s: float = LOOK_S,
    ) -> None:
        """`announce_status`: last will, and online/offline on `lwt_topic`; without it `will` is the last will, if any.

        Clocks in seconds; `random` gives 0..1. `look_s`: pause between looks whether certificate, key, CA or password files have changed.
        """
        self._settings = settings
        self._address = checked_address(settings)
        self._subscriptions = tuple(subscriptions)
        self._deliver = on_message
        self._on_link = on_link
        self._refused = refused or RefusedLog(utc)
        self._announces, self._own_will = announce_status, will
        self._monotonic, self._random = monotonic, random
        window = min(settings.publish_window, QOS_2_WINDOW) if settings.qos.command == 2 else settings.publish_window
        self._backoff_s = settings.backoff_ms / 1000
        self._publisher = Publisher(window, settings.max_retries, self._backoff_s, monotonic, random)
        self._keeper = CredentialKeeper(settings, self._address, utc)
        self._reading = LinkReading(self._address.url, settings, self._refused, self._publisher, self._keeper, monotonic, utc)
        self._look_s = look_s
        self._protocol = ProtocolVersion.V311 if settings.protocol == "3.1.1" else ProtocolVersion.V5
        self._protocol_known = settings.protocol != "auto"
        self._failures = 0
        self._up_at: float | None = None
        self._closed_at: float | None = None  # last clean end by the broker
        self._lost: asyncio.Future[None] | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Start connecting in the background and return at once."""
        if self._task is None and self._reading.state is not LinkState.CLOSED:
            self._task = asyncio.create_task(self._run(), name="mqtt-link")

    async def wait_up(self, timeout_s: float) -> bool:
        """True as soon as the link is up, False after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Say `offline`, disconnect, stop. Idempotent; at most about 2 s."""
        if self._reading.state is LinkState.CLOSED:
            return
        if self._up.is_set() and self._announces:
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await self._publisher.publish(self._status(self._settings.lwt_payload.encode()))
            except TimeoutError:
                log.warning("the broker did not take the offline status in time")
        self._closing.set()
        while self._task is not None and not self._task.done():
            self._task.cancel()  # more than once: wait_for of Python 3.11, used by aiomqtt, may swallow a cancellation
            await asyncio.wait((self._task,), timeout=1.0)
        self._publisher.detach()
        self._set_state(LinkState.CLOSED)

    async def publish(self, message: Outgoing) -> PublishOutcome:
        """Send one message; see `MqttLink`."""
        return await self._publisher.publish(message)

    async def publish_many(self, messages: Iterable[Outgoing], on_outcome: Callable[[int, PublishOutcome], None]) -> None:
        """Send many through the bounded window; see `MqttLink`."""
        await self._publisher.publish_many(messages, on_outcome)

    def health(self) -> LinkHealth:
        """The present reading."""
        return self._reading.health()

    # What the connection tells (`ConnectionEvents`)

    def on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        """An inbound message; a failing handler costs this message only."""
        self._reading.in_total += 1
        try:
            self._deliver(topic, payload, retained)
        except Exception:
            log.exception("the handler of inbound messages failed", extra={"topic": topic})
            self._refused.add(Cause.INTERNAL, topic, payload)

    def on_puback(self, mid: int, reason: int) -> None:
        """The broker answered a publish."""
        self._publisher.on_puback(mid, reason)

    def on_drained(self) -> None:
        """There is room for more."""
        self._publisher.on_drained()

    def on_lost(self, connection: object) -> None:
        """All publishes fail here and now; the rest is up to `_run`."""
        self._publisher.detach()
        self._up.clear()
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    # The life of the link

    async def _run(self) -> None:
        end = LinkEnd(LinkCause.NONE, "")
        while not self._closing.is_set():
            self._reading.attempt += end.cause is not LinkCause.RENEWED  # that one was our wish
            self._set_state(LinkState.CONNECTING)
            try:
                end = await self._one_connection()
            except AttemptFailedError as failure:
                end = failure.end
                self._closed_at = None  # a broker that was away did not end us for another client
                if failure.maybe_protocol and self._other_protocol():
                    continue
                if failure.try_others:
                    self._note_end(end)
                    continue
            except Exception as error:  # ours or a library's bug: a link that never gives up outlives that too
                log.exception("the attempt to connect failed")
                end = LinkEnd(LinkCause.PROTOCOL, f"internal error, see the log: {type(error).__name__}")
            if self._closing.is_set():
                return
            self._note_end(end)
            if end.cause is LinkCause.RENEWED:
                continue
            pause_s = full_jitter_s(self._failures, self._backoff_s, self._random)
            self._failures += 1
            self._reading.next_attempt_at = self._monotonic() + pause_s
            self._set_state(LinkState.DOWN)
            await asyncio.sleep(pause_s)

    def _other_protocol(self) -> bool:
        """With `auto`, try MQTT 3.1.1 at once where 5 was refused, and 5 again later where neither worked. True: try now."""
        if self._protocol_known:
            return False
        now_v311 = self._protocol is ProtocolVersion.V5
        self._protocol = ProtocolVersion.V311 if now_v311 else ProtocolVersion.V5
        return now_v311

    def _note_end(self, end: LinkEnd) -> None:
        log.log(logging.INFO if end.cause is LinkCause.RENEWED else logging.WARNING, "mqtt link down (%s): %s", end.cause.value, end.text)
        self._reading.end = end
        if self._up_at is not None and self._monotonic() - self._up_at >= _STEADY_S:
            self._failures = 0
        self._up_at = None

    async def _one_connection(self) -> LinkEnd:
        """From the first packet to the loss. Raises `AttemptFailedError`."""
        credentials = await self._credentials()
        try:
            connection = await open_connection(self._settings, self._address, self._protocol, self._will(), self, credentials)
        except AttemptFailedError as failure:
            failure.try_others = not failure.maybe_protocol and self._keeper.failed(credentials, failure.end)
            raise
        self._keeper.worked(credentials)
        self._protocol_known = True
        self._lost = asyncio.get_running_loop().create_future()
        self._reading.opened(connection, credentials.tls, self._protocol is ProtocolVersion.V5)
        renewing = False
        try:
            with contextlib.suppress(_LostError):
                if not self._closing.is_set():
                    await self._bring_up(connection)
                    renewing = await self._serve(connection, self._lost)
        finally:
            self._publisher.detach()
            self._up.clear()
            self._reading.connection = None
            try:
                async with asyncio.timeout(_CLOSE_S):  # wait_for of Python 3.11 may swallow our own cancellation
                    await connection.close()
            except TimeoutError:
                log.warning("the broker did not take our DISCONNECT in time")
        if renewing:
            return LinkEnd(
                LinkCause.RENEWED, f"connecting to {self._address.url} again: certificate, key, CA or password files have changed"
            )
        return self._why_ended(connection)

    async def _credentials(self) -> Credentials:
        """What to show the broker. Raises `AttemptFailedError`."""
        try:
            return await self._keeper.choose()
        except TransportConfigError as error:
            cause = LinkCause.TLS if isinstance(error, TlsMaterialError) else LinkCause.AUTH
            raise AttemptFailedError(LinkEnd(cause, str(error))) from None

    async def _bring_up(self, connection: DirectConnection) -> None:
        """Subscribe, say `online`, tell everybody. Raises `AttemptFailedError` if a subscription is refused or nothing is answered."""
        reasons = await self._unless_lost(asyncio.gather(*(connection.subscribe(s.topic_filter, s.qos) for s in self._subscriptions)))
        for subscription, reason in zip(self._subscriptions, reasons, strict=True):
            if reason >= _REFUSED_FROM:
                text = (
                    f"{self._address.url} refused the subscription to {subscription.topic_filter} (code {reason}): check the broker's ACL"
                )
                raise AttemptFailedError(LinkEnd(LinkCause.AUTH, text))
        self._publisher.attach(connection)
        if self._announces:
            outcome = await self._unless_lost(asyncio.ensure_future(self._publisher.publish(self._status(ONLINE))))
            self._reading.status_refused = outcome is PublishOutcome.REFUSED
        self._up_at = self._monotonic()
        self._reading.came_up()
        self._set_state(LinkState.UP)
        self._up.set()

    async def _unless_lost(self, work: asyncio.Future[T]) -> T:
        """The result of `work`. Raises `_LostError` as soon as the connection is lost, `AttemptFailedError` if it is too slow."""
        assert self._lost is not None
        await asyncio.wait((work, self._lost), timeout=self._settings.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is None:
            return work.result()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if self._lost.done():
            raise _LostError
        raise AttemptFailedError(causes.explain_silence(self._address))

    async def _serve(self, connection: DirectConnection, lost: asyncio.Future[None]) -> bool:
        """Keep-alive, retries and the watch over a silent broker, until the connection is lost; True to make it anew with new files."""
        renewal = asyncio.create_task(renewal_due(self._keeper, self._publisher, self._monotonic, self._look_s))
        try:
            while not (lost.done() or renewal.done()):
                await asyncio.wait((lost, renewal), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                connection.tick()
                self._publisher.tick()
                self._reading.sample()
                if lost.done():
                    return False
                silent = self._publisher.overdue or connection.ping_overdue
                self._set_state(LinkState.SUSPECT if silent else LinkState.UP)
            return not lost.done()
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    def _why_ended(self, connection: DirectConnection) -> LinkEnd:
        end = causes.explain_end(connection.disconnect_reason, connection.stream_error, connection.keepalive_missed, self._address)
        if end.cause not in (LinkCause.BROKER_CLOSED, LinkCause.CUT):
            return end
        now, before = self._monotonic(), self._closed_at
        self._closed_at = now
        return causes.taken_over(self._address) if before is not None and now - before < _FLAP_S else end

    # Small parts

    def _set_state(self, state: LinkState) -> None:
        if self._reading.change(state):
            try:
                self._on_link(self._reading.health())
            except Exception:
                log.exception("the handler of link changes failed")

    def _status(self, payload: bytes) -> Outgoing:
        return Outgoing(self._settings.lwt_topic, payload, self._settings.lwt_qos, retain=self._settings.lwt_retain)

    def _will(self) -> aiomqtt.Will | None:
        will = self._status(self._settings.lwt_payload.encode()) if self._announces else self._own_will
        return None if will is None else aiomqtt.Will(will.topic, will.payload, will.qos, will.retain)
