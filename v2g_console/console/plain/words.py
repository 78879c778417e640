"""Sentences about engine, fleet, dispatches and alarms: one fact a line, the name of the fact first, so that a listener can skip."""

import math
from datetime import UTC, datetime

from v2g_console.console.plain.reasons import without_keys
from v2g_console.console.reason_text import by_count, reason_words
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.moved_text import moved_words
from v2g_console.contract.replies import PlanView, VehicleView
from v2g_console.contract.requests import DispatchFields
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, ApprovalView, DispatchView, EngineInfo, FleetSummary, Snapshot
from v2g_console.contract.stop import StopView, lease_ended_text
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.start_time import start_words
from v2g_console.domain.units import counted, duration_text, grouped
from v2g_console.domain.vehicle import Quality

_PRIORITY = {1: "high", 2: "medium"}


def power(power_kw: float | None) -> str:
    """`up 300 kW`, `down 20 kW`, `0 kW`, `unknown`."""
    if power_kw is None or math.isnan(power_kw):
        return "unknown"
    digits = 0 if abs(power_kw) >= 100 else 1
    text = grouped(abs(power_kw), digits).removesuffix(".0")
    return f"{text} kW" if text == "0" else f"{'up' if power_kw > 0 else 'down'} {text} kW"


def own_power(power_kw: float | None) -> str:
    """What a vehicle does: `5 kW to the grid`, `7.4 kW charging`, `0 kW`, `unknown`."""
    if power_kw is None or math.isnan(power_kw):
        return "unknown"
    text = grouped(abs(power_kw), 1).removesuffix(".0")
    return f"{text} kW" if text == "0" else f"{text} kW {'to the grid' if power_kw > 0 else 'charging'}"


def clock(utc_ms: int) -> str:
    """`14:02:07Z`."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%H:%M:%SZ")


def day_and_clock(utc_ms: int) -> str:
    """`2026-11-23 14:02:07Z`."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def status_lines(snapshot: Snapshot) -> list[str]:
    """All in short."""
    lines = [engine_line(snapshot.engine), link_line(snapshot.link, snapshot.utc_ms), *fleet_lines(snapshot.summary)]
    if snapshot.engine.stopped:
        lines.append(stop_line(snapshot))
    waiting = [alarm for alarm in snapshot.alarms if alarm.state in {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}]
    active = sum(alarm.active for alarm in snapshot.alarms)
    lines.append(f"Alarms: {active} active, {len(waiting)} not acknowledged.")
    lines += [approval_line(one) for one in snapshot.approvals]
    lines += [f"Proposal {one.words}." for one in snapshot.proposals]
    lines += [dispatch_line(view) for view in snapshot.dispatches if view.remaining_s is not None or view.ended_ms is None]
    if not snapshot.dispatches:
        lines.append("No dispatch.")
    return lines


def engine_line(engine: EngineInfo) -> str:
    """Who, where, in which mode."""
    mode = "you only look" if engine.read_only or "stop" in engine.denied else "read and write"
    parts = [f"Engine {engine.name}, version {engine.version}", "ready" if engine.ready else "not ready yet"]
    parts += [f"you are {engine.user}, role {engine.role}", mode, *(["DEMO"] if engine.demo else [])]
    return f"{', '.join(parts)}."


def link_line(link: LinkHealth, utc_ms: int) -> str:
    """The MQTT link; why it is down."""
    since = duration_text(max(0.0, (utc_ms - link.since_ms) / 1000))
    if link.state is LinkState.UP:
        rtt = "" if link.rtt_ms is None else f", round trip {link.rtt_ms:.0f} ms"
        return f"Link up for {since}, {link.broker}, {link.tls_version or 'no TLS'}{rtt}."
    return f"LINK {link.state.value.upper()} for {since}, {link.broker}: {link.cause_text or link.cause.value}."


def fleet_lines(fleet: FleetSummary) -> list[str]:
    """The fleet in numbers."""
    soc = "unknown" if fleet.soc_median is None else f"{fleet.soc_median:.0%}"
    return [
        f"Fleet: {counted(fleet.vehicles, 'vehicle', 'vehicles')}, {fleet.available} available, {fleet.dispatched} dispatched, "
        f"{fleet.stale} stale, {fleet.lost} lost, {fleet.owed} owe a release. Median SoC {soc}.",
        f"Headroom for 15 min: up {grouped(fleet.up_kw)} kW (with 90 % probability {grouped(fleet.up_p90_kw)}), "
        f"down {grouped(fleet.down_kw)} kW (with 90 % probability {grouped(fleet.down_p90_kw)}).",
    ]


def stop_line(snapshot: Snapshot) -> str:
    """That STOP is latched, and how far it has come."""
    engine, stop = snapshot.engine, snapshot.stop
    at = "" if engine.stopped_at_ms is None else f" at {clock(engine.stopped_at_ms)}"
    far = "" if stop is None else f": {_stop_counts(stop)}"
    return f"STOP IS LATCHED by {engine.stopped_by or 'unknown'}{at}{far}. The command resume lifts it."


def stop_lines(stop: StopView) -> list[str]:
    """How far a STOP has come, and who is silent."""
    what = "STOP is latched" if stop.stopped else "Releases"
    lines = [f"{what}: {_stop_counts(stop)}."]
    lines += [
        f"{one.vehicle_id} at {one.site or 'no site'}, setpoint {own_power(one.setpoint_kw)}: {one.next_step}" for one in stop.who[:100]
    ]
    return [*lines, f"and {len(stop.who) - 100} more."] if len(stop.who) > 100 else lines


def _stop_counts(stop: StopView) -> str:
    settled = f"{stop.confirmed} of {stop.vehicles} confirmed{lease_ended_text(stop.lease_ended)}"
    return f"{settled}, {stop.waiting} waiting, {stop.silent} silent"


def dispatch_line(view: DispatchView) -> str:
    """One dispatch in a sentence."""
    progress = view.progress
    short = view.shortfall_kw >= 0.5 and view.due_ms is None  # what has not begun misses nothing
    parts = [
        f"Dispatch {view.short_id} {view.signal} {power(view.requested_kw)}: {view.state.value.replace('_', ' ')}",
        f"{duration_text(view.remaining_s)} left" if view.remaining_s is not None else "",
        f"acknowledged {power(view.acknowledged_kw)} by {progress.acked + progress.limited} of {view.vehicles} vehicles",
        f"delivered {power(view.delivered_kw)}" if view.delivered_kw is not None else "delivered not measured",
        f"SHORT {grouped(view.shortfall_kw)} kW" if short else "",
        f"{progress.rejected} refused" if progress.rejected else "",
        f"{progress.silent} silent" if progress.silent else "",
        *moved_words(view),
        view.outcome_reason,
        f"by {view.by}" if view.by else "",
        f"begins {day_and_clock(view.due_ms)}" if view.due_ms is not None else "",
        f"reference {view.external_ref}" if view.external_ref else "",
        "TEST" if view.test else "",
    ]
    return f"{', '.join(part for part in parts if part)}."


def dispatch_lines(view: DispatchView) -> list[str]:
    """All that the picture says of one dispatch."""
    lines = [dispatch_line(view), f"Id {view.dispatch_id}, allocator {view.allocator or 'unknown'}, for {duration_text(view.duration_s)}."]
    lines += [f"Note: {note}." for note in (view.author_note, view.note) if note]
    if view.release.commanded:
        release = view.release
        confirmed = f"{release.acked + release.limited} of {release.commanded} confirmed"
        silent = f", {release.silent} silent" if release.silent else ""
        lines.append(f"Releases: {confirmed}{lease_ended_text(release.lease_ended)}{silent}.")
    if view.limits:
        lines.append(f"Limited by: {', '.join(f'{name} {grouped(kw)} kW' for name, kw in view.limits)}.")
    if view.left_out:
        lines.append(f"Left out: {', '.join(f'{count} {name}' for name, count in by_count(view.left_out))}.")
    return lines


def plan_lines(plan: PlanView) -> list[str]:
    """What a dispatch would do."""
    lines = [
        f"Plan: {plan.signal} {power(plan.requested_kw)} for {duration_text(plan.duration_s)} by {plan.allocator}.",
        f"It allocates {power(plan.allocated_kw)} to {counted(plan.vehicles, 'vehicle', 'vehicles')}; "
        f"{grouped(plan.eligible)} of {grouped(plan.considered)} can take part.",
    ]
    if abs(plan.shortfall_kw) >= 0.5:
        lines.append(f"SHORT {grouped(abs(plan.shortfall_kw))} kW.")
    if plan.left_out:
        lines.append(f"Left out: {', '.join(f'{count} {reason_words(name)}' for name, count in by_count(plan.left_out))}.")
    if plan.limits:
        lines.append(f"Limited by: {', '.join(f'{reason_words(name)} {grouped(kw)} kW' for name, kw in plan.limits)}.")
    if plan.soc_before is not None and plan.soc_after is not None:
        lines.append(f"SoC of its vehicles: {plan.soc_before:.0%} to {plan.soc_after:.0%}.")
    if plan.departures_at_risk:
        lines.append(f"Departures at risk: {plan.departures_at_risk}.")
    if plan.without_lease_vehicles:
        lines.append(
            f"Without a lease: {counted(plan.without_lease_vehicles, 'vehicle', 'vehicles')}, {grouped(plan.without_lease_kw)} kW."
        )
    lines += [f"Takes {grouped(abs(kw))} kW from {short_id}." for short_id, kw in plan.preempts]
    lines += [f"Warning: {warning}." for warning in plan.warnings]
    return [*lines, f"Note: {plan.note}."] if plan.note and not any(plan.note in warning for warning in plan.warnings) else lines


def request_lines(request: DispatchFields) -> list[str]:
    """What a request says of when, for whom and what for; often nothing."""
    lines = ["TEST: it is marked so, and vehicles get real setpoints."] if request.test else []
    lines += [f"Starts {start_words(request.start_at)}."] if request.start_at else []
    lines += [f"Reference: {request.external_ref}."] if request.external_ref else []
    return [*lines, f"Note: {request.note}."] if request.note else lines


def vehicle_lines(view: VehicleView) -> list[str]:
    """All that is known of one vehicle, as far as it matters to a listener."""
    heard = "never heard" if view.age_s is None else f"heard {view.age_s:.0f} s ago"
    soc = "unknown" if view.soc is None else f"{view.soc:.0%}"
    lines = [
        f"Vehicle {view.vehicle_id} at {view.site or 'no site'}, segment {view.segment or 'none'}: {view.state}, {view.quality}, {heard}.",
        f"Power {own_power(view.power_kw)}, SoC {soc}, "
        f"setpoint {'none' if view.setpoint_kw is None else own_power(view.setpoint_kw)}, baseline {own_power(view.baseline_kw)}.",
        f"Can give {view.up_kw:.1f} kW up and {view.down_kw:.1f} kW down; V2G {'yes' if view.is_v2g else 'no'}, "
        f"{'available' if view.available else 'not available'}, {'consent given' if view.consent else 'no consent'}.",
        f"Commands {view.commands}, acknowledged {view.acks}, refused {view.rejects}, unanswered {view.timeouts}; "
        f"{counted(view.failures, 'failure', 'failures')} in a row.",
    ]
    lines += [f"Dispatch {view.owner}."] if view.owner else []
    lines += ["It owes a release."] if view.owed else []
    lines += [f"On hold for {duration_text(view.hold_s)} more; the command trust ends that."] if view.hold_s else []
    lines += [f"Reason: {words}."] if (words := reason_words(view.reason, view.reason_text)) else []
    lines += [f"Tag: {tag.words}." for tag in view.tags]
    return lines + [f"{clock(at_ms)} {what}" for at_ms, what in view.recent]


def fleet_row(snapshot: Snapshot, row: int) -> str:
    """One vehicle of the list in a sentence."""
    fleet = snapshot.fleet
    site = fleet.sites[fleet.site[row]] if 0 <= fleet.site[row] < len(fleet.sites) else "no site"
    soc = float(fleet.soc[row])
    quality = Quality(int(fleet.quality[row]))
    parts = [
        fleet.ids[row],
        site,
        FLEET_STATE_NAMES[int(fleet.state[row])],
        own_power(float(fleet.power_kw[row])),
        "SoC unknown" if math.isnan(soc) else f"SoC {soc:.0%}",
        "" if quality is Quality.FRESH else quality.name.lower(),
    ]
    return ", ".join(part for part in parts if part)


def alarm_line(alarm: AlarmView) -> str:
    """One alarm in a sentence: how urgent, what, since when, what to do."""
    answered = {
        AlarmState.ACKNOWLEDGED: f"acknowledged by {alarm.acknowledged_by}",
        AlarmState.RETURNED: "gone, not acknowledged",
        AlarmState.SHELVED: f"shelved by {alarm.shelved_by}: {alarm.shelf_reason}",
    }.get(alarm.state, "NOT ACKNOWLEDGED")
    word = _PRIORITY.get(alarm.priority, "low")
    return (
        f"Alarm {alarm.alarm_id}, {word}: {alarm.text}; {answered}, since {clock(alarm.raised_ms)}. To do: {without_keys(alarm.response)}."
    )


def approval_line(one: ApprovalView) -> str:
    """A request that waits for a second person."""
    what = f"{one.signal} {power(one.power_kw)} for {duration_text(one.duration_s)}"
    if one.before_kw is not None:
        what = f"{one.short_id}: target {power(one.before_kw)} to {power(one.power_kw)}"
    return f"Approval {one.approval_id}: {one.by} asks for {what}; it lapses at {clock(one.expires_ms)}."


def forecast_lines(view: ForecastView) -> list[str]:
    """An hour a sentence."""
    lines = [f"Forecast for {counted(view.vehicles, 'vehicle', 'vehicles')}, nine times out of ten at least, as often as not in brackets."]
    for one in view.points:
        up, down = (
            f"{grouped(p90)} kW ({grouped(p50)})" for p90, p50 in ((one.up_p90_kw, one.up_p50_kw), (one.down_p90_kw, one.down_p50_kw))
        )
        lines.append(f"{day_and_clock(one.utc_ms)}: {grouped(one.there_p90)} vehicles ({grouped(one.there_p50)}), up {up}, down {down}.")
    return lines


def engine_lines(shown: Snapshot) -> list[str]:
    """The engine's own health."""
    engine, link = shown.engine, shown.link
    return [
        f"Engine {engine.name} {engine.version}, {'ready' if engine.ready else 'NOT READY'}, since {day_and_clock(engine.started_ms)}.",
        f"Loop lag {engine.loop_lag_ms:.1f} ms at worst in 10 s; memory {engine.memory_mib:.0f} MiB.",
        f"Queues: in {grouped(link.queued)}, in flight {grouped(link.in_flight)}, journal {grouped(engine.journal_queue)}.",
        f"Events: {grouped(engine.events_kept)} kept for late readers, {grouped(engine.events_dropped)} dropped.",
    ]
