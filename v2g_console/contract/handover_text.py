"""The handover report, as Markdown for a file and as plain text for a screen; for the command line and the console alike."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.events import OPERATIONAL
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.snapshot import ApprovalView, DispatchView
from v2g_console.contract.starting import starts_text
from v2g_console.contract.stop import lease_ended_text
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.text import visible
from v2g_console.domain.units import counted, duration_text, grouped, regulation_text

_MEANS_SOMETHING = frozenset("\\`*_{}[]<>#|!")
_MARKS = re.compile(r"\\(.)|\*\*|^#+ ")
"""What only Markdown needs: an escape (its character is kept), strong text, the strokes of a heading."""


def text_lines(report: HandoverView) -> list[str]:
    """The report as plain text, a line a string: headings underlined, nothing escaped."""
    return [line for row in handover_lines(report) for line in _as_text(row)]


def plain_row(row: str) -> str:
    """A line of the Markdown as one reads it: without its marks and escapes."""
    return _MARKS.sub(lambda found: found[1] or "", row)


def _as_text(row: str) -> list[str]:
    shown = plain_row(row)
    return [shown, ("=" if row.startswith("# ") else "-") * len(shown)] if row.startswith("#") else [shown]


def handover_lines(report: HandoverView) -> list[str]:
    """The report as Markdown, a line a string. Every text from outside is made visible, and means nothing to Markdown."""
    engine, link, fleet = report.engine, report.link, report.fleet
    lines = [
        f"# Handover {_plain(engine.name)}",
        "",
        f"From {_time(report.from_ms)} to {_time(report.until_ms)}, made by {_plain(engine.user)} ({_plain(engine.role)}).",
        "",
    ]
    if report.stop is not None:
        stop = report.stop
        settled = f"{stop.confirmed} of {stop.vehicles} confirmed{lease_ended_text(stop.lease_ended)}"
        lines += [f"**STOP is latched** by {_plain(stop.by)}: {settled}, {stop.silent} silent, {stop.waiting} waiting.", ""]
    if report.missing:
        lines += [f"**Not complete**: {_plain(report.missing)}", ""]
    lines += [
        f"Link {link.state.value}{f': {_plain(link.cause_text)}' if link.state.value != 'up' else ''}, {link.reconnects} reconnections. "
        f"Fleet {counted(fleet.vehicles, 'vehicle', 'vehicles')}, {fleet.available} available, {fleet.stale} stale, {fleet.lost} lost, "
        f"{fleet.owed} releases owed, {fleet.on_hold} on hold. "
        f"Headroom up {grouped(fleet.up_kw)} kW (P90 {grouped(fleet.up_p90_kw)}), "
        f"down {grouped(fleet.down_kw)} kW (P90 {grouped(fleet.down_p90_kw)}).",
        "",
    ]
    lines += [f"Baselines and delivered power are figures for steering: {OPERATIONAL} values.", ""]
    lines += _section("Open dispatches", map(_dispatch, report.open_dispatches))
    lines += _section("Waiting for approval", map(_approval, report.approvals), empty=False)
    listed = [alarm for alarm in report.alarms if alarm.state is not AlarmState.SHELVED]
    shelved = [alarm for alarm in report.alarms if alarm.state is AlarmState.SHELVED]
    rates = report.alarm_rates
    lines += _section(f"Alarms ({rates.last_24_h} in 24 h, at most {rates.most_in_10_min} in 10 min)", map(_alarm, listed))
    lines += _section("Shelved alarms", map(_shelved, shelved))
    lines += _section("Tags", (_plain(tag.words) + f" ({_time(tag.at_ms)})" for tag in report.tags))
    overrides = (
        f"{_plain(one.vehicle_id)}: {'until it follows again' if one.left_s is None else f'{duration_text(one.left_s)} left'}"
        for one in report.overrides
    )
    lines += _section("Local overrides", overrides)
    lines += _section("Ended in this time", map(_dispatch, report.ended_dispatches))
    lines += _section("Notes", (f"{_time(note.utc_ms)} {_plain(note.by)}: {_plain(note.text)}" for note in report.notes))
    return lines


def _section(title: str, entries: Iterable[str], *, empty: bool = True) -> list[str]:
    rows = [f"- {entry}" for entry in entries]
    if not rows and not empty:
        return []
    return [f"## {title}", "", *(rows or ["none"]), ""]


def _dispatch(view: DispatchView) -> str:
    delivered = "not measured" if view.delivered_kw is None else f"{grouped(view.delivered_kw)} kW"
    left = "" if view.remaining_s is None else f", {duration_text(view.remaining_s)} left"
    waits = starts_text(view)
    state = waits or view.state.value.replace("_", " ")
    missing = view.shortfall_kw >= 1.0
    words = [
        f"{_plain(view.short_id)} {_plain(view.signal)} {regulation_text(view.requested_kw)} {state}{left}",
        "nothing is sent before" if waits else f"acknowledged {grouped(view.acknowledged_kw)} kW, delivered {delivered}",
        f"short {grouped(view.shortfall_kw)} kW" if missing and not waits else "",
        f"silent {view.progress.silent}" if view.progress.silent else "",
        _plain(view.outcome_reason),
        f"by {_plain(view.by)}{f', approved by {_plain(view.approved_by)}' if view.approved_by else ''}" if view.by else "",
        f"reference {_plain(view.external_ref)}" if view.external_ref else "",
        f"noted: {_plain(view.author_note)}" if view.author_note else "",
        f"begins {_time(view.due_ms)}" if view.due_ms is not None else "",
        "TEST" if view.test else "",
    ]
    return "; ".join(word for word in words if word)


def _alarm(alarm: AlarmView) -> str:
    state = {AlarmState.RETURNED: "gone, unanswered", AlarmState.ACKNOWLEDGED: f"acknowledged by {_plain(alarm.acknowledged_by)}"}
    letter = {1: "H", 2: "M"}.get(alarm.priority, "L")
    answered = state.get(alarm.state, "NOT ACKNOWLEDGED")
    return f"{letter} {_plain(alarm.text)} (since {_time(alarm.raised_ms)}, {answered}): {_plain(alarm.response)}"


def _shelved(alarm: AlarmView) -> str:
    until = "" if alarm.shelved_until_ms is None else f" until {_time(alarm.shelved_until_ms)}"
    return f"{_plain(alarm.text)}: by {_plain(alarm.shelved_by)}{until}, {_plain(alarm.shelf_reason)}"


def _approval(one: ApprovalView) -> str:
    what = f"{one.request} {_plain(one.signal)} {regulation_text(one.power_kw)}"
    return f"{_plain(one.approval_id)} {what} asked by {_plain(one.by)}, expires {_time(one.expires_ms)}"


def _time(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _plain(text: str) -> str:
    """Text from outside: visible, in one line, and with no meaning to Markdown but what a reader sees."""
    return "".join(f"\\{char}" if char in _MEANS_SOMETHING else char for char in visible(text))
