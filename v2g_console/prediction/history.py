"""Availability learnt by hour of the week (UTC): for each vehicle and hour a Beta distribution whose evidence fades.

Evidence is counted in hours of observation, not in messages: a vehicle that reports each 10 s isn't 360 times as certain.
An hour never seen falls back on the vehicle's overall availability, a vehicle never seen on an even chance.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import F8, Bool, VehicleColumns
from v2g_console.prediction.port import Rows
from v2g_console.prediction.soc import undisturbed_soc

F4 = NDArray[np.float32]

HOURS_OF_WEEK: Final = 168
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_PRIOR_H: Final = 2.0
"""Weight of a vehicle's overall availability within one hour of the week, in hours of evidence."""
_LONGEST_GAP_S: Final = 3600.0
"""An observation speaks for the time since the one before, but not for longer than this."""
_FIRST_S: Final = 60.0
_REBASE: Final = 16.0
"""Half lives after which stored weights are scaled back, so that they never overflow."""


@dataclass(slots=True)
class _Evidence:
    """Hours seen and hours available, a column a vehicle, in weights of the common reference time."""

    seen_h: F4
    available_h: F4

    @staticmethod
    def empty(capacity: int) -> "_Evidence":
        return _Evidence(np.zeros(capacity, np.float32), np.zeros(capacity, np.float32))

    def grow(self, capacity: int) -> None:
        missing = capacity - len(self.seen_h)
        if missing > 0:
            self.seen_h = np.pad(self.seen_h, (0, missing))
            self.available_h = np.pad(self.available_h, (0, missing))

    def add(self, rows: Rows, weight_h: F8, available: Bool) -> None:
        np.add.at(self.seen_h, rows, weight_h)
        np.add.at(self.available_h, rows, weight_h * available)

    def scale(self, factor: float) -> None:
        self.seen_h *= np.float32(factor)
        self.available_h *= np.float32(factor)


class HistoryPrediction:
    """Availability by hour of week with exponential forgetting. An hour's columns exist once something was seen in it."""

    def __init__(self, half_life_days: float = 28.0) -> None:
        """`half_life_days`: age at which an observation counts half. Raises ValueError if it is not positive."""
        if not half_life_days > 0.0:
            raise ValueError(f"half_life_days must be positive, got {half_life_days}")
        self._half_life_s = half_life_days * _DAY_S
        self._capacity = 0
        self._hours: list[_Evidence | None] = [None] * HOURS_OF_WEEK
        self._overall = _Evidence.empty(0)
        self._observed_s: F8 = np.full(0, np.nan)
        self._reference_s: float | None = None

    def observe(self, rows: Rows, available: Bool, utc_s: float) -> None:
        """Learn that `rows` (k, each once) were or were not `available`; what is older than a vehicle's last observation is ignored."""
        if len(rows) == 0 or not np.isfinite(utc_s):
            return
        self._reserve(int(rows.max()) + 1)
        weight = self._weight(utc_s)
        gap_s = utc_s - self._observed_s[rows]
        span_s = np.where(np.isnan(gap_s), _FIRST_S, np.clip(gap_s, 0.0, _LONGEST_GAP_S))
        self._observed_s[rows] = np.fmax(self._observed_s[rows], utc_s)
        weight_h = span_s / _HOUR_S * weight
        slot = _hour_of_week(utc_s)
        hour = self._hours[slot]
        if hour is None:
            hour = self._hours[slot] = _Evidence.empty(self._capacity)
        hour.grow(self._capacity)
        hour.add(rows, weight_h, available)
        self._overall.add(rows, weight_h, available)

    def availability(self, n: int, utc_s: float, horizon_s: float) -> F8:
        """Mean probability over the hours of the week that the horizon touches, weighted by the time within each."""
        fade = 1.0 if self._reference_s is None else 2.0 ** min(_REBASE, (self._reference_s - utc_s) / self._half_life_s)
        overall = (_first(self._overall.available_h, n) * fade + 1.0) / (_first(self._overall.seen_h, n) * fade + 2.0)
        total = np.zeros(n)
        for slot, share in _hours_within(utc_s, horizon_s):
            hour = self._hours[slot]
            if hour is None:
                total += share * overall
                continue
            seen_h, available_h = _first(hour.seen_h, n) * fade, _first(hour.available_h, n) * fade
            total += share * (available_h + _PRIOR_H * overall) / (seen_h + _PRIOR_H)
        return np.clip(total, 0.0, 1.0)

    def soc_at(self, v: VehicleColumns, utc_s: float, horizon_s: float) -> F8:
        """The present charging continued to the end of the horizon."""
        return undisturbed_soc(v, horizon_s)

    def _reserve(self, rows: int) -> None:
        if rows <= self._capacity:
            return
        capacity = max(rows, 2 * self._capacity, 256)
        self._observed_s = np.concatenate((self._observed_s, np.full(capacity - self._capacity, np.nan)))
        self._overall.grow(capacity)
        self._capacity = capacity

    def _weight(self, utc_s: float) -> float:
        """Weight of an observation at `utc_s`; the reference time moves on when weights get large, and begins with the first one."""
        if self._reference_s is None:
            self._reference_s = utc_s
        half_lives = (utc_s - self._reference_s) / self._half_life_s
        if half_lives <= _REBASE:
            return float(2.0**half_lives)
        for evidence in (self._overall, *self._hours):
            if evidence is not None:
                evidence.scale(2.0**-half_lives)
        self._reference_s = utc_s
        return 1.0


def _hour_of_week(utc_s: float) -> int:
    return int(utc_s // _HOUR_S) % HOURS_OF_WEEK


def _hours_within(utc_s: float, horizon_s: float) -> list[tuple[int, float]]:
    """(hour of week, share of the horizon) for at most one week ahead."""
    length_s = min(max(horizon_s, 1.0), HOURS_OF_WEEK * _HOUR_S)
    parts: list[tuple[int, float]] = []
    at_s = utc_s
    while at_s < utc_s + length_s - 1e-6:
        until_s = min((at_s // _HOUR_S + 1.0) * _HOUR_S, utc_s + length_s)
        parts.append((_hour_of_week(at_s), (until_s - at_s) / length_s))
        at_s = until_s
    return parts


def _first(column: F4, n: int) -> F8:
    """The first `n` cells as float64; vehicles never observed have zero."""
    cells = np.zeros(n)
    known = min(n, len(column))
    cells[:known] = column[:known]
    return cells
