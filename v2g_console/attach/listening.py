"""A Unix socket to listen on: never a second engine at one path, never a dead one's file in the way, never open to more than its group."""

import asyncio
import fcntl
import grp
import os
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from v2g_console.attach.errors import EngineAlreadyRunningError, SocketPathError
from v2g_console.attach.ownership import GROUP_NAME
from v2g_console.attach.paths import SYSTEM_FOLDER, make_folder

SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 100
_CONNECT_TEST_S: Final = 1.0
_LOCK_WAIT_S: Final = 2.0


async def bound_socket(path: Path) -> socket.socket:
    """A socket that listens at `path`, mode 0660.

    Raises EngineAlreadyRunningError if somebody listens there, SocketPathError if something else is in the way or the folder can't be used.
    """
    make_folder(path)
    async with _locked(path.parent):
        _remove_if_dead(path)
        return _bind(path)


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        # Before listen(): until then nobody can connect, whatever the umask left open.
        path.chmod(SOCKET_MODE)
        if path.parent == SYSTEM_FOLDER:
            _give_to_group(path)
        # Still under the lock: to another engine, a socket that is bound but does not listen looks like a dead one's.
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SocketPathError(f"can't listen at {path}: {error.strerror or error}; set socket.path") from error
    return listener


def _remove_if_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketPathError(f"{path} exists and is no socket: remove it, or set another socket.path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_TEST_S)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except (TimeoutError, BlockingIOError):  # so busy that its queue is full: alive
            raise EngineAlreadyRunningError(path) from None
        except OSError as error:
            raise SocketPathError(f"can't find out who uses {path}: {error.strerror}; set another socket.path") from error
    raise EngineAlreadyRunningError(path)


def _give_to_group(path: Path) -> None:
    # Outside an installation the group does not exist, or this user may not give to it: the owner still can use the socket.
    with suppress(KeyError, PermissionError):
        os.chown(path, -1, grp.getgrnam(GROUP_NAME).gr_gid)


@asynccontextmanager
async def _locked(folder: Path) -> AsyncIterator[None]:
    """Hold an advisory lock on `folder`, so that two engines that start at once don't remove each other's fresh socket."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SocketPathError(f"{folder} is locked by another process: try again, or set socket.path") from None
            await asyncio.sleep(0.01)
        yield
    finally:
        os.close(handle)
