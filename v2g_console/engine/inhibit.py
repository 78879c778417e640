"""Vehicles in use that may not stay so, by an INHIBIT or at another site: they leave their dispatch at once.

Their release is sent whatever the journal says.
"""

import asyncio
import logging

import numpy as np

from v2g_console.contract.events import Strategy
from v2g_console.contract.tags import InhibitedView
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import LIVE_COMMAND_STATES, CommandState
from v2g_console.domain.units import counted
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.moved import without_room
from v2g_console.engine.owed import Owed
from v2g_console.engine.release_round import decide_release, journal_release
from v2g_console.engine.rounds import let_go_unsent

log = logging.getLogger(__name__)

_LIVE = [int(state) for state in LIVE_COMMAND_STATES]
_OWED = int(ReleaseState.OWED)


class Inhibitor:
    """Takes vehicles under an INHIBIT, and those that moved to a site without room for them, out of running dispatches."""

    def __init__(self, core: Core, owed: Owed) -> None:
        self._core, self._owed = core, owed
        self._sending: set[asyncio.Task[None]] = set()

    def take_out(self) -> tuple[InhibitedView, ...]:
        """Let every inhibited vehicle go that a dispatch still has; what each dispatch lost. Nothing more is sent to them but releases."""
        core = self._core
        return self._take_out(np.flatnonzero(core.tags.inhibited(core.fleet)), Reason.TAGGED, "an INHIBIT tag")

    def take_out_moved(self) -> None:
        """Let every vehicle go that went to a site where there is no room for what it was told."""
        self._take_out(without_room(self._core), Reason.SITE_LIMIT, "they moved to a site that has no room for them")

    def _take_out(self, rows: Rows, reason: Reason, why: str) -> tuple[InhibitedView, ...]:
        core, lost = self._core, []
        for running in core.running.values() if len(rows) else ():
            positions = np.flatnonzero(running.held(core.fleet.owner) & np.isin(running.rows, rows))
            if running.sends and len(positions):
                lost.append(self._let_go(running, positions, reason, why))
        return tuple(lost)

    def _let_go(self, running: Running, positions: Rows, reason: Reason, why: str) -> InhibitedView:
        core = self._core
        given = positions[running.command_state[positions] != CommandState.REJECTED]
        power_kw = float(np.sum((running.setpoint_kw - running.baseline_kw)[given]))
        running.set_commands(positions[np.isin(running.command_state[positions], _LIVE)], CommandState.RELEASED)
        running.reason[positions] = reason
        running.left[positions] = True
        let_go_unsent(core, running, positions[~running.out[positions]])
        sent = positions[running.out[positions]]
        seq = decide_release(core, running, sent)
        for position in sent.tolist():
            running.cells.release_sent_at[position] = core.clock.monotonic()
            running.set_release(position, ReleaseState.OWED)
            self._owed.add(running, position, first_seq=seq)
        core.fleet.reason[running.rows[positions]] = reason
        running.reallocate_at = core.clock.monotonic()
        running.changed.set()
        view = InhibitedView(short_id=running.short_id, vehicles=len(positions), power_kw=power_kw)
        text = f"{counted(view.vehicles, 'vehicle is', 'vehicles are')} released ({abs(power_kw):.1f} kW): {why}"
        kind = "inhibit" if reason is Reason.TAGGED else "moved"
        core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind=kind, text=text))
        if len(sent):
            self._spawn(running, sent, seq)
        return view

    def _spawn(self, running: Running, positions: Rows, seq: int) -> None:
        task = asyncio.create_task(self._release(running, positions, seq), name=f"inhibited vehicles of {running.short_id}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _release(self, running: Running, positions: Rows, seq: int) -> None:
        """Journal and publish the releases; what goes wrong is left to the owed list, which asks again at each sign of life."""
        core, chosen = self._core, positions.tolist()
        release = await journal_release(core, running, chosen, seq)

        def leaves(position: int) -> int | None:
            cells = running.cells
            if cells.release_state[position] != _OWED:
                return None
            cells.release_sent_at[position] = core.clock.monotonic()
            cells.release_sent_ms[position] = core.utc_ms()
            return cells.release_sent_ms[position]

        try:
            await release.publish(chosen, leaves)
        except Exception:
            log.exception("releases of inhibited vehicles of %s", running.short_id)

    async def close(self) -> None:
        """Stop sending."""
        tasks = list(self._sending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
