"""STOP for people: how far it has come, and who is silent with what to do by hand."""

from v2g_console.cli.plain_text import ago, columns, counted, number
from v2g_console.contract.replies import Result
from v2g_console.contract.stop import SilentVehicle, StopView, lease_ended_text
from v2g_console.domain.text import visible

_HEADING = ("VEHICLE", "SITE", "DISPATCH", "SETPOINT kW", "MEASURED kW", "HEARD", "NEXT STEP")
_RIGHT = frozenset({3, 4, 5})


def pressed_line(result: Result) -> str:
    """What a STOP set going."""
    if not isinstance(result, StopView):
        return "stopped; `v2g-console resume` lifts it"
    dispatches = counted(result.dispatches, "dispatch", "dispatches")
    confirmed = f", {number(result.confirmed)} confirmed already" if result.confirmed else ""
    return f"stopped: {dispatches}, {counted(result.vehicles, 'vehicle')} to release{confirmed}; `v2g-console resume` lifts it"


def stop_lines(view: StopView) -> list[str]:
    """How far it has come, in a line or two."""
    latched = f"STOP is latched, by {visible(view.by)}" if view.stopped else "STOP is not latched"
    reason = f": {visible(view.reason)}" if view.reason else ""
    settled = f"{number(view.confirmed)} of {counted(view.vehicles, 'vehicle')} confirmed{lease_ended_text(view.lease_ended)}"
    lines = [f"{latched}{reason}", f"{settled}, {number(view.waiting)} waited for, {number(view.silent)} silent"]
    return [*lines, "the link is down: releases go out when it is back"] if view.link_down else lines


def silent_lines(view: StopView) -> list[str]:
    """A line for each vehicle that has not confirmed, those that hold their setpoint until told first."""
    if not view.who:
        return []
    more = view.silent - len(view.who)
    rows = columns([_HEADING, *map(_row, view.who)], _RIGHT)
    return ["", *rows, *([f"and {number(more)} more"] if more > 0 else [])]


def _row(silent: SilentVehicle) -> tuple[str, ...]:
    return (
        silent.vehicle_id,
        silent.site or "-",
        silent.dispatch,
        number(silent.setpoint_kw, 1),
        number(silent.measured_kw, 1),
        "never" if silent.silent_s is None else f"{ago(silent.silent_s)} ago",
        silent.next_step,
    )
