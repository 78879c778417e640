"""The private names of aiomqtt and paho that we rely on are still there and still mean the same."""

import asyncio
import socket
import ssl
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client

from v2g_console.transport.aiomqtt_private import DirectConnection
from v2g_console.transport.backoff import full_jitter_s
from v2g_console.transport.buffered_socket import HIGH_WATER_BYTES, BufferedSocket
from v2g_console.transport.port import Outgoing


class Events:
    """Notes what a connection tells."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.lost = 0

    def on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        self.messages.append((topic, payload, retained))

    def on_puback(self, mid: int, reason: int) -> None:
        self.acknowledged.append((mid, reason))

    def on_lost(self, _connection: object) -> None:
        self.lost += 1

    def on_drained(self) -> None:
        """Not looked at here."""


async def test_the_names_exist_in_these_versions() -> None:
    client = aiomqtt.Client("127.0.0.1")
    assert isinstance(client._client, Client)
    assert isinstance(client._connected, asyncio.Future)
    for name in ("_create_socket", "_mid_generate", "_ping_t", "_last_msg_out", "_last_bytes_received", "_protocol", "_sock"):
        assert hasattr(client._client, name), name
    assert client._client._mid_generate() == 1
    assert hasattr(client, "_on_connect")
    assert hasattr(client, "_on_disconnect")
    assert hasattr(ssl, "_ssl")


class ScriptedBroker:
    """Answers CONNECT with `connack`, then sends `then` and waits for the end."""

    def __init__(self, connack: bytes, then: bytes = b"", when_asked: bytes = b"") -> None:
        self._answers = (connack, then)
        self._when_asked = when_asked
        self.received = b""

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.read(1000)
        for byte in b"".join(self._answers):  # in the smallest pieces
            writer.write(bytes((byte,)))
            await writer.drain()
        while data := await reader.read(1000):
            self.received += data
            writer.write(self._when_asked)
        writer.close()


CONNACK_5 = b"\x20\x0b\x00\x00\x08\x21\x00\x1e\x27\x00\x00\x04\x00"  # Receive Maximum 30, Maximum Packet Size 1024


async def connected(port: int, events: Events) -> DirectConnection:
    client = aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, clean_start=True, timeout=5)
    connection = DirectConnection(client, events, tls=None, connect_timeout_s=5)
    await connection.open()
    return connection


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for comes from plain callbacks
            await asyncio.sleep(0.002)


async def test_connack_properties_pubacks_and_messages_in_pieces() -> None:
    events = Events()
    inbound = b"\x32\x0b\x00\x03a/b\x00\x07\x00xyz" + b"\x40\x02\x00\x01" + b"\x40\x03\x00\x02\x87" + b"\x31\x06\x00\x01t\x00hi"
    broker = ScriptedBroker(CONNACK_5, inbound)
    async with broker as port:
        connection = await connected(port, events)
        assert (connection.negotiated.receive_maximum, connection.negotiated.maximum_packet) == (30, 1024)
        await until(lambda: len(events.messages) == 2)
        assert events.messages == [("a/b", b"xyz", False), ("t", b"hi", True)]
        assert events.acknowledged == [(1, 0), (2, 0x87)]
        await until(lambda: broker.received.endswith(b"\x40\x02\x00\x07"))
        with pytest.raises(ValueError, match="the broker takes 1024"):
            connection.send(Outgoing("t", b"x" * 2000, 1))
        await connection.close()
        assert events.lost == 0
        with pytest.raises(OSError, match="closed"):
            connection.send(Outgoing("t", b"", 0))


@pytest.mark.parametrize("rubbish", [b"\x30\xff\xff\xff\xff\xff", b"\x30\x01\x00", b"\x90\x00", b"\xf0\x00", b"\x40\x00"])
async def test_a_broker_that_sends_rubbish_loses_the_connection_once(rubbish: bytes) -> None:
    events = Events()
    async with ScriptedBroker(CONNACK_5, when_asked=rubbish) as port:
        connection = await connected(port, events)
        connection.send(Outgoing("t", b"", 0))
        await until(lambda: events.lost == 1)
        await connection.close()
        assert events.lost == 1


async def test_rubbish_together_with_the_answer_is_no_connection() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK_5 + b"\xf0\x00")
        await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with pytest.raises(aiomqtt.MqttError):
            await connected(server.sockets[0].getsockname()[1], Events())


async def test_a_broker_that_hangs_up_before_its_answer_fails_the_attempt_at_once() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(4):
                await connected(server.sockets[0].getsockname()[1], Events())


def test_a_buffered_socket_keeps_order_when_the_system_is_full() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        buffered = BufferedSocket(ours)
        sent = b""
        for number in range(100_000):
            piece = b"%d," % number * 10
            try:
                buffered.send(piece)
            except BlockingIOError:
                break
            sent += piece
        assert len(sent) > HIGH_WATER_BYTES
        received = b""
        theirs.setblocking(False)
        while len(received) < len(sent):
            buffered.flush()
            received += theirs.recv(65_536)
        assert received == sent
        theirs.shutdown(socket.SHUT_WR)
        assert buffered.read() == b""
        buffered.close()


@given(st.integers(0, 10_000), st.floats(0.001, 60), st.floats(0, 1))
def test_back_off_stays_within_its_bounds(attempt: int, first_s: float, chance: float) -> None:
    pause_s = full_jitter_s(attempt, first_s, lambda: chance)
    assert 0 <= pause_s <= min(30.0, first_s * 2.0 ** min(attempt, 40))
