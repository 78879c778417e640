"""A port that does not wait for ever: where several engines are asked, one that hangs must not look as if it were only slow."""

import asyncio
from typing import Final

from v2g_console.attach.client import HELLO_S
from v2g_console.contract.events import EventBatch
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot

LOOK_S: Final = HELLO_S + 1.0
"""Longer than the first greeting may take, so that its own words are heard."""
REQUEST_S: Final = 30.0


class TimedPort:
    """`port` with limits: `look_s` for a picture, and for events beyond the time they wait; `request_s` for a request.

    A TimeoutError says how long was waited. A request that was given up may still have been carried out.
    """

    def __init__(self, port: EnginePort, look_s: float = LOOK_S, request_s: float = REQUEST_S) -> None:
        self._port = port
        self._look_s = look_s
        self._request_s = request_s

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Ask for something."""
        try:
            async with asyncio.timeout(self._request_s):
                return await self._port.request(request, origin)
        except TimeoutError:
            raise TimeoutError(_hangs(self._request_s)) from None

    async def snapshot(self) -> Snapshot:
        """The newest picture."""
        try:
            async with asyncio.timeout(self._look_s):
                return await self._port.snapshot()
        except TimeoutError:
            raise TimeoutError(_hangs(self._look_s)) from None

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`."""
        try:
            async with asyncio.timeout(wait_s + self._look_s):
                return await self._port.events(after, wait_s)
        except TimeoutError:
            raise TimeoutError(_hangs(self._look_s)) from None


def _hangs(limit_s: float) -> str:
    return f"no answer within {limit_s:g} s: it hangs, still trying"
