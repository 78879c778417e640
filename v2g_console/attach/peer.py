"""Who is at the other end of a Unix socket, as the kernel says."""

import asyncio
import socket
import struct
from dataclasses import dataclass

from v2g_console.config.os_users import user_name

_UCRED = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected: its id, and its user by name (`uid:1234` where the system has no name)."""

    pid: int
    uid: int
    user: str


async def peer_of(writer: asyncio.StreamWriter) -> Peer:
    """The peer of a connected Unix socket, by SO_PEERCRED. Raises OSError where the kernel does not tell."""
    connection = writer.get_extra_info("socket")
    pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    # The name may come from a directory server, and must not hold up the loop.
    return Peer(pid=pid, uid=uid, user=await asyncio.to_thread(user_name, uid))
