"""Where the engine's Unix socket is: one rule for the engine that makes it and one for the callers who look for it."""

import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from v2g_console.attach.errors import SocketPathError
from v2g_console.config.settings import SocketSettings

SOCKET_NAME: Final = "v2g-console.sock"
DEMO_SOCKETS: Final = "demo-*.sock"
ANY_SOCKET: Final = "*.sock"
SYSTEM_FOLDER: Final = Path("/run/v2g-console")
LONGEST_PATH_BYTES: Final = 107
"""sun_path of Linux has 108 bytes (unix(7)), one of them for the closing NUL."""


def socket_path(settings: SocketSettings) -> Path:
    """Where an engine of this user listens: as configured, else the system's folder if writable, else a folder of the user.

    Makes nothing (see `make_folder`). Raises SocketPathError for a path too long for a Unix socket.
    """
    if settings.path is not None:
        return _checked_length(settings.path)
    if os.access(SYSTEM_FOLDER, os.W_OK | os.X_OK):
        return SYSTEM_FOLDER / SOCKET_NAME
    return _checked_length(_user_folder() / SOCKET_NAME)


def find_socket(settings: SocketSettings) -> Path:
    """Where a caller finds the engine: as configured, else the system's socket if there is one, else that of the user's own engine.

    Differs from `socket_path` for an operator who may use the system's socket but not write to its folder. Raises SocketPathError.
    """
    if settings.path is None and _exists(SYSTEM_FOLDER / SOCKET_NAME):
        return SYSTEM_FOLDER / SOCKET_NAME
    return socket_path(settings)


def find_console_socket(settings: SocketSettings) -> Path:
    """Where a console looks: as `find_socket`; if there is nothing, but one demo of this user runs, there. Raises SocketPathError.

    Only consoles do this, since they show that it is a demo: a STOP that was meant for an engine must not end up in one.
    """
    usual = find_socket(settings)
    if settings.path is not None or _exists(usual):
        return usual
    demos = running_demos(settings)
    if len(demos) > 1:
        named = ", ".join(map(str, demos))
        raise SocketPathError(f"no engine is running at {usual}, but {len(demos)} demos are: name one with --socket: {named}")
    return demos[0] if demos else usual


def running_demos(settings: SocketSettings) -> list[Path]:
    """The sockets of this user's demos that run; none where a socket is configured, since then no demo is meant. Raises SocketPathError."""
    if settings.path is not None:
        return []
    return sorted(path for path in find_socket(settings).parent.glob(DEMO_SOCKETS) if _is_listened_to(path))


def sockets_here(settings: SocketSettings) -> list[Path]:
    """Every socket at the usual places of this system and user, and the configured one; some may be left over from dead engines."""
    found = [] if settings.path is None else [settings.path]
    for folder in (SYSTEM_FOLDER, _user_folder()):
        with suppress(OSError):  # a folder that may not even be looked into
            found += sorted(path for path in folder.glob(ANY_SOCKET) if path.is_socket())
    return list(dict.fromkeys(found))


def make_folder(path: Path) -> None:
    """Make the folder of the socket `path`, private to the user (0700) if it is new.

    Raises SocketPathError if it can't be made, or if a folder in the shared temporary folder belongs to somebody else or is open to others.
    """
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SocketPathError(f"can't make {folder} for the socket: {error.strerror}; set socket.path") from error
    if folder == _temporary_folder():
        _check_private(folder)


def check_before_connecting(path: Path) -> None:
    """Raise SocketPathError if `path` is too long, or in a temporary folder that another user could have prepared as a trap."""
    _checked_length(path)
    if path.parent == _temporary_folder() and path.parent.exists():
        _check_private(path.parent)


def _user_folder() -> Path:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute() and os.access(runtime, os.W_OK | os.X_OK):
        return runtime / "v2g-console"
    return _temporary_folder()


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"v2g-console-{os.getuid()}"


def _check_private(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise SocketPathError(f"{folder} is not a folder that is yours alone (0700): remove it, or set socket.path")


def _is_listened_to(path: Path) -> bool:
    """False for what a killed demo left; True for one that runs, also one so busy or frozen that it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that may not even be looked into
        return False


def _checked_length(path: Path) -> Path:
    length = len(os.fsencode(path))
    if length > LONGEST_PATH_BYTES:
        raise SocketPathError(f"{path} has {length} bytes; a Unix socket takes at most {LONGEST_PATH_BYTES}: set a shorter socket.path")
    return path
