"""One attempt at a connection: a fresh client, and a cause if it fails."""

import socket
import ssl

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY

from v2g_console.config.settings import MqttSettings
from v2g_console.transport import causes
from v2g_console.transport.aiomqtt_private import DirectConnection, connect_properties
from v2g_console.transport.causes import LinkEnd
from v2g_console.transport.connect_options import BrokerAddress
from v2g_console.transport.connection_events import ConnectionEvents
from v2g_console.transport.credentials import Credentials


class AttemptFailedError(Exception):
    """There is no connection. `maybe_protocol`: the broker may simply not know this MQTT version.

    `try_others`: to be tried again at once with the credentials from before.
    """

    def __init__(self, end: LinkEnd, *, maybe_protocol: bool = False) -> None:
        super().__init__(end.text)
        self.end = end
        self.maybe_protocol = maybe_protocol
        self.try_others = False


async def open_connection(
    settings: MqttSettings,
    address: BrokerAddress,
    protocol: ProtocolVersion,
    will: aiomqtt.Will | None,
    events: ConnectionEvents,
    credentials: Credentials,
) -> DirectConnection:
    """Connect once, up to the CONNACK. Raises `AttemptFailedError`."""
    client = _client(settings, address, protocol, will, credentials.password)
    tls = credentials.tls
    connection = DirectConnection(client, events, tls=tls.context if tls else None, connect_timeout_s=settings.connect_timeout_s)
    try:
        await connection.open()
    except aiomqtt.MqttError as error:
        raise _failure(error, connection, address) from None
    return connection


def _client(
    settings: MqttSettings, address: BrokerAddress, protocol: ProtocolVersion, will: aiomqtt.Will | None, password: str | None
) -> aiomqtt.Client:
    v5 = protocol is ProtocolVersion.V5
    return aiomqtt.Client(
        address.host,
        address.port,
        username=settings.username or None,
        password=password,
        identifier=settings.client_id,
        protocol=protocol,
        will=will,
        clean_session=None if v5 else True,
        clean_start=True if v5 else MQTT_CLEAN_START_FIRST_ONLY,  # the latter: paho's word for "not MQTT 5"
        timeout=settings.connect_timeout_s,
        keepalive=settings.keepalive_s,
        properties=connect_properties() if v5 else None,
    )


def _failure(error: aiomqtt.MqttError, connection: DirectConnection, address: BrokerAddress) -> AttemptFailedError:
    if isinstance(error, aiomqtt.MqttCodeError) and error.rc is not None:
        reason = error.rc if isinstance(error.rc, int) else error.rc.value
        return AttemptFailedError(causes.explain_refusal(reason, address), maybe_protocol=reason == causes.UNSUPPORTED_PROTOCOL)
    cause = connection.connect_error
    if connection.handshaking and not isinstance(cause, ssl.SSLError):
        return AttemptFailedError(causes.explain_handshake(address))
    if connection.reached:  # TCP and TLS were fine, but no CONNACK came
        wordless = cause is None or isinstance(cause, aiomqtt.MqttError | ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)
        end = causes.explain_silence(address) if wordless else causes.explain_connect_error(cause, address)
        return AttemptFailedError(end, maybe_protocol=wordless)
    return AttemptFailedError(causes.explain_connect_error(cause or socket.gaierror(), address))
