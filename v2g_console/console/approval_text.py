"""A request that waits for a second person, in words for banner and dialog."""

from textual.content import Content

from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import clock_of
from v2g_console.contract.events import ApprovalEnded
from v2g_console.contract.snapshot import ApprovalView
from v2g_console.domain.units import counted, duration_text, grouped, regulation_text


def what_text(one: ApprovalView) -> str:
    """`MA ▲ 30 kW for 1 min`, or the change of a target."""
    if one.before_kw is not None:
        return f"{one.short_id} {one.signal}: target {regulation_text(one.before_kw)} -> {regulation_text(one.power_kw)}"
    return f"{one.signal} {regulation_text(one.power_kw)} for {duration_text(one.duration_s)}"


def left_s(one: ApprovalView, now_ms: int) -> float:
    """How long it still waits."""
    return max(0.0, (one.expires_ms - now_ms) / 1000)


def approval_lines(one: ApprovalView, now_ms: int) -> list[Content]:
    """All that a second person must read before deciding."""
    lines = [
        line((safe_text(what_text(one), 60), "bold")),
        line(f"asked by {safe_text(one.by, 20)} ({safe_text(one.way, 10)}) at {clock_of(one.asked_ms)}, {safe_text(one.approval_id, 16)}"),
    ]
    if one.vehicles is not None and one.allocated_kw is not None:
        short = f", short {grouped(one.shortfall_kw or 0.0)} kW" if (one.shortfall_kw or 0.0) >= 1.0 else ""
        lines.append(line(f"plan: {regulation_text(one.allocated_kw)} by {counted(one.vehicles, 'vehicle', 'vehicles')}{short}"))
    lines += [line(f"starts at {safe_text(one.start_at, 30)}")] if one.start_at else []
    lines += [line(f"only {safe_text(one.scope, 60)}")] if one.scope else []
    lines += [line((f"takes {grouped(abs(kw))} kW from {safe_text(short_id, 8)}", "bold $warning")) for short_id, kw in one.preempts[:5]]
    lines += [line(f"note: {safe_text(one.note, 60)}")] if one.note else []
    lines.append(line(f"above the limit of {grouped(one.limit_kw)} kW for one person; lapses in {duration_text(left_s(one, now_ms))}"))
    return lines


def ended_text(event: ApprovalEnded) -> str:
    """What became of it, in a line."""
    by = f" by {event.decided_by}" if event.decided_by else ""
    why = f": {event.reason}" if event.reason else ""
    return f"{event.approval_id} of {event.by} {event.outcome}{by}{why}"
