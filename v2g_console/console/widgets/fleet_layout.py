"""Which columns of a fleet list fit a width, and how one vehicle is written in them. Pure text, no widget."""

from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import pad_text
from v2g_console.console.widgets.fleet_index import SortKey
from v2g_console.console.widgets.table_parts import Column, Piece, Role, RowLine, fitting_columns
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, QUALITY_MARKS, FleetColumns
from v2g_console.domain.vehicle import Quality

LONGEST_NAME_CELLS: Final = 32
_STATE_CELLS: Final = max(map(len, FLEET_STATE_NAMES))
_ALERT_STATES: Final = frozenset(FLEET_STATE_NAMES.index(name) for name in ("rejected", "silent", "owed", "lost"))
_BUSY_STATES: Final = frozenset(FLEET_STATE_NAMES.index(name) for name in ("sent", "acked", "limited", "releasing"))


def fit_columns(width_cells: int, longest_id: int, longest_site: int, longest_segment: int) -> tuple[Column, ...]:
    """The columns that fit `width_cells`, in the order they are drawn. The id is always among them, shortened if it must be."""
    name_cells = max(8, min(LONGEST_NAME_CELLS, width_cells // 3))
    columns = [
        Column(SortKey.ID, "vehicle", max(7, min(longest_id, name_cells)), 0),
        Column(SortKey.QUALITY, "q", 1, 4),
        Column(SortKey.POWER, "kW", 8, 1, right=True),
        Column(SortKey.SOC, "SoC", 5, 3, right=True),
        Column(SortKey.STATE, "state", _STATE_CELLS + 1, 2),
        Column(SortKey.SITE, "site", max(5, min(longest_site, name_cells)), 5),
        Column(SortKey.SETPOINT, "set kW", 8, 6, right=True),
        Column(SortKey.UP, "up kW", 7, 7, right=True),
        Column(SortKey.DOWN, "down kW", 7, 8, right=True),
        Column(SortKey.SEGMENT, "segment", max(8, min(longest_segment, name_cells)), 9),
    ]
    return fitting_columns(columns, width_cells)


def row_lines(columns: FleetColumns, rows: NDArray[np.intp], layout: tuple[Column, ...], glyphs: Glyphs) -> list[RowLine]:
    """The lines of a few vehicles (those on screen), shape as `rows`."""
    pieces = [_column_pieces(columns, rows, column, glyphs) for column in layout]
    qualities = columns.quality[rows].tolist()
    lines = []
    for place, row in enumerate(rows.tolist()):
        written = [column[place] for column in pieces]
        if qualities[place] != Quality.FRESH:
            written = [(text, role if role is Role.ALERT else Role.DIM) for text, role in written]
        lines.append(RowLine(columns.ids[row], tuple(written)))
    return lines


def _column_pieces(columns: FleetColumns, rows: NDArray[np.intp], column: Column, glyphs: Glyphs) -> list[Piece]:
    key = SortKey(column.key)
    match key:
        case SortKey.ID:
            texts = [shorten(columns.ids[row], column.width_cells) for row in rows.tolist()]
        case SortKey.SITE:
            texts = _names(columns.sites, columns.site[rows].tolist())
        case SortKey.SEGMENT:
            texts = _names(columns.segments, columns.segment[rows].tolist())
        case SortKey.STATE:
            codes = columns.state[rows].tolist()
            return [(pad_text(FLEET_STATE_NAMES[code], column.width_cells), _state_role(code)) for code in codes]
        case SortKey.QUALITY:
            texts = [QUALITY_MARKS[code] for code in columns.quality[rows].tolist()]
        case SortKey.POWER | SortKey.SETPOINT:
            values = columns.power_kw if key is SortKey.POWER else columns.setpoint_kw
            texts = [signed_kw(value, glyphs) for value in values[rows].tolist()]
        case SortKey.SOC:
            texts = [_number(value, 2) for value in columns.soc[rows].tolist()]
        case SortKey.UP | SortKey.DOWN:
            values = columns.up_kw if key is SortKey.UP else columns.down_kw
            texts = [_number(value, 1) for value in values[rows].tolist()]
    return [(pad_text(text, column.width_cells, column.right), Role.NORMAL) for text in texts]


def signed_kw(value: float, glyphs: Glyphs) -> str:
    """`▲ 5.0` to the grid, `▼ 7.4` charging, `0.0`, `-` where unknown."""
    if isnan(value):
        return "-"
    if abs(value) < 0.05:
        return "0.0"
    return f"{glyphs.up if value > 0 else glyphs.down} {abs(value):.1f}"


def shorten(name: str, width_cells: int) -> str:
    """A name cut in its middle: names of vehicles differ at their ends."""
    if len(name) <= width_cells or width_cells < 8:
        return name
    tail = (width_cells - 1) * 2 // 3
    return f"{name[: width_cells - 1 - tail]}…{name[-tail:]}"


def _number(value: float, digits: int) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"


def _names(table: tuple[str, ...], codes: list[int]) -> list[str]:
    return [table[code] if 0 <= code < len(table) else "-" for code in codes]


def _state_role(code: int) -> Role:
    if code in _ALERT_STATES:
        return Role.ALERT
    return Role.BUSY if code in _BUSY_STATES else Role.NORMAL
