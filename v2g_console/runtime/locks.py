"""One engine per MQTT client id on this machine: a second one would throw the first off the broker, again and again.

A file goes with its lock, and with the next engine where its holder was killed. Only who holds a lock removes its file, and a lock
counts only while its file is still the one at its path: an engine that is just starting takes no file that goes from under it.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from v2g_console.attach.paths import socket_path
from v2g_console.config.settings import MqttSettings, SocketSettings


class ClientIdInUseError(ConnectionError):
    """An engine with this client id runs on this machine."""


class ClientIdLock:
    """Held for as long as the process uses a client id on a broker; the system frees it however the process ends."""

    def __init__(self, settings: MqttSettings) -> None:
        digest = hashlib.sha256(f"{settings.broker}\0{settings.client_id}".encode()).hexdigest()[:16]
        self._path: Path = socket_path(SocketSettings()).parent / f"client-{digest}.lock"
        self._what = f"mqtt.client_id {settings.client_id!r} on {settings.broker}"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Raises ClientIdInUseError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while self._descriptor is None:
            try:
                self._descriptor = _locked(self._path)
            except BlockingIOError as error:
                raise ClientIdInUseError(
                    f"an engine with {self._what} is already running here: look at it with `v2g-console attach`, "
                    "stop it, or configure another client_id"
                ) from error
        _sweep(self._path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock of the file at `path`; None if the file went meanwhile. Raises BlockingIOError if it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _sweep(own: Path) -> None:
    """Remove what engines left that were killed."""
    for path in own.parent.glob("client-*.lock"):
        if path == own:
            continue
        with suppress(OSError):  # held, or gone meanwhile
            descriptor = _locked(path)
            if descriptor is not None:
                path.unlink(missing_ok=True)
                os.close(descriptor)
