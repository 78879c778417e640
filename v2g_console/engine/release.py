"""The end of a dispatch: every vehicle to which a command may have gone out is released, silent ones too; what stays silent is owed."""

import asyncio
import logging
import math
import random

import numpy as np

from v2g_console.contract.events import Strategy
from v2g_console.domain.states import DispatchState
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.mirror import mirror
from v2g_console.engine.owed import Owed, measured_as_released
from v2g_console.engine.rebound import PATIENCE_S, fitting
from v2g_console.engine.release_round import ReleaseRound, commit_release, decide_release, journal_release

log = logging.getLogger(__name__)

_RAMP_STEP_S = 0.25
_UNHURRIED = (DispatchState.COMPLETED, DispatchState.CANCELLED)
_RELEASING = FLEET_STATE["releasing"]
_NONE, _SENT = int(ReleaseState.NONE), int(ReleaseState.SENT)  # plain numbers, as in `acks`


async def release_all(core: Core, running: Running, owed: Owed, *, ramp_s: float, randomness: random.Random) -> None:
    """Release what the dispatch still owns and wait until all is confirmed or the ack timeout is over; the rest becomes owed."""
    positions = _to_release(core, running)
    if not positions:
        return
    running.release_seq = decide_release(core, running, np.array(positions))
    core.fleet.state[running.rows[positions]] = _RELEASING
    release = await journal_release(core, running, positions, running.release_seq)
    randomness.shuffle(positions)
    await _spread(release, positions, ramp_s)
    await _confirmed(release)
    mirror(core, running)
    for position in np.flatnonzero(running.release_state == ReleaseState.SENT):
        _last_look(core, running, owed, int(position))
    _doubt(core, running, owed)


async def _spread(release: ReleaseRound, positions: list[int], ramp_s: float) -> None:
    """Publish releases in the order of `positions`, spread over `ramp_s`, and within the limits of the grid while that is possible.

    STOP, the engine's end and an INHIBIT tag let nobody wait.
    """
    core, running = release.core, release.running
    step = math.ceil(len(positions) / max(1, math.ceil(ramp_s / _RAMP_STEP_S)))
    patient_until = core.clock.monotonic() + max(ramp_s, PATIENCE_S)
    while positions:
        if core.stop.stopped or core.closing or running.outcome not in _UNHURRIED:
            now = positions
        elif core.clock.monotonic() < patient_until:
            inhibited = core.tags.inhibited(core.fleet)[running.rows[positions]].tolist()
            at_once = [position for position, waits_not in zip(positions, inhibited, strict=True) if waits_not]
            others = [position for position, waits_not in zip(positions, inhibited, strict=True) if not waits_not]
            now = [*at_once, *fitting(core, running, others)[:step]]
        else:
            now = positions
            _tell_no_room(core, running, now)
        sent = set(now)
        positions = [position for position in positions if position not in sent]
        await _publish(release, [*now, *_to_repeat(core, running)])
        if positions:
            await asyncio.sleep(_RAMP_STEP_S)


def _tell_no_room(core: Core, running: Running, positions: list[int]) -> None:
    text = f"{len(positions)} vehicles released although the limits of their sites leave no room for all to charge at once"
    log.warning("%s: %s", running.short_id, text)
    core.emit(Strategy(ts=core.ts(), dispatch_id=running.dispatch_id, kind="rebound", text=text))


def _to_repeat(core: Core, running: Running) -> list[int]:
    """Positions of releases that are due to be sent again."""
    if not core.link_up():
        return []
    waiting = np.flatnonzero(running.release_state == ReleaseState.SENT)
    again = (running.retry_at[waiting] <= core.clock.monotonic()) & (running.release_attempt[waiting] <= core.settings.dispatch.retries)
    return [int(position) for position in waiting[again]]


def _to_release(core: Core, running: Running) -> list[int]:
    """Positions to release; vehicles that never got a command are freed at once."""
    commanded = running.held(core.fleet.owner) & running.out
    free_unsent(core, running)
    for position in np.flatnonzero(~commanded & (running.release_state == ReleaseState.NONE)):
        running.set_release(int(position), ReleaseState.NOT_NEEDED)
    return [int(position) for position in np.flatnonzero(commanded)]


def free_unsent(core: Core, running: Running) -> None:
    """Free the vehicles that never got a command, and forget what was intended for them."""
    rows = running.rows[running.held(core.fleet.owner) & ~running.out]
    core.fleet.forget_intention(rows)


async def let_go(core: Core, running: Running, owed: Owed, positions: Rows) -> None:
    """Release single vehicles of a dispatch that goes on: those who stayed silent. They leave it at once, and their release is owed.

    Who got a newer command meanwhile (somebody asked the silent once more) stays: its answer would be taken for one to the release.
    Raises JournalError before anything is published.
    """
    chosen = positions.tolist()
    release = await commit_release(core, running, chosen, decide_release(core, running, positions))

    def leaves(position: int) -> int | None:
        cells = running.cells
        if cells.release_state[position] != _NONE or cells.seq[position] > release.seq:
            return None
        cells.release_sent_at[position] = core.clock.monotonic()
        cells.release_sent_ms[position] = core.utc_ms()
        running.set_release(position, ReleaseState.OWED)
        running.left[position] = True
        owed.add(running, position, first_seq=release.seq)
        return cells.release_sent_ms[position]

    await release.publish(chosen, leaves)


async def _publish(release: ReleaseRound, positions: list[int]) -> None:
    """Send to `positions`, for the first time or again, and set when the next try is due."""
    core, running = release.core, release.running
    step_s = core.settings.dispatch.ack_timeout_seconds / (core.settings.dispatch.retries + 1)

    def leaves(position: int) -> int | None:
        cells, now = running.cells, core.clock.monotonic()
        if cells.release_state[position] == _NONE:
            cells.release_sent_at[position] = now
            cells.release_sent_ms[position] = core.utc_ms()
            running.set_release(position, _SENT)
        elif cells.release_state[position] != _SENT:
            return None
        cells.release_attempt[position] += 1
        cells.retry_at[position] = now + step_s
        return cells.release_sent_ms[position]

    await release.publish(positions, leaves)


async def _confirmed(release: ReleaseRound) -> None:
    """Wait for confirmations, repeating to the silent, until none is missing or the ack timeout of the last one is over."""
    core, running, dispatch = release.core, release.running, release.core.settings.dispatch
    while running.release_counts[ReleaseState.SENT] and core.clock.monotonic() < core.leave_by:
        now = core.clock.monotonic()
        waiting = np.flatnonzero(running.release_state == ReleaseState.SENT)
        if (now > running.release_sent_at[waiting] + dispatch.ack_timeout_seconds).all():
            return
        due = _to_repeat(core, running)
        if due:
            await _publish(release, due)
        running.changed.clear()
        await running.changed.wait()


def _doubt(core: Core, running: Running, owed: Owed) -> None:
    """Who of v1 answered a setpoint while its release was on its way may have got that setpoint after it: it is owed one more."""
    for position in sorted(running.doubted):
        row = running.row_list[position]
        if running.release_state[position] == ReleaseState.CONFIRMED and core.fleet.owner[row] < 0 and not core.fleet.owed[row]:
            owed.add_again(running, position)


def _last_look(core: Core, running: Running, owed: Owed, position: int) -> None:
    """A release without an answer: measured power may prove it, else it is owed."""
    if measured_as_released(core, running, position, float(running.release_sent_at[position])):
        running.set_release(position, ReleaseState.CONFIRMED)
        core.fleet.free(running.row_list[position], core.clock.monotonic())
    else:
        running.set_release(position, ReleaseState.OWED)
        # An answer that comes to the release of before proves nothing of a vehicle that may have got a setpoint since.
        owed.add(running, position, first_seq=core.next_seq() if position in running.doubted else running.release_seq)
