"""The end of a dispatch: every vehicle to which a command may have gone out is released, silent ones too; what stays silent is owed."""

import asyncio
import logging
import math
import random
from collections.abc import Iterator

import numpy as np

from v2g_console.domain.capability import release_setpoint_kw
from v2g_console.engine.commands import CommandWriter
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.mirror import mirror
from v2g_console.engine.owed import Owed, measured_as_released
from v2g_console.journal.port import RoundRecord
from v2g_console.transport.port import Outgoing

log = logging.getLogger(__name__)

_RAMP_STEP_S = 0.25
_JOURNAL_PATIENCE_S = 2.0
_RELEASING = FLEET_STATE["releasing"]
_NONE, _SENT = int(ReleaseState.NONE), int(ReleaseState.SENT)  # plain numbers, as in `acks`


async def release_all(core: Core, running: Running, owed: Owed, *, ramp_s: float, randomness: random.Random) -> None:
    """Release what the dispatch still owns and wait until all is confirmed or the ack timeout is over; the rest becomes owed."""
    positions = _to_release(core, running)
    if not positions:
        return
    _decide(core, running, positions)
    await _journal(core, running, positions)
    randomness.shuffle(positions)
    step = math.ceil(len(positions) / max(1, math.ceil(ramp_s / _RAMP_STEP_S)))
    while positions:
        size = len(positions) if core.stop.stopped or core.closing else step
        now, positions = positions[:size], positions[size:]
        await _publish(core, running, now)
        if positions:
            await asyncio.sleep(_RAMP_STEP_S)
    await _confirmed(core, running)
    mirror(core, running)
    for position in np.flatnonzero(running.release_state == ReleaseState.SENT):
        _last_look(core, running, owed, int(position))


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
    core.fleet.owner[rows] = -1
    core.fleet.setpoint_kw[rows] = np.nan
    core.fleet.revision += 1


def _decide(core: Core, running: Running, positions: list[int]) -> None:
    """Set the power each vehicle is released to, and end its command."""
    columns = core.vehicles()
    rows = running.rows[positions]
    running.release_kw[positions] = release_setpoint_kw(columns.take(rows), core.rules)
    running.release_seq = core.next_seq()
    core.fleet.state[rows] = _RELEASING


async def let_go(core: Core, running: Running, owed: Owed, positions: Rows) -> None:
    """Release single vehicles of a dispatch that goes on: those who stayed silent. They leave it at once, and their release is owed.

    Raises JournalError before anything is published.
    """
    seq, chosen = core.next_seq(), positions.tolist()
    columns = core.vehicles()
    running.release_kw[positions] = release_setpoint_kw(columns.take(running.rows[positions]), core.rules)
    await core.commit_round(_record(core, running, chosen, seq))
    writer, cells = CommandWriter(core, running), running.cells

    def messages() -> Iterator[Outgoing]:
        for position in chosen:
            if cells.release_state[position] != _NONE:
                continue
            cells.release_sent_at[position] = core.clock.monotonic()
            cells.release_sent_ms[position] = core.utc_ms()
            running.set_release(position, ReleaseState.OWED)
            running.left[position] = True
            owed.add(running, position, first_seq=seq)
            yield writer.release(position, seq=seq, sent_ms=cells.release_sent_ms[position])

    await core.link.publish_many(messages(), lambda _, __: None)


async def _journal(core: Core, running: Running, positions: list[int]) -> None:
    """Journal the release; it goes out even when the journal can't take it, or is stuck."""
    try:
        async with asyncio.timeout(_JOURNAL_PATIENCE_S):
            await core.commit_round(_record(core, running, positions, running.release_seq))
    except Exception:
        log.exception("release of %s goes out unjournalled", running.dispatch_id)


def _record(core: Core, running: Running, positions: list[int], seq: int) -> RoundRecord:
    return RoundRecord(
        utc_ms=core.utc_ms(),
        dispatch_id=running.dispatch_id,
        seq=seq,
        kind="release",
        vehicle_ids=tuple(core.fleet.ids[running.row_list[position]] for position in positions),
        setpoint_kw=running.release_kw[positions].copy(),
        baseline_kw=running.baseline_kw[positions].copy(),
        valid_until_ms=0,
        position=np.array(positions, np.int64),
        protocol=core.fleet.protocol[running.rows[positions]],
    )


async def _publish(core: Core, running: Running, positions: list[int]) -> None:
    step_s = core.settings.dispatch.ack_timeout_seconds / (core.settings.dispatch.retries + 1)
    writer, cells, seq = CommandWriter(core, running), running.cells, running.release_seq

    def messages() -> Iterator[Outgoing]:
        for position in positions:
            now = core.clock.monotonic()
            if cells.release_state[position] == _NONE:
                cells.release_sent_at[position] = now
                cells.release_sent_ms[position] = core.utc_ms()
                running.set_release(position, _SENT)
            elif cells.release_state[position] != _SENT:
                continue
            cells.release_attempt[position] += 1
            cells.retry_at[position] = now + step_s
            yield writer.release(position, seq=seq, sent_ms=cells.release_sent_ms[position])

    await core.link.publish_many(messages(), lambda _, __: None)


async def _confirmed(core: Core, running: Running) -> None:
    """Wait for confirmations, repeating to the silent, until none is missing or the ack timeout of the last one is over."""
    dispatch = core.settings.dispatch
    while running.release_counts[ReleaseState.SENT]:
        now = core.clock.monotonic()
        waiting = np.flatnonzero(running.release_state == ReleaseState.SENT)
        if (now > running.release_sent_at[waiting] + dispatch.ack_timeout_seconds).all():
            return
        due = waiting[(running.retry_at[waiting] <= now) & (running.release_attempt[waiting] <= dispatch.retries)]
        if len(due) and core.link_up():
            await _publish(core, running, [int(position) for position in due])
        running.changed.clear()
        await running.changed.wait()


def _last_look(core: Core, running: Running, owed: Owed, position: int) -> None:
    """A release without an answer: measured power may prove it, else it is owed."""
    if measured_as_released(core, running, position, float(running.release_sent_at[position])):
        running.set_release(position, ReleaseState.CONFIRMED)
        core.fleet.free(running.row_list[position], core.clock.monotonic())
    else:
        running.set_release(position, ReleaseState.OWED)
        owed.add(running, position, first_seq=running.release_seq)
