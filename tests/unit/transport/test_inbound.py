"""From topics and bytes to calls, refusals and counts."""

from typing import Any

import pytest

from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.transport.codec import encode_ack, encode_telemetry
from v2g_console.transport.inbound import Inbound
from v2g_console.transport.port import Subscription
from v2g_console.transport.refused import Cause, RefusedLog
from v2g_console.transport.topics import Classified, Kind, TopicConfigError, Topics
from v2g_console.transport.wire import Ack, Telemetry

SAMPLE = Telemetry(0.5, 3.0, True, False, 1_795_442_199.0, False)


def topics(mqtt: dict[str, Any] | None = None, **telemetry: Any) -> Topics:
    return Topics.from_settings(MqttSettings(**(mqtt or {})), TelemetrySettings(**telemetry))


class Desk:
    """An `Inbound` with what it handed on."""

    def __init__(self, per_s: int = 100) -> None:
        self.now_s = 1000.0
        self.taken: list[tuple[str, object]] = []
        self.refused = RefusedLog(lambda: 1_795_442_199.0)
        note, clock = self._note, lambda: self.now_s
        self.inbound = Inbound(topics(), note, note, note, self._gone, self.refused, monotonic=clock, telemetry_max_per_s=per_s)

    def _note(self, vehicle_id: str, fact: object) -> None:
        self.taken.append((vehicle_id, fact))

    def _gone(self, vehicle_id: str) -> None:
        self.taken.append((vehicle_id, None))


def test_default_topics_are_those_of_the_protocol() -> None:
    found = topics()
    assert found.command("veh-1") == "vehicle/veh-1/command"
    assert found.ack("veh-1") == "vehicle/veh-1/ack"
    assert found.classify("vehicle/veh-1/ack") == Classified(Kind.ACK, "veh-1")
    assert found.classify("vehicle/veh-1/command") == Classified(Kind.COMMAND, "veh-1")
    assert found.classify("v2g/vehicle/state/a.b:c") == Classified(Kind.TELEMETRY, "a.b:c")
    assert found.classify("v2g/fleet/response/veh-1") == Classified(Kind.DESCRIPTION, "veh-1")
    assert found.engine_subscriptions() == (
        Subscription("vehicle/+/ack", 1),
        Subscription("v2g/vehicle/state/+", 0),
        Subscription("v2g/fleet/response/+", 0),
    )
    assert Subscription("v2g/telemetry/response/+", 0) in topics(mode="pull").engine_subscriptions()


def test_every_topic_can_be_configured() -> None:
    found = topics({"ack_topic": "site/+/up/ack", "command_topic": "+/cmd"}, state_topic="t/+")
    assert found.command("v1") == "v1/cmd"
    assert found.classify("site/v1/up/ack") == Classified(Kind.ACK, "v1")
    assert found.classify("t/v1") == Classified(Kind.TELEMETRY, "v1")
    assert found.classify("vehicle/v1/ack") is None


@pytest.mark.parametrize("topic", ["vehicle/ack", "vehicle/#", "+/+/ack", "vehicle/a+/ack", "", "a b/+", "$SYS/+"])
def test_a_pattern_that_cannot_work_is_a_configuration_error(topic: str) -> None:
    with pytest.raises(TopicConfigError, match=r"mqtt\.ack_topic: expected"):
        topics({"ack_topic": topic})


def test_two_kinds_on_one_topic_are_a_configuration_error() -> None:
    with pytest.raises(TopicConfigError, match="the same"):
        topics({"ack_topic": "vehicle/+/x", "command_topic": "vehicle/+/x"})


@pytest.mark.parametrize(
    ("topic", "cause"),
    [
        ("vehicle//ack", Cause.BAD_ID),
        ("vehicle/ack", Cause.UNKNOWN_TOPIC),
        ("vehicle/a/b/ack", Cause.BAD_ID),
        ("vehicle/\x1b[2J/ack", Cause.BAD_ID),
        ("vehicle/" + "x" * 65 + "/ack", Cause.BAD_ID),
        ("vehicle/..%2f/ack", Cause.BAD_ID),
        ("elsewhere", Cause.UNKNOWN_TOPIC),
        ("v2g/vehicle/state/", Cause.BAD_ID),
        ("vehicle/v1/command", Cause.UNKNOWN_TOPIC),
    ],
)
def test_hostile_topics_are_counted_by_cause(topic: str, cause: Cause) -> None:
    desk = Desk()
    desk.inbound(topic, encode_ack(Ack("c")), False)
    assert (desk.taken, desk.refused.counts) == ([], {cause: 1})


@pytest.mark.parametrize("vehicle_id", ["", "a/b", "+", "#", "a b", "\x00", "ä", "-x", "x" * 65])
def test_no_command_topic_is_made_of_a_hostile_id(vehicle_id: str) -> None:
    with pytest.raises(ValueError, match="not a vehicle id"):
        topics().command(vehicle_id)


def test_good_messages_reach_their_handlers_with_the_topics_vehicle() -> None:
    desk = Desk()
    desk.inbound("vehicle/v1/ack", encode_ack(Ack("c-1-0")), False)
    desk.inbound("v2g/vehicle/state/v1", encode_telemetry("v1", SAMPLE), False)
    desk.inbound("v2g/fleet/response/v1", b'{"ID":"v1","IsV2G":true,"MaxPower":7,"BatteryKWh":50}', False)
    assert desk.taken[:2] == [("v1", Ack("c-1-0")), ("v1", SAMPLE)]
    assert desk.taken[2][0] == "v1"
    assert desk.refused.counts == {}


def test_a_spoofed_vehicle_is_refused() -> None:
    desk = Desk()
    desk.inbound("v2g/vehicle/state/v1", encode_telemetry("v2", SAMPLE), False)
    assert (desk.taken, desk.refused.counts) == ([], {Cause.ID_MISMATCH: 1})


def test_kept_acks_are_refused_and_kept_telemetry_needs_a_stamp() -> None:
    desk = Desk()
    desk.inbound("vehicle/v1/ack", encode_ack(Ack("c")), True)
    desk.inbound("v2g/vehicle/state/v1", b'{"soc":0.5,"power_kw":1}', True)
    assert (desk.taken, desk.refused.counts) == ([], {Cause.RETAINED: 2})
    desk.inbound("v2g/vehicle/state/v1", encode_telemetry("v1", SAMPLE), True)
    assert desk.taken == [("v1", SAMPLE)]


def test_a_flood_of_telemetry_is_shed_and_acks_never() -> None:
    desk = Desk(per_s=50)
    for position in range(500):
        desk.inbound("v2g/vehicle/state/v1", encode_telemetry("v1", SAMPLE), False)
        desk.inbound("vehicle/v1/ack", encode_ack(Ack(f"c-1-{position}")), False)
    kinds = [type(fact) for _, fact in desk.taken]
    assert (kinds.count(Telemetry), kinds.count(Ack), desk.refused.shed) == (50, 500, 450)
    desk.now_s += 1.0
    desk.inbound("v2g/vehicle/state/v1", encode_telemetry("v1", SAMPLE), False)
    assert desk.refused.shed == 450


def test_only_the_last_twenty_are_kept_escaped_and_short() -> None:
    desk = Desk()
    for position in range(1000):
        desk.inbound("vehicle/v1/ack", b"\x1b[31m\xff<%d>" % position + b"x" * 5000, False)
    kept = desk.refused.recent
    assert (len(kept), desk.refused.counts) == (20, {Cause.BAD_JSON: 1000})
    assert kept[-1].excerpt.startswith("\\x1b[31m\\\\xff<999>")
    assert all(message.excerpt.isprintable() and len(message.excerpt) <= 200 for message in kept)
    assert kept[-1].ts_ms == 1_795_442_199_000


def test_a_failing_handler_costs_one_message() -> None:
    refused = RefusedLog()

    def fail(_vehicle_id: str, _fact: object) -> None:
        raise KeyError("bug")

    Inbound(topics(), fail, fail, fail, print, refused)("vehicle/v1/ack", encode_ack(Ack("c")), False)
    assert refused.counts == {Cause.INTERNAL: 1}
