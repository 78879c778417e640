"""A plan in words: what it would do, to whom, who is left out and why."""

from typing import Final

from textual.content import Content

from v2g_console.console.composer_fields import direction_words
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.reason_text import by_count, explanation
from v2g_console.console.safe_text import Part, line
from v2g_console.console.waterfall import bar_cells, waterfall_rows
from v2g_console.console.widgets.text_pane import beside, field, title
from v2g_console.contract.replies import PlanView
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.start_time import start_words
from v2g_console.domain.units import duration_text, grouped, regulation_text

TWO_COLUMNS_FROM_CELLS: Final = 92
NOTABLE_KW: Final = 0.5
_REASON_CELLS: Final = 19


def preview_rows(plan: PlanView, width_cells: int, height_lines: int, glyphs: Glyphs) -> list[Content]:
    """The whole preview; in two columns where one would be too long and there is room for two."""
    left = [*_effect(plan, width_cells, glyphs), *_warnings(plan, glyphs)]
    below = [*left, line(), *left_out_rows(plan.left_out, width_cells)]
    if len(below) <= height_lines or width_cells < TWO_COLUMNS_FROM_CELLS:
        return below
    left_cells = width_cells * 3 // 5
    left = [*_effect(plan, left_cells, glyphs), *_warnings(plan, glyphs)]
    return beside(left, left_out_rows(plan.left_out, width_cells - left_cells), left_cells)


def left_out_rows(left_out: dict[str, int], width_cells: int) -> list[Content]:
    """Who is left out, most first, with the reason in words."""
    total = sum(left_out.values())
    if not total:
        return [title("Left out"), line(("nobody", "$muted"))]
    rows = [line(("Left out", "bold"), f"  {grouped(total)} vehicles")]
    for name, count in by_count(left_out):
        words = line(f"{grouped(count):>6}  ", f"{name:<{_REASON_CELLS}}", (explanation(name), "$muted"))
        rows.append(words.truncate(max(1, width_cells), ellipsis=True))
    return rows


def limit_words(limits: tuple[tuple[str, float], ...]) -> str:
    """`SITE_LIMIT 40 kW (its site is at its limit), ...`, largest first."""
    return ", ".join(
        f"{name} {grouped(abs(lost_kw))} kW" + (f" ({words})" if (words := explanation(name)) else "") for name, lost_kw in limits
    )


def place_words(places: tuple[tuple[str, float], ...]) -> str:
    """`paris-nord L2 holds 12 kW back, lyon-2 3 kW`: the nodes and phases that are full, largest first."""
    (first, first_kw), *others = places
    return ", ".join((f"{first} holds {grouped(first_kw)} kW back", *(f"{name} {grouped(kw)} kW" for name, kw in others)))


def signed_kw(power_kw: float, glyphs: Glyphs) -> str:
    """`▲ 300 kW`."""
    return glyphs.draw(regulation_text(power_kw))


def sent_rows(plan: PlanView, sites: tuple[str, ...], segments: tuple[str, ...], glyphs: Glyphs, *, marked: int = 0) -> list[Content]:
    """Exactly what will be sent, for the eye that checks it a last time. `marked`: how many vehicles it is limited to; 0: no limit."""
    where = f"at {', '.join(sites)}" if sites else "at all sites"
    who = f", segments {', '.join(segments)}" if segments else ""
    only = f" of {grouped(marked)} marked" if marked else ""
    short = plan.shortfall_kw if abs(plan.shortfall_kw) >= NOTABLE_KW else 0.0
    rows = [
        line((f"{plan.signal}  {signed_kw(plan.allocated_kw, glyphs)}", "bold"), f"   {direction_words(plan.requested_kw)}"),
        line((f"to {grouped(plan.vehicles)} vehicles{only} for {duration_text(plan.duration_s)}", "bold"), f"   {where}{who}"),
    ]
    taken = takes_words(plan)
    if short or taken:
        missing = f"{grouped(abs(short))} kW short of {signed_kw(plan.requested_kw, glyphs)}" if short else ""
        rows.append(line(("; ".join(filter(None, (taken, missing))), "bold $warning")))
    elif plan.note:
        rows.append(line((plan.note, "$muted")))
    return rows


def when_row(request: DispatchFields) -> Content:
    """`TEST from 2026-11-23 18:30:00+01:00`; empty for what is sent now, in earnest."""
    start = f"from {start_words(request.start_at)}" if request.start_at else ""
    return line(("TEST" if request.test else "", "bold reverse"), " " if request.test and start else "", (start, "bold"))


def kept_row(request: DispatchFields) -> Content:
    """Reference and note, as they are kept with it."""
    words = (f"ref {request.external_ref}" if request.external_ref else "", request.note)
    return line((", ".join(filter(None, words)), "$muted"))


def takes_words(plan: PlanView) -> str:
    """`takes 22 kW from #7f3a, 5 kW from #81c0`; "" if it takes from nobody."""
    return f"takes {', '.join(f'{grouped(abs(kw))} kW from {name}' for name, kw in plan.preempts)}" if plan.preempts else ""


def _effect(plan: PlanView, width_cells: int, glyphs: Glyphs) -> list[Content]:
    rows = [
        line(
            ("Plan", "bold"),
            f"  {grouped(plan.vehicles)} vehicles of {grouped(plan.eligible)} that can, {grouped(plan.considered)} looked at",
        ),
    ]
    if plan.preempts:
        rows.append(line((f"{glyphs.warn} ", "$warning"), (takes_words(plan), "bold $warning")))
    rows.append(field("allocated", *_allocated(plan, glyphs)))
    if abs(plan.shortfall_kw) < NOTABLE_KW:
        rows.append(field("shortfall", "none"))
        rows += [field("limited by", limit_words(plan.limits))] if plan.limits else []
    else:
        rows.append(field("shortfall", (f"{grouped(abs(plan.shortfall_kw))} kW", "bold $warning"), ", by cause:" if plan.limits else ""))
        rows += waterfall_rows(plan.requested_kw, plan.allocated_kw, plan.limits, bar_cells(width_cells), glyphs) if plan.limits else []
    if plan.places:
        rows.append(field("full", place_words(plan.places)))
    rows.append(
        field(
            "headroom",
            f"{glyphs.up} {grouped(plan.up_kw)} kW up  {glyphs.down} {grouped(plan.down_kw)} kW down",
            (_sustained(plan), "$muted"),
        )
    )
    rows.append(field("SoC", *_soc(plan)))
    risk = plan.departures_at_risk
    rows.append(field("departures", (f"{grouped(risk)} at risk" if risk else "none at risk", "bold $warning" if risk else "")))
    lasts = "" if plan.holds_s is None else f"; can be held for {duration_text(plan.holds_s)}"
    rows.append(field("afterwards", f"{grouped(plan.rebound_kw)} kW of extra charging to expect{lasts}"))
    rows.append(field("without a lease", *_without_lease(plan)))
    return rows


def _allocated(plan: PlanView, glyphs: Glyphs) -> list[Part]:
    return [
        (signed_kw(plan.allocated_kw, glyphs), "bold"),
        f" of {signed_kw(plan.requested_kw, glyphs)}",
        (f"   by {plan.allocator}", "$muted"),
    ]


def _sustained(plan: PlanView) -> str:
    return f"  sustained {duration_text(plan.sustain_s)}"


def _soc(plan: PlanView) -> list[Part]:
    if plan.soc_before is None or plan.soc_after is None:
        return ["nobody takes part" if not plan.vehicles else "unknown"]
    lowest = "" if plan.soc_min_after is None else f", lowest {plan.soc_min_after:.2f}"
    return [f"{plan.soc_before:.2f} -> {plan.soc_after:.2f} on average{lowest}"]


def _without_lease(plan: PlanView) -> list[Part]:
    if not plan.without_lease_vehicles:
        return ["none: every vehicle falls back by itself"]
    return [
        f"{grouped(plan.without_lease_kw)} kW on {grouped(plan.without_lease_vehicles)} vehicles",
        ("  (v1: they hold until told)", "$muted"),
    ]


def _warnings(plan: PlanView, glyphs: Glyphs) -> list[Content]:
    return [line((f"{glyphs.warn} ", "$warning"), (text, "bold")) for text in plan.warnings]
