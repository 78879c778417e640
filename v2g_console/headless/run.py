"""A run without a screen: events out, requests in, an exit code at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.port import EnginePort
from v2g_console.headless.asking import Asker, utc_text
from v2g_console.headless.printing import EventPrinter
from v2g_console.headless.source import CommandSource
from v2g_console.headless.tally import Tally
from v2g_console.headless.writer import LineWriter, OutputClosedError

READY_S: Final = 15.0
LAST_LINES_S: Final = 5.0
"""After `stop`, how long a reader of the output may take for the last lines."""

WindDown = Callable[[], Awaitable[int]]
"""Ends all dispatches; returns how many releases are still owed."""

_log = logging.getLogger(__name__)


async def run_headless(
    port: EnginePort,
    commands: CommandSource | None,
    out: LineWriter,
    *,
    min_ack_share: float,
    origin_user: str,
    stop: asyncio.Event,
    ready_s: float = READY_S,
    wind_down: WindDown | None = None,
) -> int:
    """Print every event as a JSON line and carry out the requests of `commands`; returns the exit code, which the last line repeats.

    With commands the run ends when they have, and the dispatches they started; without, when `stop` is set. `wind_down` is awaited then,
    while events still are printed: the engine's release or drain by policy. The first request waits up to `ready_s` seconds for the engine
    to be ready. Runs on the engine's loop or, with an InThreadPort, on another; `stop` belongs to the loop it runs on.
    """
    tally = Tally(min_ack_share)
    printer = EventPrinter(port, out, tally)
    asker = Asker(port, out, tally, printer, user=origin_user, ready_s=ready_s)
    run = _Run(out, tally, printer, asker, stop, wind_down)
    try:
        return await run.until_end(commands)
    except OutputClosedError as error:
        _log.error("%s: the dispatches of this run are cancelled", error)
        await asker.release()
        return ExitCode.FAILED


class _Run:
    """Printing, asking, and whatever ends them first."""

    def __init__(
        self, out: LineWriter, tally: Tally, printer: EventPrinter, asker: Asker, stop: asyncio.Event, wind_down: WindDown | None
    ) -> None:
        self._out = out
        self._tally = tally
        self._printer = printer
        self._asker = asker
        self._stop = stop
        self._wind_down = wind_down

    async def until_end(self, commands: CommandSource | None) -> int:
        """The exit code; raises OutputClosedError."""
        printing = asyncio.create_task(self._printer.run())
        working = asyncio.create_task(self._work(commands))
        closing = asyncio.create_task(self._out.until_closed())
        try:
            try:
                await _first_of(working, printing, closing)
                self._printer.end()
                await self._unless_unread(printing, closing)
            except ConnectionError as error:
                await self._without_engine(error, working)
            await self._out.write(self._tally.summary(utc_text()))
            await self._unless_unread(asyncio.create_task(self._out.until_written()), closing)
        finally:
            await _cancel_all(printing, working, closing)
        return self._tally.exit_code()

    async def _work(self, commands: CommandSource | None) -> None:
        """Carry out the commands, or wait, until all is done or `stop` comes; then wind down."""
        await self._carry_out(commands)
        await self._leave()

    async def _carry_out(self, commands: CommandSource | None) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        if commands is not None:
            asking = asyncio.create_task(self._asker.run(commands))
            try:
                await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    asking.result()
                    return
            finally:
                await _cancel_all(asking, stopping)
            self._tally.ends_with(ExitCode.INTERRUPTED)
        else:
            await stopping

    async def _leave(self) -> None:
        if self._wind_down is not None:
            self._tally.leaves_owing(await self._wind_down())

    async def _without_engine(self, error: ConnectionError, working: "asyncio.Task[None]") -> None:
        """The engine went, or never got its link. After `stop` that is how it should be, and winding down may end."""
        if self._stop.is_set():
            await asyncio.wait({working})
            return
        _log.error("%s", error)
        self._tally.ends_with(ExitCode.NO_LINK)
        if working.done():
            await self._leave()

    async def _unless_unread(self, last_lines: "asyncio.Task[None]", closing: "asyncio.Task[None]") -> None:
        """Let `last_lines` end. A reader may take his time, but not after `stop`: then OutputClosedError is raised."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({last_lines, closing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not last_lines.done() and not closing.done():
                await asyncio.wait({last_lines, closing}, timeout=LAST_LINES_S, return_when=asyncio.FIRST_COMPLETED)
            if not last_lines.done():
                raise OutputClosedError("standard output is not read")
            last_lines.result()
        finally:
            await _cancel_all(stopping, last_lines)


async def _first_of(working: "asyncio.Task[None]", *watched: "asyncio.Task[None]") -> None:
    """Return when `working` has ended; raise what ends it or one of `watched` before it does."""
    done, _ = await asyncio.wait({working, *watched}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    if working not in done:
        raise OutputClosedError("standard output was closed by its reader")


async def _cancel_all(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel what still runs and wait for it; what it raised was told already, or no longer matters."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
