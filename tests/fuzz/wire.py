"""What comes from the network: payloads, topics, frames."""

import math

from tests.fuzz.target import Target, deep, require_visible
from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.domain.ids import is_vehicle_id, split_command_id
from v2g_console.engine.fleet import Fleet
from v2g_console.transport import mqtt_frames
from v2g_console.transport.codec import decode_ack, decode_command, decode_description, decode_telemetry, encode_ack
from v2g_console.transport.inbound import Inbound
from v2g_console.transport.mqtt_frames import FrameError
from v2g_console.transport.refused import Cause, RefusedLog, RefusedMessageError
from v2g_console.transport.topics import Topics
from v2g_console.transport.wire import Ack, Description, Telemetry

VEHICLE = "FR-LYO-0042"
TOPICS = Topics.from_settings(MqttSettings(), TelemetrySettings())

ACKS = (
    b'{"command_id":"6f1d2c3b4a5968778695a4b3c2d1e0f0-1795438800000-7"}',
    b'{"command_id":"6f-1-0","status":"limited","applied_kw":-3.7,"reason":"LIMITED_BY_VEHICLE","ts":1795438800123}',
    b'{"command_id":"x-1-0","reason":"\\u202e\\u001b[2J"}',
    b'{"command_id":"x-1-0","applied_kw":1e999,"ts":' + b"9" * 400 + b"}",
    b'{"command_id":' + deep(b"[", b"]") + b"}",
    b'{"x":' + deep(b'{"a":', b"}") + b',"command_id":"a"}',
)
TELEMETRY = (
    b'{"vehicle_id":"FR-LYO-0042","soc":0.71,"available":true,"charging":false,"power_kw":-7.4,"ts":1795438800}',
    b'{"soc":1,"power_kw":0,"ts":1795438800123}',
    b'{"soc":NaN,"power_kw":-Infinity}',
    b'{"soc":0.5,"power_kw":0,"ts":130e8}',
    b'{"soc":0.5,"power_kw":1e-400,"ts":1e308}',
    b'{"soc":0.5,"power_kw":0,"extra":' + deep(b"[", b"]") + b"}",
)
DESCRIPTIONS = (
    b'{"ID":"FR-LYO-0042","SoC":0.5,"IsV2G":true,"MaxPower":11,"BatteryKWh":52,"Available":true,"Charging":false,"Priority":false,'
    b'"Departure":"2026-11-23T18:00:00Z","MinSoC":0.4,"AvailabilityProb":0.9,"DegradationFactor":0.05,"segment":"commuter"}',
    b'{"ID":"FR-LYO-0042","IsV2G":true,"MaxPower":11,"BatteryKWh":52,"Departure":"0001-01-01T00:00:00Z","site":"depot","fleet":"a",'
    b'"max_charge_kw":22,"max_discharge_kw":10,"reserve_soc":0.2,"charge_limit_soc":0.9,"min_charge_kw":1.4,"consent":true,"protocol":2}',
    b'{"IsV2G":true,"MaxPower":11,"BatteryKWh":52,"Departure":"9999-12-31T23:59:59-14:00","site":"\\u0000"}',
)
COMMANDS = (
    b'{"command_id":"6f-1-0","vehicle_id":"FR-LYO-0042","power_kw":7.4,"timestamp":1795438800123}',
    b'{"command_id":"6f-1-0","vehicle_id":"FR-LYO-0042","power_kw":7.4,"timestamp":1795438800123,"v":2,"dispatch_id":"6f","signal":"FCR",'
    b'"seq":1795438800123,"accept_until":1795438805123,"valid_until":1795439700123,"hold_s":900,"fallback_kw":null,"release":false}',
)


def ack(data: bytes) -> None:
    try:
        told = decode_ack(data)
    except RefusedMessageError:
        return
    require_visible(told.command_id, told.reason)
    assert len(told.reason) <= 200
    assert told.applied_kw is None or math.isfinite(told.applied_kw)
    parts = split_command_id(told.command_id)
    assert parts is None or (parts[1] >= 0 and parts[2] >= 0)
    if told.status:
        assert decode_ack(encode_ack(told)) == told


def telemetry(data: bytes) -> None:
    try:
        told = decode_telemetry(data, VEHICLE)
    except RefusedMessageError:
        return
    assert 0 <= told.soc <= 1
    assert math.isfinite(told.power_kw)
    assert told.ts_s is None or 0 <= told.ts_s <= 4.2e9


def description(data: bytes) -> None:
    try:
        told = decode_description(data, VEHICLE)
    except RefusedMessageError:
        return
    for name in (told.segment, told.site, told.fleet):
        assert not name or is_vehicle_id(name)
    for number in (
        told.max_charge_kw,
        told.max_discharge_kw,
        told.battery_kwh,
        told.min_charge_kw,
        told.min_discharge_kw,
        told.reserve_soc,
    ):
        assert math.isfinite(number) and number >= 0


def command(data: bytes) -> None:
    try:
        told = decode_command(data, VEHICLE)
    except RefusedMessageError:
        return
    assert told.vehicle_id in ("", VEHICLE)  # who names nobody means the topic's
    assert math.isfinite(told.power_kw)
    require_visible(told.command_id)


class Engine:
    """The engine's side of the wire: everything that passes goes into a real fleet."""

    def __init__(self) -> None:
        self.fleet = Fleet(max_vehicles=50, default_min_soc=0.3, interval_s=10.0)
        self.refused = RefusedLog(lambda: 0.0)
        self.inbound = Inbound(TOPICS, self._ack, self._telemetry, self._description, self._gone, self.refused, monotonic=lambda: 0.0)

    def _ack(self, vehicle_id: str, told: Ack) -> None:
        assert is_vehicle_id(vehicle_id)
        split_command_id(told.command_id)

    def _telemetry(self, vehicle_id: str, told: Telemetry) -> None:
        assert is_vehicle_id(vehicle_id)
        row = self.fleet.row(vehicle_id)
        if row >= 0:
            self.fleet.measure(row, told, 100.0, 1.8e9)

    def _description(self, vehicle_id: str, told: Description) -> None:
        assert is_vehicle_id(vehicle_id)
        row = self.fleet.row(vehicle_id)
        if row >= 0:
            self.fleet.describe(row, told, 100.0, 1.8e9)

    def _gone(self, vehicle_id: str) -> None:
        assert is_vehicle_id(vehicle_id)


def inbound(data: bytes) -> None:
    """`topic NUL payload`: whatever comes, nothing is raised, everything refused has a cause, and what is kept of it is harmless."""
    topic, _, payload = data.partition(b"\0")
    engine = Engine()
    engine.inbound(topic.decode("utf-8", errors="backslashreplace"), payload, False)
    engine.inbound(topic.decode("utf-8", errors="backslashreplace"), payload, True)
    assert set(engine.refused.counts) <= set(Cause)
    assert Cause.INTERNAL not in engine.refused.counts, engine.refused.recent
    for kept in engine.refused.recent:
        assert kept.topic.isascii() and kept.excerpt.isascii()
        require_visible(kept.topic, kept.excerpt)
        assert len(kept.topic) <= 200 and len(kept.excerpt) <= 200
    assert len(engine.fleet) <= 1


def frames(data: bytes) -> None:
    """An MQTT stream: the first bit says which version. Progress is made with every frame, and only `FrameError` comes out."""
    mqtt5, position = bool(data[:1] and data[0] & 1), 1
    while True:
        try:
            frame = mqtt_frames.next_frame(data, position)
            if frame is None:
                return
            assert position < frame.end <= len(data)
            position = frame.end
            if mqtt_frames.is_fast_publish(frame.first):
                told = mqtt_frames.read_publish(data, frame, mqtt5)
                assert len(told.topic) + len(told.payload) <= frame.end - frame.start
            elif frame.first & 0xF0 == mqtt_frames.PUBACK:
                mqtt_frames.read_puback(data, frame)
        except FrameError:
            return


_ON = {b"v2g/vehicle/state/": TELEMETRY, b"v2g/fleet/response/": DESCRIPTIONS, b"v2g/telemetry/response/": TELEMETRY}
MESSAGES = (
    *(topic + VEHICLE.encode() + b"\0" + payload for topic, payloads in _ON.items() for payload in payloads),
    *(b"vehicle/" + VEHICLE.encode() + b"/ack\0" + payload for payload in ACKS),
    b"vehicle/\x1b[2J/ack\0{}",
    b"vehicle//ack\0{}",
    b"vehicle/" + b"a" * 65 + b"/ack\0{}",
    b"\xff\xfe/\xe2\x80\xae\0\xe2\x80\xae\x9b2J",
)
STREAM = b"\x01\x30\x0d\x00\x05a/b/c\x00hello\x32\x0f\x00\x05a/b/c\x00\x07\x00hello\x40\x03\x00\x07\x10\xd0\x00"

TARGETS = (
    Target("ack", ack, ACKS),
    Target("telemetry", telemetry, TELEMETRY),
    Target("description", description, DESCRIPTIONS),
    Target("command", command, COMMANDS),
    Target("inbound", inbound, MESSAGES),
    Target("frames", frames, (STREAM, b"\x00" + STREAM[1:], b"\x01\x30\xff\xff\xff\xff", b"\x01\x30\x01\x00")),
)
