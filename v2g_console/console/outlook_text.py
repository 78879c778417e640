"""The outlook as lines: what is to come, the headroom and the vehicles of the next day, and how full the batteries are."""

from collections.abc import Callable
from typing import Final

from textual.content import Content

from v2g_console.console.commitments import commitment_rows
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.outlook_plot import LEAST_BAND_LINES, Band, band_rows, column_rows, legend
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.pane import packed
from v2g_console.console.widgets.text_pane import beside, title
from v2g_console.contract.forecast import ForecastPoint, ForecastView
from v2g_console.contract.snapshot import FleetSummary, Snapshot
from v2g_console.domain.units import grouped

TWO_COLUMNS_FROM_CELLS: Final = 76
MOST_COMMITMENTS: Final = 6
_SOC_NAMES: Final = tuple(f".{tenth}" for tenth in range(10))
_COUNTED: Final = ("headroom is for 15 min", "inhibited, dispatched and departed vehicles are left out")
_NO_PREDICTION: Final = "prediction.engine is none: who is there now is taken to stay"


def outlook_rows(
    snapshot: Snapshot, forecast: ForecastView | None, trouble: str, width_cells: int, height_lines: int, glyphs: Glyphs
) -> list[Content]:
    """The whole page for that much room; what does not fit is scrolled to."""
    rows = [title("Next"), *commitment_rows(snapshot, MOST_COMMITMENTS, width_cells, glyphs), line("")]
    if trouble:
        rows += [line((f"{glyphs.warn} no forecast: {trouble}", "bold $warning")), line("")]
    wide = width_cells >= TWO_COLUMNS_FROM_CELLS
    cells = width_cells // 2 if wide else width_cells
    free = height_lines - len(rows) - 2
    plot_lines = min(16, max(LEAST_BAND_LINES + 1, free // 2 if wide else 7))
    plots = [] if forecast is None else forecast_plots(forecast, cells - 2, plot_lines, glyphs)
    soc = soc_rows(snapshot.summary, cells - 2, max(2, plot_lines - 3), glyphs)
    blocks = [*plots, soc]
    if wide:
        for left, right in zip(blocks[::2], [*blocks[1::2], []], strict=False):
            rows += [*beside(left, right, cells), line("")]
    else:
        rows += [row for block in blocks for row in (*block, line(""))]
    if forecast is None:
        return rows if trouble else [*rows, line(("asking the engine for its forecast", "$muted"))]
    notes = packed([(text, "$muted") for text in (*legend(glyphs), *_COUNTED)], width_cells)
    return [*rows, *notes, *([line((_NO_PREDICTION, "bold"))] if forecast.engine == "none" else [])]


def forecast_plots(forecast: ForecastView, width_cells: int, height_lines: int, glyphs: Glyphs) -> list[list[Content]]:
    """Headroom up, headroom down, vehicles there: three blocks of `height_lines` lines."""
    wanted: tuple[tuple[str, str, Callable[[ForecastPoint], tuple[float, float]]], ...] = (
        (f"Headroom {glyphs.up} up", " kW", lambda one: (one.up_p50_kw, one.up_p90_kw)),
        (f"Headroom {glyphs.down} down", " kW", lambda one: (one.down_p50_kw, one.down_p90_kw)),
        ("Vehicles there", "", lambda one: (one.there_p50, one.there_p90)),
    )
    return [
        band_rows(name, unit, [Band(one.utc_ms, *values(one)) for one in forecast.points], width_cells, height_lines, glyphs)
        for name, unit, values in wanted
    ]


def soc_rows(summary: FleetSummary, width_cells: int, bar_lines: int, glyphs: Glyphs) -> list[Content]:
    """State of charge of the vehicles with fresh telemetry: a column for each tenth, its count above the names where there is room."""
    median = "" if summary.soc_median is None else f"  median {summary.soc_median:.2f}"
    left_out = f"  {grouped(summary.excluded_from_sums)} without fresh values" if summary.excluded_from_sums else ""
    head = line(("State of charge", "bold"), median, left_out if len(median) + len(left_out) + 15 <= width_cells else "")
    if not any(summary.soc_histogram):
        return [head, line(("no vehicle with fresh telemetry", "$muted"))]
    rows = column_rows(summary.soc_histogram, _SOC_NAMES, width_cells, bar_lines, glyphs)
    cells = max(3, min(5, width_cells // len(_SOC_NAMES)))
    counts = "".join(f"{_short(count):>{cells}}" for count in summary.soc_histogram)
    return [head, *rows, line(counts)]


def brief_rows(snapshot: Snapshot, forecast: ForecastView | None, width_cells: int, height_lines: int, glyphs: Glyphs) -> list[Content]:
    """For a pane of the overview: what comes next, and below it the headroom where there is room."""
    plot_lines = height_lines - 5
    if forecast is None or plot_lines < LEAST_BAND_LINES:
        return commitment_rows(snapshot, height_lines, width_cells, glyphs)
    rows = commitment_rows(snapshot, 4, width_cells, glyphs)
    up, down, _ = forecast_plots(forecast, width_cells // 2 - 1, height_lines - len(rows) - 1, glyphs)
    return [*rows, line(""), *beside(up, down, width_cells // 2)]


def _short(count: int) -> str:
    """At most four cells: `999`, `12k`, `1.2M`."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 10_000 else f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"
