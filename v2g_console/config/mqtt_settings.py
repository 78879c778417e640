"""The connection to the broker: section `mqtt`."""

from enum import StrEnum, auto
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from v2g_console.config.section import Positive, Qos, Section


class AuthMethod(StrEnum):
    """How the engine shows the broker who it is."""

    NONE = auto()
    USERNAME_PASSWORD = auto()
    TLS = auto()
    BOTH = auto()


class QosSettings(Section):
    """MQTT quality of service by kind of message."""

    command: Qos = 1
    """of commands to vehicles"""
    ack: Qos = 1
    """of the subscription to acks, descriptions and telemetry"""


class MqttSettings(Section):
    """The connection to the broker."""

    broker: str = "tcp://127.0.0.1:1883"
    """tcp:// or mqtt:// (port 1883), ssl:// or mqtts:// (port 8883)"""
    client_id: Annotated[str, Field(min_length=1, max_length=64)] = "v2g-console"
    """one per running engine: a second client with the same id throws the first off the broker"""
    username: str = ""
    """for auth_method username_password and both"""
    password: SecretStr = SecretStr("")
    """better: password_file, or V2G__MQTT__PASSWORD"""
    password_file: Path | None = None
    """file with the password in one line"""
    auth_method: AuthMethod = AuthMethod.NONE
    """how the broker knows us: none, username_password, tls (client certificate) or both"""
    allow_plaintext_credentials: bool = False
    """send a user name over plaintext to a broker that is not on this machine"""
    use_tls: bool = False
    """implied by ssl:// and mqtts://; with tcp:// and mqtt:// it is a contradiction"""
    client_cert: Path | None = None
    """PEM file, for auth_method tls and both"""
    client_key: Path | None = None
    """PEM file with the private key of client_cert"""
    client_key_password: SecretStr = SecretStr("")
    """passphrase of client_key; better: client_key_password_file"""
    client_key_password_file: Path | None = None
    """file with the passphrase in one line"""
    ca_bundle: Path | None = None
    """default: the system's certificate authorities"""
    certificate_warn_days: Annotated[float, Field(ge=0, le=3650)] = 14.0
    """an alarm is raised when our certificate or the broker's has fewer days left than this; 0: only when it has expired"""
    qos: QosSettings = QosSettings()
    ack_topic: str = "vehicle/+/ack"
    """where vehicles acknowledge; `+` stands for the vehicle id here and below"""
    command_topic: str = "vehicle/+/command"
    """where vehicles take commands"""
    discovery_topic: str = "v2g/fleet/discovery"
    """where the engine says hello"""
    response_topic: str = "v2g/fleet/response/+"
    """where vehicles describe themselves"""
    lwt_topic: str = "v2g/lwt"
    """status of the engine: `online`, and the last will"""
    lwt_payload: str = "offline"
    """published by the broker when the engine is gone"""
    lwt_qos: Qos = 1
    """quality of service of the status"""
    lwt_retain: bool = True
    """whether the broker keeps the status for who subscribes later"""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """auto: MQTT 5, falling back to 3.1.1 if the broker refuses it"""
    keepalive_s: Annotated[int, Field(ge=1, le=3600)] = 5
    """a dead connection is found within two of these"""
    connect_timeout_s: Positive = 5.0
    """longest wait for a connection, TLS and CONNACK together"""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 5
    """publish attempts after the first, while the link is up"""
    backoff_ms: Annotated[float, Field(gt=0, le=60_000)] = 200.0
    """first pause before a reconnection or a repeated publish; doubles, with full jitter, up to 30 s"""
    publish_window: Annotated[int, Field(ge=1, le=1000)] = 100
    """publishes in flight at once: 20 to 100 on a LAN, rate times round trip on a WAN"""
