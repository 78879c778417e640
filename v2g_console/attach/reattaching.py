"""The way to an engine that may go and come back: a console keeps its port while engines behind the socket change."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from v2g_console.attach.client import SocketClient
from v2g_console.attach.errors import ContractMismatchError, EngineGoneError, EngineNotRunningError
from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import FleetColumns, Snapshot

TRY_EVERY_S: Final = 1.0

_log = logging.getLogger(__name__)


class ReattachingPort:
    """An EnginePort over the socket at `path` that connects at the first call, and again after a loss, at most once a second.

    While there is no engine every call raises a ConnectionError that says why. What has a number goes on growing over a new engine's start:
    snapshots, events and revisions of the fleet, so that nothing of the old engine is taken for something of the new one. Belongs to one
    loop.
    """

    def __init__(self, path: Path, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._monotonic_s = monotonic_s
        self._client: SocketClient | None = None
        self._connecting = asyncio.Lock()
        self._instance = ""
        self._cause = ""
        self._kind: type[EngineGoneError] | type[ContractMismatchError] = EngineGoneError
        self._next_try_s = float("-inf")
        self._numbers = _Numbers()
        self._next_event = 0

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Ask for something."""
        return await (await self._engine()).request(request, origin)

    async def snapshot(self) -> Snapshot:
        """The newest picture."""
        snapshot = await (await self._engine()).snapshot()
        return self._numbers.told(snapshot)  # after the wait: a new engine has new numbers

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`."""
        engine = await self._engine()
        before = self._numbers.events_before
        batch = await engine.events(max(0, after - before), wait_s)
        self._next_event = max(self._next_event, before + batch.next_number)
        return EventBatch(next_number=before + batch.next_number, dropped=batch.dropped, events=batch.events)

    async def close(self) -> None:
        """Hang up. The engine goes on."""
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(None, None, None)

    async def _engine(self) -> SocketClient:
        """The connection, made anew if it was lost; raises ConnectionError."""
        async with self._connecting:
            if self._client is not None and not self._client.gone:
                return self._client
            if self._client is not None:
                self._missed("it hung up, still trying", self._client.gone)
                self._kind = EngineGoneError
                await self.close()
                self._next_try_s = self._monotonic_s() + TRY_EVERY_S
            if self._monotonic_s() < self._next_try_s:
                raise self._kind(self._cause)
            self._next_try_s = self._monotonic_s() + TRY_EVERY_S
            return await self._attach()

    async def _attach(self) -> SocketClient:
        client = SocketClient(self.path)
        try:
            await client.__aenter__()
        except ConnectionError as error:
            self._missed(_in_short(error), str(error))
            self._kind = ContractMismatchError if isinstance(error, ContractMismatchError) else EngineGoneError
            raise self._kind(self._cause) from error
        _log.info("attached to %s, an engine of version %s", self.path, client.engine_version)
        if self._instance and client.instance != self._instance:
            self._numbers = self._numbers.continued(self._next_event)
        self._client, self._instance, self._cause = client, client.instance, ""
        return client

    def _missed(self, cause: str, details: str) -> None:
        """The cause in a few words for the screen, each time another; the log has the details."""
        if cause != self._cause:
            _log.warning("%s", details)
        self._cause = cause


def _in_short(error: ConnectionError) -> str:
    match error:
        case EngineNotRunningError():
            return "nobody listens at its socket, still trying"
        case ContractMismatchError():
            return error.short
        case _:
            return str(error)


class _Numbers:
    """How far one engine's numbers are ahead of its own counting, because other engines were told of before it."""

    def __init__(self, snapshots: int = 0, revisions: int = 0, layouts: int = 0, events: int = 0) -> None:
        self.events_before = events
        self._snapshots, self._revisions, self._layouts = snapshots, revisions, layouts
        self._told: Snapshot | None = None
        self._fleets: tuple[FleetColumns, FleetColumns] | None = None

    def told(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with continued numbers; the same fleet stays the same object."""
        if self._snapshots:
            snapshot = replace(snapshot, number=snapshot.number + self._snapshots, fleet=self._fleet(snapshot.fleet))
        self._told = snapshot
        return snapshot

    def continued(self, next_event: int) -> "_Numbers":
        """The numbers of the next engine, after `next_event` events."""
        if self._told is None:
            return _Numbers(self._snapshots, self._revisions, self._layouts, next_event)
        fleet = self._told.fleet
        return _Numbers(self._told.number, fleet.revision + 1, fleet.layout_revision + 1, next_event)

    def _fleet(self, fleet: FleetColumns) -> FleetColumns:
        if self._fleets is None or self._fleets[0] is not fleet:
            shown = replace(fleet, revision=fleet.revision + self._revisions, layout_revision=fleet.layout_revision + self._layouts)
            self._fleets = (fleet, shown)
        return self._fleets[1]
