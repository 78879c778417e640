"""The engine on a thread and loop of its own, beside a console that may block."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Literal

from v2g_console.attach.in_thread import InThreadPort
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.runtime.services import Services

log = logging.getLogger(__name__)

_CLOSE_S = 10.0


class EngineThread:
    """Runs `services` until `end`. `start` raises what `Services.start` raises."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.port = InThreadPort(services.engine, self._loop)

    def start(self) -> None:
        """Return when everything is started; connecting goes on in the background."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._services.start(), self._loop).result()
        except BaseException:
            self._stop_loop()
            raise

    def active_dispatches(self) -> int:
        """How many dispatches are not over."""
        snapshot = asyncio.run_coroutine_threadsafe(self._services.engine.snapshot(), self._loop).result()
        return sum(view.state not in TERMINAL_DISPATCH_STATES for view in snapshot.dispatches)

    def hurry(self) -> None:
        """Make `end` return soon. May be called from a signal handler."""
        self._loop.call_soon_threadsafe(self._services.hurry)

    def end(self, policy: Literal["release", "drain"], wound_down: Callable[[], None]) -> int:
        """End all dispatches by policy, stop the engine; returns how many releases are still owed. Blocks as long as that takes.

        `wound_down` is called when all is ended and the engine can still be looked at.
        """
        owed = asyncio.run_coroutine_threadsafe(self._services.wind_down(policy), self._loop).result()
        wound_down()
        asyncio.run_coroutine_threadsafe(self._services.close(), self._loop).result(_CLOSE_S)
        self._stop_loop()
        return owed

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
