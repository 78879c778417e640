"""Every decoder against the protocol's messages and against hostile ones."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.transport.codec import (
    decode_ack,
    decode_command,
    decode_description,
    decode_telemetry,
    encode_ack,
    encode_command,
    encode_description,
    encode_telemetry,
)
from v2g_console.transport.refused import Cause, RefusedMessageError
from v2g_console.transport.wire import Ack, CommandV1, CommandV2, Description, Telemetry

DECODERS: list[Callable[[bytes], Any]] = [
    decode_ack,
    lambda payload: decode_telemetry(payload, "veh1"),
    lambda payload: decode_description(payload, "veh1"),
    lambda payload: decode_command(payload, "veh1"),
]
V1 = CommandV1("d-1-0", "veh1", -7.4, 1_795_442_199_464)
V2 = CommandV2(
    "d-1-0", "veh1", 5.0, 1_795_442_199_464, 2, "d", "FCR", 1_795_442_199_464, 1_795_442_204_464, 1_795_442_500_000, 300, None, False
)
GO = {"ID": "veh1", "SoC": 0.5, "IsV2G": True, "MaxPower": 7.4, "BatteryKWh": 60, "Available": True}
GO_FULL = GO | {
    "Charging": False,
    "Priority": False,
    "Departure": "0001-01-01T00:00:00Z",
    "MinSoC": 0,
    "AvailabilityProb": 0,
    "DegradationFactor": 0,
    "segment": "",
}
TELEMETRY = {"vehicle_id": "veh1", "soc": 0.5, "available": True, "charging": False, "power_kw": -3.5, "ts": 1_795_442_199}


def cause_of(decode: Callable[[bytes], Any], payload: bytes) -> Cause:
    with pytest.raises(RefusedMessageError) as refusal:
        decode(payload)
    return refusal.value.cause


def telemetry(**changes: Any) -> Telemetry:
    return decode_telemetry(json.dumps(TELEMETRY | changes).encode(), "veh1")


def description(**changes: Any) -> Description:
    return decode_description(json.dumps(GO_FULL | changes).encode(), "veh1")


def test_commands_have_exactly_the_keys_of_the_protocol() -> None:
    assert json.loads(encode_command(V1)) == {
        "command_id": "d-1-0", "vehicle_id": "veh1", "power_kw": -7.4, "timestamp": 1_795_442_199_464,
    }  # fmt: skip
    assert set(json.loads(encode_command(V2))) - set(json.loads(encode_command(V1))) == {
        "v", "dispatch_id", "signal", "seq", "accept_until", "valid_until", "hold_s", "fallback_kw", "release",
    }  # fmt: skip
    assert encode_command(V2) == encode_command(V2)


def test_a_vehicle_reads_both_versions() -> None:
    assert decode_command(encode_command(V1), "veh1") == V1
    assert decode_command(encode_command(V2), "veh1") == V2
    assert cause_of(lambda payload: decode_command(payload, "veh2"), encode_command(V2)) is Cause.ID_MISMATCH


def test_a_v1_ack_is_only_its_id_and_a_v2_ack_says_everything() -> None:
    assert encode_ack(Ack("d-1-0")) == b'{"command_id":"d-1-0"}'
    assert decode_ack(b'{"command_id":"d-1-0","more":[1]}') == Ack("d-1-0")
    full = Ack("d-1-0", "limited", 3.5, "soc", 1_795_442_199_464)
    assert set(json.loads(encode_ack(full))) == {"command_id", "status", "applied_kw", "reason", "ts"}
    assert decode_ack(encode_ack(full)) == full
    assert set(json.loads(encode_ack(Ack("d-1-0", "rejected")))) == {"command_id", "status", "applied_kw", "reason", "ts"}


def test_telemetry_stamps_are_seconds_milliseconds_or_unset() -> None:
    assert telemetry() == Telemetry(0.5, -3.5, True, False, 1_795_442_199.0, False)
    assert telemetry(ts=1_795_442_199_464) == Telemetry(0.5, -3.5, True, False, 1_795_442_199.464, True)
    assert telemetry(ts=0).ts_s is None
    assert telemetry(ts=None, available=None).available is None
    for sample in (telemetry(), telemetry(ts=1_795_442_199_000), telemetry(ts=None, charging=None)):
        assert decode_telemetry(encode_telemetry("veh1", sample), "veh1") == sample


def test_zero_values_of_go_mean_unset() -> None:
    found = description()
    assert (found.departure_s, found.min_soc, found.availability_prob, found.charging) == (None, None, 1.0, None)
    assert (found.max_charge_kw, found.max_discharge_kw, found.protocol, found.consent) == (7.4, 7.4, 1, True)
    assert (found.reserve_soc, found.charge_limit_soc) == (0.0, 1.0)
    assert decode_description(json.dumps(GO).encode(), "veh1") == found


def test_a_vehicle_without_v2g_does_not_discharge() -> None:
    assert description(IsV2G=False).max_discharge_kw == 0.0
    assert description(IsV2G=False, max_discharge_kw=5).max_discharge_kw == 0.0
    assert description(max_charge_kw=11, max_discharge_kw=5).max_discharge_kw == 5.0


def test_a_vehicle_may_tell_its_phases_and_one_that_does_not_is_on_unknown_ones() -> None:
    told = description(protocol=2, phases=1, phase=2)
    assert (told.phases, told.phase) == (1, 2)
    assert decode_description(encode_description("veh1", told), "veh1") == told
    assert (description().phases, description().phase) == (0, 0)


def test_departure_is_a_time_with_any_offset() -> None:
    assert description(Departure="2026-11-23T18:00:00Z").departure_s == 1_795_456_800
    assert description(Departure="2026-11-23T19:00:00.123456789+01:00").departure_s == pytest.approx(1_795_456_800.123456)
    assert cause_of(lambda p: decode_description(p, "veh1"), json.dumps(GO | {"Departure": "soon"}).encode()) is Cause.BAD_SHAPE
    assert cause_of(lambda p: decode_description(p, "veh1"), json.dumps(GO | {"Departure": "1999-01-01"}).encode()) is Cause.OUT_OF_RANGE


def test_a_description_survives_the_way_there_and_back() -> None:
    first = description(Departure="2026-11-23T18:00:00Z", MinSoC=0.4, Charging=True, segment="fleet-a")
    assert set(json.loads(encode_description("veh1", first))) == set(GO_FULL)
    assert decode_description(encode_description("veh1", first), "veh1") == first
    second = description(protocol=2, max_charge_kw=11, max_discharge_kw=7, reserve_soc=0.2, consent=False, site="depot-1", fleet="f")
    assert decode_description(encode_description("veh1", second), "veh1") == second


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"soc": 1.01}, Cause.OUT_OF_RANGE),
        ({"soc": -0.01}, Cause.OUT_OF_RANGE),
        ({"soc": "0.5"}, Cause.BAD_SHAPE),
        ({"soc": None}, Cause.BAD_SHAPE),
        ({"soc": True}, Cause.BAD_SHAPE),
        ({"power_kw": 7_400}, Cause.OUT_OF_RANGE),
        ({"power_kw": -1e300}, Cause.OUT_OF_RANGE),
        ({"ts": -1}, Cause.OUT_OF_RANGE),
        ({"ts": 10**400}, Cause.OUT_OF_RANGE),
        ({"ts": 1e300}, Cause.OUT_OF_RANGE),
        ({"ts": "now"}, Cause.BAD_SHAPE),
        ({"vehicle_id": "veh2"}, Cause.ID_MISMATCH),
        ({"vehicle_id": "../x\x00"}, Cause.BAD_ID),
    ],
)
def test_telemetry_that_cannot_be_true_is_refused(changes: dict[str, Any], cause: Cause) -> None:
    payload = json.dumps(TELEMETRY | changes).encode()
    assert cause_of(lambda p: decode_telemetry(p, "veh1"), payload) is cause


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"MaxPower": -1}, Cause.OUT_OF_RANGE),
        ({"MaxPower": 1e9}, Cause.OUT_OF_RANGE),
        ({"BatteryKWh": -60}, Cause.OUT_OF_RANGE),
        ({"AvailabilityProb": 2}, Cause.OUT_OF_RANGE),
        ({"segment": "[bold]x"}, Cause.BAD_ID),
        ({"site": "a/b"}, Cause.BAD_ID),
        ({"min_charge_kw": 50}, Cause.OUT_OF_RANGE),
        ({"phases": 4}, Cause.OUT_OF_RANGE),
        ({"phases": "L1"}, Cause.BAD_SHAPE),
        ({"phases": 1, "phase": -1}, Cause.OUT_OF_RANGE),
        ({"ID": "veh2"}, Cause.ID_MISMATCH),
        ({"IsV2G": 1}, Cause.BAD_SHAPE),
    ],
)
def test_a_description_that_cannot_be_true_is_refused(changes: dict[str, Any], cause: Cause) -> None:
    assert cause_of(lambda p: decode_description(p, "veh1"), json.dumps(GO | changes).encode()) is cause


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b"", Cause.BAD_JSON),
        (b"hello", Cause.BAD_JSON),
        (b"\xff\xfe{}", Cause.BAD_JSON),
        (b'{"x":"\xff"}', Cause.BAD_JSON),
        (b'{"x":"\\ud800"}', Cause.BAD_JSON),
        (b'{"x":NaN}', Cause.BAD_JSON),
        (b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", Cause.BAD_JSON),
        (b"[]", Cause.BAD_SHAPE),
        (b"null", Cause.BAD_SHAPE),
        (b" " * 65_537, Cause.TOO_LARGE),
    ],
)
def test_what_is_no_message_is_refused_by_every_decoder(payload: bytes, cause: Cause) -> None:
    assert {cause_of(decode, payload) for decode in DECODERS} == {cause}


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b'{"command_id":""}', Cause.BAD_ID),
        (b'{"command_id":"a\\u0000b"}', Cause.BAD_ID),
        (json.dumps({"command_id": "x" * 129}).encode(), Cause.BAD_ID),
        (b'{"command_id":"a","status":"maybe"}', Cause.BAD_SHAPE),
        (b'{"command_id":"a","status":"limited","applied_kw":1e9}', Cause.OUT_OF_RANGE),
        (b'{"command_id":"a","ts":1e400}', Cause.BAD_SHAPE),
        (b'{"command_id":7}', Cause.BAD_SHAPE),
    ],
)
def test_acks_that_cannot_be_ours_are_refused(payload: bytes, cause: Cause) -> None:
    assert cause_of(decode_ack, payload) is cause


def test_a_vehicles_own_words_are_cut_and_escaped() -> None:
    ack = decode_ack(json.dumps({"command_id": "a", "status": "rejected", "reason": "\x1b[2J" + "x" * 900}).encode())
    assert ack.reason.startswith("\\x1b[2Jxx")
    assert len(ack.reason) <= 200


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NEAR_MISSES = st.sampled_from(
    [GO_FULL, TELEMETRY, json.loads(encode_command(V2)), {"command_id": "a", "status": "limited", "applied_kw": 1}]
)


@given(st.binary(max_size=300))
def test_no_bytes_get_anything_but_a_refusal_out_of_a_decoder(payload: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(payload)
        except RefusedMessageError as refusal:
            assert refusal.cause in Cause


@given(NEAR_MISSES, st.data())
def test_no_value_in_a_message_gets_anything_but_a_refusal_out_of_a_decoder(message: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(message)))
    payload = json.dumps(message | {key: data.draw(JSON_VALUES)}).encode()
    for decode in DECODERS:
        try:
            decode(payload)
        except RefusedMessageError as refusal:
            assert refusal.cause in Cause
