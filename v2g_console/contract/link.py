"""Health of the MQTT connection as data."""

from enum import StrEnum

import msgspec


class LinkState(StrEnum):
    """`suspect`: connected, but a PUBACK or a ping is overdue."""

    CONNECTING = "connecting"
    UP = "up"
    SUSPECT = "suspect"
    DOWN = "down"
    CLOSED = "closed"


class LinkCause(StrEnum):
    """Why the connection was lost or could not be made."""

    NONE = "none"
    REFUSED = "refused"  # nobody listens, or the broker said no
    UNREACHABLE = "unreachable"  # no route, no such host
    TIMEOUT = "timeout"
    TLS = "tls"
    AUTH = "auth"  # wrong user, password or certificate
    TAKEN_OVER = "probably taken over by another client with the same id"
    BROKER_CLOSED = "closed by the broker"
    CUT = "connection cut"
    KEEPALIVE = "no answer within the keep-alive"
    PROTOCOL = "protocol"
    RENEWED = "new credentials"  # our own doing: certificate, key, CA or password file changed


class RefusedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was not accepted: when, where, why, and its first bytes, escaped for display."""

    ts_ms: int
    topic: str
    cause: str
    excerpt: str


class LinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the link. Rates in messages per second over the last ~5 s, times in seconds, `since_ms` in UTC milliseconds."""

    state: LinkState = LinkState.CONNECTING
    since_ms: int = 0
    broker: str = ""  # URL without credentials
    client_id: str = ""
    protocol: str = ""  # "MQTT 5" or "MQTT 3.1.1"
    cause: LinkCause = LinkCause.NONE  # of the last loss
    cause_text: str = ""  # in words, with what to do
    attempt: int = 0  # connection attempts since the link was last up
    next_attempt_s: float | None = None
    reconnects: int = 0
    tls_version: str = ""  # "" = plaintext
    certificate_days: float | None = None  # days until the first of our certificate and the broker's expires
    client_certificate_days: float | None = None  # of ours; None without one
    broker_certificate_days: float | None = None  # of the broker's; None while not connected over TLS
    certificate_warn_days: float = 14.0  # below this the operator is warned
    credentials_fault: str = ""  # why changed certificate, key, CA or password files are not used; those from before still are
    receive_maximum: int | None = None  # CONNACK's; 20 means an untuned broker
    rtt_ms: float | None = None
    in_per_s: float = 0.0
    out_per_s: float = 0.0
    in_total: int = 0
    out_total: int = 0
    in_flight: int = 0
    queued: int = 0  # inbound messages waiting for the engine
    publish_failed: int = 0
    puback_refused: int = 0
    no_subscriber: int = 0  # PUBACK 0x10: nobody listens on that topic now
    shed: int = 0  # telemetry dropped because the engine could not keep up
    refused: dict[str, int] = {}  # refused messages by cause
    recent_refused: tuple[RefusedMessage, ...] = ()
    warnings: tuple[str, ...] = ()  # e.g. broker untuned, certificate expiring
