"""Closing the gap after refusals, limits, silence and under-delivery: shared by the others and the reserve, and sent."""

import logging
from dataclasses import replace

import numpy as np

from v2g_console.allocation import AllocationError, Problem
from v2g_console.allocation.reallocate import Outcome, Reallocation, reallocate
from v2g_console.contract.events import Strategy
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.expected import Belief, believe
from v2g_console.engine.owed import Owed
from v2g_console.engine.phase_moves import narrowed
from v2g_console.engine.placing import place, rest_of
from v2g_console.engine.planning import USED_KW
from v2g_console.engine.ramps import RAMP_STEP_S, within_reach
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
_MOST_NARROWED = 4  # times that others are asked instead of those whom a phase holds back


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
        and now >= max(running.reallocate_at, core.journal_again_at)
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
        belief = believe(core, running)
    if running.pending:  # somebody was asked meanwhile: what it comes to is not known yet
        return
    missing_kw = gap_kw(running, belief)
    if missing_kw and running.sends:
        await _share(core, running, belief, missing_kw)


def judge(core: Core, running: Running, now: float) -> None:
    """Say who did well and who failed, by telemetry where there is some; each vehicle once a command.

    Who was asked before our own link went is not to blame for its silence.
    """
    belief = believe(core, running)
    cut_off = running.sent_at < core.link_up_since
    failed = ((belief.silent & ~cut_off) | belief.refused | belief.under) & ~running.judged
    well = running.answered() & belief.holds & settled_rows(core, running) & ~belief.off & ~running.judged
    running.judged |= failed | well
    core.standing.failed(running.rows[failed & (running.reason != Reason.LOCAL_OVERRIDE)], now)
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
    allocation, changed = found.allocation, found.changed
    reach = within_reach(core, running, seen.vehicles, *seen.bounds_kw())
    setpoint_kw, slow = allocation.setpoint_kw[changed], np.zeros(len(changed), np.bool_)
    if reach is not None:
        wanted_kw, setpoint_kw = setpoint_kw, np.clip(setpoint_kw, reach.low_kw[changed], reach.high_kw[changed])
        slow = (np.abs(setpoint_kw - wanted_kw) > USED_KW) | (reach.reason(seen.problem.direction)[changed] == Reason.RAMP)
    if found.outcome is not Outcome.MET:
        running.reallocate_at = core.clock.monotonic() + (RAMP_STEP_S if slow.any() else HOPELESS_PAUSE_S)
    running.limits = tuple((reason.name, kw) for reason, kw in allocation.limits)
    if not len(changed):
        return
    try:
        positions = place(core, running, changed, setpoint_kw, allocation.score[changed], seen.vehicles)
    except RefusalError as error:  # an interlock: perhaps later, when the silent are known to be released
        running.reallocate_at = core.clock.monotonic() + HOPELESS_PAUSE_S
        log.warning("no reallocation for %s: %s", running.short_id, error)
        return
    text = f"{missing_kw:.1f} kW over {len(found.changed)} vehicles ({core.settings.dispatch.reallocation}): {found.outcome.value}"
    core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind="reallocation", text=text))
    # `positions` are in the order of `place`: vehicles held before, then new ones.
    slowed = np.isin(running.rows[positions], changed[slow])
    await send_round(core, running, positions, "reallocation", reason=np.where(slowed, Reason.RAMP, Reason.NONE).astype(np.uint8))


def _found(core: Core, running: Running, seen: Situation, belief: Belief, missing_kw: float) -> Reallocation:
    """The gap closed by vehicles that were seen to follow; if they don't suffice, by all that hold something and the reserve.

    An ack is no proof, a v1 vehicle's least of all, and of the reserve as many fail as failed before: a gap closed by them comes back.
    Raises AllocationError.
    """
    n = len(seen.vehicles)
    held_kw, fixed, proven = np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    held_kw[running.rows] = belief.regulation_kw
    corrected = running.bounded_until > core.clock.monotonic()
    fixed[running.rows] = belief.holds & (belief.off | belief.refused | corrected | (running.command_state == CommandState.LIMITED))
    proven[running.rows] = belief.follows
    strategy = core.settings.dispatch.reallocation
    for keeps in (fixed | ~proven, fixed):
        problem = _within_ramps(core, running, seen, seen.with_others(core, seen.problem.eligible & ~keeps))
        found = reallocate(strategy, missing_kw, problem, held_kw=held_kw, fixed=keeps)
        for _ in range(_MOST_NARROWED):
            narrower = narrowed(core, problem, found)
            if narrower is None:
                break
            problem = narrower
            found = reallocate(strategy, missing_kw, problem, held_kw=held_kw, fixed=keeps)
        if found.outcome is Outcome.MET:
            break
    return found


def _within_ramps(core: Core, running: Running, seen: Situation, problem: Problem) -> Problem:
    """The problem with no more headroom than the ramps let each vehicle give now."""
    reach = within_reach(core, running, seen.vehicles, *seen.bounds_kw())
    if reach is None:
        return problem
    farthest_kw = reach.high_kw if problem.direction > 0 else reach.low_kw
    reachable_kw = np.maximum(0.0, problem.direction * (farthest_kw - seen.vehicles.baseline_kw))
    return replace(problem, headroom_kw=np.minimum(problem.headroom_kw, reachable_kw))
