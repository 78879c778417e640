"""The port: what the engine and the simulator need of an MQTT connection, and nothing of how it is made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from v2g_console.contract.link import LinkHealth


class PublishOutcome(IntEnum):
    """What became of one publish."""

    SENT = 0  # QoS 0 written, or QoS 1/2 acknowledged by the broker
    NO_SUBSCRIBER = 1  # taken by the broker, but nobody listens on that topic now (MQTT 5, PUBACK 0x10)
    REFUSED = 2  # the broker refused it (PUBACK reason of 0x80 and above: ACL, quota)
    FAILED = 3  # not acknowledged in spite of retries, or link lost; it may still have gone out
    DROPPED = 4  # never given to the connection (link down, bulk abandoned)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `expiry_s` becomes the MQTT 5 Message Expiry Interval (whole seconds, rounded up); 3.1.1 has none.

    A message repeated by the link has what is left of it, and is FAILED instead when nothing is; `expiry_anew`: the whole again.
    """

    topic: str
    payload: bytes
    qos: int
    expiry_s: float | None = None
    retain: bool = False
    expiry_anew: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter the link keeps subscribed, again after each reconnection."""

    topic_filter: str
    qos: int


MessageHandler = Callable[[str, bytes, bool], None]
"""`(topic, payload, retained)`, called on the loop of the link for each inbound message; must be quick and must not raise."""

LinkHandler = Callable[[LinkHealth], None]
"""Called on the loop of the link at each change of state; on UP all subscriptions are confirmed."""


class MqttLink(Protocol):
    """One MQTT connection that never gives up. All methods belong to the loop it was started on."""

    async def start(self) -> None:
        """Start connecting in the background and return at once; connects, subscribes and reconnects until `close`."""

    async def wait_up(self, timeout_s: float) -> bool:
        """True as soon as the link is up (subscriptions confirmed), False after `timeout_s`."""

    async def close(self) -> None:
        """Publish the clean-end status, disconnect, stop. Idempotent; takes at most ~2 s."""

    def health(self) -> LinkHealth:
        """The present reading."""

    async def publish(self, message: Outgoing) -> PublishOutcome:
        """Send one message, repeated with back-off up to the configured retries while the link stays up. Never raises for link trouble."""

    async def publish_many(self, messages: Iterable[Outgoing], on_outcome: Callable[[int, PublishOutcome], None]) -> None:
        """Send messages through the bounded window, pulled lazily; `on_outcome(position, outcome)` for each, in any order.

        Returns when every message has its outcome. If the link is lost the ones in flight are FAILED and the unsent ones DROPPED at once.
        """
