"""The contract between two event loops of one process: the console's calls run on the engine's loop, the answers come back."""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

from v2g_console.attach.errors import EngineGoneError
from v2g_console.contract.events import EventBatch
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot

T = TypeVar("T")

_LIVENESS_S: Final = 0.5
"""How often a waiting caller looks whether the engine's loop still runs: a loop that ends drops its tasks without a word."""


class EngineSide(EnginePort, Protocol):
    """The engine as its own loop sees it: the same methods, to be called on that loop only."""


class InThreadPort:
    """An EnginePort for callers on any other event loop (it works on the engine's own too).

    A caller that is cancelled gives up waiting; a request that has begun goes on in the engine. Every method raises EngineGoneError, a
    ConnectionError, when the engine's loop does not run or ends before the answer.
    """

    def __init__(self, engine: EngineSide, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._loop = loop

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Ask for something; never cancelled half-way."""
        return await self._answer(self._submit(self._engine.request(request, origin)))

    async def snapshot(self) -> Snapshot:
        """The newest picture; arrays are shared with the engine and read-only."""
        return await self._withdrawable(self._submit(self._engine.snapshot()))

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Events numbered above `after`; waits up to `wait_s` seconds for the first."""
        return await self._withdrawable(self._submit(self._engine.events(after, wait_s)))

    def _submit(self, call: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        try:
            if self._loop.is_running():
                return asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError:  # the loop was closed between the look and the call
            call.close()
            raise EngineGoneError("the engine has ended") from None
        call.close()
        raise EngineGoneError("the engine is not running")

    async def _answer(self, call: "concurrent.futures.Future[T]") -> T:
        """The outcome of `call`. A cancelled caller leaves the call alone: `asyncio.wait` does not cancel what it waits for."""
        answer = asyncio.wrap_future(call)
        answer.add_done_callback(_take_note)
        while not answer.done():
            await asyncio.wait({answer}, timeout=_LIVENESS_S)
            if not answer.done() and not self._loop.is_running():
                raise EngineGoneError("the engine ended before it answered")
        if answer.cancelled():
            raise EngineGoneError("the engine ended before it answered")
        return answer.result()

    async def _withdrawable(self, call: "concurrent.futures.Future[T]") -> T:
        """The outcome of a call that changes nothing and is withdrawn with its caller."""
        try:
            return await self._answer(call)
        except asyncio.CancelledError:
            if self._loop.is_running():
                call.cancel()
            raise


def _take_note(answer: asyncio.Future[Any]) -> None:
    """Mark an exception as seen, so that an answer nobody waits for any more is not reported as lost."""
    if not answer.cancelled():
        answer.exception()
