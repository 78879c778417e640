"""After a crash: nothing old is replayed. Each dispatch found is resumed or released, as configured, and the operator is told."""

import logging
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.events import ApprovalAsked, ApprovalEnded, DispatchFailed, EngineRecovered
from v2g_console.contract.requests import DispatchFields, Origin
from v2g_console.domain.signal import Signal
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import counted
from v2g_console.domain.vehicle import Baseline
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.holds import restore
from v2g_console.engine.owed import Owed
from v2g_console.engine.resume import follow_earlier, request_of, restored, take_over
from v2g_console.journal.port import DispatchRecord
from v2g_console.journal.recovery import Recovered, Standing, UnfinishedDispatch

log = logging.getLogger(__name__)

SEQ_MARGIN = 1000
"""Every round is journalled, but for releases that went out while the journal failed: numbers start above those too."""
_ORIGIN = Origin(user="engine", way="recovery")
_ENDING = frozenset({DispatchState.RELEASING.value})


@dataclass(slots=True)
class Recovery:
    """What was found and what becomes of it: `resumed` dispatches go on, `scheduled` ones wait for their start, `released` are over."""

    resumed: list[Running] = field(default_factory=list)
    scheduled: list[Running] = field(default_factory=list)
    released: list[Running] = field(default_factory=list)
    earlier: list[Running] = field(default_factory=list)  # ended before, but releases of theirs are owed
    dropped: int = 0  # dispatches that had sent nothing
    owed: int = 0  # vehicles whose release is owed
    above_most: int = 0  # vehicles taken in although the fleet is full, since they have to be released
    approvals: int = 0  # requests that waited for a second person, and are dropped
    clean: bool = True

    @property
    def text(self) -> str:
        """What the operator should know, as it is now; "" if nothing was found."""
        parts = [
            (len(self.resumed), "dispatch resumed", "dispatches resumed"),
            (len(self.released), "dispatch cut off", "dispatches cut off"),
            (self.owed, "vehicle being released", "vehicles being released"),
            (len(self.scheduled), "scheduled dispatch kept", "scheduled dispatches kept"),
            (self.dropped, "dispatch that had sent nothing dropped", "dispatches that had sent nothing dropped"),
            (self.above_most, "vehicle kept above fleet.max_vehicles", "vehicles kept above fleet.max_vehicles"),
            (self.approvals, "request that waited for approval not carried over", "requests that waited for approval not carried over"),
        ]
        found = ", ".join(counted(count, one, many) for count, one, many in parts if count)
        if not found:
            return ""
        left = self._left()
        return f"found at the restart: {found}{f'; {left} still to confirm' if 0 < left < self.owed else ''}"

    def settled(self) -> bool:
        """True when nothing of it is open any more: releases confirmed, resumed dispatches sent."""
        waiting = any(one.state is DispatchState.SENDING for one in self.resumed)
        return not waiting and not self._left()

    def _left(self) -> int:
        """Vehicles of dispatches that are over whose release is still owed."""
        return sum(one.release_counts[ReleaseState.OWED] for one in (*self.released, *self.earlier))


def recover(core: Core, owed: Owed, found: Recovered) -> Recovery:
    """Take over what an earlier run left behind. Releases go out as soon as the vehicles are heard; resumed ones are yet to be started."""
    core.start_seq_above(found.last_seq + SEQ_MARGIN if found.last_seq else 0)
    recovery = Recovery(clean=found.clean)
    recovery.above_most = _take_in(core, found)
    restore(core, found.holds)
    for left in found.owed:
        ghost = _ghost(left.dispatch_id, left.signal, 0.0)
        recovery.owed += _owe(core, owed, ghost, left.standing, _all(left.standing))
        recovery.earlier.append(ghost)
    for broken in found.unfinished:
        about, inside = broken.about, broken.state not in _ENDING and broken.ends_ms > core.utc_ms()
        fields = request_of(about) if about is not None and inside and _goes_on(core, about) else None
        if about is not None and fields is not None:
            _resume(core, owed, recovery, restored(core, about, fields), about, broken.standing)
        else:
            _release(core, owed, recovery, broken)
    for record in found.waiting:
        _wait_again(core, recovery, record)
    for asked in found.holds.asked:
        _forget_approval(core, asked)
    recovery.approvals = len(found.holds.asked)
    _tell(core, recovery, len(found.unfinished))
    return recovery


def _take_in(core: Core, found: Recovered) -> int:
    """Give a row to every vehicle that may follow a setpoint, also where the limit is lower by now; returns how many are above it."""
    standing = [left.standing for left in found.owed] + [left.standing for left in found.unfinished]
    for vehicle_id in chain.from_iterable(one.vehicle_ids for one in standing):
        core.fleet.adopt(vehicle_id)
    above = max(0, len(core.fleet) - core.settings.fleet.max_vehicles)
    if above:
        log.warning("%d vehicles above fleet.max_vehicles may follow a setpoint of an earlier run: they are kept, to be released", above)
    return above


def _forget_approval(core: Core, asked: ApprovalAsked) -> None:
    """Nothing old is sent: who asked has to ask again."""
    reason = "the engine was restarted: ask for it again"
    core.emit(
        ApprovalEnded(
            ts=core.ts(),
            approval_id=asked.approval_id,
            outcome="not carried over",
            by=asked.by,
            dispatch_id=asked.dispatch_id,
            reason=reason,
        )
    )


def _goes_on(core: Core, about: DispatchRecord) -> bool:
    """True if dispatches are resumed, this engine may send, and nobody had ended this one."""
    wanted = core.settings.dispatch.on_recovery == "resume" and not core.read_only and not core.stop.stopped
    return wanted and not about.ending


def _resume(core: Core, owed: Owed, recovery: Recovery, running: Running, about: DispatchRecord, standing: Standing) -> None:
    over, leaving = _perhaps_over(core, standing), standing.release_seq > 0
    take_over(core, running, about, standing, np.flatnonzero(~over & ~leaving))
    recovery.owed += _owe(core, owed, running, standing, np.flatnonzero(leaving | over))  # who was leaving it when the engine died
    recovery.resumed.append(running)
    log.warning("dispatch %s was cut off by a restart and goes on: %d vehicles", running.short_id, len(running))


def _release(core: Core, owed: Owed, recovery: Recovery, broken: UnfinishedDispatch) -> None:
    target_kw = broken.about.target_kw if broken.about is not None else 0.0
    ghost = _ghost(broken.dispatch_id, broken.signal, target_kw)
    count = _owe(core, owed, ghost, broken.standing, _all(broken.standing))
    recovery.owed += count
    recovery.released.append(ghost)
    log.warning("dispatch %s was cut off by a restart: %d vehicles are owed their release", ghost.short_id, count)
    _tell_failed(core, ghost, count, "cut off by a restart of the engine: its vehicles are being released")


def _wait_again(core: Core, recovery: Recovery, record: DispatchRecord) -> None:
    """A dispatch that had sent nothing: one whose start is still to come is kept if dispatches are resumed, any other is over."""
    fields = request_of(record)
    start_s = parse_rfc3339(fields.start_at) if fields is not None and fields.start_at is not None else 0.0
    alone = _needs_another(core, record)
    if fields is not None and start_s > core.clock.utc() and _goes_on(core, record) and not alone:
        recovery.scheduled.append(restored(core, record, fields))
        return
    recovery.dropped += 1
    if record.ending:
        reason = f"cut off by a restart of the engine while it ended ({record.ending}): nothing had been sent"
    elif fields is None or fields.start_at is None:
        reason = "cut off by a restart of the engine: nothing had been sent"
    elif start_s <= core.clock.utc():
        reason = "its start passed while the engine was down: nothing was sent"
    elif core.stop.stopped:
        reason = "cut off by a restart of the engine before its start, and STOP is latched: ask for it again"
    elif alone:
        reason = "cut off by a restart of the engine before its start: another supervisor must approve it by now, ask for it again"
    else:
        reason = "cut off by a restart of the engine before its start: ask for it again (dispatch.on_recovery: release)"
    _tell_failed(core, _ghost(record.dispatch_id, record.signal, record.target_kw), 0, reason)


def _needs_another(core: Core, record: DispatchRecord) -> bool:
    """True if one person asked for it alone, and may not by now."""
    limit_kw = core.settings.access.four_eyes_above_kw
    return bool(limit_kw) and abs(record.target_kw) > limit_kw and not record.approved_by


def _ghost(dispatch_id: str, signal: str, target_kw: float) -> Running:
    """A dispatch of an earlier run, as far as its releases need it."""
    fields = DispatchFields(signal=signal, power_kw=target_kw, duration_s=1.0)
    known = Signal(signal) if signal in tuple(Signal) else Signal.MA
    ghost = Running(signal=known, request=fields, origin=_ORIGIN, target_kw=target_kw, allocator="", slot=-1, created_ms=0)
    ghost.dispatch_id, ghost.short_id = dispatch_id, f"#{dispatch_id[:4]}"
    return ghost


def _all(standing: Standing) -> Rows:
    return np.arange(len(standing.vehicle_ids))


def _perhaps_over(core: Core, standing: Standing) -> NDArray[np.bool_]:
    """Rows of `standing` whose v2 vehicle has gone back to its own plan by itself, if our date is right: nobody knows that at a start."""
    over: NDArray[np.bool_] = (standing.protocol >= 2) & (standing.valid_until_ms > 0) & (standing.valid_until_ms < core.utc_ms())
    return over


def _owe(core: Core, owed: Owed, running: Running, standing: Standing, chosen: Rows) -> int:
    """Owe the release of every vehicle at `chosen` whose setpoint may still be in force; returns how many."""
    fleet = core.fleet
    rows = np.array([fleet.adopt(standing.vehicle_ids[number]) for number in chosen.tolist()], np.intp)
    setpoint_kw, baseline_kw = standing.setpoint_kw[chosen], standing.baseline_kw[chosen]
    fleet.protocol[rows] = np.maximum(1, standing.protocol[chosen])
    fleet.baseline_kw[rows], fleet.baseline_kind[rows] = baseline_kw, Baseline.FROZEN
    fleet.intend(rows, setpoint_kw, core.clock.monotonic())
    positions = running.add(rows, setpoint_kw, baseline_kw, np.zeros(len(rows)))
    follow_earlier(core, running, positions, standing, chosen)
    running.left[positions] = True
    running.release_sent_at[positions] = np.inf  # a release of this run: only what is measured after it proves anything
    first_seq = core.next_seq()
    for position in positions.tolist():
        running.set_release(position, ReleaseState.OWED)
        owed.add(running, position, first_seq=first_seq)
    return len(positions)


def _tell(core: Core, recovery: Recovery, unfinished: int) -> None:
    if not recovery.text:
        return
    core.emit(
        EngineRecovered(
            ts=core.ts(),
            clean=recovery.clean,
            unfinished=unfinished,
            resumed=tuple(one.dispatch_id for one in recovery.resumed),
            released=tuple(one.dispatch_id for one in recovery.released),
            scheduled=tuple(one.dispatch_id for one in recovery.scheduled),
            dropped=recovery.dropped,
            owed=recovery.owed,
            text=recovery.text,
            above_most=recovery.above_most,
            approvals=recovery.approvals,
        )
    )


def _tell_failed(core: Core, ghost: Running, count: int, reason: str) -> None:
    core.emit(
        DispatchFailed(
            ts=core.ts(),
            dispatch_id=ghost.dispatch_id,
            signal=ghost.signal.value,
            state=DispatchState.FAILED.value,
            requested_kw=ghost.target_kw,
            allocated_kw=0.0,
            acknowledged_kw=0.0,
            delivered_kw=None,
            delivered_coverage=0.0,
            uncertain_kw=float(np.sum(ghost.setpoint_kw - ghost.baseline_kw)),
            shortfall_kw=0.0,
            vehicles=count,
            acked=0,
            limited=0,
            rejected=0,
            silent=count,
            pending=0,
            reason=reason,
            owed=count,
        )
    )
