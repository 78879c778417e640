"""The engine-wide list of releases that no vehicle confirmed: sent again at each sign of life, with an alarm, until they are."""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from v2g_console.domain.ids import split_command_id
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.engine.mirror import note_releases
from v2g_console.engine.release_round import journal_release, release_power_kw
from v2g_console.engine.renewals import renewal_ends_at
from v2g_console.engine.rounds import round_record
from v2g_console.transport.wire import Ack

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_ROUNDED_S = 1.0
"""`hold_s` of a command is in whole seconds, rounded up."""
_LOOK_S_A_VEHICLE = 1e-5
"""A look goes over all that is owed, so it is rarer where that is much: once a second for 100 000."""
MATCH_KW = 0.3
MATCH_SHARE = 0.05
REFUSALS = frozenset({"rejected", "expired", "superseded"})


@dataclass(slots=True)
class OwedRelease:
    """One release that is still owed.

    `lease_ends_ms`: a v2 vehicle forgets the setpoint by itself when that is its date (0: never, v1), and at `lease_over_at` (monotonic)
    whatever its date is: it counts its hold from the receipt, which may have been an ack timeout after the publish.
    """

    running: Running
    position: int
    sent_at: float
    next_at: float
    pause_s: float
    lease_ends_ms: int
    lease_over_at: float
    first_seq: int


class Owed:
    """Owed releases by fleet row."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_row: dict[int, OwedRelease] = {}
        self._alive: set[int] = set()
        self._look_at = 0.0  # monotonic
        self._relapsed: dict[Running, list[int]] = {}  # positions that the journal counts as released
        self._sending: asyncio.Task[None] | None = None
        self.looked_at = asyncio.Event()  # set by every tick: for whoever waits until something is settled

    def __len__(self) -> int:
        return len(self._by_row)

    def entries(self) -> Iterator[tuple[int, OwedRelease]]:
        """What is owed, by fleet row."""
        return iter(self._by_row.items())

    def add(self, running: Running, position: int, *, first_seq: int) -> None:
        """A vehicle leaves its dispatch without having confirmed its release, which was first sent with `first_seq`."""
        row = running.row_list[position]
        before = self._by_row.get(row)
        if before is not None and before.running is not running:  # of an earlier run: this one's release does for both
            before.running.set_release(before.position, ReleaseState.NOT_NEEDED)
            note_releases(self._core, before.running)
        self.forget(row)
        now = self._core.clock.monotonic()
        v2 = self._core.fleet.protocol[row] >= 2
        # Whatever was never answered may have arrived all the same, and what was refused left an earlier lease, perhaps of a later date.
        lease_ends_ms = int(running.latest_until_ms[position]) if v2 else 0
        ends_at = float(max(running.lease_ends_at[position], renewal_ends_at(running, position)))
        over_at = ends_at + self._core.settings.dispatch.ack_timeout_seconds + _ROUNDED_S if lease_ends_ms else math.inf
        sent_at = float(running.release_sent_at[position])
        next_at = now + (_FIRST_PAUSE_S if sent_at <= now else 0.0)  # of an earlier run: it has yet to be sent for the first time
        self._by_row[row] = OwedRelease(running, position, sent_at, next_at, _FIRST_PAUSE_S, lease_ends_ms, over_at, first_seq)
        self._core.fleet.owe(row)
        self._core.fleet.state[row] = FLEET_STATE["owed"]

    def confirm(self, vehicle_id: str, ack: Ack) -> bool:
        """True if `ack` takes an owed release of this vehicle, the first or a repeated one: it is settled now.

        An ack for anything else, such as a setpoint that came late, and a refusal are signs of life: the release is due again.
        """
        row = self._core.fleet.row_of.get(vehicle_id, -1)
        owed, parts = self._by_row.get(row), split_command_id(ack.command_id)
        if owed is None or parts is None:
            return False
        dispatch_id, seq, position = parts
        # Every release of a dispatch has a higher number than its last setpoint.
        if dispatch_id == owed.running.dispatch_id and position == owed.position and seq >= owed.first_seq and lets_go(ack):
            self._settle(row)
            return True
        if not ack.status and (dispatch_id != owed.running.dispatch_id or seq <= owed.running.cells.seq[owed.position]):
            # A v1 vehicle took a setpoint, perhaps again and after its release, whose answer proves nothing from now on.
            owed.first_seq, owed.next_at = self._core.next_seq(), self._core.clock.monotonic()
        self.sign_of_life(row)
        return False

    def add_again(self, running: Running, position: int) -> None:
        """A vehicle that was released may follow its setpoint again: the next tick writes that down, and sends the release."""
        core, cells, row, now = self._core, running.cells, running.row_list[position], self._core.clock.monotonic()
        running.set_release(position, ReleaseState.OWED)
        cells.release_sent_at[position] = now  # what was measured before proves nothing
        cells.release_acked_at[position] = math.nan
        core.fleet.intend(running.rows[position : position + 1], running.setpoint_kw[position : position + 1], now)
        self.add(running, position, first_seq=core.next_seq())  # nor does the answer to the release of before
        self._by_row[row].next_at = now
        self._alive.add(row)
        self._relapsed.setdefault(running, []).append(position)
        note_releases(core, running)

    def answers_due(self) -> bool:
        """True while the answer to an owed release may be under way: it was sent, or is about to be, less than an ack timeout ago."""
        since = self._core.clock.monotonic() - self._core.settings.dispatch.ack_timeout_seconds
        return any(since < owed.sent_at < math.inf for owed in self._by_row.values())

    def forget(self, row: int) -> None:
        """The vehicle is no longer owed anything (settled, or newly commanded)."""
        self._by_row.pop(row, None)
        self._alive.discard(row)

    def sign_of_life(self, row: int, said_s: float | None = None) -> None:
        """An owed vehicle was heard, at `said_s` (UTC s) by its own clock if it told.

        The end of its lease by that clock, or measured power at the released setpoint, settles it, else the release is sent again.
        """
        owed = self._by_row.get(row)
        if owed is None:
            return
        if owed.lease_ends_ms and said_s is not None and said_s * 1000 > owed.lease_ends_ms:
            self._settle(row, ReleaseState.LEASE_ENDED, since_s=said_s - owed.lease_ends_ms / 1000)
            return
        if measured_as_released(self._core, owed.running, owed.position, owed.sent_at):
            self._settle(row)
        else:
            self._alive.add(row)

    def tick(self, now: float) -> None:
        """Settle leases that ended; send again what is due to vehicles that were heard."""
        self.looked_at.set()
        self._write_relapses()
        if now < self._look_at:
            return
        self._look_at = now + len(self._by_row) * _LOOK_S_A_VEHICLE
        for row in [row for row, owed in self._by_row.items() if owed.lease_over_at < now]:
            self._settle(row, ReleaseState.LEASE_ENDED)
        due = [row for row in self._alive if self._by_row[row].next_at <= now]
        if not due or (self._sending is not None and not self._sending.done()) or not self._core.link_up():
            return
        self._alive.difference_update(due)
        self._sending = asyncio.create_task(self._send(due), name="owed releases")

    def _write_relapses(self) -> None:
        """Tell the journal who may follow a setpoint again, a round a dispatch, before the releases: a restart owes them too."""
        relapsed, self._relapsed = self._relapsed, {}
        for running, positions in relapsed.items():
            still = [at for at in positions if (owed := self._by_row.get(running.row_list[at])) is not None and owed.running is running]
            if still:
                self._core.note(round_record(self._core, running, np.array(still), self._core.next_seq(), "relapse"))

    async def _send(self, rows: list[int]) -> None:
        self._set_power(rows)
        by_dispatch: dict[Running, dict[int, OwedRelease]] = {}
        for row in rows:
            owed = self._by_row.get(row)
            if owed is not None:
                by_dispatch.setdefault(owed.running, {})[row] = owed
        for running, due in by_dispatch.items():
            await self._send_round(running, due)

    async def _send_round(self, running: Running, due: dict[int, OwedRelease]) -> None:
        """Journal and publish what vehicles of one dispatch are owed, by fleet row."""
        core, by_position = self._core, {owed.position: (row, owed) for row, owed in due.items()}
        release = await journal_release(core, running, list(by_position), core.next_seq())

        def leaves(position: int) -> int | None:
            row, owed = by_position[position]
            if self._by_row.get(row) is not owed:
                return None
            owed.sent_at = core.clock.monotonic()
            owed.next_at = owed.sent_at + owed.pause_s
            owed.pause_s = min(owed.pause_s * 2, _LONGEST_PAUSE_S)
            return core.utc_ms()

        await release.publish(by_position, leaves)

    def _set_power(self, rows: list[int]) -> None:
        """The power they are released to, decided for all dispatches together: their phases have one room."""
        power_kw = release_power_kw(self._core, np.array(rows))
        for row, kw in zip(rows, power_kw.tolist(), strict=True):
            owed = self._by_row.get(row)
            if owed is not None:
                owed.running.release_kw[owed.position] = kw

    async def close(self) -> None:
        """Stop sending."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _settle(self, row: int, how: ReleaseState = ReleaseState.CONFIRMED, *, since_s: float = 0.0) -> None:
        """Nothing is owed any more; the vehicle has followed its own plan for `since_s`."""
        owed = self._by_row[row]
        owed.running.set_release(owed.position, how)
        note_releases(self._core, owed.running)
        self.forget(row)
        self._core.fleet.free(row, self._core.clock.monotonic() - since_s)


def lets_go(ack: Ack) -> bool:
    """True if an answer to a release means that the vehicle took it; v1 says no more than that it came."""
    return ack.status not in REFUSALS


def measured_as_released(core: Core, running: Running, position: int, sent_at: float) -> bool:
    """True if telemetry taken after the release and its response time shows the released power (v1) or an ended setpoint."""
    row = running.row_list[position]
    if not core.fleet.measured_at[row] > sent_at + core.settings.dispatch.response_s:
        return False
    wanted_kw = running.release_kw[position]
    return bool(abs(core.fleet.power_kw[row] - wanted_kw) <= max(MATCH_KW, MATCH_SHARE * abs(wanted_kw)))
