"""`--record`: a recorder on a thread and loop of its own, beside whatever is shown, and never on the engine's loop."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from v2g_console.attach.reattaching import ReattachingPort
from v2g_console.attach.recorder import Recorder, RecordingNews
from v2g_console.attach.recording import RecordingFile, new_header
from v2g_console.contract.port import EnginePort
from v2g_console.domain.text import visible
from v2g_console.runtime.screen import say

_END_S: Final = 10.0

log = logging.getLogger(__name__)

Source = Callable[[], AbstractAsyncContextManager[EnginePort]]
"""Opens the recorder's own way to the engine, on the recorder's loop."""


class Recording:
    """A recording that is being made. `news` is for the console."""

    def __init__(self, path: Path) -> None:
        """Make the file. Raises RecordingError."""
        self.news = RecordingNews(visible(str(path)))
        self._file = RecordingFile(path, new_header(time.time_ns() // 1_000_000))

    @contextmanager
    def of(self, source: Source, *, ends_with_engine: bool) -> Iterator[None]:
        """Record while the context lasts; then end and close the file."""
        ready, ends = threading.Event(), _Ending()

        def record() -> None:
            try:
                asyncio.run(self._record(source, ends_with_engine, ends, ready))
            except Exception:
                log.exception("the recorder broke")
                self.news.trouble = "the recorder broke"
                self.news.say(f"recording ended: {self.news.name}: the recorder broke, see the log")
            finally:
                ready.set()

        thread = threading.Thread(target=record, name="recorder", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            ends.ask()
            thread.join(_END_S)
            if not thread.is_alive():
                self._file.close()
            for text in self.news.unread():
                say(text)
            say(f"recorded in {self.news.name}: play it with `v2g-console replay {self.news.name}`")

    async def _record(self, source: Source, ends_with_engine: bool, ends: "_Ending", ready: threading.Event) -> None:
        stop = asyncio.Event()
        ends.arm(asyncio.get_running_loop(), stop)
        ready.set()
        async with source() as port:
            await Recorder(port, self._file, self.news, ends_with_engine=ends_with_engine).run(stop)


class _Ending:
    """Ends the recorder from another thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def arm(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        self._loop, self._stop = loop, stop

    def ask(self) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)


def of_port(port: EnginePort) -> Source:
    """The recorder's way to an engine of this process."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[EnginePort]:
        yield port

    return opened


def of_socket(path: Path) -> Source:
    """The recorder's own connection to an engine of another process."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[EnginePort]:
        port = ReattachingPort(path)
        try:
            yield port
        finally:
            await port.close()

    return opened
