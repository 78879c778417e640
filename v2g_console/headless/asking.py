"""The requests of a run: line by line, in order, each with the answer that belongs to it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import msgspec

from v2g_console.contract.events import RequestAccepted, RequestRefused
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.requests import LOOKS_ONLY, Approve, Cancel, Dispatch, Origin, Stop
from v2g_console.headless.parsing import BadLine, HeadlessRequest, parse_line
from v2g_console.headless.printing import EventPrinter
from v2g_console.headless.source import CommandSource, InputLine
from v2g_console.headless.tally import Tally
from v2g_console.headless.writer import LineWriter

_WAY: Final = "commands"
_RELEASE_S: Final = 2.0

_log = logging.getLogger(__name__)


class NotReadyError(ConnectionError):
    """A request waited, and the engine did not get ready."""


class Asker:
    """Brings lines to the engine. The engine's own events tell what it took and refused; lines that never reach it are refused here."""

    def __init__(self, port: EnginePort, out: LineWriter, tally: Tally, printer: EventPrinter, *, user: str, ready_s: float) -> None:
        self._port = port
        self._out = out
        self._tally = tally
        self._printer = printer
        self._user = user
        self._ready_s = ready_s
        self._asking: set[asyncio.Task[Reply]] = set()

    async def run(self, commands: CommandSource) -> None:
        """Ask until the input ends, then wait until the dispatches that were started have ended.

        Raises NotReadyError, ConnectionError if the engine goes, OutputClosedError if nobody reads.
        """
        while (line := await commands.next()) is not None:
            self._tally.asked()
            request = parse_line(line)
            if isinstance(request, BadLine):
                await self._refuse(request, line)
            else:
                await self._wait_until_ready()
                await self._ask(request, line)
        while self._tally.waiting_for:
            self._printer.moved.clear()
            await self._printer.moved.wait()

    async def release(self) -> None:
        """Ask for the end of the dispatches that this run started; for when nobody reads any more. Takes at most a few seconds."""
        if self._asking:
            await asyncio.wait(self._asking, timeout=_RELEASE_S)
        for dispatch_id in self._tally.waiting_for:
            try:
                request = Cancel(dispatch_id=dispatch_id)
                await asyncio.wait_for(self._port.request(request, self._origin("output closed")), _RELEASE_S)
            except (ConnectionError, TimeoutError) as error:
                _log.warning("dispatch %s could not be cancelled: %s", dispatch_id, error)

    async def _wait_until_ready(self) -> None:
        try:
            await asyncio.wait_for(self._printer.ready.wait(), self._ready_s)
        except TimeoutError:
            why = self._printer.link_text or "the engine said nothing about its link"
            raise NotReadyError(f"no link to the broker within {self._ready_s:g} s ({why}): check mqtt.broker") from None

    async def _ask(self, request: HeadlessRequest, line: InputLine) -> None:
        # A task of its own: an interrupted run stops waiting, but the engine must not be left half-way through a request.
        task = asyncio.create_task(self._request(request, line))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        reply = await asyncio.shield(task)
        if isinstance(reply, Accepted) and _is_query(request):
            await self._out.write(self._answer(reply, line))

    async def _request(self, request: HeadlessRequest, line: InputLine) -> Reply:
        """The reply, noted in the tally."""
        reply = await self._port.request(request, self._origin(str(line.number)))
        if isinstance(reply, Refused):
            self._tally.refused()
        elif (isinstance(request, Dispatch) and not request.dry_run) or isinstance(request, Approve):
            self._tally.began(reply.dispatch_id)
        elif isinstance(request, Cancel):
            self._tally.told_to_end(reply.dispatch_id or request.dispatch_id)
        elif isinstance(request, Stop):
            self._tally.stopped()
        return reply

    async def _refuse(self, bad: BadLine, line: InputLine) -> None:
        self._tally.refused()
        await self._out.write(
            RequestRefused(
                ts=utc_text(),
                request=bad.request,
                by=self._user,
                way=_WAY,
                reason=Refusal.INVALID.value,
                message=bad.message,
                hint=bad.hint,
                line=line.number,
            )
        )

    def _answer(self, reply: Accepted, line: InputLine) -> RequestAccepted:
        result = msgspec.Raw(msgspec.json.encode(reply.result))
        return RequestAccepted(
            ts=utc_text(),
            request=reply.request,
            by=self._user,
            way=_WAY,
            detail=str(line.number),
            dispatch_id=reply.dispatch_id,
            result=result,
        )

    def _origin(self, detail: str) -> Origin:
        return Origin(user=self._user, way=_WAY, detail=detail)


def utc_text() -> str:
    """Now, as events write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_query(request: HeadlessRequest) -> bool:
    """The engine answers these to the asker alone and tells nobody else."""
    return isinstance(request, LOOKS_ONLY) or (isinstance(request, Dispatch) and request.dry_run)
