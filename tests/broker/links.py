"""Links for tests: what they received and which states they went through."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from v2g_console.config.settings import MqttSettings
from v2g_console.contract.link import LinkHealth
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.port import Outgoing, PublishOutcome, Subscription
from v2g_console.transport.refused import RefusedLog

DEADLINE_S = 40.0


async def eventually(condition: Callable[[], Any], what: str = "the condition") -> None:
    """Wait until `condition()` is true; fails after 20 s."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        await asyncio.sleep(0.005)


class ShiftedClock:
    """A monotonic clock that a test can move forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class TestLink:
    """A link with a record of what it saw."""

    __test__ = False

    def __init__(self, settings: MqttSettings, filters: Iterable[str], **options: Any) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.states: list[LinkHealth] = []
        self.refused = RefusedLog()
        subscriptions = [Subscription(topic_filter, 1) for topic_filter in filters]
        self.link = AiomqttLink(settings, subscriptions, self._take, self.states.append, refused=self.refused, **options)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        self.messages.append((topic, payload, retained))

    @property
    def health(self) -> LinkHealth:
        """The present reading."""
        return self.link.health()

    async def up(self) -> "TestLink":
        """Start it and wait for UP."""
        await self.link.start()
        assert await self.link.wait_up(DEADLINE_S), self.health.cause_text
        return self

    async def send(self, topic: str, payload: bytes = b"{}", qos: int = 1, **more: Any) -> PublishOutcome:
        """Publish one message."""
        return await self.link.publish(Outgoing(topic, payload, qos, **more))


class Links:
    """Makes `TestLink`s that speak the protocol of the flavour, and closes them all."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._made: list[TestLink] = []

    def make(self, url: str, *filters: str, options: dict[str, Any] | None = None, **settings: Any) -> TestLink:
        """A link that is not started yet. `settings` are those of `mqtt`, `options` those of the link."""
        defaults = {"broker": url, "client_id": f"test-{len(self._made)}", "protocol": self._protocol, "backoff_ms": 20.0}
        made = TestLink(MqttSettings.model_validate(defaults | settings), filters, **({"announce_status": False} | (options or {})))
        self._made.append(made)
        return made

    async def up(self, url: str, *filters: str, options: dict[str, Any] | None = None, **settings: Any) -> TestLink:
        """A link that is up."""
        return await self.make(url, *filters, options=options, **settings).up()

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(made.link.close() for made in self._made))
