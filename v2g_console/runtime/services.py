"""The engine with what surrounds it: link, journal, metrics, socket; started and stopped together on one loop."""

import asyncio
import logging
from typing import Literal

from v2g_console.attach.errors import EngineAlreadyRunningError, SocketPathError
from v2g_console.attach.paths import socket_path
from v2g_console.attach.server import SocketServer
from v2g_console.config.settings import MqttSettings, Settings
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.domain.units import counted
from v2g_console.engine.clock import SystemClock
from v2g_console.engine.engine import Engine
from v2g_console.journal.memory import MemoryJournal
from v2g_console.journal.port import Journal
from v2g_console.journal.recovery import Recovered
from v2g_console.metrics import Metrics
from v2g_console.metrics.server import MetricsPortError, MetricsServer
from v2g_console.prediction import build_prediction
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.port import LinkHandler, MessageHandler, MqttLink
from v2g_console.transport.refused import RefusedLog
from v2g_console.transport.topics import Topics

log = logging.getLogger(__name__)


class Services:
    """One engine and its surroundings. Everything but the constructor belongs to the loop it is started on.

    The constructor raises TransportConfigError, TopicConfigError or JournalError; `start` raises MetricsPortError,
    EngineAlreadyRunningError or SocketPathError, unless this is a demo, which then goes without.
    """

    def __init__(self, settings: Settings, *, read_only: bool, demo: bool, configured: ConfigurationView | None = None) -> None:
        self._settings, self._demo = settings, demo
        metrics = Metrics()
        journal, found = open_journal(settings)
        self.engine = Engine(
            settings,
            clock=SystemClock(),
            link_factory=lambda on_message, on_link, refused, topics: _link(settings.mqtt, on_message, on_link, refused, topics),
            journal=journal,
            metrics=metrics,
            prediction=build_prediction(settings.prediction),
            read_only=read_only,
            demo=demo,
            found=found,
            configured=configured,
        )
        self._metrics_server = MetricsServer(metrics, settings.metrics.host, settings.metrics.port) if settings.metrics.enabled else None
        self._socket: SocketServer | None = None
        self._people: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start everything; connecting goes on in the background."""
        try:
            await self._start_metrics()
            await self._start_socket()
        except BaseException:
            await self.close()  # the journal is open already: without this the next start would take it for a crash
            raise
        if self._settings.access.roles:  # a directory server may take its time: nothing waits for it
            self._people = asyncio.create_task(self.engine.look_up_people())
        await self.engine.start()

    async def _start_metrics(self) -> None:
        if self._metrics_server is None:
            return
        try:
            port = self._metrics_server.start()
        except MetricsPortError as error:
            if not self._demo:
                raise
            log.warning("going on without metrics: %s", error)
            self._metrics_server = None
        else:
            log.info("metrics at http://%s:%d/metrics", self._settings.metrics.host, port)

    async def _start_socket(self) -> None:
        if not self._settings.socket.enabled:
            return
        server = SocketServer(self.engine, socket_path(self._settings.socket))
        try:
            await server.start()
        except (EngineAlreadyRunningError, SocketPathError) as error:
            if not self._demo:
                raise
            log.warning("going on without a socket: %s", error)
        else:
            self._socket = server

    async def wind_down(self, policy: Literal["release", "drain"]) -> int:
        """End all dispatches by policy; returns how many releases are still owed."""
        owed = await self.engine.wind_down(policy)
        if owed:
            who = counted(owed, "vehicle has not confirmed its release: it", "vehicles have not confirmed their release: they")
            log.warning("%s may still follow the last setpoint", who)
        return owed

    def hurry(self) -> None:
        """A second signal while winding down: leave soon."""
        log.warning("asked to end once more: releases go out, their confirmations are hardly waited for")
        self.engine.hurry()

    async def close(self) -> None:
        """Stop everything. Idempotent."""
        if self._socket is not None:
            await self._socket.close()
        if self._people is not None:
            self._people.cancel()
            await asyncio.wait({self._people})
        await self.engine.close()
        self._stop_metrics()

    def _stop_metrics(self) -> None:
        if self._metrics_server is not None:
            self._metrics_server.stop()


def open_journal(settings: Settings) -> tuple[Journal, Recovered | None]:
    """The journal that the configuration names, and what an earlier run left in it. Raises JournalError if it can't be used."""
    if settings.journal.backend == "memory":
        return MemoryJournal(settings.journal.max_entries), None
    from v2g_console.journal.place import sqlite_options
    from v2g_console.journal.sqlite import SqliteJournal

    journal = SqliteJournal.open(sqlite_options(settings.journal))
    return journal, journal.recovered


def _link(settings: MqttSettings, on_message: MessageHandler, on_link: LinkHandler, refused: RefusedLog, topics: Topics) -> MqttLink:
    return AiomqttLink(settings, topics.engine_subscriptions(), on_message, on_link, refused=refused)
