"""The engine's event stream, line by line."""

import asyncio
import logging
from typing import Final

from v2g_console.contract.events import EngineReady, EventBatch, LinkChanged
from v2g_console.contract.port import EnginePort
from v2g_console.headless.tally import Tally
from v2g_console.headless.writer import LineWriter

_POLL_S: Final = 30.0
_LAST_BATCHES: Final = 20
"""Enough for all that happened before the end; others may keep the stream busy for ever."""

_log = logging.getLogger(__name__)


class EventPrinter:
    """Prints all events from the first on, and remembers what the run needs to know of them."""

    def __init__(self, port: EnginePort, out: LineWriter, tally: Tally) -> None:
        self.ready = asyncio.Event()
        """set once `engine.ready` was seen"""
        self.moved = asyncio.Event()
        """set after each batch; whoever waits clears it first"""
        self.link_text = ""
        """what the link said last about itself"""
        self._port = port
        self._out = out
        self._tally = tally
        self._ending = asyncio.Event()
        self._after = 0

    def end(self) -> None:
        """Make `run` print what is there and return."""
        self._ending.set()

    async def run(self) -> None:
        """Print until `end`. Raises ConnectionError if the engine goes, OutputClosedError if nobody reads."""
        ending = asyncio.create_task(self._ending.wait())
        try:
            while not ending.done():
                poll = asyncio.create_task(self._port.events(self._after, _POLL_S))
                try:
                    await asyncio.wait({poll, ending}, return_when=asyncio.FIRST_COMPLETED)
                    if poll.done():
                        await self._print(poll.result())
                finally:
                    poll.cancel()
        finally:
            ending.cancel()
        for _ in range(_LAST_BATCHES):
            batch = await self._port.events(self._after, 0.0)
            if not batch.events:
                return
            await self._print(batch)

    async def _print(self, batch: EventBatch) -> None:
        if batch.dropped:
            _log.warning("%d events came faster than they were read and are missing from the output", batch.dropped)
        for event in batch.events:
            self._tally.see(event)
            if isinstance(event, EngineReady):
                self.ready.set()
            elif isinstance(event, LinkChanged):
                self.link_text = f"{event.broker} {event.state}: {event.text}" if event.text else f"{event.broker} {event.state}"
            await self._out.write(event)
        self._after = batch.next_number
        self.moved.set()
