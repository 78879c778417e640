"""Columns drawn with block characters: what is sure and what is likely by the hour, and counts by class. Readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import Part, line
from v2g_console.domain.units import grouped

AXIS_CELLS: Final = 10
LEAST_BAND_LINES: Final = 4
_WIDEST_COLUMN: Final = 6


@dataclass(frozen=True, slots=True)
class Band:
    """One hour: what is reached as often as not, and nine times out of ten; never negative."""

    utc_ms: int
    p50: float
    p90: float


def band_rows(name: str, unit: str, bands: Sequence[Band], width_cells: int, height_lines: int, glyphs: Glyphs) -> list[Content]:
    """A plot of `height_lines` (4 or more) lines in all: legend, columns, hours (UTC). Solid is P90, shaded what P50 adds to it."""
    cells = min(_WIDEST_COLUMN, max(1, (width_cells - AXIS_CELLS) // max(1, len(bands))))
    shown = bands[: max(1, (width_cells - AXIS_CELLS) // cells)]
    if not shown:
        return [line((name, "bold"), ("  nothing to tell", "$muted"))]
    lowest = min(shown, key=lambda band: band.p90)
    told = f"  now {grouped(shown[0].p50)}{unit}"
    hours = round((lowest.utc_ms - shown[0].utc_ms) / 3_600_000)
    least = f"  least P90 {grouped(lowest.p90)}{unit} {f'in {hours} h' if hours else 'now'}"
    fitting = (more for more in (f"{least}, {_hour(lowest.utc_ms)}Z", least) if len(name) + len(told) + len(more) <= width_cells)
    rows = [line((name, "bold"), told, next(fitting, ""))]
    top = max(1.0, *(band.p50 for band in shown))
    lines = max(1, height_lines - 2)
    for y in range(lines - 1, -1, -1):
        label = grouped(top) if y == lines - 1 else "0" if y == 0 else ""
        drawn = [_cell(band, top * y / lines, top * (y + 1) / lines, glyphs) for band in shown]
        pieces: list[Part] = [*_joined(drawn, cells)]
        rows.append(line((f"{label:>{AXIS_CELLS - 2}} ", "$muted"), ("|" if glyphs.ascii else "▏", "$muted"), *pieces))
    rows.append(line((" " * AXIS_CELLS + _hours(shown, cells), "$muted")))
    return rows


def legend(glyphs: Glyphs) -> tuple[str, ...]:
    """What the two shades mean."""
    solid, shade = _shades(glyphs)
    return f"{solid} nine times out of ten (P90)", f"{shade} as often as not (P50)", "hours in UTC"


def column_rows(counts: Sequence[int], names: Sequence[str], width_cells: int, bar_lines: int, glyphs: Glyphs) -> list[Content]:
    """One column a class over the names of the classes: `bar_lines` lines and one more. A class with anything in it is never empty."""
    cells = max(3, min(5, width_cells // max(1, len(names))))
    blocks = " " + glyphs.blocks
    steps, top = len(blocks) - 1, max(1, *counts, 1)
    rows = []
    for y in range(bar_lines - 1, -1, -1):
        bars = []
        for count in counts:
            filled = max(1, round(count / top * bar_lines * steps)) if count else 0
            bars.append(" " + blocks[min(steps, max(0, filled - y * steps))] * (cells - 1))
        rows.append(line(("".join(bars), "$accent")))
    return [*rows, line(("".join(f"{name:>{cells}}" for name in names), "$muted"))]


def _shades(glyphs: Glyphs) -> tuple[str, str]:
    return ("#", ".") if glyphs.ascii else ("█", "░")


def _cell(band: Band, low: float, high: float, glyphs: Glyphs) -> tuple[str, str]:
    solid, shade = _shades(glyphs)
    middle = (low + high) / 2
    if band.p90 >= high or (glyphs.ascii and band.p90 > middle):
        return solid, "$accent"
    if band.p50 > middle:
        return shade, ""
    if band.p90 > low:
        blocks = " " + glyphs.blocks
        return ("_" if glyphs.ascii else blocks[max(1, round((band.p90 - low) / (high - low) * 8))]), "$accent"
    return " ", ""


def _joined(drawn: list[tuple[str, str]], cells: int) -> list[tuple[str, str]]:
    """Columns `cells` wide, the last cell of a wide one left free; neighbours of one style as one piece."""
    wide = [(sign * (cells - 1) + " " if cells > 2 else sign * cells, style) for sign, style in drawn]
    return [("".join(text for text, _ in run), style) for style, run in groupby(wide, key=lambda piece: piece[1])]


def _hours(shown: Sequence[Band], cells: int) -> str:
    """The hour under every column where there is room, else under every third or sixth; the first one is now."""
    every = next(step for step in (1, 2, 3, 6, 12, 24) if step * cells >= 3 or step == 24)
    text = ""
    for at, band in enumerate(shown):
        fits = len(text) <= at * cells
        inside = (at * cells + 2) <= len(shown) * cells
        if at and fits and inside and int(_hour(band.utc_ms)) % every == 0 and (at * cells > 3 or cells >= 4):
            text = text.ljust(at * cells) + _hour(band.utc_ms)
        elif not at:
            text = "now"
    return text


def _hour(utc_ms: int) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%H}"
