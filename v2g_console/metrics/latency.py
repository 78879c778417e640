"""A histogram that takes latencies by the thousand."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BOUNDS_S: Final[tuple[float, ...]] = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Upper edges of the buckets, from a vehicle on the LAN to one that answers after the last retry."""

_EDGES: Final = np.asarray(BOUNDS_S)


class LatencyHistogram:
    """Counts per bucket and label. One thread adds, others may read: each addition replaces an immutable pair, so no lock is needed."""

    def __init__(self, keys: Sequence[str]) -> None:
        empty = np.zeros(len(BOUNDS_S) + 1, dtype=np.int64)
        self._counts: dict[str, tuple[NDArray[np.int64], float]] = dict.fromkeys(keys, (empty, 0.0))

    def observe(self, key: str, seconds: Sequence[float] | NDArray[np.floating]) -> None:
        """Add latencies in seconds to series `key`, one of the keys given. Negative ones count as 0, NaN is left out."""
        values = np.asarray(seconds, dtype=np.float64)
        values = np.maximum(values[~np.isnan(values)], 0.0)
        if not values.size:
            return
        counts, total_s = self._counts[key]
        # side="left": a bucket includes its upper edge.
        added = np.bincount(np.searchsorted(_EDGES, values, side="left"), minlength=len(counts))
        self._counts[key] = (counts + added, total_s + float(values.sum()))

    def cumulative(self) -> dict[str, tuple[list[tuple[str, float]], float]]:
        """By series: cumulative counts with the upper edge of each bucket, and the sum in seconds; as Prometheus wants it."""
        edges = [*map(str, BOUNDS_S), "+Inf"]
        return {
            key: (list(zip(edges, map(float, np.cumsum(counts)), strict=True)), total_s)
            for key, (counts, total_s) in list(self._counts.items())
        }
