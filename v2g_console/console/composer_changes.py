"""What changed between the plan that was armed and the plan of now: before and after, value by value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from textual.content import Content

from v2g_console.console.composer_preview import takes_words
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line, pad_text, safe_text
from v2g_console.console.widgets.text_pane import title
from v2g_console.contract.replies import PlanView
from v2g_console.domain.units import grouped, regulation_text

_LABEL_CELLS: Final = 24
_VALUE_CELLS: Final = 14
_TEXT_CELLS: Final = 120
NOTABLE_KW: Final = 0.05
NOTABLE_SOC: Final = 0.005


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a plan before and after."""

    label: str
    before: str
    after: str

    @property
    def words(self) -> str:
        """`vehicles 60 -> 48`."""
        return f"{self.label} {self.before} -> {self.after}"


def changes(before: PlanView, after: PlanView, glyphs: Glyphs) -> list[Change]:
    """What an operator would want to know that moved, most important first; nothing if only the shares of single vehicles did."""
    found = [*_powers(before, after), *_vehicles(before, after), *_effects(before, after), *_words(before, after)]
    return [Change(glyphs.draw(one.label), glyphs.draw(one.before), glyphs.draw(one.after)) for one in found]


def after_changes(before: PlanView | None, after: PlanView, rows: list[Content], glyphs: Glyphs) -> list[Content]:
    """`rows` of the plan `after`, below what changed since `before` (None: nothing was armed before)."""
    if before is None or (before.plan_id, before.revision) == (after.plan_id, after.revision):
        return rows
    return [*_changed_rows(before, after, glyphs), line(""), *rows]


def _changed_rows(before: PlanView, after: PlanView, glyphs: Glyphs) -> list[Content]:
    rows = [title("Changed since it was armed")]
    for one in changes(before, after, glyphs):
        old = pad_text(one.before, max(_VALUE_CELLS, len(one.before)))
        rows.append(line("  ", (pad_text(one.label, _LABEL_CELLS), ""), (old, "$muted"), " -> ", (one.after, "bold $warning")))
    return rows if len(rows) > 1 else [*rows, line("  only the shares of single vehicles")]


def _powers(before: PlanView, after: PlanView) -> Iterator[Change]:
    for label, old, new in (
        ("allocated", before.allocated_kw, after.allocated_kw),
        ("shortfall", before.shortfall_kw, after.shortfall_kw),
        ("without a lease", before.without_lease_kw, after.without_lease_kw),
    ):
        if abs(old - new) >= NOTABLE_KW:
            signed = label == "allocated"
            yield Change(label, _kw(old, signed=signed), _kw(new, signed=signed))


def _vehicles(before: PlanView, after: PlanView) -> Iterator[Change]:
    for label, old, new in (
        ("vehicles", before.vehicles, after.vehicles),
        ("that can", before.eligible, after.eligible),
        ("departures at risk", before.departures_at_risk, after.departures_at_risk),
    ):
        if old != new:
            yield Change(label, grouped(old), grouped(new))
    for name in sorted(before.left_out.keys() | after.left_out.keys()):
        old, new = before.left_out.get(name, 0), after.left_out.get(name, 0)
        if old != new:
            yield Change(f"left out {name}", grouped(old), grouped(new))


def _effects(before: PlanView, after: PlanView) -> Iterator[Change]:
    old, new = before.soc_min_after, after.soc_min_after
    if old is not None and new is not None and abs(old - new) >= NOTABLE_SOC:
        yield Change("lowest SoC afterwards", f"{old:.2f}", f"{new:.2f}")
    if abs(before.rebound_kw - after.rebound_kw) >= 1.0:
        yield Change("extra charging after", _kw(before.rebound_kw), _kw(after.rebound_kw))


def _words(before: PlanView, after: PlanView) -> Iterator[Change]:
    if takes_words(before) != takes_words(after):
        yield Change("from other dispatches", takes_words(before) or "takes nothing", takes_words(after) or "takes nothing")
    for label, old, new in (
        ("warning", before.warnings, after.warnings),
        ("CAUTION tag", tuple(tag.words for tag in before.cautions), tuple(tag.words for tag in after.cautions)),
    ):
        yield from (Change(label, safe_text(text, _TEXT_CELLS), "gone") for text in old if text not in new)
        yield from (Change(label, "none", safe_text(text, _TEXT_CELLS)) for text in new if text not in old)


def _kw(power_kw: float, *, signed: bool = False) -> str:
    text = f"{grouped(abs(power_kw), 1)} kW"
    return f"{regulation_text(power_kw)[0]} {text}" if signed else text
