"""One vehicle in words: the lines of its detail screen."""

from datetime import UTC, datetime
from math import isinf
from typing import Final

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.reason_text import reason_words
from v2g_console.console.replay_answers import NOT_RECORDED
from v2g_console.console.safe_text import Part, line, safe_text
from v2g_console.console.times import clock_of, span_text
from v2g_console.console.widgets.text_pane import beside, field, folded, title
from v2g_console.contract.replies import VehicleView
from v2g_console.contract.snapshot import QUALITY_MARKS
from v2g_console.domain.units import duration_text, power_text
from v2g_console.domain.vehicle import Quality

TWO_COLUMNS_FROM_CELLS: Final = 96
_MARK_OF: Final = {quality.name.lower(): QUALITY_MARKS[quality] for quality in Quality}
_BASELINE_WORDS: Final = {
    "measured": "measured before the dispatch",
    "assumed": "assumed: not charging, no measurement",
    "missing": "none: charging and no fresh measurement",
}


def vehicle_head(vehicle: VehicleView, since_s: float, glyphs: Glyphs) -> Content:
    """The line that counts: who, power, SoC, what it does, how fresh that is. `since_s`: seconds since the engine said so."""
    fresh = vehicle.quality == "fresh"
    return line(
        (vehicle.vehicle_id, "bold"),
        "  ",
        _power(vehicle.power_kw, glyphs),
        _age_mark(vehicle),
        f"  SoC {_share(vehicle.soc)}",
        _age_mark(vehicle),
        "  ",
        (vehicle.state, "bold"),
        "  ",
        (f"{_MARK_OF.get(vehicle.quality, '')} {vehicle.quality}".strip(), "" if fresh else "bold $warning"),
        (f"  {_age(vehicle, since_s)}", "$muted"),
    )


def _age_mark(vehicle: VehicleView) -> Part:
    """Behind each value that telemetry gave: how far it may be believed; nothing while it is fresh."""
    mark = _MARK_OF.get(vehicle.quality, "?")
    return (f" {mark}", "bold $warning") if mark else ""


def vehicle_rows(vehicle: VehicleView, utc_ms: int, since_s: float, width_cells: int, glyphs: Glyphs) -> list[Content]:
    """All of it, in two columns where there is room."""
    if vehicle.baseline_kind == NOT_RECORDED:
        return _recorded(vehicle, since_s, glyphs)
    now, ability = _now(vehicle, utc_ms, since_s, glyphs), _ability(vehicle)
    owned = [*_dispatch(vehicle), *trust_rows(vehicle, since_s), *_use(vehicle)]
    columns = 1 if width_cells < TWO_COLUMNS_FROM_CELLS else 2
    driver, recent = _driver(vehicle, utc_ms), _recent(vehicle, utc_ms, width_cells // columns, glyphs)
    held = _held_back(vehicle, since_s)
    if columns == 1:
        return [*held, *now, line(), *owned, line(), *recent, line(), *ability, line(), *driver]
    return [*held, *beside([*now, line(), *ability], [*owned, line(), *driver, line(), *recent], width_cells // 2)]


def _recorded(vehicle: VehicleView, since_s: float, glyphs: Glyphs) -> list[Content]:
    """What a recording has of it."""
    return [
        *_held_back(vehicle, since_s),
        title("In the recording"),
        field("power", _power(vehicle.power_kw, glyphs), _age_mark(vehicle)),
        field("setpoint", "none" if vehicle.setpoint_kw is None else _power(vehicle.setpoint_kw, glyphs)),
        field("place", f"{vehicle.site or '-'}, segment {vehicle.segment or '-'}"),
        *_ability(vehicle)[1:5],
        field("protocol", f"v{vehicle.protocol}", (_protocol_note(vehicle.protocol), "$muted")),
        field("owned by", vehicle.owner or "nobody: free"),
        field("reason", reason_words(vehicle.reason, vehicle.reason_text) or "none"),
        line(),
        line(("What else the engine knew of it is not in the recording: baseline, battery, departure, counts, history.", "$muted")),
    ]


def _now(vehicle: VehicleView, utc_ms: int, since_s: float, glyphs: Glyphs) -> list[Content]:
    kind = _baseline_words(vehicle)
    seen = "never" if vehicle.seen_ms is None else f"{clock_of(vehicle.seen_ms)}, {_age(vehicle, since_s)}"
    return [
        title("Now"),
        field("power", _power(vehicle.power_kw, glyphs), _age_mark(vehicle)),
        field("setpoint", "none" if vehicle.setpoint_kw is None else _power(vehicle.setpoint_kw, glyphs)),
        field("baseline", _power(vehicle.baseline_kw, glyphs), (f"  {kind}", "$muted")),
        field("SoC", _share(vehicle.soc), _age_mark(vehicle)),
        field("state", vehicle.state, _yes_no(vehicle.charging, ", charging", ", not charging", "")),
        field("last heard", seen),
        field("quality", f"{vehicle.quality} {_MARK_OF.get(vehicle.quality, '')}".strip()),
        field("clock offset", *_clock(vehicle.clock_offset_s)),
        field("place", f"{vehicle.site or '-'}, segment {vehicle.segment or '-'}, fleet {vehicle.fleet or '-'}"),
    ]


def _baseline_words(vehicle: VehicleView) -> str:
    """Where its baseline comes from; one that is kept says until when."""
    if vehicle.baseline_kind == "measured" and not vehicle.owner:
        return "measured"  # "before the dispatch" only where there is one
    if vehicle.baseline_kind != "frozen":
        return _BASELINE_WORDS.get(vehicle.baseline_kind, vehicle.baseline_kind)
    if vehicle.owner:
        return f"kept as it was when {vehicle.owner} took it"
    return "kept: its release is not confirmed" if vehicle.owed else "kept: not measured anew since its release"


def _ability(vehicle: VehicleView) -> list[Content]:
    return [
        title("Ability"),
        field("up / down", f"{vehicle.up_kw:.1f} kW up, {vehicle.down_kw:.1f} kW down", _age_mark(vehicle)),
        field("limits", f"charge {vehicle.max_charge_kw:.1f} kW, discharge {vehicle.max_discharge_kw:.1f} kW"),
        field("V2G", _yes_no(vehicle.is_v2g, "yes", "no: can't inject", "")),
        field("available", _yes_no(vehicle.available, "yes", "no: not plugged in or not offered", "")),
        field("battery", f"{vehicle.battery_kwh:.1f} kWh, {vehicle.degradation:.0%} of it lost with age"),
        field("protocol", f"v{vehicle.protocol}", (_protocol_note(vehicle.protocol), "$muted")),
    ]


def _driver(vehicle: VehicleView, utc_ms: int) -> list[Content]:
    return [
        title("Driver"),
        field("departure", _departure(vehicle.departure_ms, utc_ms)),
        field("SoC wanted then", f"{vehicle.min_soc:.2f}"),
        field("never below", f"{vehicle.reserve_soc:.2f}"),
        field("consent", _yes_no(vehicle.consent, "yes", "no: is not discharged", "")),
        field("priority", _yes_no(vehicle.priority, "yes: asked for priority charging", "no", "")),
        field("stays with", f"{vehicle.availability_prob:.0%} probability (forecast)"),
    ]


def _dispatch(vehicle: VehicleView) -> list[Content]:
    rows = [title("Dispatch"), field("owned by", vehicle.owner or "nobody: free")]
    if vehicle.owed:
        rows.append(field("release", ("owed: not confirmed, sent again at each sign of life", "bold $warning")))
    words = reason_words(vehicle.reason, vehicle.reason_text)
    rows.append(field("reason", words or "none"))
    rows.append(field("commands", f"{vehicle.commands} sent, {vehicle.acks} acked, {vehicle.rejects} rejected, {vehicle.timeouts} silent"))
    return rows


def _held_back(vehicle: VehicleView, since_s: float) -> list[Content]:
    """What keeps it out, over the whole width, before all else: tags and a local override."""
    rows = [line((safe_text(tag.words, 300), "bold $warning")) for tag in vehicle.tags]
    if vehicle.override_s is not None:
        left = (
            "until it follows again" if isinf(vehicle.override_s) else f"for {duration_text(max(0.0, vehicle.override_s - since_s))} more"
        )
        rows.append(line((f"taken over on the spot: left alone {left}", "bold $warning"), ("  T ends that", "$muted")))
    return [*rows, line()] if rows else []


def trust_rows(vehicle: VehicleView, since_s: float) -> list[Content]:
    """Failures in a row, and how long it is left alone still; counted down by `since_s`, the seconds since the engine said so."""
    hold_s = max(0.0, vehicle.hold_s - since_s)
    if hold_s > 0:
        return [
            field("failures", (f"{vehicle.failures} in a row", "bold $warning")),
            field("on hold", (f"{duration_text(hold_s + 0.999)} left", "bold $warning"), ("  then a probe; T trusts it", "$muted")),
        ]
    if vehicle.failures:
        return [field("failures", f"{vehicle.failures} in a row", ("  its next command is a probe", "$muted"))]
    return [field("failures", "none in a row")]


def _use(vehicle: VehicleView) -> list[Content]:
    return [
        field("participation", f"{vehicle.participation:.1%}", ("  how much was asked of it lately", "$muted")),
        field("wear", f"{vehicle.reversals} reversals, {vehicle.throughput_kwh:.1f} kWh while dispatched"),
    ]


def _recent(vehicle: VehicleView, utc_ms: int, width_cells: int, glyphs: Glyphs) -> list[Content]:
    rows = [title("Lately")]
    for at_ms, what in vehicle.recent:
        ago = f"  {span_text((utc_ms - at_ms) / 1000)} ago"
        rows += folded(line((clock_of(at_ms), "$muted"), f"  {glyphs.draw(what)}", (ago, "$muted")), width_cells)
    return rows if vehicle.recent else [*rows, line(("nothing yet", "$muted"))]


def _power(power_kw: float | None, glyphs: Glyphs) -> str:
    return "unknown" if power_kw is None else glyphs.draw(power_text(power_kw))


def _share(soc: float | None) -> str:
    return "unknown" if soc is None else f"{soc:.2f}"


def _age(vehicle: VehicleView, since_s: float) -> str:
    return "never heard" if vehicle.age_s is None else f"{vehicle.age_s + since_s:.1f} s ago"


def _yes_no(value: bool | None, yes: str, no: str, unknown: str) -> str:
    if value is None:
        return unknown
    return yes if value else no


def _clock(offset_s: float | None) -> list[Part]:
    if offset_s is None:
        return ["unknown"]
    return [f"{offset_s:+.1f} s", ("  off by more than 5 s", "bold $warning") if abs(offset_s) > 5 else ""]


def _departure(departure_ms: int | None, utc_ms: int) -> str:
    if departure_ms is None:
        return "not known"
    at = datetime.fromtimestamp(departure_ms / 1000, UTC)
    today = at.date() == datetime.fromtimestamp(utc_ms / 1000, UTC).date()
    written = at.strftime("%H:%MZ") if today else at.strftime("%Y-%m-%d %H:%MZ")
    left_s = (departure_ms - utc_ms) / 1000
    return f"{written}, in {span_text(left_s)}" if left_s >= 0 else f"{written}, {span_text(-left_s)} overdue"


def _protocol_note(protocol: int) -> str:
    return "  no lease: holds its setpoint until told" if protocol < 2 else "  has leases: falls back by itself"
