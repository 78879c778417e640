"""What happened to commands, brought into the fleet's columns and the journal in batches: each tick, so at most 50 ms late.

The paths of a single command and a single ack stay short this way; everything that one can do for thousands at once is done here.
"""

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.engine.core import FLEET_STATE, STATE_OF_COMMAND, Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.override_record import begin_overrides, end_overrides
from v2g_console.journal.port import AcksRecord, ReleaseOutcome, ReleasesRecord

_FLEET_STATES = np.array([STATE_OF_COMMAND.get(state, FLEET_STATE["idle"]) for state in CommandState], np.uint8)
_OUTCOMES = np.zeros(len(ReleaseState), np.uint8)
_OUTCOMES[ReleaseState.CONFIRMED] = ReleaseOutcome.CONFIRMED
_OUTCOMES[ReleaseState.OWED] = ReleaseOutcome.OWED
_OUTCOMES[ReleaseState.NOT_NEEDED] = ReleaseOutcome.NOT_NEEDED
_OUTCOMES[ReleaseState.LEASE_ENDED] = ReleaseOutcome.LEASE_ENDED


def mirror(core: Core, running: Running) -> None:
    """Bring what happened since the last call into fleet and journal."""
    if running.fresh.sent:
        positions, running.fresh.sent = np.array(running.fresh.sent), []
        _show(core, running, positions)
        np.add.at(core.fleet.commands, running.rows[positions], 1)
    if running.fresh.answered:
        positions, running.fresh.answered = np.array(running.fresh.answered), []
        _show(core, running, positions)
        _count_answers(core, running, positions)
    if running.fresh.confirmed:
        positions, running.fresh.confirmed = np.array(running.fresh.confirmed), []
        _free(core, running, positions)
    note_releases(core, running)


def note_releases(core: Core, running: Running) -> None:
    """Tell the journal what became of releases since the last call."""
    if not running.fresh.settled:
        return
    positions, running.fresh.settled = np.array(running.fresh.settled), []
    core.note(
        ReleasesRecord(
            utc_ms=core.utc_ms(),
            dispatch_id=running.dispatch_id,
            vehicle_ids=tuple(core.fleet.ids[row] for row in running.rows[positions].tolist()),
            outcome=_OUTCOMES[running.release_state[positions]],
        )
    )


def _show(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    """State and setpoint of vehicles that this dispatch still holds."""
    fleet, rows = core.fleet, running.rows[positions]
    mine = (fleet.owner[rows] == running.slot) & (running.release_state[positions] == ReleaseState.NONE)
    positions, rows = positions[mine], rows[mine]
    fleet.state[rows] = _FLEET_STATES[running.command_state[positions]]
    fleet.reason[rows] = running.reason[positions]
    fleet.commanded_at[rows] = np.fmax(fleet.commanded_at[rows], running.sent_at[positions])
    unsent = np.isin(running.command_state[positions], (CommandState.DROPPED, CommandState.FAILED))  # they follow what was sent before
    told_kw = np.where(unsent, running.sent_kw[positions], running.setpoint_kw[positions])
    fleet.setpoint_kw[rows] = np.where(running.out[positions], told_kw, np.nan)
    fleet.revision += 1


def _count_answers(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    fleet, rows = core.fleet, running.rows[positions]
    fleet.seen_at[rows] = core.clock.monotonic()
    mine = fleet.owner[rows] == running.slot
    rejected = running.command_state[positions] == CommandState.REJECTED
    applied_kw = running.applied_kw[positions]
    fleet.confirm(rows[mine & ~rejected], applied_kw[mine & ~rejected])
    # Who refuses may keep what it had, and whatever was sent in between: all of it stays open.
    fleet.confirmed_kw[rows[mine & rejected]] = applied_kw[mine & rejected]
    _note_overrides(core, rows, rejected, running.reason[positions])
    np.add.at(fleet.acks, rows, 1)
    np.add.at(fleet.rejects, rows[rejected], 1)
    core.note(
        AcksRecord(
            utc_ms=core.utc_ms(),
            dispatch_id=running.dispatch_id,
            vehicle_ids=tuple(fleet.ids[row] for row in rows.tolist()),
            seq=running.seq[positions],
            state=running.command_state[positions],
            applied_kw=np.where(rejected, np.nan, applied_kw),
            reason=running.reason[positions],
        )
    )


def _note_overrides(core: Core, rows: Rows, rejected: NDArray[np.bool_], reason: NDArray[np.uint8]) -> None:
    """Who refuses because somebody on the spot took over is left alone; who follows again is not."""
    overridden = rejected & (reason == Reason.LOCAL_OVERRIDE)
    begin_overrides(core, rows[overridden])
    end_overrides(core, rows[~rejected])


def _free(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    """Vehicles whose release is confirmed are free."""
    rows = running.rows[positions]
    core.fleet.free(rows[core.fleet.owner[rows] == running.slot], core.clock.monotonic())
