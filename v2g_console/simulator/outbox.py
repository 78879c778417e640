"""What the vehicles of one connection have to say, in order, through the bounded window of its link."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

from v2g_console.transport.port import MqttLink, Outgoing, PublishOutcome

MAX_WAITING: Final = 100_000


class Outbox:
    """A bounded queue in front of a link and the one task that empties it. What finds it full, or the link down, is lost and counted."""

    def __init__(self) -> None:
        self._waiting: deque[Outgoing] = deque()
        self._filled = asyncio.Event()
        self.sent = 0
        self.lost = 0

    def put(self, message: Outgoing) -> None:
        """Send `message` after those before it."""
        if len(self._waiting) >= MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(message)
        self._filled.set()

    async def pump(self, link: MqttLink) -> None:
        """Send for ever; ends by cancellation."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await link.publish_many(self._drained(), self._count)

    def _drained(self) -> Iterator[Outgoing]:
        while self._waiting:
            yield self._waiting.popleft()

    def _count(self, _position: int, outcome: PublishOutcome) -> None:
        if outcome in (PublishOutcome.SENT, PublishOutcome.NO_SUBSCRIBER):
            self.sent += 1
        else:
            self.lost += 1
