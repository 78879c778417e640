"""Forecasts that learn nothing: none at all, and a mock for tests and demonstrations."""

from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8, Bool, VehicleColumns
from v2g_console.prediction.port import Rows
from v2g_console.prediction.soc import undisturbed_soc

_GOLDEN: Final = 0.6180339887498949


class NoPrediction:
    """Takes every vehicle for available."""

    def observe(self, rows: Rows, available: Bool, utc_s: float) -> None:
        """Nothing is learnt."""

    def availability(self, n: int, utc_s: float, horizon_s: float, stated: F8 | None = None) -> F8:
        """1 for each of the `n` vehicles."""
        return np.ones(n)

    def soc_at(self, v: VehicleColumns, utc_s: float, horizon_s: float) -> F8:
        """The present charging continued to the end of the horizon."""
        return undisturbed_soc(v, horizon_s)


class MockPrediction(NoPrediction):
    """Availability that depends on nothing but the vehicle's index: 0.6 to 1, spread evenly, the same in every run."""

    def availability(self, n: int, utc_s: float, horizon_s: float, stated: F8 | None = None) -> F8:
        """0.6..1 for each of the `n` vehicles."""
        spread: F8 = np.mod(np.arange(n, dtype=np.float64) * _GOLDEN, 1.0)
        return np.asarray(0.6 + 0.4 * spread, np.float64)
