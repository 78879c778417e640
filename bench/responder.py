"""The fast responder of `bench/roundtrip.py`: N vehicles on one connection that acknowledge at once, as cheaply as Python can.

    python bench/responder.py --broker mqtt://127.0.0.1:1883 --vehicles 10000 --qos 1

Prints `ready` when subscribed and runs until SIGTERM, SIGINT or the end of the connection (exit code 1). Vehicles are `bench000000` and
up, v1, V2G, 11 kW, 60 kWh, SoC 0.7, idle; they answer `hello` with a description and one measurement, and a poll with a measurement.
It speaks MQTT 3.1.1 itself: a library would cost more than the engine that is measured.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from urllib.parse import urlsplit

from v2g_console.transport import mqtt_frames
from v2g_console.transport.codec import encode_description, encode_telemetry
from v2g_console.transport.port import Outgoing
from v2g_console.transport.wire import Description, Telemetry

CONNACK, SUBACK = 0x20, 0x90
COMMANDS, HELLO, POLL = "vehicle/+/command", "v2g/fleet/discovery", "v2g/telemetry/request"
_PREFIX, _SUFFIX = b"vehicle/", b"/command"
_ID_KEY = b'"command_id":"'
_ID_ACK = b'{"command_id":"%b"}'
_CHUNK = 500

VEHICLE = Description(
    is_v2g=True,
    max_charge_kw=11.0,
    max_discharge_kw=11.0,
    battery_kwh=60.0,
    soc=0.7,
    available=True,
    priority=False,
    charging=None,
    departure_s=None,
    min_soc=0.3,
    availability_prob=1.0,
    degradation=0.0,
    segment="commuter",
    site="",
    fleet="",
    reserve_soc=0.0,
    charge_limit_soc=1.0,
    min_charge_kw=0.0,
    min_discharge_kw=0.0,
    consent=True,
    protocol=1,
)


def vehicle_id(number: int) -> str:
    """`bench000000` and so on."""
    return f"bench{number:06d}"


class Responder(asyncio.Protocol):
    """Bytes in, bytes out: everything that came in one read is answered by one write."""

    def __init__(self, vehicles: int, qos: int, on_ready: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._vehicles = vehicles
        self._qos = qos
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._transport: asyncio.WriteTransport | None = None
        self._rest = b""
        self._mid = 0
        self._speeches: list[Iterator[bytes]] = []
        self._may_write = True
        self.acked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        client_id = b"bench-responder"
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(client_id)  # level 4, clean session, no keep-alive
        transport.write(bytes((0x10, len(body))) + body)

    def data_received(self, data: bytes) -> None:
        """Answer every complete packet."""
        data = self._rest + data if self._rest else data
        at, answers = 0, bytearray()
        while (frame := mqtt_frames.next_frame(data, at)) is not None:
            kind = frame.first & 0xF0
            if kind == mqtt_frames.PUBLISH:
                message = mqtt_frames.read_publish(data, frame, mqtt5=False)
                if message.qos:
                    answers += mqtt_frames.puback(message.mid)
                self._answer(message.topic, message.payload, answers)
            elif kind == CONNACK:
                self._subscribe(data[frame.end - 1], answers)
            elif kind == SUBACK:
                self._on_ready()
            at = frame.end
        self._rest = data[at:]
        if answers and self._transport is not None:
            self._transport.write(bytes(answers))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._on_lost()

    def pause_writing(self) -> None:
        """The broker is slower than we are: speeches wait, acknowledgements don't."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Go on."""
        self._may_write = True
        self._speak()

    def _subscribe(self, refusal: int, answers: bytearray) -> None:
        if refusal:
            print(f"the broker refused the connection, code {refusal}", file=sys.stderr)
            self._on_lost()
            return
        body = b"\x00\x01" + b"".join(
            _text(topic.encode()) + bytes((qos,)) for topic, qos in ((COMMANDS, self._qos), (HELLO, 0), (POLL, 0))
        )
        answers += bytes((0x82, len(body))) + body

    def _answer(self, topic: bytes, payload: bytes, answers: bytearray) -> None:
        if topic.startswith(_PREFIX) and topic.endswith(_SUFFIX):
            begin = payload.find(_ID_KEY) + len(_ID_KEY)
            command_id = payload[begin : payload.find(b'"', begin)]
            self._mid = self._mid % 65_535 + 1
            answers += _publish(topic[: -len(_SUFFIX)] + b"/ack", _ID_ACK % command_id, self._qos, self._mid)
            self.acked += 1
        elif topic == HELLO.encode():
            self._speeches.append(self._descriptions())
            self._speak()
        elif topic == POLL.encode():
            self._speeches.append(self._measurements())
            self._speak()

    def _speak(self) -> None:
        while self._may_write and self._speeches and self._transport is not None:
            chunk = b"".join(islice(self._speeches[0], _CHUNK))
            if chunk:
                self._transport.write(chunk)
            else:
                del self._speeches[0]

    def _descriptions(self) -> Iterator[bytes]:
        for number in range(self._vehicles):
            name = vehicle_id(number)
            yield mqtt_frames.publish(Outgoing(f"v2g/fleet/response/{name}", encode_description(name, VEHICLE), 0), 0, mqtt5=False)
        yield from self._measurements()

    def _measurements(self) -> Iterator[bytes]:
        for number in range(self._vehicles):
            name = vehicle_id(number)
            measured = Telemetry(soc=0.7, power_kw=0.0, available=True, charging=False, ts_s=time.time(), ts_was_ms=False)
            yield mqtt_frames.publish(Outgoing(f"v2g/vehicle/state/{name}", encode_telemetry(name, measured), 0), 0, mqtt5=False)


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def _publish(topic: bytes, payload: bytes, qos: int, mid: int) -> bytes:
    body = _text(topic) + (mid.to_bytes(2, "big") if qos else b"") + payload
    length = len(body)
    size = bytes((length,)) if length < 128 else bytes((length & 0x7F | 0x80, length >> 7))
    return (b"\x32" if qos else b"\x30") + size + body


async def respond(broker: str, vehicles: int, qos: int) -> int:
    """Run until a signal (0) or until the connection ends (1)."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    parts = urlsplit(broker)
    transport, _ = await loop.create_connection(
        lambda: Responder(vehicles, qos, lambda: print("ready", flush=True), lambda: end(1)),
        parts.hostname or "127.0.0.1",
        parts.port or 1883,
    )
    code = await ended
    transport.close()
    return code


def main() -> int:
    """The command."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--broker", default="mqtt://127.0.0.1:1883", help="mqtt://host:port")
    arguments.add_argument("--vehicles", type=int, default=1000)
    arguments.add_argument("--qos", type=int, choices=(0, 1), default=1, help="of the command subscription and of the acks")
    chosen = arguments.parse_args()
    return asyncio.run(respond(chosen.broker, chosen.vehicles, chosen.qos))


if __name__ == "__main__":
    sys.exit(main())
