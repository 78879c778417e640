"""What happened to commands, brought into the fleet's columns and the journal in batches: each tick, so at most 50 ms late.

The paths of a single command and a single ack stay short this way; everything that one can do for thousands at once is done here.
"""

import numpy as np

from v2g_console.domain.states import CommandState
from v2g_console.engine.core import FLEET_STATE, STATE_OF_COMMAND, Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.journal.port import AcksRecord

_FLEET_STATES = np.array([STATE_OF_COMMAND.get(state, FLEET_STATE["idle"]) for state in CommandState], np.uint8)


def mirror(core: Core, running: Running) -> None:
    """Bring what happened since the last call into fleet and journal."""
    if running.sent_now:
        positions, running.sent_now = np.array(running.sent_now), []
        _show(core, running, positions)
        np.add.at(core.fleet.commands, running.rows[positions], 1)
    if running.answered_now:
        positions, running.answered_now = np.array(running.answered_now), []
        _show(core, running, positions)
        _count_answers(core, running, positions)
    if running.confirmed_now:
        positions, running.confirmed_now = np.array(running.confirmed_now), []
        _free(core, running, positions)


def _show(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    """State and setpoint of vehicles that this dispatch still holds."""
    fleet, rows = core.fleet, running.rows[positions]
    mine = (fleet.owner[rows] == running.slot) & (running.release_state[positions] == ReleaseState.NONE)
    positions, rows = positions[mine], rows[mine]
    fleet.state[rows] = _FLEET_STATES[running.command_state[positions]]
    fleet.reason[rows] = running.reason[positions]
    fleet.commanded_at[rows] = np.fmax(fleet.commanded_at[rows], running.sent_at[positions])
    fleet.setpoint_kw[rows] = np.where(running.out[positions], running.setpoint_kw[positions], np.nan)
    fleet.revision += 1


def _count_answers(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    fleet, rows = core.fleet, running.rows[positions]
    fleet.seen_at[rows] = core.clock.monotonic()
    mine = fleet.owner[rows] == running.slot
    fleet.confirmed_kw[rows[mine]] = running.applied_kw[positions[mine]]
    rejected = running.command_state[positions] == CommandState.REJECTED
    np.add.at(fleet.acks, rows, 1)
    np.add.at(fleet.rejects, rows[rejected], 1)
    core.note(
        AcksRecord(
            utc_ms=core.utc_ms(),
            dispatch_id=running.dispatch_id,
            vehicle_ids=tuple(fleet.ids[row] for row in rows.tolist()),
            seq=running.seq[positions],
            state=running.command_state[positions],
            applied_kw=running.applied_kw[positions],
            reason=running.reason[positions],
        )
    )


def _free(core: Core, running: Running, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    """Vehicles whose release is confirmed are free."""
    rows = running.rows[positions]
    core.fleet.free(rows[core.fleet.owner[rows] == running.slot], core.clock.monotonic())
