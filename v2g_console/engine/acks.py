"""Acknowledgements, matched by command id *and* the vehicle of the topic; unknown, duplicate, late and mismatched ones count apart."""

from typing import Final

from v2g_console.domain.ids import split_command_id
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.text import visible
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.owed import Owed
from v2g_console.transport.wire import Ack

# Plain numbers: this runs once for every ack, and looking a member up in its enum costs more than the rest of a line.
_QUEUED: Final = int(CommandState.QUEUED)
_PUBLISHED: Final = int(CommandState.PUBLISHED)
_ACKED: Final = int(CommandState.ACKED)
_LIMITED: Final = int(CommandState.LIMITED)
_REJECTED: Final = int(CommandState.REJECTED)
_TIMED_OUT: Final = int(CommandState.TIMED_OUT)
_RELEASE_NONE: Final = int(ReleaseState.NONE)
_RELEASE_SENT: Final = int(ReleaseState.SENT)
_RELEASE_CONFIRMED: Final = int(ReleaseState.CONFIRMED)
_RELEASE_OWED: Final = int(ReleaseState.OWED)
_RELEASED: Final = frozenset({_RELEASE_SENT, _RELEASE_CONFIRMED})
_NO_REASON: Final = int(Reason.NONE)
_UNKNOWN: Final = int(Reason.UNKNOWN)

_REASON_OF_REFUSAL: Final = {"rejected": Reason.UNKNOWN, "expired": Reason.EXPIRED, "superseded": Reason.STALE_SEQ}
_ANSWERABLE: Final = frozenset({_PUBLISHED, _QUEUED, _TIMED_OUT})
_CORRECTABLE: Final = frozenset({_ACKED, _LIMITED})
_LIMITED_BY_KW: Final = 0.05


class Acks:
    """Takes acks from the link, on the engine's loop. What can be done for many at once is left to `mirror`."""

    def __init__(self, core: Core, owed: Owed) -> None:
        self._core = core
        self._owed = owed

    def take(self, vehicle_id: str, ack: Ack) -> None:
        """One ack, as it came in on the topic of `vehicle_id`."""
        core = self._core
        parts = split_command_id(ack.command_id)
        running = core.running.get(parts[0]) if parts else None
        if parts is None or running is None:
            if not self._owed.confirm(vehicle_id, ack.command_id):
                core.unknown_acks += 1
            return
        _, seq, position = parts
        if position >= len(running.row_list):
            core.unknown_acks += 1
            return
        if core.fleet.ids[running.row_list[position]] != vehicle_id:
            core.mismatched_acks += 1
            return
        cells = running.cells
        release = cells.release_state[position]
        if release == _RELEASE_NONE and seq == cells.seq[position]:
            self._answer(running, position, ack)
        elif release in _RELEASED and seq == running.release_seq:
            self._release(running, position)
        elif release != _RELEASE_OWED or not self._owed.confirm(vehicle_id, ack.command_id):
            running.late_acks += 1
            core.late_acks += 1
            if release == _RELEASE_NONE:
                running.outdated.add(position)

    def _answer(self, running: Running, position: int, ack: Ack) -> None:
        core, cells = self._core, running.cells
        before = cells.command_state[position]
        if ack.status or ack.applied_kw is not None:
            wanted, applied_kw, reason = _meaning(ack, cells.setpoint_kw[position])
        else:  # v1: received, so applied as sent
            wanted, applied_kw, reason = _ACKED, cells.setpoint_kw[position], _NO_REASON
        if cells.renewal_until_ms[position] and wanted != _REJECTED:
            cells.valid_until_ms[position], cells.renewal_until_ms[position] = cells.renewal_until_ms[position], 0
        elif before == wanted:
            core.duplicate_acks += 1
        if before == wanted:
            cells.applied_kw[position] = applied_kw
            return
        if before in _ANSWERABLE:
            cells.acked_at[position] = core.clock.monotonic()
            if before == _QUEUED:  # the ack overtook the broker's receipt: it was published, then answered
                running.set_command(position, _PUBLISHED)
            elif before == _TIMED_OUT:
                core.late_acks += 1
                running.late_acks += 1
        elif before not in _CORRECTABLE:
            core.duplicate_acks += 1
            return
        running.set_command(position, wanted)
        cells.applied_kw[position] = applied_kw
        if reason != _NO_REASON:
            running.reason[position] = reason
            if reason == _UNKNOWN and ack.reason:
                running.reason_text[position] = visible(ack.reason)[:80]
        elif before == _TIMED_OUT or before in _CORRECTABLE:
            running.reason[position] = _NO_REASON
        running.fresh.answered.append(position)
        if not running.pending:
            running.changed.set()

    def _release(self, running: Running, position: int) -> None:
        cells = running.cells
        if cells.release_state[position] != _RELEASE_SENT:
            self._core.duplicate_acks += 1
            return
        running.set_release(position, _RELEASE_CONFIRMED)
        cells.release_acked_at[position] = self._core.clock.monotonic()
        running.fresh.confirmed.append(position)
        if not running.release_counts[_RELEASE_SENT]:
            running.changed.set()


def _meaning(ack: Ack, setpoint_kw: float) -> tuple[int, float, int]:
    """`(command state, applied setpoint in kW, reason)` of a v2 ack."""
    refusal = _REASON_OF_REFUSAL.get(ack.status)
    if refusal is not None:
        return _REJECTED, float("nan"), int(Reason.__members__.get(ack.reason, refusal))
    applied_kw = setpoint_kw if ack.applied_kw is None else ack.applied_kw
    if ack.status == "limited" or abs(applied_kw - setpoint_kw) > _LIMITED_BY_KW:
        return _LIMITED, applied_kw, int(Reason.__members__.get(ack.reason, Reason.UNKNOWN))
    return _ACKED, applied_kw, _NO_REASON
