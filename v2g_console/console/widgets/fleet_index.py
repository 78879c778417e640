"""Which vehicles a fleet list shows, in which order: an index over the columns, kept while values change under it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.console.fleet_filter import FleetFilter, IdTable
from v2g_console.console.marks import Marks
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Quality

Rows = NDArray[np.intp]
RESORT_S: Final = 1.0
"""Live values change several times a second; a list that moves more often than this can't be read."""

LARGE_FLEET: Final = 20_000
"""Up to here a list is made anew in a few milliseconds, so arrivals show at once."""

WORST_FIRST: Final = (
    "silent",
    "rejected",
    "owed",
    "lost",
    "limited",
    "sent",
    "releasing",
    "acked",
    "injecting",
    "charging",
    "idle",
    "away",
)
_STATE_RANK: Final = np.array([WORST_FIRST.index(name) for name in FLEET_STATE_NAMES], dtype=np.float32)
_QUALITY_RANK: Final = np.zeros(len(Quality), dtype=np.float32)
for _rank, _quality in enumerate((Quality.LOST, Quality.UNKNOWN, Quality.STALE, Quality.FRESH)):
    _QUALITY_RANK[_quality] = _rank


_REASON_RANK: Final = np.arange(256, dtype=np.float32)
_REASON_RANK[Reason.NONE] = np.nan


class SortKey(StrEnum):
    """A column: what a fleet shows and can be sorted by. State and quality are in order of urgency, worst first; age: newest first."""

    ID = "id"
    POWER = "power"
    SOC = "soc"
    STATE = "state"
    SITE = "site"
    SEGMENT = "segment"
    SETPOINT = "setpoint"
    UP = "up"
    DOWN = "down"
    QUALITY = "quality"
    TAG = "tag"
    HOLD = "hold"
    OWNER = "dispatch"
    REASON = "reason"
    RESERVE = "reserve"
    PROTOCOL = "protocol"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    V2G = "v2g"
    AVAILABLE = "available"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Order:
    """A column and a direction. Vehicles without a value come last in both; the id breaks ties, always ascending."""

    key: SortKey = SortKey.ID
    descending: bool = False


class FleetIndex:
    """The rows of `columns` that pass the filter, in order. `rows[i]` is the row in the columns shown at place i."""

    def __init__(self, marks: Marks | None = None) -> None:
        self.columns: FleetColumns | None = None
        self.marks = Marks() if marks is None else marks
        self.rows: Rows = np.empty(0, dtype=np.intp)
        self._order = Order()
        self._filter = FleetFilter()
        self._ids = IdTable()
        self._sorted_at_s = float("-inf")
        self._stale = False

    @property
    def order(self) -> Order:
        """The order in force."""
        return self._order

    @property
    def filter(self) -> FleetFilter:
        """The filter in force."""
        return self._filter

    @property
    def total(self) -> int:
        """Vehicles before the filter."""
        return 0 if self.columns is None else len(self.columns)

    def show(self, columns: FleetColumns, now_s: float) -> bool:
        """Take new columns; sort and filter again if vehicles came or went, or if live values changed and a second has passed.

        True if `rows` was made anew.
        """
        known, self.columns = self.columns, columns
        due = now_s - self._sorted_at_s >= RESORT_S
        if known is None or columns.ids is not known.ids:
            # Thousands may arrive in a burst: what is listed stays right meanwhile, if its rows are still the same vehicles.
            waits = known is not None and not due and len(columns) > LARGE_FLEET and columns.ids[: len(known.ids)] == known.ids
        else:
            live = self._order.key is not SortKey.ID or bool(self._filter.terms)
            self._stale = self._stale or (live and columns.revision != known.revision)
            waits = not (self._stale and due)
        if waits:
            self._stale = True
            return False
        self._rebuild(now_s)
        return True

    def set_order(self, order: Order, now_s: float) -> None:
        """Sort by something else, at once."""
        self._order = order
        self._rebuild(now_s)

    def set_filter(self, chosen: FleetFilter, now_s: float) -> None:
        """Show what passes `chosen`, at once."""
        self._filter = chosen
        self._rebuild(now_s)

    def marks_changed(self, now_s: float) -> bool:
        """A mark was set or taken away. True if `rows` was made anew for it."""
        if not self._filter.looks_at_marks:
            return False
        self._rebuild(now_s)
        return True

    def place_of(self, row: int) -> int | None:
        """Where a row of the columns is shown; None if the filter hides it."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None

    def row_of(self, vehicle_id: str, guess: int = -1) -> int | None:
        """The row of a vehicle in the columns. `guess`: where it was last; rows rarely move."""
        if self.columns is None:
            return None
        ids = self.columns.ids
        if 0 <= guess < len(ids) and ids[guess] == vehicle_id:
            return guess
        try:
            return ids.index(vehicle_id)
        except ValueError:
            return None

    def _rebuild(self, now_s: float) -> None:
        self._sorted_at_s, self._stale = now_s, False
        columns = self.columns
        if columns is None:
            return
        rows = self._ids.order(columns.ids)
        mask = self._mask(columns)
        if mask is not None:
            rows = rows[mask[rows]]
        if self._order.key is not SortKey.ID:
            key = _SORT_KEYS[self._order.key](columns)[rows]
            # A stable sort over rows that are in order of id makes the id the tie-break; NaN sorts last.
            rows = rows[np.argsort(-key if self._order.descending else key, kind="stable")]
        elif self._order.descending:
            rows = rows[::-1]
        self.rows = rows

    def _mask(self, columns: FleetColumns) -> NDArray[np.bool_] | None:
        if not self._filter.terms:
            return None
        marked = self.marks.mask(columns.ids) if self._filter.looks_at_marks else None
        return self._filter.mask(columns, self._ids.lowered(columns.ids), marked)


def on_hold(columns: FleetColumns) -> NDArray[np.bool_]:
    """Who is left alone after failures, shape (n,); nobody where the engine does not tell."""
    return np.zeros(len(columns), np.bool_) if columns.on_hold is None else columns.on_hold


def reserve_soc(columns: FleetColumns) -> NDArray[np.float32]:
    """What drivers keep, 0..1, shape (n,); NaN where the engine does not tell."""
    return np.full(len(columns), np.nan, np.float32) if columns.reserve_soc is None else columns.reserve_soc


def tag_marks(columns: FleetColumns) -> NDArray[np.uint8]:
    """Indices into TAG_MARKS, shape (n,); nobody has a tag where the engine tells of none."""
    return np.zeros(len(columns), np.uint8) if columns.tag is None else columns.tag


def _name_rank(table: tuple[str, ...], codes: NDArray[np.int32]) -> NDArray[np.float32]:
    """The alphabetic place of each code's name, NaN for none."""
    ranks = np.full(len(table) + 1, np.nan, dtype=np.float32)
    ranks[np.argsort(np.array(table, dtype=np.str_), kind="stable")] = np.arange(len(table), dtype=np.float32)
    # -1 (none) takes the last, NaN; so does a dispatch that has just left its table.
    return ranks[np.minimum(codes, len(table))]


def _newest_first(columns: FleetColumns) -> NDArray[np.float64]:
    """Ages in ms but for a constant, NaN for vehicles that were never heard."""
    return np.where(columns.seen_ms > 0, -columns.seen_ms.astype(np.float64), np.nan)


_SORT_KEYS: Final[dict[SortKey, Callable[[FleetColumns], NDArray[Any]]]] = {
    SortKey.POWER: lambda columns: columns.power_kw,
    SortKey.SOC: lambda columns: columns.soc,
    SortKey.STATE: lambda columns: _STATE_RANK[columns.state],
    SortKey.SITE: lambda columns: _name_rank(columns.sites, columns.site),
    SortKey.SEGMENT: lambda columns: _name_rank(columns.segments, columns.segment),
    SortKey.SETPOINT: lambda columns: columns.setpoint_kw,
    SortKey.UP: lambda columns: columns.up_kw,
    SortKey.DOWN: lambda columns: columns.down_kw,
    SortKey.QUALITY: lambda columns: _QUALITY_RANK[columns.quality],
    SortKey.TAG: lambda columns: -tag_marks(columns).astype(np.float32),
    SortKey.HOLD: lambda columns: -on_hold(columns).astype(np.float32),
    SortKey.OWNER: lambda columns: _name_rank(columns.owners, columns.owner),
    SortKey.REASON: lambda columns: _REASON_RANK[columns.reason],
    SortKey.RESERVE: reserve_soc,
    SortKey.PROTOCOL: lambda columns: columns.protocol.astype(np.float32),
    SortKey.CHARGE: lambda columns: columns.max_charge_kw,
    SortKey.DISCHARGE: lambda columns: columns.max_discharge_kw,
    SortKey.V2G: lambda columns: -columns.is_v2g.astype(np.float32),
    SortKey.AVAILABLE: lambda columns: -columns.available.astype(np.float32),
    SortKey.AGE: _newest_first,
}
