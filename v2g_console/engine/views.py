"""Dispatches and vehicles in the words of the contract."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.replies import CommandRow, DispatchDetailView, FleetPage, FleetRow, VehicleView
from v2g_console.contract.requests import Fleet as FleetRequest
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, DispatchView, FleetSummary
from v2g_console.contract.tags import TagKind
from v2g_console.domain.capability import capability
from v2g_console.domain.reasons import EXPLANATION, Reason
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.domain.vehicle import Baseline, Quality
from v2g_console.engine.by_vehicle import times_taken, vehicles_of
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.core import FLEET_STATE, Core
from v2g_console.engine.dispatch import HOLDING, ReleaseState, Running
from v2g_console.engine.headroom import SUSTAINED_S
from v2g_console.engine.lately import lately
from v2g_console.engine.totals import ack_progress, release_progress, totals

LEAST_TRACKED_S = 60.0
"""A tracking score of a shorter run says more about how it began than about how it was followed."""
_CHARGING_KW = -0.1
_INJECTING_KW = 0.1
_ANSWERED = [FLEET_STATE[name] for name in ("sent", "acked", "limited")]
_TAG_WORDS = ("", TagKind.CAUTION.value, TagKind.INHIBIT.value)
_WORST_FIRST = {
    CommandState.REJECTED: 0,
    CommandState.TIMED_OUT: 1,
    CommandState.FAILED: 1,
    CommandState.DROPPED: 2,
    CommandState.EXPIRED: 2,
    CommandState.LIMITED: 3,
    CommandState.QUEUED: 4,
    CommandState.PUBLISHED: 4,
    CommandState.PLANNED: 4,
    CommandState.ACKED: 5,
}


def fleet_states(core: Core) -> NDArray[np.uint8]:
    """What each vehicle is doing, as indices into FLEET_STATE_NAMES."""
    fleet, n = core.fleet, len(core.fleet)
    power = np.nan_to_num(fleet.power_kw[:n])
    state = np.zeros(n, np.uint8)
    state[power < _CHARGING_KW] = FLEET_STATE["charging"]
    state[power > _INJECTING_KW] = FLEET_STATE["injecting"]
    state[~fleet.available[:n]] = FLEET_STATE["away"]
    state[fleet.quality[:n] == Quality.LOST] = FLEET_STATE["lost"]
    held = (fleet.owner[:n] >= 0) | fleet.owed[:n]
    lost = (fleet.quality[:n] == Quality.LOST) & np.isin(fleet.state[:n], _ANSWERED)  # what it answered once says nothing of now
    state[held & ~lost] = fleet.state[:n][held & ~lost]
    return state


def dispatch_view(core: Core, running: Running, *, with_trace: bool = True) -> DispatchView:
    """One dispatch as the operator sees it."""
    now, sums = core.clock.monotonic(), totals(core, running)
    tracked = running.course is not None and running.tracking.span_s >= LEAST_TRACKED_S
    score = running.tracking.score() if tracked else None
    holds, due_ms = running.state in HOLDING, _due_ms(running)
    return DispatchView(
        dispatch_id=running.dispatch_id,
        short_id=running.short_id,
        signal=running.signal.value,
        note=running.product.note,
        state=running.state,
        outcome_reason=running.outcome_reason,
        requested_kw=running.target_kw,
        allocated_kw=sums.allocated_kw,
        acknowledged_kw=sums.acknowledged_kw,
        delivered_kw=sums.delivered_kw,
        delivered_coverage=sums.delivered_coverage,
        uncertain_kw=sums.uncertain_kw,
        shortfall_kw=sums.shortfall_kw,
        vehicles=vehicles_of(running),
        progress=ack_progress(core, running, now),
        release=release_progress(core, running),
        duration_s=running.duration_s,
        created_ms=running.created_ms,
        due_ms=due_ms,
        starts_in_s=None if due_ms is None else max(0.0, due_ms / 1000 - core.clock.utc()),
        started_ms=running.started_ms,
        ends_ms=running.ends_ms,
        ended_ms=running.ended_ms,
        remaining_s=max(0.0, running.ends_at - now) if holds and running.ends_at is not None else None,
        allocator=running.allocator,
        by=running.origin.user,
        approved_by=running.approved_by,
        origin=running.origin.way,
        test=running.request.test,
        external_ref=running.request.external_ref,
        author_note=running.request.note,
        left_out=running.left_out,
        limits=running.limits,
        without_lease_kw=running.without_lease_kw,
        holds_s=running.holds_s if holds else None,
        rebound_kw=running.rebound_kw,
        trace=tuple(running.trace) if with_trace else (),
        moved=tuple(running.moved),
        taken=tuple(running.taken.values()),
        tracking=score.score if score else None,
        tracking_correlation=score.correlation if score else None,
        tracking_delay=score.delay if score else None,
        tracking_precision=score.precision if score else None,
    )


def _due_ms(running: Running) -> int | None:
    """When it is to begin, while it waits for that."""
    if running.state is not DispatchState.ARMED or not running.request.start_at:
        return None
    return round(parse_rfc3339(running.request.start_at) * 1000)


def dispatch_detail(core: Core, running: Running, limit: int) -> DispatchDetailView:
    """A dispatch with its vehicles, worst first; of one that was taken again the newest row."""
    rank = np.array([_WORST_FIRST.get(state, 6) for state in CommandState])
    order = np.lexsort((np.arange(len(running)), rank[running.command_state]))
    shown = order[~running.earlier[order]][: max(0, limit)]
    times = times_taken(running)
    rows = tuple(_command_row(core, running, int(position), int(times[position])) for position in shown)
    return DispatchDetailView(dispatch=dispatch_view(core, running), total=vehicles_of(running), rows=rows)


def _command_row(core: Core, running: Running, position: int, times: int) -> CommandRow:
    row = running.row_list[position]
    reason = Reason(int(running.reason[position]))
    release = ReleaseState(int(running.release_state[position]))
    return CommandRow(
        vehicle_id=core.fleet.ids[row],
        state=CommandState(int(running.command_state[position])).name.lower(),
        setpoint_kw=float(running.setpoint_kw[position]),
        baseline_kw=float(running.baseline_kw[position]),
        regulation_kw=float(running.setpoint_kw[position] - running.baseline_kw[position]),
        applied_kw=_known(running.applied_kw[position]),
        measured_kw=_known(core.fleet.power_kw[row]),
        attempt=int(running.attempt[position]),
        taken=times,
        latency_ms=_known((running.acked_at[position] - running.sent_at[position]) * 1000),
        score=float(running.score[position]),
        reason="" if reason is Reason.NONE else reason.name,
        reason_text=running.reason_text.get(position) or reason_text(core, row, reason),
        release="" if release is ReleaseState.NONE else release.name.lower(),
    )


def reason_text(core: Core, row: int, reason: Reason) -> str:
    """What a reason means for this vehicle; for a limit of the grid the node, or the phase of its site, that is full."""
    place = int(core.fleet.place[row])
    if core.grid is None or place < 0 or reason not in (Reason.SITE_LIMIT, Reason.NODE_LIMIT):
        return EXPLANATION[reason]
    return f"{core.grid.places[place]} is full"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def fleet_page(core: Core, request: FleetRequest, summary: FleetSummary) -> FleetPage:
    """The fleet as rows in order of id, within one site or segment if asked."""
    fleet, n = core.fleet, len(core.fleet)
    chosen = np.ones(n, np.bool_)
    if request.site is not None:
        chosen &= fleet.site[:n] == fleet.sites.index.get(request.site, -2)
    if request.segment is not None:
        chosen &= fleet.segment[:n] == fleet.segments.index.get(request.segment, -2)
    rows = sorted((int(row) for row in np.flatnonzero(chosen)), key=lambda row: fleet.ids[row])
    states = fleet_states(core)
    now, rules = core.clock.monotonic(), core.rules
    columns = core.vehicles()
    can = capability(columns, SUSTAINED_S, rules)
    standing, marks = core.standing, core.tags.marks(fleet)
    participation = standing.participation(n)
    shown = tuple(
        FleetRow(
            vehicle_id=fleet.ids[row],
            site=fleet.sites.name(int(fleet.site[row])),
            segment=fleet.segments.name(int(fleet.segment[row])),
            state=FLEET_STATE_NAMES[states[row]],
            quality=Quality(int(fleet.quality[row])).name.lower(),
            soc=_known(columns.soc[row]),
            power_kw=_known(fleet.power_kw[row]),
            up_kw=float(np.nan_to_num(can.up_kw[row])),
            down_kw=float(np.nan_to_num(can.down_kw[row])),
            age_s=_age(now, float(fleet.measured_at[row])),
            failures=standing.failures(row),
            hold_s=standing.hold_s(row, now),
            participation=float(participation[row]),
            reversals=int(standing.wear.reversals[row]),
            throughput_kwh=float(standing.wear.throughput_kwh[row]),
            tag=_TAG_WORDS[marks[row]],
        )
        for row in rows[: max(0, request.limit)]
    )
    return FleetPage(summary=summary, total=len(rows), rows=shown)


def _age(now: float, at: float) -> float | None:
    return max(0.0, now - at) if np.isfinite(at) else None


def vehicle_view(core: Core, row: int) -> VehicleView:
    """All that is known of one vehicle."""
    fleet, now = core.fleet, core.clock.monotonic()
    rules, rows = core.rules, np.array([row])
    one = core.vehicles().take(rows)
    can = capability(one, SUSTAINED_S, rules)
    owner = next((running for running in core.running.values() if running.slot == fleet.owner[row]), None)
    reason = Reason(int(fleet.reason[row]))
    power = _known(fleet.power_kw[row])
    return VehicleView(
        vehicle_id=fleet.ids[row],
        site=fleet.sites.name(int(fleet.site[row])),
        segment=fleet.segments.name(int(fleet.segment[row])),
        fleet=fleet.fleets.name(int(fleet.fleet[row])),
        protocol=int(fleet.protocol[row]),
        state=FLEET_STATE_NAMES[fleet_states(core)[row]],
        quality=Quality(int(fleet.quality[row])).name.lower(),
        soc=_known(one.soc[0]),
        power_kw=power,
        setpoint_kw=_known(fleet.setpoint_kw[row]),
        baseline_kw=_known(one.baseline_kw[0]),
        baseline_kind=Baseline(int(one.baseline_kind[0])).name.lower(),
        max_charge_kw=float(fleet.max_charge_kw[row]),
        max_discharge_kw=float(fleet.max_discharge_kw[row]),
        battery_kwh=float(fleet.battery_kwh[row]),
        up_kw=float(np.nan_to_num(can.up_kw[0])),
        down_kw=float(np.nan_to_num(can.down_kw[0])),
        min_soc=float(fleet.min_soc[row]),
        reserve_soc=float(fleet.reserve_soc[row]),
        is_v2g=bool(fleet.is_v2g[row]),
        available=bool(fleet.available[row]),
        charging=None if power is None else power < _CHARGING_KW,
        consent=bool(fleet.consent[row]),
        priority=bool(fleet.priority[row]),
        departure_ms=int(fleet.departure_utc_s[row] * 1000) if np.isfinite(fleet.departure_utc_s[row]) else None,
        availability_prob=float(fleet.availability_prob[row]),
        degradation=float(fleet.degradation[row]),
        owner=owner.short_id if owner else "",
        owed=bool(fleet.owed[row]),
        reason="" if reason is Reason.NONE else reason.name,
        reason_text=reason_text(core, row, reason),
        seen_ms=int(fleet.seen_ms[row]) or None,
        age_s=_age(now, float(fleet.measured_at[row])),
        clock_offset_s=_known(fleet.clock_offset_s[row]),
        commands=int(fleet.commands[row]),
        acks=int(fleet.acks[row]),
        rejects=int(fleet.rejects[row]),
        timeouts=int(fleet.timeouts[row]),
        failures=core.standing.failures(row),
        hold_s=core.standing.hold_s(row, now),
        participation=float(core.standing.participation(len(fleet))[row]),
        reversals=int(core.standing.wear.reversals[row]),
        throughput_kwh=float(core.standing.wear.throughput_kwh[row]),
        tags=core.tags.of(fleet, row),
        override_s=core.overrides.left_s(row, now),
        recent=lately(core, row),
    )
