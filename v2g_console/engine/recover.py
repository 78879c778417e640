"""After a crash: nothing old is replayed. What the journal says may still be in force is owed its release, and the operator is told."""

import logging

import numpy as np

from v2g_console.contract.events import DispatchFailed
from v2g_console.contract.requests import DispatchFields, Origin
from v2g_console.domain.signal import Signal
from v2g_console.domain.states import DispatchState
from v2g_console.domain.vehicle import Baseline
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.owed import Owed
from v2g_console.journal.recovery import Recovered, Standing

log = logging.getLogger(__name__)

SEQ_MARGIN = 1000
"""Repeated releases are not journalled one by one: numbers start well above the last one known."""
_ORIGIN = Origin(user="engine", way="recovery")


def recover(core: Core, owed: Owed, found: Recovered) -> None:
    """Take over what an earlier run left behind. Releases go out as soon as the vehicles are heard."""
    core.start_seq_above(found.last_seq + SEQ_MARGIN if found.last_seq else 0)
    for left in found.owed:
        _owe(core, owed, _ghost(left.dispatch_id, left.signal, 0.0), left.standing)
    for broken in found.unfinished:
        target_kw = broken.about.target_kw if broken.about is not None else 0.0
        ghost = _ghost(broken.dispatch_id, broken.signal, target_kw)
        count = _owe(core, owed, ghost, broken.standing)
        log.warning("dispatch %s was cut off by a restart: %d vehicles are owed their release", ghost.short_id, count)
        _tell(core, ghost, count)


def _ghost(dispatch_id: str, signal: str, target_kw: float) -> Running:
    """A dispatch of an earlier run, as far as its releases need it."""
    fields = DispatchFields(signal=signal, power_kw=target_kw, duration_s=1.0)
    known = Signal(signal) if signal in tuple(Signal) else Signal.MA
    ghost = Running(signal=known, request=fields, origin=_ORIGIN, target_kw=target_kw, allocator="", slot=-1, created_ms=0)
    ghost.dispatch_id, ghost.short_id = dispatch_id, f"#{dispatch_id[:4]}"
    return ghost


def _owe(core: Core, owed: Owed, ghost: Running, standing: Standing) -> int:
    """Owe the release of every vehicle whose setpoint may still be in force; returns how many."""
    now_ms, fleet = core.utc_ms(), core.fleet
    ended = (standing.protocol >= 2) & (standing.valid_until_ms > 0) & (standing.valid_until_ms < now_ms)
    count = 0
    for number in np.flatnonzero(~ended).tolist():
        row = fleet.row(standing.vehicle_ids[number])
        if row < 0:
            continue
        fleet.protocol[row] = max(1, standing.protocol[number])
        fleet.baseline_kw[row], fleet.baseline_kind[row] = standing.baseline_kw[number], Baseline.FROZEN
        fleet.intend(np.array([row]), standing.setpoint_kw[number : number + 1], core.clock.monotonic())
        (position,) = ghost.add(
            np.array([row], np.intp), standing.setpoint_kw[number : number + 1], standing.baseline_kw[number : number + 1], np.zeros(1)
        ).tolist()
        ghost.valid_until_ms[position] = standing.valid_until_ms[number]
        ghost.release_sent_at[position] = np.inf  # a release of this run: only what is measured after it proves anything
        ghost.set_release(position, ReleaseState.OWED)
        owed.add(ghost, position, first_seq=core.next_seq())
        count += 1
    return count


def _tell(core: Core, ghost: Running, count: int) -> None:
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
            reason="cut off by a restart of the engine: its vehicles are being released",
            owed=count,
        )
    )
