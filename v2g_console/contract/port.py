"""The one door to the engine, for console, headless, command line and socket alike."""

from typing import Protocol

from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot


class EnginePort(Protocol):
    """Safe to call from the caller's own event loop; a carrier (`attach`) brings the call to the engine's loop and back."""

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Ask for something. Never raises for a refused request: the reply says so. Raises ConnectionError if the engine is gone."""

    async def snapshot(self) -> Snapshot:
        """The newest picture, made now if the last is older than 250 ms. Unchanged columns are the same array objects as before."""

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`; waits up to `wait_s` seconds for the first. Start with 0."""
