"""`fleet ls` and `fleet show` for people."""

import math
from datetime import UTC, datetime

from v2g_console.cli.plain_text import ago, columns, counted, number, pairs, percent
from v2g_console.contract.replies import FleetPage, FleetRow, VehicleView
from v2g_console.domain.units import power_text

_HEADING = ("VEHICLE", "SITE", "SEGMENT", "STATE", "QUALITY", "SOC", "POWER kW", "UP kW", "DOWN kW", "SEEN", "TAG")
_RIGHT = frozenset({5, 6, 7, 8, 9})


def fleet_lines(page: FleetPage) -> list[str]:
    """A line a vehicle, then how many there are in all."""
    if not page.rows:
        return ["no vehicle" if page.total == 0 else f"none of {counted(page.total, 'vehicle')} shown: raise --limit"]
    shown = [_HEADING, *map(_row, page.rows)]
    if not any(row.tag for row in page.rows):
        shown = [row[:-1] for row in shown]
    lines = columns(shown, _RIGHT)
    if page.total > len(page.rows):
        lines.append(f"{counted(len(page.rows), 'vehicle')} of {number(page.total)}: --limit shows more")
    return lines


def _row(row: FleetRow) -> tuple[str, ...]:
    return (
        row.vehicle_id,
        row.site or "-",
        row.segment or "-",
        row.state,
        row.quality,
        percent(row.soc),
        number(row.power_kw, 1),
        number(row.up_kw, 1),
        number(row.down_kw, 1),
        ago(row.age_s),
        row.tag,
    )


def vehicle_lines(view: VehicleView) -> list[str]:
    """All that is known of one vehicle, one fact a line, then what happened lately."""
    facts = pairs(
        [
            ("vehicle", view.vehicle_id),
            ("where", ", ".join(filter(None, [view.site, view.segment, view.fleet]))),
            (
                "state",
                f"{view.state}, telemetry {view.quality}, seen {ago(view.age_s)} ago"
                if view.age_s is not None
                else f"{view.state}, never seen",
            ),
            ("protocol", f"v{view.protocol}"),
            ("SoC", f"{percent(view.soc)} of {number(view.battery_kwh, 1)} kWh, wanted at departure {percent(view.min_soc)}"),
            ("power", _power(view.power_kw)),
            ("setpoint", _power(view.setpoint_kw) if view.setpoint_kw is not None else ""),
            ("baseline", f"{_power(view.baseline_kw)} ({view.baseline_kind})"),
            ("limits", f"charge {number(view.max_charge_kw, 1)} kW, discharge {number(view.max_discharge_kw, 1)} kW"),
            ("headroom", f"up {number(view.up_kw, 1)} kW, down {number(view.down_kw, 1)} kW"),
            ("V2G", _traits(view)),
            ("departure", _moment(view.departure_ms) if view.departure_ms is not None else ""),
            ("dispatch", f"{view.owner}{', release owed' if view.owed else ''}" if view.owner or view.owed else ""),
            ("reason", ": ".join(filter(None, [view.reason, view.reason_text]))),
            ("counts", f"{view.commands} commands, {view.acks} acks, {view.rejects} refusals, {view.timeouts} timeouts"),
            ("trust", _trust(view)),
            *(("tag", tag.words) for tag in view.tags),
            ("override", _override(view)),
            (
                "use",
                f"participation {number(view.participation * 100, 1)} %, {counted(view.reversals, 'reversal')},"
                f" {number(view.throughput_kwh, 1)} kWh while dispatched",
            ),
        ]
    )
    if not view.recent:
        return facts
    return [*facts, "", *columns([("WHEN", "WHAT"), *((_moment(moment), what) for moment, what in view.recent)])]


def _power(power_kw: float | None) -> str:
    return "unknown" if power_kw is None else power_text(power_kw)


def _traits(view: VehicleView) -> str:
    return ", ".join(
        [
            "yes" if view.is_v2g else "no",
            "consent given" if view.consent else "no consent",
            "available" if view.available else "away",
            *(["priority"] if view.priority else []),
        ]
    )


def _trust(view: VehicleView) -> str:
    if not view.failures:
        return "no failures"
    hold = f"on hold for {ago(view.hold_s)} more" if view.hold_s > 0 else "its next command is a probe"
    return f"{counted(view.failures, 'failure')} in a row, {hold}; `fleet reset {view.vehicle_id}` forgets them"


def _override(view: VehicleView) -> str:
    if view.override_s is None:
        return ""
    left = "until it follows again" if math.isinf(view.override_s) else f"for {ago(view.override_s)} more"
    return f"taken over on the spot: left alone {left}; `fleet reset {view.vehicle_id}` ends that"


def _moment(utc_ms: int) -> str:
    try:
        return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "unknown"
