"""The Unix socket of a running engine."""

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Final

from v2g_console.attach import frames
from v2g_console.attach.listening import bound_socket
from v2g_console.attach.peer import peer_of
from v2g_console.attach.session import IN_FLIGHT_PER_CALLER, Session
from v2g_console.attach.shelf import Shelf
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.port import EnginePort
from v2g_console.version import program_version

MOST_CALLERS: Final = 32
_CLOSING_S: Final = 2.0

_log = logging.getLogger(__name__)


class SocketServer:
    """Carries the contract to other processes. Lives on the engine's loop; `port` is called there.

    `start` raises EngineAlreadyRunningError or SocketPathError. Requests under way when a caller hangs up go on; `close` waits 2 s for
    them.
    """

    def __init__(self, port: EnginePort, path: Path, *, most_callers: int = MOST_CALLERS) -> None:
        self.path = path
        self._port = port
        self._most_callers = most_callers
        self.shelf = Shelf(port)
        self._instance = secrets.token_hex(8)
        self._server: asyncio.Server | None = None
        self._identity: tuple[int, int] | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. On return callers can connect."""
        listener = await bound_socket(self.path)
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener)
        _log.info("listening at %s", self.path)

    async def close(self) -> None:
        """Stop listening, let requests that have begun end (2 s at most), hang up, remove the socket's file. Idempotent."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._remove_own_file()
        if self._requests:
            await asyncio.wait(self._requests, timeout=_CLOSING_S)
        leftover = [*self._sessions, *self._requests]
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)
        self.shelf.clear()

    @property
    def callers(self) -> int:
        """Connections at the moment."""
        return len(self._sessions)

    def _remove_own_file(self) -> None:
        try:
            status = self.path.stat()
        except OSError:  # somebody removed it, or its folder
            return
        if (status.st_dev, status.st_ino) == self._identity:
            self.path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self._most_callers:
            message = f"{self._most_callers} callers are connected already: close one, then try again"
            farewell = frames.Farewell(message=message, contract=CONTRACT_VERSION, version=program_version())
            writer.write(frames.framed(frames.encode(farewell)))
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peer = await peer_of(writer)
            most_requests = self._most_callers * IN_FLIGHT_PER_CALLER
            session = Session(
                self._port,
                reader,
                writer,
                peer=peer,
                shelf=self.shelf,
                instance=self._instance,
                requests=self._requests,
                most_requests=most_requests,
            )
            await session.run()
        except OSError as error:
            _log.warning("a caller on the socket is refused: %s", error)
        finally:
            await frames.hang_up(writer)
