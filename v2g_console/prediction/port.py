"""What a forecast must be able to say."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import F8, Bool, VehicleColumns

Rows = NDArray[np.intp]


class PredictionEngine(Protocol):
    """Forecasts for a fleet, addressed by fleet index. `utc_s` is seconds since 1970 UTC, `horizon_s` seconds from then."""

    def observe(self, rows: Rows, available: Bool, utc_s: float) -> None:
        """Learn that the vehicles `rows` (k, each once) were or were not `available` at `utc_s`."""
        ...

    def availability(self, n: int, utc_s: float, horizon_s: float, stated: F8 | None = None) -> F8:
        """Probability 0..1 that each of the first `n` vehicles is available over the horizon, as a mean over its time.

        `stated` (n, 0..1, NaN where nothing is said) is what the vehicles tell of themselves; it counts where little was observed.
        """
        ...

    def soc_at(self, v: VehicleColumns, utc_s: float, horizon_s: float) -> F8:
        """Expected SoC 0..1 of each vehicle of `v` at the end of the horizon, if nobody dispatches it."""
        ...
