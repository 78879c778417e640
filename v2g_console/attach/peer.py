"""Who is at the other end of a Unix socket, as the kernel says."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from v2g_console.config.os_lookups import Lookups
from v2g_console.config.os_users import user_name
from v2g_console.contract.requests import Credentials

_UCRED: Final = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)
_SO_PEERGROUPS: Final = 59  # Linux since 4.13; Python has no name for it
_MOST_GROUPS: Final = 256  # Python reads 1024 bytes of an option at most
NAME_S: Final = 1.0
"""How long a caller waits for a directory server to tell his name; then he is served under his last known one, else his number."""
_KNOWN_MOST: Final = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected: its id, and its user and groups by number."""

    pid: int
    credentials: Credentials


def peer_of(writer: asyncio.StreamWriter) -> Peer:
    """The peer of a connected Unix socket, by SO_PEERCRED. Raises OSError where the kernel does not tell."""
    connection: socket.socket = writer.get_extra_info("socket")
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(pid, Credentials(uid=uid, gids=(gid, *_groups_of(connection))))


def _groups_of(connection: socket.socket) -> tuple[int, ...]:
    """Supplementary groups of the peer; none where the kernel does not tell or there are too many: then only a directory knows them."""
    number = struct.Struct("I")
    try:
        packed = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * number.size)
    except OSError:
        return ()
    return tuple(gid for (gid,) in number.iter_unpack(packed))


class PeerNames:
    """Names of users by number. Nobody waits for long: a directory that hangs must not keep a STOP from the engine."""

    def __init__(self, name_of: Callable[[int], str] = user_name) -> None:
        self._name_of = name_of
        self._lookups = Lookups()
        self._names: dict[int, str] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}

    def known(self, uid: int) -> str:
        """The name as far as it is known, `uid:1234` until then."""
        return self._names.get(uid, f"uid:{uid}")

    async def find(self, uid: int) -> None:
        """Ask for the name, and wait for a moment; an answer that comes later counts from then on."""
        asking = self._asking.get(uid)
        if asking is None:
            asking = self._asking[uid] = asyncio.create_task(self._ask(uid))
        await asyncio.wait({asking}, timeout=NAME_S)
        if not asking.done():
            _log.warning("the name of user %d is not known after %g s: taken for %s", uid, NAME_S, self.known(uid))

    async def close(self) -> None:
        """Wait for no names any more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, uid: int) -> None:
        try:
            name = await self._lookups.run(lambda: self._name_of(uid))
        except OSError as error:
            _log.warning("the name of user %d can't be read: %s", uid, error)
            return
        finally:
            self._asking.pop(uid, None)
        self._names.pop(uid, None)
        self._names[uid] = name
        while len(self._names) > _KNOWN_MOST:
            del self._names[next(iter(self._names))]
