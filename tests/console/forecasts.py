"""A forecast like those of the field: a working day with fewer vehicles around noon."""

import math

from v2g_console.contract.forecast import ForecastPoint, ForecastView
from v2g_console.contract.snapshot import Snapshot


def forecast(picture: Snapshot, engine: str = "history") -> ForecastView:
    """Now and 24 full hours after the picture; what is sure gets less the further away it is."""
    hour_ms = 3_600_000
    first_ms = (picture.utc_ms // hour_ms + 1) * hour_ms
    times_ms = [picture.utc_ms, *(first_ms + hour * hour_ms for hour in range(24))]
    points = []
    for ahead, utc_ms in enumerate(times_ms):
        share = 0.7 + 0.25 * math.cos(2 * math.pi * ((utc_ms / hour_ms) % 24 - 2) / 24)
        sure = 1.0 - 0.01 * ahead
        there, up, down = picture.summary.vehicles * share, picture.summary.up_kw * share, picture.summary.down_kw * share
        points.append(ForecastPoint(utc_ms, there, there * sure, up, up * sure, down, down * sure * 0.9))
    return ForecastView(made_ms=picture.utc_ms, engine=engine, vehicles=picture.summary.vehicles, points=tuple(points))
