"""An engine that answers as told, behind a real socket in a thread of its own: commands run their own loop in the main thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from v2g_console.attach.server import SocketServer
from v2g_console.contract.events import Event, EventBatch
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import Snapshot

Answer = Callable[[Request], Reply]


class ScriptedEngine:
    """Answers requests by a function; its events are there from the start, those in `later` only after the first request."""

    def __init__(self, answer: Answer, earlier: tuple[Event, ...] = (), later: tuple[Event, ...] = ()) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._events = list(earlier)
        self._later = later

    async def request(self, request: Request, origin: Origin) -> Reply:
        """Keep the request and answer it."""
        self.requests.append(request)
        self._events += self._later
        self._later = ()
        return self._answer(request)

    async def snapshot(self) -> Snapshot:
        """Not carried by sockets."""
        raise AssertionError("no command takes a snapshot")

    async def events(self, after: int, wait_s: float) -> EventBatch:
        """Two events at a time, as a busy engine would hand them out."""
        batch = tuple(self._events[after : after + 2]) if wait_s else tuple(self._events[after:])
        return EventBatch(next_number=after + len(batch), dropped=0, events=batch)


@contextmanager
def listening(engine: ScriptedEngine, path: Path) -> Iterator[None]:
    """The engine's socket at `path`, as long as the block runs."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    server = SocketServer(engine, path)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start())
        loop.call_soon(ready.set)  # a `stop` before `run_forever` would be lost
        loop.run_forever()
        loop.run_until_complete(server.close())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        assert not thread.is_alive()
