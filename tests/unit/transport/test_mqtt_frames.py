"""The two packets we write and read ourselves, held against paho's reading of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion

from v2g_console.transport import mqtt_frames
from v2g_console.transport.mqtt_frames import Frame, FrameError
from v2g_console.transport.port import Outgoing

TOPICS = st.text(st.characters(codec="ascii", exclude_characters="+#", max_codepoint=126, min_codepoint=32), min_size=1, max_size=80)


@given(
    TOPICS,
    st.binary(max_size=400),
    st.sampled_from([0, 1]),
    st.integers(1, 65_535),
    st.booleans(),
    st.booleans(),
    st.none() | st.floats(0, 1e6),
)
def test_what_we_write_is_what_paho_and_we_read(
    topic: str, payload: bytes, qos: int, mid: int, retain: bool, mqtt5: bool, expiry_s: float | None
) -> None:
    data = mqtt_frames.publish(Outgoing(topic, payload, qos, expiry_s, retain), mid, mqtt5)
    frame = mqtt_frames.next_frame(data, 0)
    assert frame is not None
    assert frame.end == len(data)
    version = MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311
    theirs = _packet.decode_publish(frame.first, data[frame.start :], version)
    assert (theirs.topic, theirs.payload, theirs.qos, theirs.retain) == (topic.encode(), payload, qos, retain)
    ours = mqtt_frames.read_publish(data, frame, mqtt5)
    assert ours == (topic.encode(), payload, qos, mid if qos else 0, retain)
    if mqtt5 and expiry_s is not None:
        assert theirs.properties is not None
        assert getattr(theirs.properties, "MessageExpiryInterval", None) == mqtt_frames.whole_seconds(expiry_s)
    assert all(mqtt_frames.next_frame(data[:cut], 0) is None for cut in range(len(data)))


@pytest.mark.parametrize("topic", ["", "a/+/b", "#", "a\x00b", "a\nb", "x" * 65_536])
def test_topics_that_cost_the_connection_are_never_sent(topic: str) -> None:
    with pytest.raises(FrameError):
        mqtt_frames.publish(Outgoing(topic, b"", 1), 1, True)


def test_expiry_is_in_whole_seconds_rounded_up() -> None:
    assert [mqtt_frames.whole_seconds(s) for s in (None, 0.0, 0.2, 4.0, 4.01, 1e12)] == [None, 1, 1, 4, 5, 0xFFFFFFFF]


@given(st.binary(max_size=60), st.booleans())
def test_hostile_packets_are_refused_or_read_within_their_bounds(body: bytes, mqtt5: bool) -> None:
    for first in (0x30, 0x32):
        data = bytes((first, len(body))) + body
        try:
            message = mqtt_frames.read_publish(data, Frame(first, 2, len(data)), mqtt5)
        except FrameError:
            continue
        assert len(message.topic) + len(message.payload) <= len(body)
    if len(body) >= 2:
        assert mqtt_frames.read_puback(b"\x40" + bytes((len(body),)) + body, Frame(0x40, 2, 2 + len(body)))[0] <= 65_535


def test_an_impossible_length_is_an_error() -> None:
    with pytest.raises(FrameError):
        mqtt_frames.next_frame(b"\x30\xff\xff\xff\xff\x01", 0)
    with pytest.raises(FrameError):
        mqtt_frames.read_puback(b"\x40\x01\x00", Frame(0x40, 2, 3))
