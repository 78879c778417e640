"""Events as JSON Lines on standard output."""

import asyncio
import sys
from typing import Final

import msgspec

from v2g_console.contract.events import Event
from v2g_console.headless.descriptor import DescriptorWriter

_MOST_BYTES: Final = 1024 * 1024


class OutputClosedError(Exception):
    """Nobody can read the output any more: the reader went away, the disk is full, or it was closed from the start."""


class LineWriter:
    """Writes each event as one line. A slow reader delays `write`, never the event loop; belongs to the loop that writes."""

    def __init__(self, descriptor: int, *, most_bytes: int = _MOST_BYTES) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = DescriptorWriter(descriptor, most_bytes=most_bytes, on_change=self._wake)

    @classmethod
    def standard_output(cls) -> "LineWriter":
        """The process's standard output. Raises OutputClosedError if it was started without one (its number may be a socket's by now)."""
        if sys.__stdout__ is None:
            raise OutputClosedError("standard output is closed")
        return cls(sys.__stdout__.fileno())

    @property
    def closed(self) -> bool:
        """True once a line could not be written."""
        return self._writer.broken is not None

    async def write(self, event: Event) -> None:
        """Write one line, as soon as there is room for it. Raises OutputClosedError."""
        self._loop = asyncio.get_running_loop()
        line = self._encode(event) + b"\n"
        while True:
            self._changed.clear()
            self._raise_if_closed()
            if self._writer.offer(line):
                return
            await self._changed.wait()

    async def until_closed(self) -> None:
        """Return once a line could not be written."""
        self._loop = asyncio.get_running_loop()
        while not self.closed:
            self._changed.clear()
            if not self.closed:
                await self._changed.wait()

    async def until_written(self) -> None:
        """Return when all lines are written. Raises OutputClosedError."""
        self._loop = asyncio.get_running_loop()
        while self._writer.queued_bytes:
            self._changed.clear()
            if self._writer.queued_bytes:
                await self._changed.wait()
        self._raise_if_closed()

    def _raise_if_closed(self) -> None:
        if self._writer.broken is not None:
            raise OutputClosedError(f"can't write to standard output: {self._writer.broken.strerror}")

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)
