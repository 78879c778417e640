"""Commands as messages. All times of a command derive from its first publish, so that a retry is byte-identical."""

import math

from v2g_console.domain.ids import command_id
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.transport.codec import encode_command
from v2g_console.transport.port import Outgoing
from v2g_console.transport.wire import CommandV1, CommandV2

GRACE_AFTER_END_MS = 30_000
_JUMP_MS = 1_000


class CommandWriter:
    """Writes the commands of one dispatch; holds what they have in common."""

    def __init__(self, core: Core, running: Running) -> None:
        dispatch = core.settings.dispatch
        self._running, self._clock = running, core.clock
        self._ids, self._protocol = core.fleet.ids, core.fleet.protocol
        self._topic = core.topics.command
        self._qos = core.settings.mqtt.qos.command
        self._ack_timeout_s = dispatch.ack_timeout_seconds
        self._ack_timeout_ms = int(dispatch.ack_timeout_seconds * 1000)
        self._lease_ms = int(dispatch.lease_s * 1000)

    def lease_end_ms(self, sent_ms: int) -> int:
        """`valid_until` of a setpoint sent at `sent_ms`: at most one lease, and 30 s beyond the end of the dispatch."""
        ends_ms, ends_at = self._running.ends_ms, self._running.ends_at
        lease_end_ms = sent_ms + self._lease_ms
        if ends_ms is None or ends_at is None:
            return lease_end_ms
        ends_by_now_ms = sent_ms + round((ends_at - self._clock.monotonic()) * 1000)
        if abs(ends_by_now_ms - ends_ms) > _JUMP_MS:
            ends_ms = ends_by_now_ms  # the date has jumped since the dispatch began: its end is at another date now
        return min(lease_end_ms, max(sent_ms, ends_ms + GRACE_AFTER_END_MS))

    def left_s(self, position: int) -> float:
        """Until the ack deadline of the setpoint that one vehicle was sent; not above 0: it is too late to repeat it."""
        return float(self._running.cells.sent_at[position]) + self._ack_timeout_s - self._clock.monotonic()

    def setpoint(self, position: int, *, expiry_s: float | None = None) -> Outgoing:
        """The present setpoint of one vehicle, as first published at `sent_ms` of its row; a renewal asks for a later end.

        A broker keeps it for `expiry_s`, at most until its ack deadline; without it for an ack timeout, as for one that is just sent.
        """
        cells = self._running.cells
        return self._message(
            position,
            cells.seq[position],
            cells.setpoint_kw[position],
            cells.sent_ms[position],
            cells.renewal_until_ms[position] or cells.valid_until_ms[position],
            release=False,
            expiry_s=expiry_s,
        )

    def release(self, position: int, *, seq: int, sent_ms: int) -> Outgoing:
        """The release of one vehicle: v1 goes to `release_kw`; v2 forgets the setpoint and follows its driver's plan.

        It does no harm late, and is wanted until it arrives: each repetition may wait at the broker for a whole ack timeout.
        """
        power_kw = self._running.cells.release_kw[position]
        return self._message(position, seq, power_kw, sent_ms, sent_ms + GRACE_AFTER_END_MS, release=True)

    def _message(
        self, position: int, seq: int, power_kw: float, sent_ms: int, valid_until_ms: int, *, release: bool, expiry_s: float | None = None
    ) -> Outgoing:
        running = self._running
        row = running.row_list[position]
        vehicle_id = self._ids[row]
        identity = command_id(running.dispatch_id, seq, position)
        power_kw = round(power_kw, 6) + 0.0  # milliwatts: the sum must keep within a site's limit; and -0.0 reads badly
        command: CommandV1 | CommandV2
        if self._protocol[row] >= 2:
            command = CommandV2(
                command_id=identity,
                vehicle_id=vehicle_id,
                power_kw=power_kw,
                timestamp=sent_ms,
                v=2,
                dispatch_id=running.dispatch_id,
                signal=running.signal.value,
                seq=seq,
                accept_until=sent_ms + self._ack_timeout_ms,
                valid_until=valid_until_ms,
                hold_s=math.ceil((valid_until_ms - sent_ms) / 1000),
                fallback_kw=None,
                release=release,
            )
        else:
            command = CommandV1(identity, vehicle_id, power_kw, sent_ms)
        expiry_s = self._ack_timeout_s if expiry_s is None else expiry_s
        return Outgoing(self._topic(vehicle_id), encode_command(command), self._qos, expiry_s, expiry_anew=release)
