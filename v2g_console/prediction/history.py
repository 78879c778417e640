"""Availability from what a vehicle does now and what it usually does at this hour of the week (UTC).

Habit `c(t)` is a Beta mean for each vehicle and hour of the week, interpolated between the middles of the hours. Evidence is counted in
hours of observation, not in messages, and fades. Where there is little of it, an hour of the week leans on the same hour of all days,
that on the vehicle's overall share, that on what the vehicle states of itself, and that on an even chance.

The present state says more than habit about the next minutes. With the fewest comings and goings that habit needs, a vehicle that is there
at t0 is there at t with `min(1, c(t) / c(t0))`, one that is away with `max(0, c(t) - c(t0)) / (1 - c(t0))`. That is believed with weight
`exp(-(t - seen) / memory)`, and habit alone with the rest. `memory` is learnt from how fast the fleet's vehicles leave and return.
"""

from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8, Bool, VehicleColumns
from v2g_console.prediction.evidence import HOUR_S, HOURS_OF_DAY, HOURS_OF_WEEK, Evidence, Turnover, hour_of_week
from v2g_console.prediction.port import Rows
from v2g_console.prediction.soc import undisturbed_soc

_DAY_S: Final = 86_400.0
_PRIOR_H: Final = 2.0
"""Weight of what is known more broadly (hour of the day, own statement) in hours of evidence."""
_DAY_PRIOR_H: Final = 0.5
"""Weight of the overall share within one hour of the day: one day teaches most of a habit."""
_LONGEST_GAP_S: Final = 3600.0
"""An observation speaks for the time since the one before, but not for longer than this."""
_FIRST_S: Final = 60.0
_STEP_S: Final = 900.0
"""A horizon is looked at in steps of this length at most."""
_REBASE: Final = 16.0
"""Half lives after which stored weights are scaled back, so that they never overflow."""
_FORGOTTEN: Final = 5.0
"""Times the memory after which a state says nothing any more."""


class HistoryPrediction:
    """Persistence and habit by hour of week with exponential forgetting. An hour's columns exist once something was seen in it."""

    def __init__(self, half_life_days: float = 28.0) -> None:
        """`half_life_days`: age at which an observation counts half. Raises ValueError if it is not positive."""
        if not half_life_days > 0.0:
            raise ValueError(f"half_life_days must be positive, got {half_life_days}")
        self._half_life_s = half_life_days * _DAY_S
        self._capacity = 0
        self._hours: list[Evidence | None] = [None] * HOURS_OF_WEEK
        self._day: list[Evidence] = [Evidence.empty(0) for _ in range(HOURS_OF_DAY)]
        self._overall = Evidence.empty(0)
        self._turnover = Turnover()
        self._observed_s: F8 = np.full(0, np.nan)
        self._there: Bool = np.zeros(0, np.bool_)
        self._reference_s: float | None = None

    def observe(self, rows: Rows, available: Bool, utc_s: float) -> None:
        """Learn that `rows` (k, each once) were or were not `available`; what is older than a vehicle's last observation is ignored."""
        if len(rows) == 0 or not np.isfinite(utc_s):
            return
        self._reserve(int(rows.max()) + 1)
        weight = self._weight(utc_s)
        gap_s = utc_s - self._observed_s[rows]
        span_s = np.where(np.isnan(gap_s), _FIRST_S, np.clip(gap_s, 0.0, _LONGEST_GAP_S))
        weight_h = span_s / HOUR_S * weight
        slot = hour_of_week(utc_s)
        hour = self._hours[slot]
        if hour is None:
            hour = self._hours[slot] = Evidence.empty(self._capacity)
        hour.grow(self._capacity)
        hour.add(rows, weight_h, available)
        self._day[slot % HOURS_OF_DAY].add(rows, weight_h, available)
        self._overall.add(rows, weight_h, available)
        self._remember(rows, available, gap_s, weight_h, weight)
        self._observed_s[rows] = np.fmax(self._observed_s[rows], utc_s)

    def availability(self, n: int, utc_s: float, horizon_s: float, stated: F8 | None = None) -> F8:
        """Mean probability of being there over the horizon (one week at most), from the last observed state and habit.

        `stated` (n) is what vehicles say of themselves, 0..1, NaN where nothing: the prior of their overall share.
        """
        length_s = min(max(horizon_s, 1.0), HOURS_OF_WEEK * HOUR_S)
        overall = self._overall_share(n, utc_s, stated)
        seen_s, there = self._last_seen(n)
        known = ~np.isnan(seen_s)
        ago_s = np.where(known, np.maximum(0.0, utc_s - np.where(known, seen_s, utc_s)), np.inf)
        habit_then = self._habit_ago(n, utc_s, ago_s, overall)
        steps = max(1, int(np.ceil(length_s / (_STEP_S if length_s <= 4 * HOUR_S else HOUR_S))))
        total = np.zeros(n)
        for k in range(steps):
            ahead_s = (k + 0.5) * length_s / steps
            habit = self._habit(n, utc_s + ahead_s, overall)
            stays = np.minimum(1.0, habit / np.maximum(habit_then, 1e-9))
            comes = np.maximum(0.0, habit - habit_then) / np.maximum(1.0 - habit_then, 1e-9)
            belief = np.exp(-(ago_s + ahead_s) / (HOUR_S * self._turnover.memory_h))
            total += belief * np.where(there, stays, comes) + (1.0 - belief) * habit
        return np.clip(total / steps, 0.0, 1.0)

    def soc_at(self, v: VehicleColumns, utc_s: float, horizon_s: float) -> F8:
        """The present charging continued to the end of the horizon."""
        return undisturbed_soc(v, horizon_s)

    def _remember(self, rows: Rows, available: Bool, gap_s: F8, weight_h: F8, weight: float) -> None:
        """The newest state of `rows`, and what the change from the one before says about the fleet's turnover."""
        followed = gap_s > 0.0  # false for the first observation (NaN)
        self._turnover.add(weight_h[followed], weight, self._there[rows[followed]], available[followed])
        newest = ~(gap_s < 0.0)
        self._there[rows[newest]] = available[newest]

    def _last_seen(self, n: int) -> tuple[F8, Bool]:
        """When the first `n` vehicles were last observed (NaN: never), and whether they were there."""
        seen_s, there = np.full(n, np.nan), np.zeros(n, np.bool_)
        known = min(n, self._capacity)
        seen_s[:known], there[:known] = self._observed_s[:known], self._there[:known]
        return seen_s, there

    def _overall_share(self, n: int, utc_s: float, stated: F8 | None) -> F8:
        prior = np.full(n, 0.5) if stated is None else np.clip(np.where(np.isnan(stated), 0.5, stated), 0.0, 1.0)
        return self._overall.share(n, self._fade(utc_s), prior, _PRIOR_H)

    def _habit(self, n: int, utc_s: float, overall: F8) -> F8:
        """c(t): between the middles of two hours of the week a straight line."""
        middle = utc_s / HOUR_S - 0.5
        part = middle - np.floor(middle)
        before = float(np.floor(middle)) * HOUR_S
        earlier, later = self._in_hour(n, utc_s, before, overall), self._in_hour(n, utc_s, before + HOUR_S, overall)
        return np.asarray((1.0 - part) * earlier + part * later, np.float64)

    def _habit_ago(self, n: int, utc_s: float, ago_s: F8, overall: F8) -> F8:
        """c at the time of each vehicle's last observation, to the quarter of an hour; states long forgotten are not looked up."""
        quarters = np.where(ago_s < _FORGOTTEN * HOUR_S * self._turnover.memory_h, np.round(ago_s / _STEP_S), 0.0)
        habit = self._habit(n, utc_s, overall)
        for quarter in np.unique(quarters[quarters > 0.0]):
            rows = quarters == quarter
            habit[rows] = self._habit(n, utc_s - float(quarter) * _STEP_S, overall)[rows]
        return habit

    def _in_hour(self, n: int, utc_s: float, at_s: float, overall: F8) -> F8:
        slot, fade = hour_of_week(at_s), self._fade(utc_s)
        hour, daily = self._hours[slot], self._day[slot % HOURS_OF_DAY].share(n, fade, overall, _DAY_PRIOR_H)
        return daily if hour is None else hour.share(n, fade, daily, _PRIOR_H)

    def _fade(self, utc_s: float) -> float:
        """What a stored weight counts at `utc_s`."""
        return 1.0 if self._reference_s is None else float(2.0 ** min(_REBASE, (self._reference_s - utc_s) / self._half_life_s))

    def _reserve(self, rows: int) -> None:
        if rows <= self._capacity:
            return
        capacity = max(rows, 2 * self._capacity, 256)
        self._observed_s = np.concatenate((self._observed_s, np.full(capacity - self._capacity, np.nan)))
        self._there = np.concatenate((self._there, np.zeros(capacity - self._capacity, np.bool_)))
        for evidence in (self._overall, *self._day):
            evidence.grow(capacity)
        self._capacity = capacity

    def _weight(self, utc_s: float) -> float:
        """Weight of an observation at `utc_s`; the reference time moves on when weights get large, and begins with the first one."""
        if self._reference_s is None:
            self._reference_s = utc_s
        half_lives = (utc_s - self._reference_s) / self._half_life_s
        if half_lives <= _REBASE:
            return float(2.0**half_lives)
        for evidence in (self._overall, self._turnover, *self._day, *self._hours):
            if evidence is not None:
                evidence.scale(2.0**-half_lives)
        self._reference_s = utc_s
        return 1.0
