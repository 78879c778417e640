"""Finding the fleet: `hello` at every connect and each interval, telemetry polls, and knowing when the answers have gone quiet."""

from collections.abc import Coroutine

from v2g_console.engine.core import Core
from v2g_console.transport.port import Outgoing

QUIET_S = 0.2
GIVE_UP_S = 5.0
HELLO_PAUSE_S = 10.0


class Discovery:
    """Asks on the engine's loop. `quiet` is true once nobody new has answered for 200 ms, or after 5 s."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asked_at = -float("inf")
        self._polled_at = -float("inf")
        self._news_at = -float("inf")
        self._undescribed = False

    async def ask(self) -> None:
        """Say hello to the fleet and ask for telemetry."""
        self._asked_at = self._news_at = self._polled_at = self._core.clock.monotonic()
        self._undescribed = False
        await self._core.link.publish(Outgoing(self._core.settings.mqtt.discovery_topic, b"hello", qos=0))
        await self._poll()

    def news(self) -> None:
        """A vehicle was described, or measured, for the first time."""
        self._news_at = self._core.clock.monotonic()

    def undescribed(self) -> None:
        """A vehicle reports that never described itself: ask again soon."""
        self._undescribed = True

    def quiet(self, now: float) -> bool:
        """True once discovery has said all it will say for now."""
        return now - self._news_at >= QUIET_S or now - self._asked_at >= GIVE_UP_S

    def due(self, now: float) -> Coroutine[None, None, None] | None:
        """The hello or poll that is due now, to be run as a task; None if there is none."""
        if not self._core.link_up():
            return None
        again = False
        if self._undescribed and now - self._asked_at >= HELLO_PAUSE_S:
            self._undescribed = False
            again = not self._core.fleet.described[: len(self._core.fleet)].all()
        if again or now - self._asked_at >= self._core.settings.fleet.discovery_interval_s:
            return self.ask()
        if self._core.settings.telemetry.mode != "push" and now - self._polled_at >= self._core.settings.telemetry.interval_s:
            self._polled_at = now
            return self._poll()
        return None

    async def _poll(self) -> None:
        await self._core.link.publish(Outgoing(self._core.settings.telemetry.request_topic, b"poll", qos=0))
