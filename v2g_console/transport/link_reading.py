"""What is known of the link at this moment, and how it becomes a `LinkHealth`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from v2g_console.config.settings import MqttSettings
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.transport.aiomqtt_private import DirectConnection
from v2g_console.transport.causes import LinkEnd
from v2g_console.transport.keeper import CredentialKeeper
from v2g_console.transport.link_meter import LinkMeter
from v2g_console.transport.publisher import Publisher
from v2g_console.transport.refused import RefusedLog
from v2g_console.transport.tls import TlsSetup, days_left

_CONNECTED = (LinkState.UP, LinkState.SUSPECT)
UNTUNED_RECEIVE_MAXIMUM = 20
"""mosquitto's default max_inflight_messages, which it announces"""


@dataclass(slots=True)
class LinkReading:
    """Written by the link, read by `health`."""

    broker: str
    settings: MqttSettings
    refused: RefusedLog
    publisher: Publisher
    keeper: CredentialKeeper
    monotonic: Callable[[], float] = time.monotonic
    utc: Callable[[], float] = time.time
    state: LinkState = LinkState.CONNECTING
    end: LinkEnd = field(default_factory=lambda: LinkEnd(LinkCause.NONE, ""))
    attempt: int = 0
    reconnects: int = 0
    next_attempt_at: float | None = None
    connection: DirectConnection | None = None
    status_refused: bool = False
    in_total: int = 0
    _tls: TlsSetup | None = None
    _protocol: str = ""
    _since_ms: int = 0
    _was_up: bool = False
    _meter: LinkMeter = field(default_factory=LinkMeter)

    def __post_init__(self) -> None:
        self._since_ms = int(self.utc() * 1000)

    def change(self, state: LinkState) -> bool:
        """Note the state; True if it is another than before. `since` counts from the last time the link came up or was lost."""
        if state is not LinkState.DOWN:
            self.next_attempt_at = None
        if state is self.state:
            return False
        if (state in _CONNECTED) is not (self.state in _CONNECTED):
            self._since_ms = int(self.utc() * 1000)
        self.state = state
        return True

    def opened(self, connection: DirectConnection, tls: TlsSetup | None, mqtt5: bool) -> None:
        """A CONNACK has come."""
        self.connection = connection
        self._tls = tls
        self._protocol = "MQTT 5" if mqtt5 else "MQTT 3.1.1"

    def came_up(self) -> None:
        """Subscribed."""
        self.reconnects += self._was_up
        self._was_up = True
        self.attempt = 0

    def sample(self) -> None:
        """Several times a second, for the rates."""
        self._meter.sample(self.monotonic(), self.in_total, self.publisher.counts.sent)

    def health(self) -> LinkHealth:
        """The present reading."""
        now = self.monotonic()
        counts = self.publisher.counts
        in_per_s, out_per_s = self._meter.rates(now, self.in_total, counts.sent)
        negotiated = self.connection.negotiated if self.connection else None
        own_days, broker_days = self._own_days(), self._broker_days()
        return LinkHealth(
            state=self.state,
            since_ms=self._since_ms,
            broker=self.broker,
            client_id=self.settings.client_id,
            protocol=self._protocol,
            cause=self.end.cause,
            cause_text=self.end.text,
            attempt=self.attempt,
            next_attempt_s=None if self.next_attempt_at is None else max(0.0, self.next_attempt_at - now),
            reconnects=self.reconnects,
            tls_version=negotiated.tls_version if negotiated else "",
            certificate_days=min((days for days in (own_days, broker_days) if days is not None), default=None),
            client_certificate_days=own_days,
            broker_certificate_days=broker_days,
            certificate_warn_days=self.settings.certificate_warn_days,
            credentials_fault=self.keeper.fault,
            receive_maximum=negotiated.receive_maximum if negotiated else None,
            rtt_ms=self._rtt_ms(),
            in_per_s=in_per_s,
            out_per_s=out_per_s,
            in_total=self.in_total,
            out_total=counts.sent,
            in_flight=self.publisher.in_flight,
            publish_failed=counts.failed,
            puback_refused=counts.refused,
            no_subscriber=counts.no_subscriber,
            shed=self.refused.shed,
            refused=self.refused.counts,
            recent_refused=self.refused.recent,
            warnings=self._warnings(),
        )

    def _rtt_ms(self) -> float | None:
        """Of the last PUBACK, else of the last ping."""
        if self.connection is None:
            return None
        seconds = self.connection.rtt_s if self.publisher.puback_s is None else self.publisher.puback_s
        return None if seconds is None else seconds * 1000

    def _own_days(self) -> float | None:
        """Of the certificate in use; before the first connection of the one to be used."""
        tls = self._tls or self.keeper.newest.tls
        return tls.days_left(self.utc()) if tls else None

    def _broker_days(self) -> float | None:
        certificate = self.connection.negotiated.broker_certificate if self.connection else None
        return days_left(certificate, self.utc()) if certificate else None

    def _warnings(self) -> tuple[str, ...]:
        tls = self._tls or self.keeper.newest.tls
        warnings = list(tls.warnings) if tls else []
        if self.keeper.fault:
            warnings.append(f"changed credentials are not used: {self.keeper.fault}")
        for days, whose in (
            (self._own_days(), f"our certificate {self.settings.client_cert}"),
            (self._broker_days(), "the broker's certificate"),
        ):
            if days is not None and days < self.settings.certificate_warn_days:
                warnings.append(f"{whose} expires in {days:.1f} days")
        if self.connection and self.connection.negotiated.receive_maximum == UNTUNED_RECEIVE_MAXIMUM:
            warnings.append("broker untuned (Receive Maximum 20): it drops acks under load; deploy/mosquitto/tuning.conf")
        if self.status_refused:
            warnings.append("the broker refused our online status: check its ACL for mqtt.lwt_topic")
        return tuple(warnings)
