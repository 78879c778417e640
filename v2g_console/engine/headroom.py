"""The fleet's headroom for the overview: what could be regulated for a quarter of an hour, and what of it is 90 % sure."""

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.snapshot import FleetSummary
from v2g_console.domain.capability import capability
from v2g_console.domain.vehicle import Quality
from v2g_console.engine.core import Core

SUSTAINED_S = 900.0
RECENT_S: Final = 0.25
"""So old a summary may be where somebody asks: it goes over all vehicles, and anybody may ask as often as he likes."""
Z90 = 1.2816  # standard normal quantile: 90 % of outcomes lie above mean - 1.2816 sigma


@dataclass(slots=True)
class HeadroomColumns:
    """Per vehicle, kW and whether it is on hold, length n at the time it was computed."""

    up_kw: NDArray[np.float32]
    down_kw: NDArray[np.float32]
    on_hold: NDArray[np.bool_]


class Headroom:
    """Recomputed once a second by the engine, and at most every 250 ms for those who ask."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.columns = HeadroomColumns(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))
        self.revision = 0
        self.summary = FleetSummary()
        self._computed_at = -math.inf  # monotonic

    def recent(self, owed: int) -> FleetSummary:
        """The fleet in numbers, at most 250 ms old but for `owed`, which is of now."""
        if self._core.clock.monotonic() - self._computed_at >= RECENT_S:
            return self.compute(owed)
        return msgspec.structs.replace(self.summary, owed=owed)

    def compute(self, owed: int) -> FleetSummary:
        """The fleet in numbers, now."""
        core, fleet = self._core, self._core.fleet
        self._computed_at = core.clock.monotonic()
        n = len(fleet)
        columns = core.vehicles()
        can = capability(columns, SUSTAINED_S, core.rules)
        counted = columns.available & (columns.quality == Quality.FRESH) & ~core.tags.inhibited(fleet)
        up_kw = np.where(counted, np.nan_to_num(can.up_kw), 0.0)
        down_kw = np.where(counted, np.nan_to_num(can.down_kw), 0.0)
        on_hold = core.standing.on_hold(core.clock.monotonic(), columns.available)
        self._show(HeadroomColumns(up_kw.astype(np.float32), down_kw.astype(np.float32), on_hold))
        free = fleet.owner[:n] < 0
        likely = core.prediction.availability(n, core.clock.utc(), SUSTAINED_S, stated=fleet.availability_prob[:n])
        quality, described = columns.quality, fleet.described[:n]
        fresh = quality == Quality.FRESH
        soc = columns.soc[fresh & ~np.isnan(columns.soc)]
        self.summary = FleetSummary(
            vehicles=n,
            available=int(np.count_nonzero(columns.available & (columns.quality != Quality.LOST))),
            dispatched=int(np.count_nonzero(~free)),
            fresh=int(np.count_nonzero(fresh)),
            stale=int(np.count_nonzero(quality == Quality.STALE)),
            lost=int(np.count_nonzero(quality == Quality.LOST)),
            undescribed=int(np.count_nonzero(~described)),
            v2g=int(np.count_nonzero(columns.is_v2g)),
            owed=owed,
            up_kw=float(np.sum(up_kw[free])),
            down_kw=float(np.sum(down_kw[free])),
            up_p90_kw=_p90(up_kw[free], likely[free]),
            down_p90_kw=_p90(down_kw[free], likely[free]),
            net_kw=float(np.nansum(fleet.power_kw[:n][fresh])),
            soc_median=float(np.median(soc)) if len(soc) else None,
            soc_histogram=tuple(int(count) for count in np.histogram(soc, 10, (0.0, 1.0))[0]),
            excluded_from_sums=int(np.count_nonzero(~fresh)),
            on_hold=int(np.count_nonzero(on_hold)),
            fairness=core.standing.report(columns.available).jain,
            undescribed_refused=fleet.refused_new,
        )
        return self.summary

    def _show(self, now: HeadroomColumns) -> None:
        """Keep the columns of before where nothing has changed."""
        if not all(np.array_equal(getattr(self.columns, name), getattr(now, name)) for name in HeadroomColumns.__slots__):
            self.columns = now
            self.revision += 1


def _p90(power_kw: NDArray[np.float64], likely: NDArray[np.float64]) -> float:
    """The sum that 90 % of outcomes reach, each vehicle being there with its probability, independently (normal approximation)."""
    mean = float(np.sum(power_kw * likely))
    sigma = float(np.sqrt(np.sum(power_kw**2 * likely * (1 - likely))))
    return max(0.0, mean - Z90 * sigma)
