"""Which columns of a fleet list fit a width, and how one vehicle is written in them. Pure text, no widget."""

from collections.abc import Container
from dataclasses import replace
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import pad_text
from v2g_console.console.widgets.fleet_index import SortKey, on_hold, reserve_soc, tag_marks
from v2g_console.console.widgets.table_parts import Column, Piece, Role, RowLine, fitting_columns
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, QUALITY_MARKS, TAG_MARKS, FleetColumns
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Quality

MARK: Final = "*"
LONGEST_NAME_CELLS: Final = 32
_ID_MARK_CELLS: Final = 2
_REASON_CODES: Final = frozenset(Reason)
_STATE_CELLS: Final = max(map(len, FLEET_STATE_NAMES))
_ALERT_STATES: Final = frozenset(FLEET_STATE_NAMES.index(name) for name in ("rejected", "silent", "owed", "lost"))
_BUSY_STATES: Final = frozenset(FLEET_STATE_NAMES.index(name) for name in ("sent", "acked", "limited", "releasing"))


def fit_columns(
    width_cells: int,
    longest_id: int,
    longest_site: int,
    longest_segment: int,
    *,
    tagged: bool = False,
    held: bool = False,
    chosen: tuple[SortKey, ...] = (),
) -> tuple[Column, ...]:
    """The columns that fit `width_cells`, in the order they are drawn. The id is always among them, shortened if it must be.

    `tagged`, `held`: somebody has a tag, or is on hold, so there is a column for it.
    `chosen`: the columns that a person wants, the last ones given up first; without the quality column its mark stands behind the id.
    """
    name_cells = max(8, min(LONGEST_NAME_CELLS, width_cells // 3))
    columns = [
        Column(SortKey.ID, "vehicle", max(7, min(longest_id, name_cells)), -1),  # given up after all others
        Column(SortKey.QUALITY, "q", 1, 0),
        *([_TAG_COLUMN] if tagged else []),
        *([_HOLD_COLUMN] if held else []),
        Column(SortKey.POWER, "meas. kW", 8, 1, right=True),
        Column(SortKey.SOC, "SoC", 5, 3, right=True),
        Column(SortKey.STATE, "state", _STATE_CELLS + 1, 2),
        Column(SortKey.SITE, "site", max(5, min(longest_site, name_cells)), 5),
        Column(SortKey.SETPOINT, "asked kW", 8, 6, right=True),
        Column(SortKey.UP, "up kW", 7, 7, right=True),
        Column(SortKey.DOWN, "down kW", 7, 8, right=True),
        Column(SortKey.SEGMENT, "segment", max(8, min(longest_segment, name_cells)), 9),
    ]
    if chosen:
        known = {column.key: column for column in (*columns, *_MORE)}
        wanted = dict.fromkeys((SortKey.ID, *chosen))
        columns = [replace(known[key], need=place) for place, key in enumerate(wanted)]
        if SortKey.QUALITY not in wanted:
            columns[0] = replace(columns[0], width_cells=columns[0].width_cells + _ID_MARK_CELLS)
    return fitting_columns(columns, width_cells)


_TAG_COLUMN: Final = Column(SortKey.TAG, "tag", 3, 4)
_HOLD_COLUMN: Final = Column(SortKey.HOLD, "hold", 5, 4)
_MORE: Final = (
    _TAG_COLUMN,
    _HOLD_COLUMN,
    Column(SortKey.OWNER, "dispatch", 9, 0),
    Column(SortKey.REASON, "reason", 15, 0),
    Column(SortKey.RESERVE, "reserve", 8, 0, right=True),
    Column(SortKey.PROTOCOL, "prot", 5, 0),
    Column(SortKey.CHARGE, "max down", 9, 0, right=True),
    Column(SortKey.DISCHARGE, "max up", 7, 0, right=True),
    Column(SortKey.V2G, "V2G", 4, 0),
    Column(SortKey.AVAILABLE, "avail", 6, 0),
    Column(SortKey.AGE, "age", 7, 0, right=True),
)
COLUMN_WORDS: Final[dict[SortKey, str]] = {
    SortKey.ID: "the vehicle",
    SortKey.QUALITY: "age mark: ~ stale, ! lost, ? unknown",
    SortKey.TAG: "tag: c CAUTION, X INHIBIT",
    SortKey.HOLD: "held: left alone for a while after failures",
    SortKey.POWER: "measured power in kW, up is to the grid",
    SortKey.SOC: "state of charge, 0 to 1",
    SortKey.STATE: "what it is doing",
    SortKey.SITE: "site",
    SortKey.SETPOINT: "asked: the last setpoint it was told, kW",
    SortKey.UP: "headroom up for 15 minutes, kW",
    SortKey.DOWN: "headroom down for 15 minutes, kW",
    SortKey.SEGMENT: "segment",
    SortKey.OWNER: "dispatch that owns it",
    SortKey.REASON: "why the last dispatch gave it nothing, or less",
    SortKey.RESERVE: "SoC that its driver keeps, 0 to 1",
    SortKey.PROTOCOL: "protocol: v2 has leases, v1 has none",
    SortKey.CHARGE: "most it can charge with, kW",
    SortKey.DISCHARGE: "most it can inject, kW",
    SortKey.V2G: "can inject",
    SortKey.AVAILABLE: "available",
    SortKey.AGE: "time since its last sign of life, in steps",
}
"""Every column in words, in the order they are offered."""
_AGE_STEPS_S: Final = ((10, "<10 s"), (60, "<1 min"), (600, "<10 min"), (3600, "<1 h"), (86_400, "<1 d"))
"""Steps, so that a calm list is not drawn anew each second."""


def row_lines(
    columns: FleetColumns,
    rows: NDArray[np.intp],
    layout: tuple[Column, ...],
    glyphs: Glyphs,
    *,
    marks: Container[str] = (),
    utc_ms: int = 0,
) -> list[RowLine]:
    """The lines of a few vehicles (those on screen), shape as `rows`. `marks`: ids with a mark; `utc_ms`: what ages are counted to."""
    pieces = [_column_pieces(columns, rows, column, glyphs, utc_ms) for column in layout]
    qualities = columns.quality[rows].tolist()
    if all(column.key != SortKey.QUALITY for column in layout):
        pieces[0] = [
            (_marked_id(columns.ids[row], code, layout[0].width_cells), Role.NORMAL)
            for row, code in zip(rows.tolist(), qualities, strict=True)
        ]
    lines = []
    for place, row in enumerate(rows.tolist()):
        written = [column[place] for column in pieces]
        if qualities[place] != Quality.FRESH:
            written = [(text, role if role is Role.ALERT else Role.DIM) for text, role in written]
        lines.append(RowLine(columns.ids[row], tuple(written), MARK if columns.ids[row] in marks else ""))
    return lines


def _marked_id(vehicle_id: str, quality: int, width_cells: int) -> str:
    """The id with its age mark behind it: no value may look fresh where there is no column for the mark."""
    name_cells = max(1, width_cells - _ID_MARK_CELLS)
    return pad_text(f"{pad_text(shorten(vehicle_id, name_cells), name_cells)} {QUALITY_MARKS[quality]}", width_cells)


def _column_pieces(columns: FleetColumns, rows: NDArray[np.intp], column: Column, glyphs: Glyphs, utc_ms: int) -> list[Piece]:
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
        case SortKey.TAG:
            marks = tag_marks(columns)[rows].tolist()
            return [(pad_text(TAG_MARKS[mark], column.width_cells), Role.ALERT if mark else Role.NORMAL) for mark in marks]
        case SortKey.POWER | SortKey.SETPOINT:
            values = columns.power_kw if key is SortKey.POWER else columns.setpoint_kw
            texts = [signed_kw(value, glyphs) for value in values[rows].tolist()]
        case SortKey.SOC:
            texts = [_number(value, 2) for value in columns.soc[rows].tolist()]
        case SortKey.UP | SortKey.DOWN:
            values = columns.up_kw if key is SortKey.UP else columns.down_kw
            texts = [_number(value, 1) for value in values[rows].tolist()]
        case _:
            return _more_pieces(columns, rows, column, utc_ms)
    return [(pad_text(text, column.width_cells, column.right), Role.NORMAL) for text in texts]


def _more_pieces(columns: FleetColumns, rows: NDArray[np.intp], column: Column, utc_ms: int) -> list[Piece]:
    """The columns that are only drawn where a person chose them."""
    role = Role.NORMAL
    match SortKey(column.key):
        case SortKey.HOLD:
            texts, role = ["held" if held else "" for held in on_hold(columns)[rows].tolist()], Role.BUSY
        case SortKey.OWNER:
            texts = [f"#{name[:4]}" if name != "-" else "-" for name in _names(columns.owners, columns.owner[rows].tolist())]
        case SortKey.REASON:
            texts = [reason_name(code) or "-" for code in columns.reason[rows].tolist()]
        case SortKey.RESERVE:
            texts = [_number(value, 2) for value in reserve_soc(columns)[rows].tolist()]
        case SortKey.PROTOCOL:
            texts = [f"v{version}" for version in columns.protocol[rows].tolist()]
        case SortKey.CHARGE:
            texts = [_number(value, 1) for value in columns.max_charge_kw[rows].tolist()]
        case SortKey.DISCHARGE:
            texts = [_number(value, 1) for value in columns.max_discharge_kw[rows].tolist()]
        case SortKey.V2G | SortKey.AVAILABLE:
            flags = columns.is_v2g if column.key == SortKey.V2G else columns.available
            texts = ["yes" if flag else "no" for flag in flags[rows].tolist()]
        case _:
            texts = [age_step(seen_ms, utc_ms) for seen_ms in columns.seen_ms[rows].tolist()]
    return [(pad_text(text, column.width_cells, column.right), role) for text in texts]


def age_step(seen_ms: int, utc_ms: int) -> str:
    """How long ago that was, as one of a few steps: `<10 s` to `>1 d`, `never` for 0."""
    if seen_ms <= 0:
        return "never"
    return next((words for limit_s, words in _AGE_STEPS_S if utc_ms - seen_ms < limit_s * 1000), ">1 d")


def reason_name(code: int) -> str:
    """The name of a Reason's number, "" for none."""
    return Reason(code).name if code in _REASON_CODES and code else ""


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
