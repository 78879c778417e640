"""Changing a dispatch under way: a new target, and one more try for the silent."""

import math

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.planning import Decision, RefusalError, decide
from v2g_console.engine.rounds import send_round
from v2g_console.journal.port import JournalError

DEAD_BAND_KW = 1.0
DEAD_BAND_SHARE = 0.005
SMALLEST_MOVE_KW = 0.05
_REPEATABLE = (CommandState.TIMED_OUT, CommandState.FAILED, CommandState.DROPPED)


async def retarget(core: Core, running: Running, power_kw: float) -> None:
    """Solve anew for `power_kw` over the dispatch's own and all free vehicles, and send what changes; nothing within the dead-band."""
    if not math.isfinite(power_kw) or power_kw == 0:
        raise RefusalError(Refusal.INVALID, f"power_kw must be a number other than 0, got {power_kw:g}", "cancel ends a dispatch")
    decision = decide_again(core, running, power_kw)
    error_kw = decision.target_kw - float(np.sum(running.setpoint_kw - running.baseline_kw))
    running.target_kw = decision.target_kw
    if abs(error_kw) <= max(DEAD_BAND_KW, DEAD_BAND_SHARE * abs(decision.target_kw)):
        return
    await _send(core, running, apply(core, running, decision))


def decide_again(core: Core, running: Running, power_kw: float) -> Decision:
    """A decision for the rest of the dispatch, in which its own vehicles count as free."""
    fields, remaining_s = running.request, running.duration_s
    if running.ends_at is not None:
        remaining_s = max(1.0, running.ends_at - core.clock.monotonic())
    again = DispatchFields(
        signal=running.signal.value,
        power_kw=power_kw,
        duration_s=remaining_s,
        allocator=running.allocator,
        sites=fields.sites,
        segments=fields.segments,
        vehicles=fields.vehicles,
    )
    return decide(core, again, own_slot=running.slot)


def apply(core: Core, running: Running, decision: Decision) -> NDArray[np.intp]:
    """Write a new decision into the columns: unused vehicles go to their baseline, new ones are taken. Returns changed positions."""
    allocation, vehicles = decision.allocation, decision.vehicles
    mine = core.fleet.owner[running.rows] == running.slot
    wanted = np.where(decision.used[running.rows], allocation.setpoint_kw[running.rows], running.baseline_kw)
    changed = mine & (np.abs(wanted - running.setpoint_kw) > SMALLEST_MOVE_KW)
    running.setpoint_kw[changed] = wanted[changed]
    new_rows = np.setdiff1d(decision.rows, running.rows)
    core.fleet.take(new_rows, running.slot, vehicles.baseline_kw[new_rows], vehicles.baseline_kind[new_rows])
    added = running.add(new_rows, allocation.setpoint_kw[new_rows], vehicles.baseline_kw[new_rows], allocation.score[new_rows])
    return np.concatenate([np.flatnonzero(changed), added])


async def retry_silent(core: Core, running: Running) -> None:
    """A new command, with the same setpoint, to every vehicle that did not answer."""
    positions = np.flatnonzero(np.isin(running.command_state, _REPEATABLE))
    if not len(positions):
        raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id}: nobody is silent", "retry is for vehicles that did not answer")
    await _send(core, running, positions)


async def _send(core: Core, running: Running, positions: NDArray[np.intp]) -> None:
    running.reason[positions] = Reason.NONE
    try:
        await send_round(core, running, positions, "update")
    except JournalError as error:
        raise RefusalError(Refusal.JOURNAL, f"the journal did not take the round: {error}") from error
