"""A forecast as lines for people."""

from datetime import UTC, datetime

from v2g_console.contract.forecast import ForecastView
from v2g_console.domain.text import visible
from v2g_console.domain.units import grouped


def forecast_lines(view: ForecastView) -> list[str]:
    """A line an hour."""
    lines = [
        f"{grouped(view.vehicles)} vehicles; prediction.engine is {visible(view.engine)}",
        f"{'UTC':>5}  {'there P50':>9} {'P90':>7}  {'up P50 kW':>10} {'P90':>9}  {'down P50 kW':>11} {'P90':>9}",
    ]
    for one in view.points:
        at = datetime.fromtimestamp(one.utc_ms / 1000, UTC)
        lines.append(
            f"{at:%H:%M}  {grouped(one.there_p50):>9} {grouped(one.there_p90):>7}  {grouped(one.up_p50_kw):>10} {grouped(one.up_p90_kw):>9}"
            f"  {grouped(one.down_p50_kw):>11} {grouped(one.down_p90_kw):>9}"
        )
    return lines
