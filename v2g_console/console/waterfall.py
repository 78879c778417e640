"""From the power that was asked for down to the power that was allocated, a line a cause: the same picture for a plan and a dispatch."""

from typing import Final

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.reason_text import explanation
from v2g_console.console.safe_text import line
from v2g_console.domain.units import grouped

NOTABLE_KW: Final = 0.5
SINCE_THE_PLAN: Final = "refusals, silence, a new target, what others took"
_SHOWN_KW: Final = 0.05  # less would read as a cause of 0 kW
_NAME_CELLS: Final = 15
WIDE_FROM_CELLS: Final = 56
WIDE_BAR_CELLS: Final = 20
NARROW_BAR_CELLS: Final = 8
Limits = tuple[tuple[str, float], ...]


def bar_cells(width_cells: int) -> int:
    """How long the bars may be in `width_cells`."""
    return WIDE_BAR_CELLS if width_cells >= WIDE_FROM_CELLS else NARROW_BAR_CELLS


def waterfall_rows(requested_kw: float, allocated_kw: float, limits: Limits, bar_cells: int, glyphs: Glyphs) -> list[Content]:
    """Requested, a line a cause (each bar where the last one ended), allocated. `limits`: (reason, kW lost to it), largest first.

    A cause can hold back more than is missing; then its line says so, and the bars still end at what was allocated.
    """
    requested, allocated = abs(requested_kw), abs(allocated_kw)
    at = requested
    missing = max(0.0, requested - allocated)
    name_cells = max(_NAME_CELLS, *(len(name) + 1 for name, _ in limits), 0)
    rows = [_fall("requested", requested, 0.0, requested, requested, "", bar_cells, glyphs, name_cells)]
    for name, held_kw in limits:
        if abs(held_kw) < _SHOWN_KW:
            continue
        lost = min(abs(held_kw), missing)
        missing -= lost
        at -= lost
        more = f" ({grouped(abs(held_kw))} kW held back)" if abs(held_kw) - lost >= NOTABLE_KW else ""
        rows.append(_fall(name, -lost, at, lost, requested, f"{explanation(name)}{more}", bar_cells, glyphs, name_cells))
    if missing >= NOTABLE_KW:
        at -= missing
        rows.append(_fall("since the plan", -missing, at, missing, requested, SINCE_THE_PLAN, bar_cells, glyphs, name_cells))
    on_top = allocated - requested
    if on_top >= NOTABLE_KW and not limits:
        rows.append(_fall("on top", on_top, 0.0, on_top, allocated, "makes up for who gives less", bar_cells, glyphs, name_cells))
    rows.append(_fall("allocated", allocated, 0.0, allocated, requested, "", bar_cells, glyphs, name_cells))
    return rows


def _fall(
    name: str, kw: float, start_kw: float, length_kw: float, whole_kw: float, words: str, bar_cells: int, glyphs: Glyphs, name_cells: int
) -> Content:
    whole = max(whole_kw, 1e-9)
    left = min(bar_cells - 1, int(start_kw / whole * bar_cells))
    length = max(1, min(bar_cells - left, round(length_kw / whole * bar_cells))) if length_kw else 0
    bar = f"{' ' * left}{(glyphs.bar_full if kw >= 0 else glyphs.bar_empty) * length}"
    shown = grouped(kw + 0.0, 0 if not kw or abs(kw) >= 10 else 1)
    return line(f"{name:<{name_cells}}", f"{shown:>8} kW ", (f"{bar:<{bar_cells}} ", "$accent"), (words, "$muted"))
