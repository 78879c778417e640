"""A plan and the course of a dispatch for people."""

from v2g_console.cli.plain_text import columns, counted, number, pairs, percent
from v2g_console.contract.events import DispatchEvent
from v2g_console.contract.replies import PlanRow, PlanView
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.start_time import start_words
from v2g_console.domain.text import visible
from v2g_console.domain.units import duration_text, regulation_text

_HEADING = ("VEHICLE", "SITE", "SOC", "BASELINE kW", "SETPOINT kW", "REGULATION kW", "WHY NOT MORE")
_RIGHT = frozenset({2, 3, 4, 5})
_ROWS = 20
_NAMES = 8


def plan_lines(plan: PlanView, request: DispatchFields) -> list[str]:
    """What a dispatch would do, and what its request says of when, where and for whom."""
    left_out = ", ".join(f"{reason} {count}" for reason, count in sorted(plan.left_out.items(), key=lambda item: -item[1]))
    limits = ", ".join(f"{reason} {number(kw)} kW" for reason, kw in plan.limits)
    facts = pairs(
        [
            (
                "signal",
                f"{plan.signal} {regulation_text(plan.requested_kw)}{f' ({plan.note})' if plan.note else ''} for {plan.duration_s:g} s",
            ),
            ("TEST", "marked as a test; vehicles are sent real setpoints" if request.test else ""),
            ("start", start_words(request.start_at) if request.start_at else ""),
            ("only", _scope(request)),
            ("reference", request.external_ref),
            ("note", request.note),
            ("plan", f"{regulation_text(plan.allocated_kw)} by {counted(plan.vehicles, 'vehicle')}, short {number(plan.shortfall_kw)} kW"),
            (
                "eligible",
                f"{number(plan.eligible)} of {number(plan.considered)}: up {number(plan.up_kw)} kW, down {number(plan.down_kw)} kW",
            ),
            ("left out", left_out),
            ("limits", limits),
            ("full", ", ".join(f"{place} ({number(kw)} kW)" for place, kw in plan.places)),
            (
                "SoC",
                f"{percent(plan.soc_before)} to {percent(plan.soc_after)}, lowest {percent(plan.soc_min_after)}" if plan.vehicles else "",
            ),
            ("departures", f"{plan.departures_at_risk} at risk" if plan.departures_at_risk else ""),
            ("holds", "" if plan.holds_s is None else f"{duration_text(plan.holds_s)} at 95 % of it or more"),
            ("rebound", f"{number(plan.rebound_kw)} kW of charging to expect after release" if plan.rebound_kw else ""),
            (
                "no lease",
                f"{number(plan.without_lease_kw)} kW on {counted(plan.without_lease_vehicles, 'v1 vehicle')}"
                if plan.without_lease_vehicles
                else "",
            ),
            *(("preempts", f"takes {number(abs(kw))} kW from {short_id}") for short_id, kw in plan.preempts),
            *(("warning", text) for text in plan.warnings),
        ]
    )
    if not plan.rows:
        return facts
    lines = [*facts, "", *columns([_HEADING, *map(_row, plan.rows[:_ROWS])], _RIGHT)]
    if len(plan.rows) > _ROWS:
        lines.append(f"and {len(plan.rows) - _ROWS} more: --json shows all")
    return lines


def _scope(request: DispatchFields) -> str:
    parts = (("site", request.sites), ("segment", request.segments), ("vehicle", request.vehicles))
    return "; ".join(f"{kind} {', '.join(names[:_NAMES])}{', ...' if len(names) > _NAMES else ''}" for kind, names in parts if names)


def _row(row: PlanRow) -> tuple[str, ...]:
    return (
        row.vehicle_id,
        row.site or "-",
        percent(row.soc),
        number(row.baseline_kw, 1),
        number(row.setpoint_kw, 1),
        number(row.regulation_kw, 1),
        " ".join(filter(None, (row.reason, row.place))) or "-",
    )


def step_text(event: DispatchEvent) -> str:
    """One step of a dispatch, without its time: state, how much is acknowledged and measured, who did not answer."""
    parts = [
        f"acknowledged {number(event.acknowledged_kw)} of {number(event.requested_kw)} kW",
        f"{event.acked + event.limited}/{event.vehicles} vehicles",
        f"{event.rejected} refused" if event.rejected else "",
        f"{event.silent} silent" if event.silent else "",
        f"delivered {number(event.delivered_kw)} kW" if event.delivered_kw is not None else "",
        f"{event.owed} releases owed" if event.owed else "",
    ]
    reason = f" ({event.reason})" if event.reason else ""
    return visible(f"{event.dispatch_id[:8]} {event.state}{reason}: {', '.join(filter(None, parts))}")
