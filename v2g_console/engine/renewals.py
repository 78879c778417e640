"""Leases of v2 vehicles: renewed at half-life while the dispatch lasts, without touching its state; a lease that ran out is told."""

import math
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
_SHORTEST_S = 1.0  # no renewal for less
_HOLDS = (CommandState.ACKED, CommandState.LIMITED)


def due_for_renewal(core: Core, running: Running) -> Rows:
    """Positions whose lease is past its half-life and would end before the dispatch does; one unanswered is asked again after a timeout."""
    dispatch = core.settings.dispatch
    if running.renewing or core.clock.monotonic() < core.journal_again_at:
        return np.zeros(0, np.intp)
    now = core.clock.monotonic()
    last_s = (running.ends_at or 0.0) + GRACE_AFTER_END_MS / 1000 - _SHORTEST_S
    leased = (core.fleet.protocol[running.rows] >= 2) & np.isin(running.command_state, _HOLDS) & running.held(core.fleet.owner)
    due = leased & (running.lease_ends_at < last_s) & (running.lease_ends_at - now < dispatch.lease_s / 2)
    waiting = (running.renewal_until_ms > 0) & (running.renewed_at + dispatch.ack_timeout_seconds > now)
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
            running.sent_ms[position], running.renewed_at[position] = core.utc_ms(), core.clock.monotonic()
            running.renewal_until_ms[position] = until_ms = writer.lease_end_ms(int(running.sent_ms[position]))
            running.latest_until_ms[position] = max(running.latest_until_ms[position], until_ms)
            yield writer.setpoint(position)

    await core.link.publish_many(messages(), lambda _, __: None)


def renewal_ends_at(running: Running, position: int) -> float:
    """Monotonic end of the lease that is asked for, but not acknowledged; -inf without one."""
    cells = running.cells
    until_ms = cells.renewal_until_ms[position]
    return cells.renewed_at[position] + (until_ms - cells.sent_ms[position]) / 1000 if until_ms else -math.inf


def take_renewal(running: Running, position: int) -> None:
    """The vehicle answered a renewal: the later end is in force."""
    cells = running.cells
    cells.lease_ends_at[position] = renewal_ends_at(running, position)
    cells.valid_until_ms[position], cells.renewal_until_ms[position] = cells.renewal_until_ms[position], 0


def expire(core: Core, running: Running) -> None:
    """Commands of v2 vehicles whose lease ended without a renewal are over: the vehicle follows its own plan again."""
    v2 = core.fleet.protocol[running.rows] >= 2
    holding = np.isin(running.command_state, (*_HOLDS, CommandState.TIMED_OUT))
    over = np.flatnonzero(v2 & holding & (running.valid_until_ms > 0) & (running.lease_ends_at < core.clock.monotonic()))
    if len(over):
        running.set_commands(over, CommandState.EXPIRED)
        running.reason[over] = Reason.EXPIRED
        core.fleet.state[running.rows[over[running.held(core.fleet.owner)[over]]]] = FLEET_STATE["silent"]
        core.fleet.revision += 1
