"""Power against target over time, and latencies, drawn with block characters; each shape differs without colour."""

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.outlook_plot import column_rows
from v2g_console.console.safe_text import Part, line
from v2g_console.console.times import latency_text
from v2g_console.console.widgets.text_pane import Said, fitted
from v2g_console.contract.snapshot import LATENCY_BINS_MS, AckProgress, TracePoint
from v2g_console.domain.units import duration_text, grouped

LABEL_CELLS: Final = 8
_NOT_MEASURED: Final = "?"
"""Along the time axis, so that no telemetry never looks like no power."""
_BIN_NAMES: Final = (*(f"{edge:g}" if edge < 1000 else f"{edge / 1000:g}s" for edge in LATENCY_BINS_MS), f">{LATENCY_BINS_MS[-1] / 1000:g}")


@dataclass(frozen=True, slots=True)
class _Marks:
    target: str
    acknowledged: str
    delivered: str


def trace_rows(trace: tuple[TracePoint, ...], width_cells: int, height_lines: int, glyphs: Glyphs, over: bool = False) -> list[Content]:
    """A plot of `height_lines` lines in all: legend, plot, time axis. Bars are delivered, lines target and acknowledged.

    `over`: the dispatch has ended, so that nothing more is to come.
    """
    marks = _Marks("-", ".", "#") if glyphs.ascii else _Marks("━", "╌", "█")
    legend = fitted(
        [Said("Power", "bold"), Said(f"{marks.delivered} delivered"), Said(f"{marks.target} target"), Said(f"{marks.acknowledged} acked")],
        width_cells,
    )
    plot_lines, plot_cells = height_lines - 2, width_cells - LABEL_CELLS - 2
    if len(trace) < 1 or plot_lines < 2 or plot_cells < 10:
        return [legend, line((_nothing(over) if not trace else "", "$muted"))]
    sign = -1.0 if min(point.target_kw for point in trace) < 0 else 1.0
    shown = _columns(trace, plot_cells, sign)
    top = max(1.0, *(max(target, acknowledged, delivered or 0.0) for target, acknowledged, delivered in shown))
    rows = [legend]
    for y in range(plot_lines):
        high, low = top * (plot_lines - y) / plot_lines, top * (plot_lines - y - 1) / plot_lines
        cells = _runs([_cell(point, low, high, marks, glyphs) for point in shown])
        label = grouped(sign * high) if y == 0 else ""
        rows.append(line((f"{label:>{LABEL_CELLS}} ", "$muted"), _axis(glyphs), *cells))
    end = duration_text(trace[-1].t_s)
    rows.append(
        line(
            (f"{'0':>{LABEL_CELLS}} ", "$muted"), _axis(glyphs), (f"{duration_text(trace[0].t_s):<{plot_cells - len(end)}}{end}", "$muted")
        )
    )
    return rows


def latency_rows(progress: AckProgress, width_cells: int, height_lines: int, glyphs: Glyphs) -> list[Content]:
    """Latencies from publish to answer as columns over their upper edges in milliseconds; `height_lines` lines in all."""
    counts = progress.histogram
    times = (("p50", progress.p50_ms), ("p95", progress.p95_ms), ("p99", progress.p99_ms))
    figures = [Said(f"{name} {latency_text(at_ms)}", need=need) for need, (name, at_ms) in enumerate(times) if at_ms is not None]
    head = fitted([Said("Latency", "bold"), *figures], width_cells)
    if not sum(counts):
        return [head, line(("no answer yet", "$muted"))]
    return [head, *column_rows(counts, _BIN_NAMES, width_cells, max(1, height_lines - 2), glyphs)]


def _nothing(over: bool) -> str:
    return "the curve is not kept after the end" if over else "no power recorded yet"


def _columns(trace: tuple[TracePoint, ...], cells: int, sign: float) -> list[tuple[float, float, float | None]]:
    """One reading a cell: the last point up to that time; the first and the last points are always shown."""
    start, end = trace[0].t_s, trace[-1].t_s
    found: list[tuple[float, float, float | None]] = []
    at = 0
    for cell in range(cells):
        until = start + (end - start) * cell / max(1, cells - 1)
        while at + 1 < len(trace) and trace[at + 1].t_s <= until + 1e-9:
            at += 1
        point = trace[at]
        found.append(
            (sign * point.target_kw, sign * point.acknowledged_kw, None if point.delivered_kw is None else sign * point.delivered_kw)
        )
    return found


def _cell(point: tuple[float, float, float | None], low: float, high: float, marks: _Marks, glyphs: Glyphs) -> tuple[str, str]:
    target, acknowledged, delivered = point
    bars = " " + glyphs.blocks
    share = 0.0 if delivered is None else min(1.0, max(0.0, (delivered - low) / (high - low)))
    if low < target <= high:
        return (marks.target, "bold reverse" if share >= 1.0 else "bold")
    if low < acknowledged <= high and share < 1.0:
        return (marks.acknowledged, "")
    if delivered is None:
        return (_NOT_MEASURED if low <= 0 else " ", "$muted")
    if glyphs.ascii:
        return (marks.delivered if share >= 0.5 else " ", "$accent")
    return (bars[round(share * (len(bars) - 1))], "$accent")


def _runs(cells: list[tuple[str, str]]) -> list[Part]:
    """Neighbours of one style as one piece: a plot has many cells and few runs."""
    return [("".join(sign for sign, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]


def _axis(glyphs: Glyphs) -> Part:
    return ("|" if glyphs.ascii else "▏", "$muted")
