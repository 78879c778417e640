"""One engine per MQTT client id on this machine: a second one would throw the first off the broker, again and again.

The file stays when the lock is freed: removing it could take it from under an engine that is just starting.
"""

import fcntl
import hashlib
import os
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
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise ClientIdInUseError(
                f"an engine with {self._what} is already running here: look at it with `v2g-console attach`, "
                "stop it, or configure another client_id"
            ) from error
        self._descriptor = descriptor
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
