"""Requests that wait for a second person, for people."""

import time

from v2g_console.cli.plain_text import columns, counted, number, pairs
from v2g_console.contract.snapshot import ApprovalView
from v2g_console.domain.units import duration_text, regulation_text

_HEADING = ("ID", "ASKED BY", "WHAT", "PLAN", "LEFT")


def approval_table(waiting: tuple[ApprovalView, ...], now_ms: int | None = None) -> list[str]:
    """One line for each that waits. `now_ms`: UTC milliseconds."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    if not waiting:
        return ["no request waits for approval"]
    return columns([_HEADING, *((one.approval_id, one.by, _what(one), _plan(one), _left(one, now)) for one in waiting)])


def approval_lines(one: ApprovalView, now_ms: int | None = None) -> list[str]:
    """All that a second person must know of one."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    return pairs(
        [
            ("approval", f"{one.approval_id}, revision {one.revision}"),
            ("asked by", f"{one.by} ({one.way})"),
            ("what", _what(one)),
            ("plan", _plan(one)),
            ("scope", one.scope),
            ("note", one.note),
            *(("preempts", f"takes {number(abs(kw))} kW from {short_id}") for short_id, kw in one.preempts),
            ("limit", f"above {number(one.limit_kw)} kW"),
            ("left", _left(one, now)),
        ]
    )


def _what(one: ApprovalView) -> str:
    if one.before_kw is not None:
        return f"{one.short_id} {one.signal}: target {regulation_text(one.before_kw)} -> {regulation_text(one.power_kw)}"
    start = f", from {one.start_at}" if one.start_at else ""
    return f"{one.signal} {regulation_text(one.power_kw)} for {duration_text(one.duration_s)}{start}"


def _plan(one: ApprovalView) -> str:
    if one.vehicles is None or one.allocated_kw is None:
        return ""
    short = f", short {number(one.shortfall_kw)} kW" if one.shortfall_kw else ""
    return f"{regulation_text(one.allocated_kw)} by {counted(one.vehicles, 'vehicle')}{short}"


def _left(one: ApprovalView, now_ms: int) -> str:
    return duration_text(max(0.0, (one.expires_ms - now_ms) / 1000))
