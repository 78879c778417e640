"""The headroom and the vehicles to expect in the hours to come, computed a point at a time so that the loop stays free."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.forecast import ForecastPoint, ForecastView
from v2g_console.domain.capability import capability
from v2g_console.domain.vehicle import Quality, VehicleColumns
from v2g_console.engine.core import Core
from v2g_console.engine.headroom import SUSTAINED_S, Z90
from v2g_console.prediction.plain import NoPrediction

F8 = NDArray[np.float64]
Bool = NDArray[np.bool_]
HOURS: Final = 24
KEPT_S: Final = 30.0
"""A forecast of hours does not change within this time; several consoles share one."""
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class _Basis:
    """What was known when the forecast began, length n. `free_in_s`: seconds until the dispatch of a vehicle ends, 0 without one."""

    vehicles: VehicleColumns
    stated: F8
    there: Bool
    usable: Bool
    free_in_s: F8
    utc_s: float


class Forecasting:
    """Answers from the last forecast while it is young."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._one_at_a_time = asyncio.Lock()
        self._last: ForecastView | None = None
        self._made_at = -np.inf

    async def view(self) -> ForecastView:
        """The forecast, at most `KEPT_S` old."""
        async with self._one_at_a_time:
            now = self._core.clock.monotonic()
            if self._last is None or now - self._made_at >= KEPT_S:
                self._last, self._made_at = await self._made(), now
            return self._last

    async def _made(self) -> ForecastView:
        core, basis = self._core, self._basis()
        made_ms = core.utc_ms()
        first_ms = (made_ms // _HOUR_MS + 1) * _HOUR_MS
        times_ms = [made_ms, *(first_ms + hour * _HOUR_MS for hour in range(HOURS))]
        points = []
        for utc_ms in times_ms:
            points.append(self._point(basis, utc_ms, (utc_ms - made_ms) / 1000))
            await asyncio.sleep(0)
        return ForecastView(made_ms=made_ms, engine=core.settings.prediction.engine, vehicles=len(basis.vehicles), points=tuple(points))

    def _basis(self) -> _Basis:
        core, fleet, n = self._core, self._core.fleet, len(self._core.fleet)
        vehicles = core.vehicles()
        return _Basis(
            vehicles=vehicles,
            stated=fleet.availability_prob[:n].copy(),
            there=vehicles.available & (vehicles.quality == Quality.FRESH),
            usable=fleet.described[:n] & ~core.tags.inhibited(fleet),
            free_in_s=self._free_in_s(fleet.owner[:n]),
            utc_s=core.clock.utc(),
        )

    def _free_in_s(self, owner: NDArray[np.int32]) -> F8:
        now = self._core.clock.monotonic()
        ends = {
            one.slot: max(0.0, (now + one.duration_s if one.ends_at is None else one.ends_at) - now) for one in self._core.running.values()
        }
        by_slot = np.array([ends.get(slot, np.inf) for slot in range(max(ends, default=-1) + 1)] or [np.inf])
        return np.where(owner >= 0, by_slot[np.clip(owner, 0, len(by_slot) - 1)], 0.0)

    def _point(self, basis: _Basis, utc_ms: int, ahead_s: float) -> ForecastPoint:
        prediction, n = self._core.prediction, len(basis.vehicles)
        likely = prediction.availability(n, basis.utc_s + ahead_s, SUSTAINED_S, stated=basis.stated)
        if isinstance(prediction, NoPrediction) or not ahead_s:
            likely = np.where(basis.there, likely, 0.0)
        there_p50, there_p90 = likely_sums(np.ones(n), likely)
        can = capability(self._then(basis, ahead_s), SUSTAINED_S, self._core.rules)
        stays = basis.vehicles.departure_s > ahead_s
        counted = basis.usable & stays & (basis.free_in_s <= ahead_s)
        up_p50, up_p90 = likely_sums(np.where(counted, np.nan_to_num(can.up_kw), 0.0), likely)
        down_p50, down_p90 = likely_sums(np.where(counted, np.nan_to_num(can.down_kw), 0.0), likely)
        return ForecastPoint(utc_ms, there_p50, there_p90, up_p50, up_p90, down_p50, down_p90)

    def _then(self, basis: _Basis, ahead_s: float) -> VehicleColumns:
        """The vehicles as they would be if nobody dispatches them: charged further, nearer to their departure, done when full."""
        now, prediction = basis.vehicles, self._core.prediction
        soc = prediction.soc_at(now, basis.utc_s, ahead_s)
        later = prediction.soc_at(now, basis.utc_s, ahead_s + SUSTAINED_S)
        done = (ahead_s > 0.0) & (now.baseline_kw < 0.0) & (later >= np.fmin(now.charge_limit_soc, 1.0) - 1e-6)
        return replace(now, soc=soc, departure_s=now.departure_s - ahead_s, baseline_kw=np.where(done, 0.0, now.baseline_kw))


def likely_sums(amounts: F8, likely: F8) -> tuple[float, float]:
    """The sums that 50 % and 90 % of outcomes reach, each vehicle being there by itself with its probability (normal approximation)."""
    mean = float(np.sum(amounts * likely))
    sigma = float(np.sqrt(np.sum(amounts**2 * likely * (1 - likely))))
    return mean, max(0.0, mean - Z90 * sigma)
