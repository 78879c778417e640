"""One connection of aiomqtt and paho, with what they hide: reason codes, Receive Maximum, TLS, and a path that is fast.

This is the only file that touches private names of either library (aiomqtt 2.5, paho 2.2; pinned, and `tests/unit/transport/
test_aiomqtt_private.py` fails when one of them moves). aiomqtt makes the client, connects it in a thread and subscribes; paho parses and
writes all packets but PUBLISH of QoS 0 and 1, and PUBACK, which go straight through `mqtt_frames` (per message a tenth of the time).
"""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from v2g_console.transport import mqtt_frames
from v2g_console.transport.buffered_socket import BufferedSocket
from v2g_console.transport.connection_events import ConnectionEvents
from v2g_console.transport.mqtt_frames import FrameError
from v2g_console.transport.port import Outgoing

OWN_PACKET_LIMIT = 1_048_576
"""announced to MQTT 5 brokers, which then keep larger messages back; from 3.1.1 brokers no more than this is taken of one"""
_KEEPALIVE_TIMEOUT = 141


@dataclass(slots=True)
class Negotiated:
    """What broker and handshake said."""

    receive_maximum: int | None = None
    maximum_packet: int | None = None
    tls_version: str = ""
    broker_certificate: dict[str, Any] | None = None


class DirectConnection:
    """One attempt: `open`, use, `close`; never used again afterwards."""

    def __init__(self, client: aiomqtt.Client, events: ConnectionEvents, *, tls: ssl.SSLContext | None, connect_timeout_s: float) -> None:
        """`client` is fresh and has no TLS context: the handshake is made here, so that its failure has a cause and closes its socket."""
        self.negotiated = Negotiated()
        self.connect_error: BaseException | None = None
        self.handshaking = False
        self.disconnect_reason: int | None = None
        self.keepalive_missed = False
        self.established = False
        self.rtt_s: float | None = None
        self._client = client
        self._paho: Client = client._client
        self._events = events
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._loop = asyncio.get_running_loop()
        self._socket: BufferedSocket | None = None
        self._descriptor = -1
        self._leftover = b""
        self._skip = 0  # bytes still to come of a packet above the limit
        self._write_due = False
        self._writer_added = False
        self._abandoned = False
        self._ended = False
        self._lost = False
        self.mqtt5 = False
        self._install()

    def _install(self) -> None:
        paho = self._paho
        self.mqtt5 = paho._protocol == 5
        paho.disable_logger()
        paho.max_inflight_messages_set(0)  # the publisher bounds it; paho's own bound costs a scan of all per PUBACK
        paho._create_socket = self._create_socket  # type: ignore[method-assign]  # paho has no other way in
        paho.on_connect = self._on_connect
        paho.on_disconnect = self._on_disconnect
        paho.on_message = self._on_paho_message
        paho.on_publish = self._on_paho_publish
        paho.on_socket_open = self._on_socket_open
        paho.on_socket_close = self._on_socket_close
        paho.on_socket_register_write = self._on_register_write
        paho.on_socket_unregister_write = None

    # Life

    async def open(self) -> None:
        """TCP, TLS, CONNECT and CONNACK. Raises aiomqtt.MqttError; `connect_error`, `handshaking` and `disconnect_reason` say more."""
        for outcome in (self._client._connected, self._client._disconnected):
            outcome.add_done_callback(_look_at)
        try:
            await self._client.__aenter__()
            self._client._disconnected.add_done_callback(_look_at)  # it may be another one now
        except BaseException:
            self._abandon()
            raise
        if self._ended:
            self._abandon()
            raise aiomqtt.MqttError("the broker ended the connection right after its answer")
        self.established = True

    async def subscribe(self, topic_filter: str, qos: int) -> int:
        """The highest reason code of the SUBACK: 0 to 2 is the granted QoS, 128 and above a refusal. Raises aiomqtt.MqttError."""
        granted = await self._client.subscribe(topic_filter, qos)
        return max(code if isinstance(code, int) else int(code.value) for code in granted)

    async def close(self) -> None:
        """Send DISCONNECT, so that the broker drops the last will, and close. Never raises for link trouble."""
        try:
            if not self._lost and self.established:
                self._lost = True  # an end that we want is no loss
                await self._client.__aexit__(None, None, None)
        except aiomqtt.MqttError as error:
            self.connect_error = error
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """Close whatever is open, now or (the connecting thread may still be at it) as soon as it opens."""
        self._abandoned = True
        self._detach()
        if self._socket is not None:
            self._socket.close()

    @property
    def reached(self) -> bool:
        """True once TCP and TLS are established."""
        return self._socket is not None

    @property
    def ping_overdue(self) -> bool:
        """True if a ping has been unanswered for half a keep-alive."""
        asked_at = self._paho._ping_t
        return asked_at > 0 and time.monotonic() - asked_at > self._paho.keepalive / 2

    def tick(self) -> None:
        """Keep-alive; to be called several times a second."""
        if self._lost or not self.established:
            return
        self._paho.loop_misc()

    # Out

    @property
    def room(self) -> bool:
        """False while too much waits to be written."""
        return self._socket is not None and len(self._socket.outgoing) < 65_536

    def send(self, message: Outgoing) -> int:
        """Hand over one message; returns its packet id (0 at QoS 0). Raises `FrameError` for one not to be sent, OSError if closed."""
        if self._socket is None or self._lost:
            raise OSError("the connection is closed")
        if message.qos == 2:
            return self._send_qos_2(message)
        mid = self._paho._mid_generate() if message.qos else 0
        frame = mqtt_frames.publish(message, mid, self.mqtt5)
        self._check_size(len(frame))
        self._socket.outgoing += frame
        self._schedule_write()
        return mid

    def _send_qos_2(self, message: Outgoing) -> int:
        mqtt_frames.publish(message, 0, self.mqtt5)  # checks the topic
        properties = None
        expiry_s = mqtt_frames.whole_seconds(message.expiry_s)
        if self.mqtt5 and expiry_s is not None:
            properties = publish_properties()
            properties.MessageExpiryInterval = expiry_s
        info = self._paho.publish(message.topic, message.payload, 2, message.retain, properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise OSError(f"not taken: code {info.rc}")
        return info.mid

    def _check_size(self, size: int) -> None:
        if self.negotiated.maximum_packet is not None and size > self.negotiated.maximum_packet:
            raise FrameError(f"{size} bytes, the broker takes {self.negotiated.maximum_packet}")

    def _schedule_write(self) -> None:
        if not self._write_due:
            self._write_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._write_due = False
        sock = self._socket
        if sock is None or self._descriptor < 0:
            return
        try:
            self._paho.loop_write()
            if self._descriptor < 0:
                return  # that was the DISCONNECT
            empty = sock.flush() and not self._paho.want_write()
        except OSError as error:
            self._fail(error)
            return
        self._paho._last_msg_out = time.monotonic()
        if not empty and not self._writer_added:
            self._loop.add_writer(self._descriptor, self._write)
        elif empty and self._writer_added:
            self._loop.remove_writer(self._descriptor)
        self._writer_added = not empty
        if empty and self.established:
            self._events.on_drained()

    # In

    def _read(self) -> None:
        sock = self._socket
        if sock is None or self._descriptor < 0:
            return
        try:
            data = sock.read()
            if data is None:
                return
            if not data:
                self._fail(None)
                return
            self._paho._last_bytes_received = time.monotonic()
            self._take(self._leftover + data if self._leftover else data)
        except Exception as error:  # whatever a parser made of these bytes: the stream can't be trusted any more
            self._fail(error)
            return
        if self._descriptor >= 0 and sock.decrypted():
            self._loop.call_soon(self._read)

    def _take(self, data: bytes) -> None:
        """Handle all whole packets in `data` and keep the rest."""
        position = min(self._skip, len(data))
        self._skip -= position
        while (frame := mqtt_frames.next_frame(data, position)) is not None:
            kind = frame.first & 0xF0
            if kind == mqtt_frames.PUBLISH and mqtt_frames.is_fast_publish(frame.first):
                self._take_publish(data, frame)
            elif kind == mqtt_frames.PUBACK:
                self._events.on_puback(*mqtt_frames.read_puback(data, frame))
            else:
                self._pass_on(data[position : frame.end], kind)
            if self._descriptor < 0:
                return
            position = frame.end
        self._leftover = data[position:]
        if len(self._leftover) > OWN_PACKET_LIMIT:
            self._cut_short()

    def _cut_short(self) -> None:
        """Hand on the beginning of a PUBLISH above the limit, which whoever decodes it refuses for its size, and skip its rest."""
        whole = mqtt_frames.announced_frame(self._leftover, 0)
        if whole is None or not mqtt_frames.is_fast_publish(whole.first):
            raise FrameError(f"a packet above {OWN_PACKET_LIMIT} bytes")
        self._take_publish(self._leftover, whole._replace(end=len(self._leftover)))
        self._skip = whole.end - len(self._leftover)
        self._leftover = b""

    def _take_publish(self, data: bytes, frame: mqtt_frames.Frame) -> None:
        message = mqtt_frames.read_publish(data, frame, self.mqtt5)
        self._events.on_message(message.topic.decode("utf-8", errors="backslashreplace"), message.payload, message.retained)
        if message.qos and self._socket is not None:
            self._socket.outgoing += mqtt_frames.puback(message.mid)
            self._schedule_write()

    def _pass_on(self, packet: bytes, kind: int) -> None:
        """Let paho handle a packet."""
        if self._socket is None:
            return
        if kind == mqtt_frames.PINGRESP and self._paho._ping_t > 0:
            self.rtt_s = time.monotonic() - self._paho._ping_t
        self._socket.feed(packet)
        self._paho.loop_read()

    # What paho calls

    def _create_socket(self) -> BufferedSocket:
        """In the connecting thread: TCP without Nagle's delay, then TLS. Keeps the cause of a failure and closes what it opened."""
        raw = None
        try:
            raw = socket.create_connection((self._paho.host, self._paho.port), timeout=self._connect_timeout_s)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                self.handshaking = True
                raw = self._tls.wrap_socket(raw, server_hostname=self._paho.host, do_handshake_on_connect=False)
                raw.do_handshake()
                self.handshaking = False
                self.negotiated.tls_version = raw.version() or ""
                self.negotiated.broker_certificate = raw.getpeercert()
            if self._abandoned:
                raise ConnectionAbortedError("given up meanwhile")
        except Exception as error:
            self.connect_error = error
            if raw is not None:
                raw.close()
            raise
        return BufferedSocket(raw)

    def _on_socket_open(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._socket = sock
        self._loop.call_soon_threadsafe(self._attach)

    def _attach(self) -> None:
        if self._socket is None:
            return
        if self._abandoned:
            self._socket.close()
            return
        self._descriptor = self._socket.fileno()
        self._loop.add_reader(self._descriptor, self._read)

    def _on_register_write(self, _client: Client, _userdata: Any, _sock: Any) -> None:
        # paho's CONNECT comes from the connecting thread, everything else from the loop
        self._loop.call_soon_threadsafe(self._write_from_paho)

    def _write_from_paho(self) -> None:
        if not self._write_due:
            self._write()

    def _on_socket_close(self, _client: Client, _userdata: Any, _sock: Any) -> None:
        self._detach()

    def _detach(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = -1
            self._writer_added = False

    def _on_connect(self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        self.negotiated.receive_maximum = getattr(properties, "ReceiveMaximum", None)
        self.negotiated.maximum_packet = getattr(properties, "MaximumPacketSize", None)
        self._client._on_connect(client, userdata, flags, reason, properties)

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.disconnect_reason = reason.value
        elif reason.value == _KEEPALIVE_TIMEOUT:
            self.keepalive_missed = True
        self._client._on_disconnect(client, userdata, flags, reason, properties)
        self._announce_end()

    def _on_paho_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        """QoS 2 only: the others never reach paho."""
        self._events.on_message(message._topic.decode("utf-8", errors="backslashreplace"), bytes(message.payload), message.retain)

    def _on_paho_publish(self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Properties) -> None:
        """QoS 2 only: the others never reach paho."""
        self._events.on_puback(mid, reason.value)

    # End

    def _fail(self, error: Exception | None) -> None:
        """The stream ended (None) or broke."""
        if self._socket is not None:
            self._socket.error = error
            self._detach()
            self._socket.close()
        self.connect_error = error
        self._announce_end()

    @property
    def stream_error(self) -> Exception | None:
        """What broke the stream; None for a clean end."""
        return self._socket.error if self._socket is not None else None

    def _announce_end(self) -> None:
        self._ended = True
        connected = self._client._connected
        if not connected.done():
            connected.set_exception(aiomqtt.MqttError("the broker ended the connection before it answered"))
        if not self._lost and self.established:
            self._lost = True
            self._detach()
            self._events.on_lost(self)


def publish_properties() -> Properties:
    """Empty properties of a PUBLISH."""
    return Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's constructor has no annotations


def connect_properties() -> Properties:
    """Properties of a CONNECT: the largest packet we take, no session kept after the end."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # as above
    properties.MaximumPacketSize = OWN_PACKET_LIMIT
    properties.SessionExpiryInterval = 0
    return properties


def _look_at(outcome: asyncio.Future[None]) -> None:
    """Take note of an error that we know by other ways, or asyncio would log it as never retrieved."""
    if not outcome.cancelled():
        outcome.exception()
