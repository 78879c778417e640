"""How long a result can be held, by how long each vehicle can hold its part."""

from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8

HELD_SHARE: Final = 0.95
"""Less than this of the power, and it is not held any more: the tolerance usual for reserve products."""


def held_for_s(regulation_kw: F8, holds_s: F8, least_share: float = HELD_SHARE) -> float:
    """Seconds for which at least `least_share` of the power is there, if each vehicle (n) gives its regulation for `holds_s`, then nothing.

    Infinite where nothing ends it, or nothing is given.
    """
    size_kw = np.abs(np.nan_to_num(regulation_kw))
    giving = np.flatnonzero(size_kw > 0.0)
    order = giving[np.argsort(holds_s[giving], kind="stable")]
    lost_kw = np.cumsum(size_kw[order])
    total_kw = float(lost_kw[-1]) if len(order) else 0.0
    at = int(np.searchsorted(lost_kw, (1.0 - least_share) * total_kw * (1.0 + 1e-9), side="right"))
    return float(holds_s[order[at]]) if at < len(order) else float("inf")
