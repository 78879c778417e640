"""Closing the gap after refusals, limits, silence and under-delivery: shared by the others and the reserve, and sent."""

import logging

import numpy as np

from v2g_console.allocation import AllocationError
from v2g_console.allocation.reallocate import Outcome, Reallocation, reallocate
from v2g_console.contract.events import Strategy
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.expected import Belief, believe
from v2g_console.engine.owed import Owed
from v2g_console.engine.placing import place, rest_of
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.release import let_go
from v2g_console.engine.rounds import send_round
from v2g_console.engine.situation import Situation, situation
from v2g_console.engine.totals import settled_rows
from v2g_console.engine.wanted import check

log = logging.getLogger(__name__)

PAUSE_S = 1.0
HOPELESS_PAUSE_S = 10.0
GAP_KW = 1.0
GAP_SHARE = 0.01


def gap_kw(running: Running, belief: Belief) -> float:
    """Target minus what is believed to be given; 0 within 1 % (at least 1 kW)."""
    gap = running.commanded_kw - belief.total_kw
    return gap if abs(gap) > max(GAP_KW, GAP_SHARE * abs(running.commanded_kw)) else 0.0


def due(core: Core, running: Running, now: float) -> bool:
    """True if the dispatch should look for a gap now: everybody has answered or timed out, and the last look is a while ago."""
    return (
        core.settings.dispatch.reallocation != "none"
        and running.state is DispatchState.ACTIVE
        and running.outcome is None
        and not running.pending
        and now >= running.reallocate_at
        and core.link_up()
    )


async def close_gap(core: Core, running: Running, owed: Owed) -> None:
    """Let the silent go, share what is missing, send it. Raises JournalError before anything is published."""
    now = core.clock.monotonic()
    running.reallocate_at = now + PAUSE_S
    belief = believe(core, running)
    silent = np.flatnonzero(belief.silent)
    if len(silent):
        await let_go(core, running, owed, silent)
        if running.pending:  # somebody moved the target meanwhile: what it comes to is not known yet
            return
        belief = believe(core, running)
    missing_kw = gap_kw(running, belief)
    if missing_kw and running.sends:
        await _share(core, running, belief, missing_kw)


def judge(core: Core, running: Running, now: float) -> None:
    """Say who did well and who failed, by telemetry where there is some; each vehicle once a command."""
    belief = believe(core, running)
    failed = (belief.silent | belief.refused | belief.under) & ~running.judged
    well = running.answered() & belief.holds & settled_rows(core, running) & ~belief.off & ~running.judged
    running.judged |= failed | well
    core.standing.failed(running.rows[failed], now)
    core.standing.did_well(running.rows[well])


async def _share(core: Core, running: Running, belief: Belief, missing_kw: float) -> None:
    fields = rest_of(core, running, running.commanded_kw)
    try:
        seen = situation(core, check(fields, core.settings, core.clock.utc()), fields, own_slot=running.slot)
        found = _found(core, running, seen, belief, missing_kw)
    except (RefusalError, AllocationError) as error:
        running.reallocate_at = core.clock.monotonic() + HOPELESS_PAUSE_S
        log.warning("no reallocation for %s: %s", running.short_id, error)
        return
    if found.outcome is not Outcome.MET:
        running.reallocate_at = core.clock.monotonic() + HOPELESS_PAUSE_S
    if not len(found.changed):
        return
    positions = place(
        core, running, found.changed, found.allocation.setpoint_kw[found.changed], found.allocation.score[found.changed], seen.vehicles
    )
    text = f"{missing_kw:.1f} kW over {len(found.changed)} vehicles ({core.settings.dispatch.reallocation}): {found.outcome.value}"
    core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind="reallocation", text=text))
    await send_round(core, running, positions, "reallocation")


def _found(core: Core, running: Running, seen: Situation, belief: Belief, missing_kw: float) -> Reallocation:
    """The gap closed by vehicles that were seen to follow; if they don't suffice, by all that hold something and the reserve.

    An ack is no proof, a v1 vehicle's least of all, and of the reserve as many fail as failed before: a gap closed by them comes back.
    Raises AllocationError.
    """
    n = len(seen.vehicles)
    held_kw, fixed, proven = np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    held_kw[running.rows] = belief.regulation_kw
    fixed[running.rows] = belief.holds & (belief.off | belief.refused | (running.command_state == CommandState.LIMITED))
    proven[running.rows] = belief.follows
    strategy = core.settings.dispatch.reallocation
    for keeps in (fixed | ~proven, fixed):
        problem = seen.with_others(core, seen.problem.eligible & ~keeps)
        found = reallocate(strategy, missing_kw, problem, held_kw=held_kw, fixed=keeps)
        if found.outcome is Outcome.MET:
            break
    return found
