"""The life of one dispatch, as a task: send, wait for the answers, hold, release, end."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import numpy as np

from v2g_console.contract.events import Strategy
from v2g_console.contract.requests import DispatchFields, Origin
from v2g_console.domain.reasons import Reason
from v2g_console.domain.signal import parse_signal
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.by_vehicle import command_counts, vehicles_of
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.core import Core
from v2g_console.engine.deliberate import deliberate
from v2g_console.engine.dispatch import HOLDING, Running
from v2g_console.engine.guard import pass_interlocks
from v2g_console.engine.hand_over import hand_over
from v2g_console.engine.interlocks import Step
from v2g_console.engine.mirror import mirror
from v2g_console.engine.outlook import outlook
from v2g_console.engine.owed import Owed
from v2g_console.engine.planning import SHORTFALL_KW, Decision, left_out, places_of
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.release import free_unsent, release_all
from v2g_console.engine.report import report, report_planned
from v2g_console.engine.retarget import STEP_S, first_step
from v2g_console.engine.rounds import dispatch_record, send_round
from v2g_console.engine.setpoint_gate import Why, pass_gate
from v2g_console.engine.totals import freeze_totals, latencies_ms
from v2g_console.journal.port import JournalError

log = logging.getLogger(__name__)

_HELD_BACK = (Reason.RAMP, Reason.SITE_LIMIT, Reason.NODE_LIMIT)
IntoForce = Callable[[], Awaitable[bool]]
"""How a dispatch's setpoints get out the first time; False if it ended instead, with nothing to release."""


def begin(core: Core, decision: Decision, fields: DispatchFields, origin: Origin, approved_by: str = "") -> Running:
    """Make a dispatch of a decision. It owns its vehicles from here on (at its start, if that is later)."""
    running = Running(
        signal=decision.signal,
        request=fields,
        origin=origin,
        target_kw=decision.target_kw,
        allocator=decision.allocator,
        slot=core.free_slot(),
        created_ms=core.utc_ms(),
    )
    if approved_by:
        running.approved_by, running.approved_kw = approved_by, decision.target_kw
    if decision.start_utc_s is None or decision.start_utc_s <= core.clock.utc():
        own(core, running, decision)
    core.running[running.dispatch_id] = running
    core.note(dispatch_record(running, core.utc_ms()))  # a restart must know of it even if nothing was sent yet
    return running


def own(core: Core, running: Running, whole: Decision) -> None:
    """Take the vehicles of a decision: owner, frozen baseline, columns; the end is fixed from here.

    Where a target is approached slowly only the first step's vehicles are taken now; the course takes the others. Raises RefusalError,
    before anything is taken, if an interlock does not let it pass.
    """
    begun = first_step(core, whole, running.request, running.slot)
    decision, running.course, running.ramping = begun.decision, begun.course, begun.waits_kw != 0.0
    running.commanded_kw = decision.target_kw - begun.waits_kw
    rows = decision.rows
    vehicles, allocation = decision.vehicles, decision.allocation
    passed = pass_gate(core, Why.DECIDED, rows, allocation.setpoint_kw[rows], vehicles.baseline_kw[rows])
    followed = hand_over(core, running, rows)
    core.fleet.take(rows, running.slot, vehicles.baseline_kw[rows], vehicles.baseline_kind[rows])
    passed.intend()
    core.fleet.reason[: len(vehicles)] = decision.reason
    core.fleet.place[: len(vehicles)] = places_of(core, allocation, len(vehicles))
    positions = running.add(rows, passed.setpoint_kw, vehicles.baseline_kw[rows], allocation.score[rows])
    running.reason[positions] = np.where(np.isin(decision.reason[rows], _HELD_BACK), decision.reason[rows], Reason.NONE)
    # They follow the loser's setpoint until ours arrives, also one that they refuse: released whatever becomes of it.
    running.out[positions] = followed.out
    running.latest_until_ms[positions], running.lease_ends_at[positions] = followed.latest_until_ms, followed.lease_ends_at
    ahead = outlook(core, vehicles.take(rows), allocation.setpoint_kw[rows], vehicles.baseline_kw[rows])
    running.holds_s, running.rebound_kw = ahead.holds_s, ahead.rebound_kw
    running.limits = tuple((reason.name, kw) for reason, kw in allocation.limits)
    running.left_out = left_out(decision)
    for step in whole.strategy:
        core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind=step.kind.value, text=step.text))
    running.without_lease_kw = float(np.sum(np.abs(allocation.regulation_kw[rows][core.fleet.protocol[rows] < 2])))
    running.started_at = core.clock.monotonic()
    running.follow_at = running.started_at + (STEP_S if running.ramping else 0.0)
    running.ends_at = running.started_at + running.duration_s
    running.started_ms = core.utc_ms()
    running.ends_ms = running.started_ms + int(running.duration_s * 1000)


async def live(core: Core, running: Running, owed: Owed, randomness: random.Random, into_force: IntoForce | None = None) -> None:
    """Run a dispatch to its end. Whatever breaks inside, its vehicles are released and its end is reported.

    `into_force` takes the place of the first round (a dispatch that is resumed).
    """
    try:
        await _run(core, running, owed, randomness, into_force or (lambda: _send_first(core, running)))
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("dispatch %s broke off", running.dispatch_id, extra={"dispatch_id": running.dispatch_id})
        running.end(DispatchState.FAILED, "internal error, see the log")
        await _release(core, running, owed, randomness)
    finally:
        # Nobody may be left owned by a dispatch that is gone: its slot will be another's.
        for position in np.flatnonzero(core.fleet.owner[running.rows] == running.slot).tolist():
            owed.add(running, position, first_seq=running.release_seq or core.next_seq())
        mirror(core, running)
        core.running.pop(running.dispatch_id, None)
        core.keep(running)


async def _run(core: Core, running: Running, owed: Owed, randomness: random.Random, into_force: IntoForce) -> None:
    if not await into_force():
        return
    if running.outcome is None:
        running.move(DispatchState.AWAITING_ACKS)
        report(core, running)
        await until(core, running, lambda: not running.pending)
    if running.outcome is None:
        running.move(DispatchState.ACTIVE)
        report(core, running)
        await until(core, running, lambda: False)
    running.end(DispatchState.COMPLETED, "")
    await _release(core, running, owed, randomness)


async def _send_first(core: Core, running: Running) -> bool:
    """Wait for the start and send the first round."""
    if not await _start(core, running):
        return False
    report_planned(core, running)
    running.move(DispatchState.SENDING)
    report(core, running)
    try:
        await send_round(core, running, np.arange(len(running)), "send", reason=running.reason.copy())
    except JournalError as error:
        running.end(DispatchState.FAILED, f"the journal did not take the round: {error}")
    if not running.out.any() and running.outcome in (None, DispatchState.FAILED):
        running.end(DispatchState.FAILED, "no command could be published")
        free_unsent(core, running)
        running.move(DispatchState.FAILED)
        _end(core, running)
        return False
    return True


async def _start(core: Core, running: Running) -> bool:
    """Wait for a later start and decide anew then; False if the dispatch ended instead."""
    while running.started_at is None:
        start_s = _start_in_s(core, running)
        if running.outcome is None and start_s > 0:
            running.changed.clear()
            await running.changed.wait()
            continue
        if running.outcome is not None:
            running.move(DispatchState.CANCELLED)
            _end(core, running)
            return False
        missing = await _owns(core, running)
        if missing is None:
            continue
        if missing:
            running.outcome_reason = missing
            running.move(DispatchState.EXPIRED)
            _end(core, running)
            return False
    return True


async def _owns(core: Core, running: Running) -> str | None:
    """Decide anew and take the vehicles; why that can't be, empty if it could. None: it was asked to end while it was decided."""
    try:
        decision = await deliberate(core, running.request, own_slot=running.slot)  # nobody can be asked about a new CAUTION
        if running.outcome is not None:
            return None
        pass_interlocks(core, Step.START, decision.target_kw)
        missing = _missing(core, running, decision)
        if not missing:
            own(core, running, decision)
    except RefusalError as error:
        return error.message
    return missing


def _missing(core: Core, running: Running, decision: Decision) -> str:
    """Why a dispatch can't start now as it was asked for; empty if it can."""
    if core.stop.stopped:
        return "stopped"
    if not decision.used.any():
        return "no vehicle could take part at its start"
    if not accepts_partial(core, running.request) and decision.allocation.shortfall_kw > SHORTFALL_KW:
        return f"{decision.allocation.shortfall_kw:.1f} kW could not be met at its start"
    return ""


def accepts_partial(core: Core, fields: DispatchFields) -> bool:
    """True if a plan that can't meet the whole request may be sent: as the request says, else no for strict signals, else as configured."""
    if fields.accept_partial is not None:
        return fields.accept_partial
    dispatch = core.settings.dispatch
    strict = {name.lower() for name in dispatch.strict}
    return dispatch.accept_partial and parse_signal(fields.signal, fields.power_kw)[0].value.lower() not in strict


def _start_in_s(core: Core, running: Running) -> float:
    return parse_rfc3339(running.request.start_at) - core.clock.utc() if running.request.start_at else 0.0


async def until(core: Core, running: Running, done: Callable[[], bool]) -> None:
    """Wait until `done`, the end of the dispatch, or an outcome asked for. The ticker wakes us every 50 ms."""
    while running.outcome is None and not done():
        if running.ends_at is not None and core.clock.monotonic() >= running.ends_at:
            running.end(DispatchState.COMPLETED, "")
            return
        running.changed.clear()
        await running.changed.wait()


async def _release(core: Core, running: Running, owed: Owed, randomness: random.Random) -> None:
    if running.over:
        return
    if running.state in HOLDING:
        now = core.clock.monotonic()
        freeze_totals(core, running, now)
        running.released_at = now
        running.move(DispatchState.RELEASING)
        report(core, running)
        core.metrics.observe_latencies(running.signal.value, latencies_ms(running) / 1000.0)
    ramp_s = core.settings.dispatch.release_ramp_s if running.outcome is DispatchState.COMPLETED else 0.0
    await release_all(core, running, owed, ramp_s=ramp_s, randomness=randomness)
    assert running.outcome is not None
    running.move(running.outcome)
    _end(core, running)


def _end(core: Core, running: Running) -> None:
    running.ended_ms = core.utc_ms()
    counts = command_counts(running)
    answered = counts[CommandState.ACKED] + counts[CommandState.LIMITED]
    core.learn(running, answered)
    core.metrics.dispatch_ended(running.signal.value, running.state.value, vehicles_of(running), answered)
    report(core, running)
