"""After a restart, policy `resume`: a dispatch of an earlier run goes on to its old end, decided anew from what the fleet says now."""

import logging

import msgspec
import numpy as np

from v2g_console.contract.requests import DispatchFields, Origin
from v2g_console.domain.signal import Signal
from v2g_console.domain.states import DispatchState
from v2g_console.domain.vehicle import Baseline
from v2g_console.engine.core import Core
from v2g_console.engine.discovery import GIVE_UP_S
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.guard import pass_interlocks
from v2g_console.engine.interlocks import Step
from v2g_console.engine.lifecycle import until
from v2g_console.engine.owed import Owed
from v2g_console.engine.placing import rest_of
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.release import let_go
from v2g_console.engine.report import report
from v2g_console.engine.retarget import course_of
from v2g_console.engine.rounds import send_round
from v2g_console.engine.setpoint_gate import Why, pass_gate
from v2g_console.engine.situation import situation
from v2g_console.engine.wanted import check
from v2g_console.journal.port import DispatchRecord, JournalError
from v2g_console.journal.recovery import Standing

log = logging.getLogger(__name__)

RESUMED = "resumed after a restart of the engine"
LONGEST_HEARING_S = 30.0
_MOVED_KW = 0.01
_PUBLISHING_MS = 15_000
"""A lease begins at the publish, which may be so much later than the record of its round."""


def request_of(about: DispatchRecord) -> DispatchFields | None:
    """What was asked for; None if this program can't read what another version wrote."""
    try:
        told = msgspec.json.decode(about.request_json, type=dict[str, object])
        known = {name: told[name] for name in DispatchFields.__struct_fields__ if name in told}
        return msgspec.convert(known, DispatchFields) if about.signal in tuple(Signal) else None
    except msgspec.MsgspecError:
        log.exception("the request of dispatch %s can't be read", about.dispatch_id)
        return None


def restored(core: Core, about: DispatchRecord, fields: DispatchFields) -> Running:
    """The dispatch of an earlier run as it was asked for, with its id and without vehicles; it has a slot from here on."""
    running = Running(
        signal=Signal(about.signal),
        request=fields,
        origin=Origin(user=about.user, way=about.way),
        target_kw=about.target_kw,
        allocator=about.allocator,
        slot=core.free_slot(),
        created_ms=about.utc_ms,
    )
    running.dispatch_id, running.short_id = about.dispatch_id, f"#{about.dispatch_id[:4]}"
    running.approved_by, running.approved_kw = about.approved_by, about.target_kw if about.approved_by else 0.0
    running.taken = {one.short_id: one for one in about.taken}
    core.running[running.dispatch_id] = running
    return running


def take_over(core: Core, running: Running, about: DispatchRecord, standing: Standing, chosen: Rows) -> None:
    """Own the vehicles at `chosen` of `standing` again: frozen baselines, setpoints that may be in force, and the end as it was."""
    fleet, now = core.fleet, core.clock.monotonic()
    rows = np.array([fleet.row(standing.vehicle_ids[number]) for number in chosen.tolist()], np.intp)
    chosen, rows = chosen[rows >= 0], rows[rows >= 0]
    setpoint_kw, baseline_kw = standing.setpoint_kw[chosen], standing.baseline_kw[chosen]
    fleet.protocol[rows] = np.maximum(1, standing.protocol[chosen])
    fleet.take(rows, running.slot, baseline_kw, np.full(len(rows), Baseline.FROZEN, np.uint8))
    fleet.intend(rows, setpoint_kw, now)
    positions = running.add(rows, setpoint_kw, baseline_kw, np.zeros(len(rows)))
    follow_earlier(core, running, positions, standing, chosen)
    running.commanded_kw = float(np.sum(setpoint_kw - baseline_kw))
    running.started_ms, running.ends_ms = about.started_ms, about.ends_ms
    # A date that was set back meanwhile makes nobody serve for longer than was asked.
    running.ends_at = now + (about.ends_ms - max(core.utc_ms(), about.started_ms)) / 1000
    running.started_at = now - (core.utc_ms() - about.started_ms) / 1000
    running.duration_s = (about.ends_ms - about.started_ms) / 1000
    running.recorded_kw, running.outcome_reason = about.target_kw, RESUMED
    running.enter_again()


def follow_earlier(core: Core, running: Running, positions: Rows, standing: Standing, chosen: Rows) -> None:
    """Note at `positions` what the vehicles at `chosen` of `standing` may follow, and for how long at most, whatever our date was or is."""
    recorded_ms = standing.valid_until_ms[chosen]
    valid_until_ms = np.where(recorded_ms > 0, recorded_ms + _PUBLISHING_MS, 0)
    running.follow_earlier(positions, standing.seq[chosen], valid_until_ms, core.clock.monotonic() + core.settings.dispatch.lease_s)


async def send_again(core: Core, running: Running, owed: Owed) -> bool:
    """Bring a taken-over dispatch into force: wait for the fleet, renew what is still wanted under a new seq, release the rest.

    Nothing of the earlier run is repeated. Always True: whatever happens, there is something to release in the end.
    """
    report(core, running)
    heard = _Hearing(core, running)
    await until(core, running, heard.enough)
    if running.outcome is None and core.stop.stopped:
        running.end(DispatchState.STOPPED, f"STOP by {core.stop.by}, from before the restart")
    if running.outcome is not None:
        return True
    try:
        await _renew(core, running, owed)
    except RefusalError as error:
        running.end(DispatchState.FAILED, f"not resumed after the restart: {error.message}")
    except JournalError as error:
        running.end(DispatchState.FAILED, f"not resumed after the restart: the journal did not take the round: {error}")
    return True


class _Hearing:
    """Whether enough is known to decide: all vehicles of the dispatch measured, or waited long enough since the link came up.

    One that has none left (every lease ended) begins with whoever is there, so it always waits.
    """

    def __init__(self, core: Core, running: Running) -> None:
        self._core, self._running = core, running
        self._since = core.clock.monotonic()
        self._patience_s = min(LONGEST_HEARING_S, max(GIVE_UP_S, core.settings.telemetry.interval_s))
        self._up_at: float | None = None

    def enough(self) -> bool:
        """True once it is time to decide."""
        core, now = self._core, self._core.clock.monotonic()
        if not core.link_up():
            self._up_at = None
            return False
        if self._up_at is None:
            self._up_at = now
        rows = self._running.rows
        measured = core.fleet.described[rows] & (core.fleet.measured_at[rows] >= self._since)
        return (len(rows) > 0 and bool(measured.all())) or now - self._up_at >= self._patience_s


async def _renew(core: Core, running: Running, owed: Owed) -> None:
    """Send the old setpoints, within what each vehicle can do now, to those still eligible; let the others go. The course closes the gap.

    Raises RefusalError or JournalError.
    """
    pass_interlocks(core, Step.RESUME, running.target_kw, own=running)  # the limits may be narrower by now
    fields = rest_of(core, running, running.commanded_kw)
    seen = situation(core, check(fields, core.settings, core.clock.utc()), fields, own_slot=running.slot)
    held = np.flatnonzero(running.held(core.fleet.owner))
    rows = running.rows[held]
    low_kw, high_kw = seen.bounds_kw()
    wanted_kw = np.clip(running.setpoint_kw[held], low_kw[rows], high_kw[rows])
    able = seen.problem.eligible[rows] & np.isfinite(wanted_kw)
    kept, gone = held[able], held[~able]
    running.reason[gone] = seen.reason[running.rows[gone]]
    passed = pass_gate(core, Why.RESUMED, rows[able], wanted_kw[able])
    running.setpoint_kw[kept] = passed.setpoint_kw
    passed.intend()
    running.commanded_kw = float(np.sum((running.setpoint_kw - running.baseline_kw)[kept]))
    running.without_lease_kw = float(np.sum(np.abs((running.setpoint_kw - running.baseline_kw)[kept[core.fleet.protocol[rows[able]] < 2]])))
    if len(kept):
        await send_round(core, running, kept, "resume")
    if len(gone):
        await let_go(core, running, owed, gone)
    if running.course is None and abs(running.target_kw - running.commanded_kw) > _MOVED_KW:
        running.course = course_of(core, running.commanded_kw, running.target_kw)
    running.reallocate_at = core.clock.monotonic() + 2 * core.settings.dispatch.response_s
    log.warning("dispatch %s resumed: %d vehicles renewed, %d released", running.short_id, len(kept), len(gone))
