"""Rounds: one decided set of setpoints, journalled, then published; retries repeat a round to those who stay silent."""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.engine.commands import CommandWriter
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import ReleaseState, Rows, Running
from v2g_console.journal.port import DispatchRecord, JournalError, RoundRecord
from v2g_console.transport.port import Outgoing, PublishOutcome

# Plain numbers, as in `acks`: these run once for every command.
_PLANNED: Final = int(CommandState.PLANNED)
_QUEUED: Final = int(CommandState.QUEUED)
_PUBLISHED: Final = int(CommandState.PUBLISHED)
_TOOK: Final = frozenset({PublishOutcome.SENT, PublishOutcome.NO_SUBSCRIBER})
_CUT_OFF: Final = frozenset({PublishOutcome.DROPPED, PublishOutcome.FAILED})
_ANSWERED: Final = frozenset({int(CommandState.ACKED), int(CommandState.LIMITED)})
_REPEATED: Final = _ANSWERED | {_PUBLISHED}
_HELD: Final = int(ReleaseState.NONE)


async def send_round(core: Core, running: Running, positions: Rows, kind: str, *, reason: NDArray[np.uint8] | None = None) -> None:
    """Give the rows at `positions` (k) a new command each (setpoints already in the columns), journal the round, publish it.

    `reason` (k) says why a setpoint is not what was wanted. Returns when each has its outcome, or the dispatch ended meanwhile.
    Raises JournalError before anything is published: then who has a command keeps it, and who was new is let go.
    """
    seq = core.next_seq()
    running.new_commands(positions, seq)
    if reason is not None:
        running.reason[positions] = reason
    record = round_record(core, running, positions, seq, kind)
    try:
        await core.commit_round(record)
    except JournalError:
        if kind != "send":
            _as_before(core, running, positions, seq)
        _drop_unsent(running, positions, seq, Reason.PUBLISH_FAILED)
        raise
    if record.begun is not None:
        running.recorded_kw = record.begun.target_kw
    await _publish_first(core, running, positions, seq)


def round_record(core: Core, running: Running, positions: Rows, seq: int, kind: str) -> RoundRecord:
    """What the journal keeps of a round of setpoints."""
    ids, now_ms = core.fleet.ids, core.utc_ms()
    return RoundRecord(
        utc_ms=now_ms,
        dispatch_id=running.dispatch_id,
        seq=seq,
        kind=kind,
        vehicle_ids=tuple(ids[row] for row in running.rows[positions].tolist()),
        setpoint_kw=running.setpoint_kw[positions],
        baseline_kw=running.baseline_kw[positions],
        valid_until_ms=CommandWriter(core, running).lease_end_ms(now_ms),
        position=positions.astype(np.int64),
        protocol=core.fleet.protocol[running.rows[positions]],
        begun=dispatch_record(running, now_ms) if kind == "send" or running.recorded_kw != running.target_kw else None,
    )


def dispatch_record(running: Running, now_ms: int) -> DispatchRecord:
    """What a restart must know of a dispatch; `started_ms` and `ends_ms` are 0 for one that has not begun."""
    return DispatchRecord(
        utc_ms=now_ms,
        dispatch_id=running.dispatch_id,
        signal=running.signal.value,
        target_kw=running.target_kw,
        allocator=running.allocator,
        user=running.origin.user,
        way=running.origin.way,
        started_ms=running.started_ms or 0,
        ends_ms=running.ends_ms or 0,
        request_json=msgspec.json.encode(running.request).decode(),
        approved_by=running.approved_by,
        ending=running.outcome.value if running.outcome is not None else "",
        taken=tuple(running.taken.values()),
    )


async def _publish_first(core: Core, running: Running, positions: Rows, seq: int) -> None:
    """Publish new commands. A row is QUEUED when its message is pulled, and its ack is expected from that moment."""
    clock, writer = core.clock, CommandWriter(core, running)
    dispatch = core.settings.dispatch
    retry_step_s = dispatch.ack_timeout_seconds / (dispatch.retries + 1)
    held = _in_force(running, positions[running.out[positions]])
    pulled: list[int] = []

    def messages() -> Iterator[Outgoing]:
        for position in positions.tolist():
            if not running.sends:
                return
            cells = running.cells
            if cells.seq[position] != seq or cells.command_state[position] != _PLANNED or cells.release_state[position] != _HELD:
                continue  # a newer round took the row over, or the vehicle was let go or handed over meanwhile
            now, sent_ms = clock.monotonic(), core.utc_ms()
            cells.sent_at[position] = now
            cells.sent_kw[position] = cells.setpoint_kw[position]
            cells.sent_ms[position] = sent_ms
            cells.retry_at[position] = now + retry_step_s
            cells.attempt[position] = 1
            cells.valid_until_ms[position] = lease_end_ms = writer.lease_end_ms(sent_ms)
            cells.latest_until_ms[position] = max(cells.latest_until_ms[position], lease_end_ms)
            cells.lease_ends_at[position] = now + (lease_end_ms - sent_ms) / 1000
            cells.out[position] = True
            running.set_command(position, _QUEUED)
            pulled.append(position)
            running.fresh.sent.append(position)
            yield writer.setpoint(position)

    def outcome(index: int, result: PublishOutcome) -> None:
        _first_outcome(core, running, pulled[index], seq, result, before=held.get(pulled[index]))

    await core.link.publish_many(messages(), outcome)
    _drop_unsent(running, positions, seq, Reason.STOPPED if core.stop.stopped else Reason.PUBLISH_FAILED)


def _as_before(core: Core, running: Running, positions: Rows, seq: int) -> None:
    """Nothing of a round went out: its vehicles are where they were, to be decided again."""
    untouched = (running.seq[positions] == seq) & (running.command_state[positions] == _PLANNED)
    known = positions[untouched & np.isfinite(running.sent_kw[positions])]
    running.take_back(known)
    known = known[running.held(core.fleet.owner)[known]]  # who was released while the journal was stuck is another's, or free
    core.fleet.setpoint_kw[running.rows[known]] = running.sent_kw[known]
    let_go_unsent(core, running, positions[untouched & ~running.out[positions]])


def let_go_unsent(core: Core, running: Running, positions: Rows) -> None:
    """Vehicles that never got a command leave the dispatch: they are free, and may be taken anew."""
    mine = positions[running.held(core.fleet.owner)[positions]]
    rows = running.rows[mine]
    core.fleet.forget_intention(rows)
    running.left[mine] = True
    for position in mine.tolist():
        running.set_release(position, ReleaseState.NOT_NEEDED)


def _drop_unsent(running: Running, positions: Rows, seq: int, reason: Reason) -> None:
    unsent = positions[(running.seq[positions] == seq) & (running.command_state[positions] == _PLANNED)]
    if len(unsent):
        running.set_commands(unsent, CommandState.DROPPED)
        running.reason[unsent] = reason
        running.fresh.sent.extend(unsent.tolist())  # so that the fleet forgets what was intended
    running.changed.set()


def _in_force(running: Running, positions: Rows) -> dict[int, tuple[float, int, float]]:
    """What the vehicles at `positions` may follow whatever becomes of a newer command: `(sent_kw, valid_until_ms, lease_ends_at)`."""
    columns = (running.sent_kw[positions], running.valid_until_ms[positions], running.lease_ends_at[positions])
    return dict(zip(positions.tolist(), zip(*(column.tolist() for column in columns), strict=True), strict=True))


def _first_outcome(
    core: Core, running: Running, position: int, seq: int, result: PublishOutcome, *, before: tuple[float, int, float] | None
) -> None:
    """`before` is what the vehicle may follow from earlier; None: nothing."""
    took = result in _TOOK
    core.metrics.count_publish(ok=took)
    cells = running.cells
    if cells.seq[position] != seq or cells.command_state[position] != _QUEUED:
        return  # the ack was faster than the broker's receipt, or the command is already replaced
    if took:
        running.set_command(position, _PUBLISHED)
        return
    running.set_command(position, CommandState.DROPPED if result is PublishOutcome.DROPPED else CommandState.FAILED)
    running.reason[position] = Reason.PUBLISH_FAILED
    if result is not PublishOutcome.FAILED:  # FAILED may have gone out all the same
        if before is None:
            cells.out[position] = False
        else:
            cells.sent_kw[position], cells.valid_until_ms[position], cells.lease_ends_at[position] = before
    running.fresh.sent.append(position)


def outdated(core: Core, running: Running) -> list[int]:
    """Positions whose vehicle acknowledged something older than its newest command, since the last call."""
    found, rows = running.outdated, running.fresh.outdated_rows
    running.outdated, running.fresh.outdated_rows = set(), set()
    if rows:
        found.update(np.flatnonzero(running.held(core.fleet.owner) & np.isin(running.rows, list(rows))).tolist())
    return list(found)


async def resend(core: Core, running: Running, positions: list[int], *, anew: bool = False) -> None:
    """Publish present commands once more, byte for byte, to vehicles that have not answered; none is repeated after its ack deadline.

    `anew`: to vehicles that answered an older command, and must get the newest whenever it was first sent: if the link goes meanwhile, when
    it is back.
    """
    writer = CommandWriter(core, running)
    pulled: list[int] = []

    def messages() -> Iterator[Outgoing]:
        for position in positions:
            cells = running.cells
            if not running.sends or cells.command_state[position] not in _REPEATED or cells.release_state[position] != _HELD:
                continue
            left_s = None if anew else writer.left_s(position)
            if left_s is not None and left_s <= 0:
                core.metrics.count_publish(ok=False)
                continue
            cells.attempt[position] = min(255, cells.attempt[position] + 1)
            pulled.append(position)
            yield writer.setpoint(position, expiry_s=left_s)

    def outcome(index: int, result: PublishOutcome) -> None:
        core.metrics.count_publish(ok=result in _TOOK)
        if anew and result in _CUT_OFF:
            running.outdated.add(pulled[index])

    await core.link.publish_many(messages(), outcome)


def due_for_retry(core: Core, running: Running, now: float) -> list[int]:
    """Positions whose next attempt is due; their next one is set."""
    dispatch = core.settings.dispatch
    waiting = running.command_state == _PUBLISHED
    due = np.flatnonzero(waiting & (running.retry_at <= now) & (running.attempt <= dispatch.retries))
    if len(due):
        running.retry_at[due] += dispatch.ack_timeout_seconds / (dispatch.retries + 1)
    positions: list[int] = due.tolist()
    return positions


def time_out(core: Core, running: Running, now: float) -> None:
    """Mark commands unanswered past the ack timeout as timed out."""
    waiting = running.command_state == _PUBLISHED
    late: NDArray[np.intp] = np.flatnonzero(waiting & (now > running.sent_at + core.settings.dispatch.ack_timeout_seconds))
    if not len(late):
        return
    running.set_commands(late, CommandState.TIMED_OUT)
    running.reason[late] = Reason.ACK_TIMEOUT
    core.fleet.state[running.rows[late[running.held(core.fleet.owner)[late]]]] = FLEET_STATE["silent"]
    core.fleet.timeouts[running.rows[late]] += 1
    core.fleet.revision += 1
    running.changed.set()
