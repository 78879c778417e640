"""The fleet at a glance: numbers, headroom, state of charge, and the top of the vehicle table."""

from typing import Final

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from v2g_console.console.actions import shown_key
from v2g_console.console.glyphs import Glyphs, histogram
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.fleet_index import WORST_FIRST
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.pane import age_mark, packed
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns, FleetSummary, Snapshot
from v2g_console.domain.units import grouped

Word = tuple[str, str]
SUMMARY_LINES: Final = 3
LEAST_TABLE_LINES: Final = 4
TROUBLED: Final = frozenset({"silent", "rejected", "owed", "lost"})


class FleetPane(Vertical):
    """Summary above, table below. Where the table would show a vehicle or two, how many are in which state says more."""

    DEFAULT_CSS = """
    FleetPane { border: solid $line; border-title-color: $foreground; padding: 0 0 0 1; }
    FleetPane:focus-within { border: solid $focus; border-title-style: bold; }
    FleetPane #fleet-summary { height: 3; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self.glyphs = glyphs
        self._title = ""

    def compose(self) -> ComposeResult:
        """Numbers and vehicles."""
        yield Lines(id="fleet-summary")
        yield FleetTable(self.glyphs, id="fleet-top")

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.apply_snapshot(self.model.snapshot)

    def apply_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show `snapshot`."""
        lines = self.query_one("#fleet-summary", Lines)
        if snapshot is None or not lines.size.width:
            return
        title = f"Fleet  {grouped(snapshot.summary.vehicles)} vehicles{age_mark(self.model, snapshot)}"
        if title != self._title:
            self._title = title
            self.border_title = line(title)
        table, height = self.query_one(FleetTable), self.content_size.height
        listed = height >= SUMMARY_LINES + LEAST_TABLE_LINES
        table.display = listed
        lines.styles.height = SUMMARY_LINES if listed else height
        rows = summary_rows(snapshot, self.glyphs, lines.size.width)
        if listed:
            table.show(snapshot.fleet, snapshot.utc_ms)
        elif snapshot.summary.vehicles:
            more = line((f"{shown_key('go.fleet', self.model)} lists every vehicle", "$muted"))
            rows = [*rows, *packed(state_words(snapshot.fleet), lines.size.width), more][: max(1, height)]
        lines.show(rows)


def summary_rows(snapshot: Snapshot, glyphs: Glyphs, width_cells: int) -> list[Content]:
    """Three lines: who, how much, how full; or what to do about an empty fleet."""
    summary = snapshot.summary
    if summary.vehicles == 0:
        return _empty_rows(snapshot)
    return [
        _fitting([count_words(summary, brief=False), count_words(summary, brief=True)], width_cells),
        _fitting([headroom_words(summary, glyphs, words) for words in ("both", "up", "")], width_cells),
        soc_row(summary, glyphs, width_cells),
    ]


def state_words(fleet: FleetColumns) -> list[Word]:
    """How many vehicles are in which state, the worst first."""
    counts = np.bincount(fleet.state, minlength=len(FLEET_STATE_NAMES)).tolist()
    return [
        (f"{name} {grouped(counts[FLEET_STATE_NAMES.index(name)])}", "bold $warning" if name in TROUBLED else "")
        for name in WORST_FIRST
        if counts[FLEET_STATE_NAMES.index(name)]
    ]


def _fitting(variants: list[list[Word]], width_cells: int) -> Content:
    """The first variant that fits one line, else as much of the last as does."""
    rows = [packed(words, width_cells) for words in variants]
    return next((row for row in rows if len(row) == 1), rows[-1])[0]


def _empty_rows(snapshot: Snapshot) -> list[Content]:
    if snapshot.link.state is not LinkState.UP:
        return [line(("No vehicle yet: waiting for the MQTT link", "$muted"))]
    return [
        line(("No vehicle has answered yet.", "$muted")),
        line(("Discovery goes on; check that vehicles use", "$muted")),
        line(("this broker and these topics.", "$muted")),
    ]


def count_words(summary: FleetSummary, brief: bool) -> list[Word]:
    """How many can, do, and are out of sight; `brief` shortens the words, never the figures."""
    words: list[Word] = [
        (f"{'avail' if brief else 'available'} {grouped(summary.available)}", ""),
        (f"{'disp' if brief else 'dispatched'} {grouped(summary.dispatched)}", ""),
    ]
    if summary.owed:
        words.append((f"owed {summary.owed}", "bold $warning"))
    if summary.on_hold:
        words.append((f"{'hold' if brief else 'on hold'} {grouped(summary.on_hold)}", ""))
    words.append((f"stale {summary.stale}{'~' if summary.stale else ''}", ""))
    words.append((f"lost {summary.lost}{'!' if summary.lost else ''}", ""))
    if summary.undescribed:
        words.append((f"unknown {summary.undescribed}?", ""))
    return words


def headroom_words(summary: FleetSummary, glyphs: Glyphs, with_p90: str) -> list[Word]:
    """What free vehicles could give for 15 minutes; `with_p90` ("both", "up", ""): where to add what is there with 90 % probability."""
    up_p90 = f" (P90 {grouped(summary.up_p90_kw)})" if with_p90 else ""
    down_p90 = f" (P90 {grouped(summary.down_p90_kw)})" if with_p90 == "both" else ""
    return [
        (f"free {glyphs.up} {grouped(summary.up_kw)} kW{up_p90}", ""),
        (f"{glyphs.down} {grouped(summary.down_kw)} kW{down_p90}", ""),
    ]


def soc_row(summary: FleetSummary, glyphs: Glyphs, width_cells: int) -> Content:
    """State of charge as a histogram over 0..1, the net power, and how many vehicles these figures leave out."""
    median = "-" if summary.soc_median is None else f"{summary.soc_median:.2f}"
    arrow = glyphs.up if summary.net_kw >= 0 else glyphs.down
    shown = line("SoC ", (histogram(summary.soc_histogram, glyphs), "$accent"), f"  median {median}")
    left_out = summary.excluded_from_sums
    told = f"  ({grouped(left_out)} not counted)" if left_out else ""
    if shown.cell_length + len(told) > width_cells:
        told = f" -{left_out}~"
    more = (
        told,
        f"  net {arrow} {grouped(abs(summary.net_kw))} kW",
        f"  fairness {summary.fairness:.2f}" if summary.available else "",
    )
    for text in more:
        if shown.cell_length + len(text) <= width_cells:
            shown = line(shown, text)
    return shown
