"""The Unix socket of a running engine."""

import asyncio
import logging
import os
import secrets
from pathlib import Path
from typing import Final

from v2g_console.attach import frames
from v2g_console.attach.errors import EngineAlreadyRunningError, SocketPathError
from v2g_console.attach.listening import bound_socket
from v2g_console.attach.peer import Peer, PeerNames, peer_of
from v2g_console.attach.session import IN_FLIGHT_PER_CALLER, Session
from v2g_console.attach.shelf import Shelf
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.port import EnginePort
from v2g_console.version import program_version

MOST_CALLERS: Final = 32
MOST_OF_ONE: Final = 8
"""Connections of one user who is neither root nor the engine's own: nobody keeps an operator's STOP out by connecting often."""
_CLOSING_S: Final = 2.0
LOOK_EVERY_S: Final = 2.0
"""How often the socket's file is looked for: without it nobody reaches the engine any more, neither a console nor a STOP."""

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
        self._keeping: asyncio.Task[None] | None = None
        self._identity: tuple[int, int] | None = None
        self._names = PeerNames()
        self._sessions: dict[asyncio.Task[None], int] = {}  # and the user's number
        self._requests: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. On return callers can connect."""
        await self._listen()
        self._keeping = asyncio.create_task(self._keep_file())

    async def _listen(self) -> None:
        listener = await bound_socket(self.path)
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener)
        _log.info("listening at %s", self.path)

    async def _keep_file(self) -> None:
        """Listen anew when somebody has removed the socket's file; those who are connected stay."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._has_file():
                continue
            try:
                if self._server is not None:
                    self._server.close()
                await self._listen()
            except (EngineAlreadyRunningError, SocketPathError, OSError) as error:
                if str(error) != told:
                    _log.error("somebody removed %s and nobody can attach: %s", self.path, error)
                told = str(error)
            else:
                _log.warning("somebody had removed %s: made again", self.path)
                told = ""

    async def close(self) -> None:
        """Stop listening, let requests that have begun end (2 s at most), hang up, remove the socket's file. Idempotent."""
        if self._keeping is None:
            return
        keeping, self._keeping = self._keeping, None
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self._remove_own_file()
        if self._requests:
            await asyncio.wait(self._requests, timeout=_CLOSING_S)
        leftover = [*self._sessions, *self._requests]
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)
        await self._names.close()
        self.shelf.clear()

    @property
    def callers(self) -> int:
        """Connections at the moment."""
        return len(self._sessions)

    def _has_file(self) -> bool:
        return os.path.lexists(self.path)

    def _remove_own_file(self) -> None:
        try:
            status = self.path.stat()
        except OSError:  # somebody removed it, or its folder
            return
        if (status.st_dev, status.st_ino) == self._identity:
            self.path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peer = peer_of(writer)
        except OSError as error:
            _log.warning("a caller on the socket is refused: %s", error)
            writer.close()
            return
        uid = peer.credentials.uid
        if message := self._too_many(uid):
            farewell = frames.Farewell(message=message, contract=CONTRACT_VERSION, version=program_version())
            writer.write(frames.framed(frames.encode(farewell)))
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, peer))
        self._sessions[task] = uid
        task.add_done_callback(self._sessions.pop)

    def _too_many(self, uid: int) -> str:
        """Why nobody else, or nobody else of this user, is taken; "" if there is room."""
        if len(self._sessions) >= self._most_callers:
            return f"{self._most_callers} callers are connected already: close one, then try again"
        of_one = sum(other == uid for other in self._sessions.values())
        if uid not in (0, os.getuid()) and of_one >= MOST_OF_ONE:
            return f"{of_one} callers of {self._names.known(uid)} are connected already: close one, then try again"
        return ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        try:
            await self._names.find(peer.credentials.uid)
            most_requests = self._most_callers * IN_FLIGHT_PER_CALLER
            session = Session(
                self._port,
                reader,
                writer,
                peer=peer,
                names=self._names,
                shelf=self.shelf,
                instance=self._instance,
                requests=self._requests,
                most_requests=most_requests,
            )
            await session.run()
        finally:
            await frames.hang_up(writer)
