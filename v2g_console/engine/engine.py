"""The engine: owns fleet and dispatches, answers the contract, and runs until it is shut down. What it consists of is in `parts`."""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Literal

from v2g_console.config.os_users import own_user
from v2g_console.config.settings import Settings
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.events import EventBatch
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import LOOKS_ONLY, Origin, Request
from v2g_console.contract.snapshot import Snapshot
from v2g_console.engine.clock import Clock
from v2g_console.engine.parts import Around, assemble, build_core
from v2g_console.engine.resume import send_again
from v2g_console.engine.ticker import Ticker
from v2g_console.journal.port import Journal
from v2g_console.journal.recovery import Recovered
from v2g_console.metrics import Metrics
from v2g_console.prediction import PredictionEngine
from v2g_console.transport.inbound import Inbound
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink
from v2g_console.transport.refused import RefusedLog
from v2g_console.transport.topics import Topics
from v2g_console.transport.wire import Ack, Description, Telemetry

LinkFactory = Callable[[MessageHandler, LinkHandler, RefusedLog, Topics], MqttLink]


class Engine:
    """Implements `contract.port.EnginePort` for callers on its own loop. Build, `start`, `wind_down` and `close` it there.

    `owner` is who started it; empty: the user of this process. `configured`: its configuration as people may read it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        link_factory: LinkFactory,
        journal: Journal,
        metrics: Metrics,
        prediction: PredictionEngine,
        read_only: bool = False,
        demo: bool = False,
        owner: str = "",
        found: Recovered | None = None,
        configured: ConfigurationView | None = None,
    ) -> None:
        topics, refused = Topics.from_settings(settings.mqtt, settings.telemetry), RefusedLog()
        inbound = Inbound(
            topics,
            self._on_ack,
            self._on_telemetry,
            self._on_description,
            self._on_gone,
            refused,
            monotonic=clock.monotonic,
            telemetry_max_per_s=settings.telemetry.max_per_s,
        )
        link = link_factory(inbound, self._on_link, refused, topics)
        around = Around(settings, clock, journal, metrics, prediction, read_only)
        self._core = build_core(around, topics, link)
        self._parts = parts = assemble(
            self._core, found or Recovered(), owner=owner or own_user(), demo=demo, configured=configured or ConfigurationView(rows=())
        )
        self._owed, self._acks, self._incoming = parts.owed, parts.acks, parts.incoming
        self._snapshots, self._access, self._acting = parts.snapshots, parts.access, parts.acting
        self._ticker = Ticker(parts)
        self._ticking: asyncio.Task[None] | None = None

    @property
    def ticks(self) -> int:
        """How often deadlines have been looked after: it grows for as long as the engine is alive."""
        return self._ticker.ticks

    async def start(self) -> None:
        """Begin connecting, and return at once."""
        self._ticker.begin()
        for running in self._parts.recovery.resumed:
            self._acting.enliven(running, partial(send_again, self._core, running, self._owed))
        for running in self._parts.recovery.scheduled:
            self._acting.enliven(running)
        await self._core.link.start()
        self._ticking = asyncio.create_task(self._ticker.tick_for_ever(), name="engine ticker")

    async def look_up_people(self) -> None:
        """Ask the operating system about who started this engine and about the names in the configuration; unknown ones are logged."""
        await self._access.get_ready()

    async def request(self, request: Request, origin: Origin) -> Reply:
        """See `contract.port.EnginePort`."""
        reply = await self._parts.gate.request(request, origin)
        if isinstance(reply, Accepted) and not isinstance(request, LOOKS_ONLY):
            self._snapshots.outdate()
        return reply

    async def snapshot(self) -> Snapshot:
        """See `contract.port.EnginePort`."""
        return self._snapshots.newest()

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """See `contract.port.EnginePort`."""
        return await self._core.stream.read(after, wait_s)

    async def wind_down(self, policy: Literal["release", "drain"]) -> int:
        """Take no more dispatches; release the running ones now, or let them run out first. Returns how many releases are still owed."""
        return await self._parts.leaving.wind_down(policy)

    def hurry(self) -> None:
        """Somebody is impatient: drain no longer, and wait no more than a second for releases to be confirmed. Call it on the loop."""
        self._parts.leaving.hurry()

    async def close(self) -> None:
        """Stop ticking, close link and journal. Call `wind_down` first. Idempotent."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        await self._parts.errands.close()
        await self._parts.inhibitor.close()
        await self._owed.close()
        await self._access.close()
        self._parts.gate.tell_refusals(math.inf)
        self._core.flush_notes()
        self._core.aside.close()
        await self._core.link.close()
        await self._core.journal.close()

    # The link is built before the parts that it brings its news to.

    def _on_ack(self, vehicle_id: str, ack: Ack) -> None:
        self._acks.take(vehicle_id, ack)

    def _on_telemetry(self, vehicle_id: str, told: Telemetry) -> None:
        self._incoming.telemetry(vehicle_id, told)

    def _on_description(self, vehicle_id: str, told: Description) -> None:
        self._incoming.description(vehicle_id, told)

    def _on_gone(self, vehicle_id: str) -> None:
        self._incoming.gone(vehicle_id)

    def _on_link(self, health: LinkHealth) -> None:
        self._incoming.link(health)
