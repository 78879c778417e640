"""STOP DISPATCH: the latch, what it ended, who has confirmed the release, and who is silent with the next manual step."""

from heapq import nlargest

import numpy as np

from v2g_console.contract import requests as ask
from v2g_console.contract.events import StopLatched, StopLifted
from v2g_console.contract.replies import Refusal
from v2g_console.contract.stop import SilentVehicle, StopView
from v2g_console.domain.states import DispatchState
from v2g_console.domain.text import visible
from v2g_console.engine.clock import rfc3339
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.owed import Owed, OwedRelease
from v2g_console.engine.refusal import RefusalError

_LONGEST_REASON_CHARS = 80


class Stopping:
    """Presses, lifts and tells of STOP. It needs no journal: what can't be written waits in memory."""

    def __init__(self, core: Core, owed: Owed) -> None:
        self._core, self._owed = core, owed
        self._ended: list[tuple[Running, list[int]]] = []  # what ran when it was pressed, with its `release_counts` of then

    def press(self, request: ask.Stop, origin: ask.Origin) -> StopView:
        """Latch, and end everything that runs. Pressed again it ends what might run all the same; who pressed first stays named."""
        core = self._core
        reason = visible(request.reason.strip()[:_LONGEST_REASON_CHARS])[:_LONGEST_REASON_CHARS]
        fresh = not core.stop.stopped
        if fresh:
            core.stop.stopped, core.stop.by, core.stop.at_ms, core.stop.reason = True, visible(origin.user[:64]), core.utc_ms(), reason
            self._ended = [(one, one.release_counts.copy()) for one in core.running.values()]
        told = f"STOP by {origin.user}" + (f": {reason}" if reason else "")
        ended = [one for one in core.running.values() if one.end(DispatchState.STOPPED, told)]
        vehicles = sum(one.commanded for one in ended)
        if fresh:
            core.emit(StopLatched(ts=core.ts(), by=core.stop.by, way=origin.way, reason=reason, dispatches=len(ended), vehicles=vehicles))
        return self.view()

    def lift(self, origin: ask.Origin) -> None:
        """Dispatches may start again; none does by itself. Raises RefusalError if it is not latched."""
        core = self._core
        if not core.stop.stopped:
            raise RefusalError(Refusal.WRONG_STATE, "STOP is not latched")
        core.stop.stopped, core.stop.by, core.stop.at_ms, core.stop.reason = False, "", None, ""
        self._ended = []
        core.emit(StopLifted(ts=core.ts(), by=origin.user, way=origin.way))

    def view(self, most: int = 500) -> StopView:
        """How far it has come, with up to `most` of the silent: those who hold their setpoint until told come first."""
        core, latch = self._core, self._core.stop
        confirmed, lease_ended, waiting = 0, 0, 0
        for running, before in self._ended:
            counts = running.release_counts
            confirmed += counts[ReleaseState.CONFIRMED] - before[ReleaseState.CONFIRMED]
            lease_ended += counts[ReleaseState.LEASE_ENDED] - before[ReleaseState.LEASE_ENDED]
            held = running.out & (running.release_state == ReleaseState.NONE) & ~running.left
            waiting += counts[ReleaseState.SENT] + (0 if running.over else int(np.count_nonzero(held)))
        silent = len(self._owed)
        return StopView(
            dispatches=len(self._ended),
            vehicles=confirmed + lease_ended + waiting + silent,
            stopped=latch.stopped,
            by=latch.by,
            reason=latch.reason,
            at_ms=latch.at_ms,
            confirmed=confirmed,
            lease_ended=lease_ended,
            waiting=waiting,
            silent=silent,
            link_down=not core.link_up(),
            who=tuple(self._silent(row, owed) for row, owed in self._worst(most)),
        )

    def _worst(self, most: int) -> list[tuple[int, OwedRelease]]:
        """The last to fall back first, in the order in which they became silent; a snapshot asks this four times a second."""
        return nlargest(most, self._owed.entries(), key=lambda entry: entry[1].lease_ends_ms or 2**62)

    def _silent(self, row: int, owed: OwedRelease) -> SilentVehicle:
        core, fleet = self._core, self._core.fleet
        site, heard_at = fleet.sites.name(int(fleet.site[row])), float(fleet.seen_at[row])
        return SilentVehicle(
            vehicle_id=fleet.ids[row],
            site=site,
            dispatch=owed.running.short_id,
            protocol=int(fleet.protocol[row]),
            setpoint_kw=_known(fleet.setpoint_kw[row]),
            measured_kw=_known(fleet.power_kw[row]),
            silent_s=core.clock.monotonic() - heard_at if np.isfinite(heard_at) else None,
            lease_ends_ms=owed.lease_ends_ms or None,
            next_step=next_step(site, owed.lease_ends_ms, core.utc_ms(), link_up=core.link_up()),
        )


def next_step(site: str, lease_ends_ms: int, now_ms: int, *, link_up: bool) -> str:
    """What a person can do about a vehicle that has not confirmed its release. `lease_ends_ms` 0: it holds its setpoint until told."""
    there = f"call site {site}" if site else "find out where it is (it told no site)"
    by_hand = f"{there}: end its session at the charge point, or have the driver unplug"
    link = "" if link_up else "get the link back: the release is sent again when the vehicle is heard; else "
    if not lease_ends_ms:
        return f"{link}{by_hand}; it holds its setpoint until told"
    if lease_ends_ms <= now_ms:
        return "its lease has just ended: it falls back by itself, within seconds"
    return f"{link}wait until {rfc3339(lease_ends_ms / 1000)[11:19]}Z, when its lease ends and it falls back by itself; sooner: {by_hand}"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
