"""Acknowledgements, matched by command id *and* the vehicle of the topic; unknown, duplicate, late and mismatched ones count apart."""

import math
from typing import Final

from v2g_console.domain.ids import split_command_id
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import CommandState
from v2g_console.domain.text import visible
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.override_record import end_overrides
from v2g_console.engine.owed import Owed, lets_go
from v2g_console.engine.renewals import take_renewal
from v2g_console.transport.refused import Cause, RefusedMessageError
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
_SETTLED: Final = frozenset({_RELEASE_CONFIRMED, int(ReleaseState.NOT_NEEDED), int(ReleaseState.LEASE_ENDED)})
_NO_REASON: Final = int(Reason.NONE)
_UNKNOWN: Final = int(Reason.UNKNOWN)

_REASON_OF_REFUSAL: Final = {"rejected": Reason.UNKNOWN, "expired": Reason.EXPIRED, "superseded": Reason.STALE_SEQ}
_OUT_OF_DATE: Final = frozenset({"expired", "superseded"})
_ANSWERABLE: Final = frozenset({_PUBLISHED, _QUEUED, _TIMED_OUT})
_CORRECTABLE: Final = frozenset({_ACKED, _LIMITED})
_LIMITED_BY_KW: Final = 0.05


class Acks:
    """Takes acks from the link, on the engine's loop. What can be done for many at once is left to `mirror`."""

    def __init__(self, core: Core, owed: Owed) -> None:
        self._core = core
        self._owed = owed

    def take(self, vehicle_id: str, ack: Ack) -> None:
        """One ack, as it came in on the topic of `vehicle_id`. Raises RefusedMessageError for one of another vehicle's command."""
        core = self._core
        parts = split_command_id(ack.command_id)
        running = core.running.get(parts[0]) if parts else None
        if parts is None or running is None:
            if not self._owed.confirm(vehicle_id, ack):
                core.unknown_acks += 1
                if parts is not None:
                    self._of_the_past(vehicle_id, parts, ack)
            return
        _, seq, position = parts
        if position >= len(running.row_list):
            core.unknown_acks += 1
            return
        if core.fleet.ids[running.row_list[position]] != vehicle_id:
            core.mismatched_acks += 1
            raise RefusedMessageError(Cause.WRONG_VEHICLE)
        cells = running.cells
        release = cells.release_state[position]
        if release == _RELEASE_NONE and seq == cells.seq[position]:
            self._answer(running, position, ack)
        elif release in _RELEASED and seq == running.release_seq:
            self._release(running, position, ack)
        elif release != _RELEASE_OWED or not self._owed.confirm(vehicle_id, ack):
            running.late_acks += 1
            core.late_acks += 1
            if release == _RELEASE_NONE:
                running.outdated.add(position)
            elif release == _RELEASE_SENT and not ack.status:
                running.doubted.add(position)
            elif not self._came_back(running, seq, position, ack):
                self._taken_again(running.row_list[position])

    def _of_the_past(self, vehicle_id: str, parts: tuple[str, int, int], ack: Ack) -> None:
        """An answer to a command of a dispatch that is over."""
        core, (dispatch_id, seq, position) = self._core, parts
        row = core.fleet.row_of.get(vehicle_id, -1)
        ended = next((one for one in core.past if one.dispatch_id == dispatch_id), None)
        known = ended is not None and position < len(ended.row_list) and ended.row_list[position] == row
        if ended is None or not known or not self._came_back(ended, seq, position, ack):
            self._taken_again(row)

    def _came_back(self, running: Running, seq: int, position: int, ack: Ack) -> bool:
        """True if a v1 vehicle that was released answers a setpoint: it may have got it late, or twice, and can't tell old from new.

        Then its release is owed once more. One that merely answered late is released twice, which changes nothing.
        """
        core, row = self._core, running.row_list[position]
        over = running.cells.release_state[position] in _SETTLED
        if ack.status or not over or seq > running.cells.seq[position] or core.fleet.owner[row] >= 0 or core.fleet.owed[row]:
            return False
        self._owed.add_again(running, position)
        return True

    def _taken_again(self, row: int) -> None:
        """A vehicle answers a command of an earlier stay, in this dispatch or another: whoever has it now sends the newest once more."""
        slot = -1 if row < 0 else int(self._core.fleet.owner[row])
        for owner in self._core.running.values() if slot >= 0 else ():
            if owner.slot == slot:
                owner.fresh.outdated_rows.add(row)

    def _answer(self, running: Running, position: int, ack: Ack) -> None:
        core, cells = self._core, running.cells
        before = cells.command_state[position]
        if ack.status or ack.applied_kw is not None:
            wanted, applied_kw, reason = _meaning(ack, cells.setpoint_kw[position])
        else:  # v1: received, so applied as sent
            wanted, applied_kw, reason = _ACKED, cells.setpoint_kw[position], _NO_REASON
        if cells.renewal_until_ms[position] and wanted != _REJECTED:
            take_renewal(running, position)
        elif cells.renewal_until_ms[position] and _came_too_late(ack, cells.applied_kw[position]):
            core.late_acks += 1
            running.late_acks += 1
            return  # the lease before is still in force, and the next renewal is due
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
            if wanted in _CORRECTABLE:  # it refused this command, and follows after all: nobody on the spot holds it any more
                end_overrides(core, running.rows[position : position + 1])
            return
        running.set_command(position, wanted)
        if wanted == _REJECTED and before in _ANSWERABLE:
            applied_kw = _kept_kw(ack, cells.applied_kw[position])
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

    def _release(self, running: Running, position: int, ack: Ack) -> None:
        cells = running.cells
        if cells.release_state[position] != _RELEASE_SENT:
            self._core.duplicate_acks += 1
            return
        if not lets_go(ack):
            self._core.late_acks += 1
            return  # refused, for coming too late: the vehicle still follows its setpoint, and the release is owed
        running.set_release(position, _RELEASE_CONFIRMED)
        cells.release_acked_at[position] = self._core.clock.monotonic()
        running.fresh.confirmed.append(position)
        if not running.release_counts[_RELEASE_SENT]:
            running.changed.set()


def _came_too_late(ack: Ack, applied_kw: float) -> bool:
    """True if a vehicle refuses a command for its date only, and stays at `applied_kw`, which it acknowledged before."""
    return ack.status in _OUT_OF_DATE and (ack.applied_kw is None or abs(ack.applied_kw - applied_kw) <= _LIMITED_BY_KW)


def _kept_kw(ack: Ack, before_kw: float) -> float:
    """What a vehicle that refuses a command stays at, in kW: as it says, else what it acknowledged before. NaN: it never followed any."""
    if math.isnan(before_kw) or ack.applied_kw is None:
        return before_kw
    return ack.applied_kw


def _meaning(ack: Ack, setpoint_kw: float) -> tuple[int, float, int]:
    """`(command state, applied setpoint in kW, reason)` of a v2 ack."""
    refusal = _REASON_OF_REFUSAL.get(ack.status)
    if refusal is not None:
        return _REJECTED, float("nan"), int(Reason.__members__.get(ack.reason, refusal))
    applied_kw = setpoint_kw if ack.applied_kw is None else ack.applied_kw
    if ack.status == "limited" or abs(applied_kw - setpoint_kw) > _LIMITED_BY_KW:
        return _LIMITED, applied_kw, int(Reason.__members__.get(ack.reason, Reason.UNKNOWN))
    return _ACKED, applied_kw, _NO_REASON
