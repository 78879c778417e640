"""Leases of v2 vehicles: renewed at half-life while the dispatch lasts, without touching its state; a lease that ran out is told."""

from collections.abc import Iterator

import numpy as np

from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.engine.commands import GRACE_AFTER_END_MS, CommandWriter
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.engine.rounds import round_record
from v2g_console.transport.port import Outgoing

MOST_AT_ONCE = 500  # spread out: at most this many a tick
_HOLDS = (CommandState.ACKED, CommandState.LIMITED)


def due_for_renewal(core: Core, running: Running) -> Rows:
    """Positions whose lease is past its half-life and would end before the dispatch does; one unanswered is asked again after a timeout."""
    dispatch = core.settings.dispatch
    if running.renewing or core.clock.monotonic() < core.journal_again_at:
        return np.zeros(0, np.intp)
    utc_ms, lease_ms = core.utc_ms(), dispatch.lease_s * 1000
    ends_ms = (running.ends_ms or 0) + GRACE_AFTER_END_MS
    leased = (core.fleet.protocol[running.rows] >= 2) & np.isin(running.command_state, _HOLDS) & running.held(core.fleet.owner)
    due = leased & (running.valid_until_ms < ends_ms) & (running.valid_until_ms - utc_ms < lease_ms / 2)
    waiting = (running.renewal_until_ms > 0) & (running.sent_ms + dispatch.ack_timeout_seconds * 1000 > utc_ms)
    return np.flatnonzero(due & ~waiting)[:MOST_AT_ONCE]


async def renew(core: Core, running: Running, positions: Rows) -> None:
    """Send the same setpoints with a later end. The lease in force stays what was acknowledged until the vehicle answers.

    Raises JournalError before anything is published.
    """
    running.renewing = True
    try:
        await _renew(core, running, positions)
    finally:
        running.renewing = False


async def _renew(core: Core, running: Running, positions: Rows) -> None:
    seq, writer = core.next_seq(), CommandWriter(core, running)
    await core.commit_round(round_record(core, running, positions, seq, "renewal"))

    def messages() -> Iterator[Outgoing]:
        for position in (int(position) for position in positions):
            gone = running.command_state[position] not in _HOLDS or running.release_state[position] != ReleaseState.NONE
            if not running.sends or gone or running.seq[position] > seq:
                continue  # over, let go, or a newer command overtook this round in the journal
            running.seq[position] = seq
            running.sent_ms[position] = core.utc_ms()
            running.renewal_until_ms[position] = writer.lease_end_ms(int(running.sent_ms[position]))
            yield writer.setpoint(position)

    await core.link.publish_many(messages(), lambda _, __: None)


def expire(core: Core, running: Running) -> None:
    """Commands of v2 vehicles whose lease ended without a renewal are over: the vehicle follows its own plan again."""
    v2 = core.fleet.protocol[running.rows] >= 2
    holding = np.isin(running.command_state, (*_HOLDS, CommandState.TIMED_OUT))
    over = np.flatnonzero(v2 & holding & (running.valid_until_ms > 0) & (running.valid_until_ms < core.utc_ms()))
    if len(over):
        running.set_commands(over, CommandState.EXPIRED)
        running.reason[over] = Reason.EXPIRED
        core.fleet.state[running.rows[over[running.held(core.fleet.owner)[over]]]] = FLEET_STATE["silent"]
        core.fleet.revision += 1
