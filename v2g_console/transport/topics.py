"""Topics: which to subscribe, which to publish on, and what an inbound topic means. Every pattern comes from the configuration."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

from v2g_console.config.settings import MqttSettings, TelemetrySettings
from v2g_console.domain.ids import is_vehicle_id
from v2g_console.transport.port import Subscription
from v2g_console.transport.refused import Cause


class TopicConfigError(ValueError):
    """A configured topic can't be used; the text names the key and says what is expected."""


class Kind(Enum):
    """What a vehicle's topic carries."""

    COMMAND = "command"
    ACK = "ack"
    TELEMETRY = "telemetry"
    DESCRIPTION = "description"


class Classified(NamedTuple):
    """Kind of message and the vehicle of its topic."""

    kind: Kind
    vehicle_id: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A topic with one `+` where the vehicle id stands."""

    kind: Kind
    prefix: str
    suffix: str

    @property
    def topic_filter(self) -> str:
        """The filter that subscribes all vehicles."""
        return f"{self.prefix}+{self.suffix}"

    def topic(self, vehicle_id: str) -> str:
        """The topic of one vehicle. Raises ValueError if it can't be a vehicle id."""
        if not is_vehicle_id(vehicle_id):
            raise ValueError(f"not a vehicle id: {vehicle_id!r}")
        return f"{self.prefix}{vehicle_id}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one configuration."""

    command_pattern: Pattern
    ack_pattern: Pattern
    state_pattern: Pattern
    description_pattern: Pattern
    pull_pattern: Pattern
    discovery: str
    telemetry_request: str
    ack_qos: int
    polls: bool
    _inbound: tuple[tuple[str, str, int, Kind], ...]

    @classmethod
    def from_settings(cls, mqtt: MqttSettings, telemetry: TelemetrySettings) -> Self:
        """Raises `TopicConfigError` for a topic without exactly one `+`, or for two that can't be told apart."""
        command = _pattern("mqtt.command_topic", mqtt.command_topic, Kind.COMMAND)
        ack = _pattern("mqtt.ack_topic", mqtt.ack_topic, Kind.ACK)
        description = _pattern("mqtt.response_topic", mqtt.response_topic, Kind.DESCRIPTION)
        state = _pattern("telemetry.state_topic", telemetry.state_topic, Kind.TELEMETRY)
        pull = _pattern("telemetry.response_topic", telemetry.response_topic, Kind.TELEMETRY)
        _require_distinct((command, ack, description, state, pull))
        return cls(
            command_pattern=command,
            ack_pattern=ack,
            state_pattern=state,
            description_pattern=description,
            pull_pattern=pull,
            discovery=_plain("mqtt.discovery_topic", mqtt.discovery_topic),
            telemetry_request=_plain("telemetry.request_topic", telemetry.request_topic),
            ack_qos=mqtt.qos.ack,
            polls=telemetry.mode != "push",
            # the most frequent first
            _inbound=tuple((p.prefix, p.suffix, len(p.prefix) + len(p.suffix), p.kind) for p in (state, ack, pull, description, command)),
        )

    def command(self, vehicle_id: str) -> str:
        """Where a vehicle takes its commands. Raises ValueError if it can't be a vehicle id."""
        return self.command_pattern.topic(vehicle_id)

    def ack(self, vehicle_id: str) -> str:
        """Where a vehicle acknowledges. Raises ValueError if it can't be a vehicle id."""
        return self.ack_pattern.topic(vehicle_id)

    def state(self, vehicle_id: str) -> str:
        """Where a vehicle reports. Raises ValueError if it can't be a vehicle id."""
        return self.state_pattern.topic(vehicle_id)

    def description(self, vehicle_id: str) -> str:
        """Where a vehicle describes itself. Raises ValueError if it can't be a vehicle id."""
        return self.description_pattern.topic(vehicle_id)

    def pulled_telemetry(self, vehicle_id: str) -> str:
        """Where a v2 vehicle answers a poll. Raises ValueError if it can't be a vehicle id."""
        return self.pull_pattern.topic(vehicle_id)

    def engine_subscriptions(self) -> tuple[Subscription, ...]:
        """What the engine listens to. v1 vehicles answer polls on the state topic, so it is subscribed in every mode."""
        always = (
            Subscription(self.ack_pattern.topic_filter, self.ack_qos),
            Subscription(self.state_pattern.topic_filter, 0),
            Subscription(self.description_pattern.topic_filter, 0),
        )
        return (*always, Subscription(self.pull_pattern.topic_filter, 0)) if self.polls else always

    def classify(self, topic: str) -> Classified | None:
        """What `topic` carries and for which vehicle; None if it is none of ours or its id can't be one."""
        for prefix, suffix, fixed, kind in self._inbound:
            if topic.startswith(prefix) and topic.endswith(suffix):
                vehicle_id = topic[len(prefix) : len(topic) - len(suffix)]
                if len(topic) > fixed and is_vehicle_id(vehicle_id):
                    return Classified(kind, vehicle_id)
        return None

    def why_not(self, topic: str) -> Cause:
        """The cause for a topic that `classify` does not know."""
        fits = any(
            topic.startswith(prefix) and topic.endswith(suffix) and len(topic) >= fixed for prefix, suffix, fixed, _ in self._inbound
        )
        return Cause.BAD_ID if fits else Cause.UNKNOWN_TOPIC


def _pattern(key: str, topic: str, kind: Kind) -> Pattern:
    _require_clean(key, topic)
    if topic.split("/").count("+") != 1 or topic.count("+") != 1 or "#" in topic:
        raise TopicConfigError(f"{key}: expected one level '+' for the vehicle id and no '#', got {topic!r}")
    prefix, _, suffix = topic.partition("+")
    return Pattern(kind, prefix, suffix)


def _plain(key: str, topic: str) -> str:
    _require_clean(key, topic)
    if "+" in topic or "#" in topic:
        raise TopicConfigError(f"{key}: expected a topic without wildcards, got {topic!r}")
    return topic


def _require_clean(key: str, topic: str) -> None:
    if not topic or len(topic) > 200 or not topic.isprintable() or " " in topic or topic.startswith("$"):
        raise TopicConfigError(f"{key}: expected 1 to 200 printable characters without spaces, not starting with '$', got {topic!r}")


def _require_distinct(patterns: tuple[Pattern, ...]) -> None:
    filters = [pattern.topic_filter for pattern in patterns]
    for topic_filter in filters:
        if filters.count(topic_filter) > 1:
            raise TopicConfigError(f"two topics are the same ({topic_filter!r}): commands, acks, telemetry and answers each need their own")
