"""The fleet's list as plain values: what is exported and copied. One value a column that is shown, unknown ones as None."""

from collections.abc import Sequence
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.console.fleet_filter import TAG_NAMES
from v2g_console.console.widgets.fleet_index import SortKey, on_hold, reserve_soc, tag_marks
from v2g_console.console.widgets.fleet_layout import reason_name
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns
from v2g_console.domain.vehicle import Quality

Value = str | float | int | bool | None
Rows = NDArray[np.intp]

HEADERS: Final[dict[SortKey, str]] = {
    SortKey.ID: "vehicle_id",
    SortKey.QUALITY: "quality",
    SortKey.TAG: "tag",
    SortKey.HOLD: "on_hold",
    SortKey.POWER: "power_kw",
    SortKey.SOC: "soc",
    SortKey.STATE: "state",
    SortKey.SITE: "site",
    SortKey.SETPOINT: "setpoint_kw",
    SortKey.UP: "up_kw",
    SortKey.DOWN: "down_kw",
    SortKey.SEGMENT: "segment",
    SortKey.OWNER: "dispatch_id",
    SortKey.REASON: "reason",
    SortKey.RESERVE: "reserve_soc",
    SortKey.PROTOCOL: "protocol",
    SortKey.CHARGE: "max_charge_kw",
    SortKey.DISCHARGE: "max_discharge_kw",
    SortKey.V2G: "is_v2g",
    SortKey.AVAILABLE: "available",
    SortKey.AGE: "seen_ms",
}
"""Names of the exported fields; powers in kW, positive to the grid, `seen_ms` UTC ms of the last sign of life."""


def plain_rows(columns: FleetColumns, rows: Rows, keys: Sequence[SortKey]) -> list[tuple[Value, ...]]:
    """The vehicles at `rows`, a tuple each."""
    return list(zip(*(_values(columns, rows, key) for key in keys), strict=True))


def _values(columns: FleetColumns, rows: Rows, key: SortKey) -> Sequence[Value]:
    match key:
        case SortKey.ID:
            return [columns.ids[row] for row in rows.tolist()]
        case SortKey.SITE:
            return _names(columns.sites, columns.site[rows])
        case SortKey.SEGMENT:
            return _names(columns.segments, columns.segment[rows])
        case SortKey.OWNER:
            return _names(columns.owners, columns.owner[rows])
        case SortKey.STATE:
            return [FLEET_STATE_NAMES[code] for code in columns.state[rows].tolist()]
        case SortKey.QUALITY:
            return [Quality(code).name.lower() for code in columns.quality[rows].tolist()]
        case SortKey.TAG:
            return [TAG_NAMES[code] for code in tag_marks(columns)[rows].tolist()]
        case SortKey.REASON:
            return [reason_name(code) or None for code in columns.reason[rows].tolist()]
        case SortKey.AGE:
            return [seen_ms or None for seen_ms in columns.seen_ms[rows].tolist()]
        case SortKey.HOLD:
            return _plain(on_hold(columns)[rows])
        case SortKey.PROTOCOL:
            return _plain(columns.protocol[rows])
        case SortKey.V2G:
            return _plain(columns.is_v2g[rows])
        case SortKey.AVAILABLE:
            return _plain(columns.available[rows])
        case _:
            return _rounded(_numbers(columns, key)[rows])


def _numbers(columns: FleetColumns, key: SortKey) -> NDArray[np.float32]:
    numbers = {
        SortKey.POWER: columns.power_kw,
        SortKey.SOC: columns.soc,
        SortKey.SETPOINT: columns.setpoint_kw,
        SortKey.UP: columns.up_kw,
        SortKey.DOWN: columns.down_kw,
        SortKey.RESERVE: reserve_soc(columns),
        SortKey.CHARGE: columns.max_charge_kw,
        SortKey.DISCHARGE: columns.max_discharge_kw,
    }
    return numbers[key]


def _plain(values: NDArray[np.bool_] | NDArray[np.uint8]) -> list[Value]:
    return list(values.tolist())


def _rounded(values: NDArray[np.float32]) -> list[Value]:
    """Four digits: a float32 has no more that mean anything."""
    return [None if isnan(value) else value for value in np.round(values.astype(np.float64), 4).tolist()]


def _names(table: tuple[str, ...], codes: NDArray[np.int32]) -> list[Value]:
    return [table[code] if 0 <= code < len(table) else None for code in codes.tolist()]
