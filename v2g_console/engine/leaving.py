"""The end of the engine: dispatches run out or are released, and whoever is impatient gets away sooner, knowing what is owed."""

import asyncio
from typing import Final, Literal

from v2g_console.domain.states import DispatchState
from v2g_console.engine.acting import Acting
from v2g_console.engine.core import Core
from v2g_console.engine.owed import Owed

HURRY_S: Final = 1.0
"""How long confirmations of releases are waited for after `hurry`."""


class Leaving:
    """Winds the engine down, on its loop."""

    def __init__(self, core: Core, acting: Acting, owed: Owed) -> None:
        self._core, self._acting, self._owed = core, acting, owed
        self._hurried = asyncio.Event()
        self._patient_until: float | None = None  # monotonic, once all dispatches are over

    async def wind_down(self, policy: Literal["release", "drain"]) -> int:
        """Take no more dispatches; release the running ones now, or let them run out first. Returns how many releases are still owed."""
        core = self._core
        core.closing = True
        for running in [one for one in core.running.values() if one.started_at is None]:
            running.end(DispatchState.CANCELLED, "the engine ends")  # scheduled: an engine that ends begins nothing
        if policy == "drain" and self._acting.lives:
            await self._drained()
        for running in list(core.running.values()):
            running.end(DispatchState.CANCELLED, "the engine ends")
        if self._acting.lives:
            await asyncio.wait(self._acting.lives)
        await self._answered()
        return len(self._owed)

    def hurry(self) -> None:
        """Drain no longer, send what is to be released at once, and wait no more than a second for its confirmation."""
        self._core.leave_by = min(self._core.leave_by, self._core.clock.monotonic() + HURRY_S)
        self._hurried.set()

    async def _answered(self) -> None:
        """Until owed releases that were sent just now are answered: an ack timeout at most, and not without a link. Ticks wake us."""
        core = self._core
        if self._patient_until is None:
            self._patient_until = core.clock.monotonic() + core.settings.dispatch.ack_timeout_seconds
        while core.clock.monotonic() < min(self._patient_until, core.leave_by) and core.link_up() and self._owed.answers_due():
            self._owed.looked_at.clear()
            await self._owed.looked_at.wait()

    async def _drained(self) -> None:
        """Until all dispatches have ended, for as long as configured, or until somebody is impatient."""
        timeout_s = self._core.settings.dispatch.drain_timeout_s
        ends = asyncio.ensure_future(asyncio.wait(self._acting.lives, timeout=timeout_s))
        hurried = asyncio.ensure_future(self._hurried.wait())
        await asyncio.wait({ends, hurried}, return_when=asyncio.FIRST_COMPLETED)
        ends.cancel()
        hurried.cancel()
        await asyncio.gather(ends, hurried, return_exceptions=True)
