"""A port for somebody who only wants to look: nothing that changes anything gets as far as the engine."""

from dataclasses import replace

import msgspec

from v2g_console.contract.events import EventBatch
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Refusal, Refused, Reply
from v2g_console.contract.requests import LOOKS_ONLY, Lock, Origin, Request, Unlock
from v2g_console.contract.snapshot import Snapshot


class ViewingPort:
    """`port`, shown as read-only. The person's own choice: what a person may do is up to the engine."""

    def __init__(self, port: EnginePort) -> None:
        self._port = port

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Pass on what changes nothing, refuse the rest."""
        if isinstance(request, (*LOOKS_ONLY, Lock, Unlock)):  # the last two are about this console itself
            return await self._port.request(request, origin)
        name = str(type(request).__struct_config__.tag)
        return Refused(request=name, reason=Refusal.READ_ONLY, message="this console only looks", hint="attach without --read-only to act")

    async def snapshot(self) -> Snapshot:
        """The newest picture, marked as read-only."""
        seen = await self._port.snapshot()
        return replace(seen, engine=msgspec.structs.replace(seen.engine, read_only=True))

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events as they are."""
        return await self._port.events(after, wait_s)
