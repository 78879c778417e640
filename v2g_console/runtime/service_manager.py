"""Telling systemd how the engine is: ready, alive, what it does, ending (sd_notify(3), `Type=notify` and `WatchdogSec=`).

Our own few lines: the protocol is one datagram of text, and the packages that speak it are bindings to a C library or unmaintained.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from v2g_console.contract.link import LinkState
from v2g_console.contract.port import EnginePort
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.domain.text import visible
from v2g_console.domain.units import counted

READY_LATEST_S: Final = 10.0
"""An engine that waits for its broker is told to be ready by then: systemd would kill it, and what it needs is not a restart."""
_TELL_EVERY_S: Final = 2.0
_MORE_TIME_S: Final = 30.0
_STATUS_CHARS: Final = 200

log = logging.getLogger(__name__)


class Beating(EnginePort, Protocol):
    """An engine that counts the ticks of its loop."""

    @property
    def ticks(self) -> int:
        """Grows while deadlines are looked after."""


class ServiceManager:
    """The socket that systemd named in the environment; without one, everything here does nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(microseconds) / 1e6 if for_us and microseconds.isdecimal() else None
        """a sign of life is wanted at least this often; None: never"""

    def __bool__(self) -> bool:
        return self._address.startswith(("/", "@"))

    def tell(self, *assignments: str) -> None:
        """Send `READY=1` and the like. Never raises: an engine does not fail because nobody listens."""
        if not self:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto("\n".join(assignments).encode(errors="replace"), self._address.replace("@", "\0", 1))
            except OSError as error:
                log.warning("systemd was not told %s: %s", assignments[0], error)


async def tell_for_ever(manager: ServiceManager, engine: Beating, stop: asyncio.Event) -> None:
    """Until cancelled: READY=1 once, WATCHDOG=1 while the engine ticks, STATUS as it changes; STOPPING=1 and more time after `stop`."""
    telling = _Telling(manager, engine)
    every_s = _TELL_EVERY_S if manager.watchdog_s is None else min(_TELL_EVERY_S, manager.watchdog_s / 3)
    while True:
        try:
            await telling.tell(stopping=stop.is_set())
        except Exception:
            log.exception("no sign of life for systemd")
        if stop.is_set():
            await asyncio.sleep(every_s)
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)


class _Telling:
    """What systemd was told so far."""

    def __init__(self, manager: ServiceManager, engine: Beating) -> None:
        self._manager, self._engine = manager, engine
        self._begun_s = asyncio.get_running_loop().time()
        self._ready = self._stopping = False
        self._ticks, self._status = engine.ticks, ""

    async def tell(self, *, stopping: bool) -> None:
        snapshot = await self._engine.snapshot()
        told: list[str] = []
        waited_s = asyncio.get_running_loop().time() - self._begun_s
        if not self._ready and (snapshot.engine.ready or waited_s >= READY_LATEST_S):
            self._ready = True
            told.append("READY=1")
        if stopping:
            told += [] if self._stopping else ["STOPPING=1"]
            told.append(f"EXTEND_TIMEOUT_USEC={_MORE_TIME_S * 1e6:.0f}")
            self._stopping = True
        if self._engine.ticks != self._ticks and self._manager.watchdog_s is not None:
            told.append("WATCHDOG=1")
        self._ticks = self._engine.ticks
        status = _status(snapshot, stopping=stopping)
        if status != self._status:
            self._status = status
            told.append(f"STATUS={status}")
        if told:
            self._manager.tell(*told)


def _status(snapshot: Snapshot, *, stopping: bool) -> str:
    link, active = snapshot.link, sum(view.state not in TERMINAL_DISPATCH_STATES for view in snapshot.dispatches)
    words = [
        "ending" if stopping else "ready" if snapshot.engine.ready else "starting",
        f"link {link.state.value}" + (f" ({link.cause_text})" if link.cause_text and link.state is not LinkState.UP else ""),
        counted(snapshot.summary.vehicles, "vehicle", "vehicles"),
        counted(active, "active dispatch", "active dispatches"),
    ]
    if snapshot.engine.stopped:
        words.append("STOP is latched")
    return visible("; ".join(words)[:_STATUS_CHARS])
