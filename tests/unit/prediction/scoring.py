"""How good a forecast was: Brier scores over walks through recorded presence, for the forecast and for two simpler ones."""

from dataclasses import dataclass

import numpy as np

from tests.unit.prediction.presence import Presence
from v2g_console.prediction import HistoryPrediction

Z80 = 1.2816  # standard normal quantile of 90 %: 80 % of outcomes lie within the mean and this many sigmas


@dataclass(frozen=True)
class Score:
    """Mean squared errors of the probabilities, and the share of fleet counts within the forecast's 80 % interval."""

    brier: float
    climatology: float
    persistence: float
    coverage: float


def walk(there: Presence, *, start_utc_s: float, step_s: float, learn: int, horizon_s: float) -> Score:
    """Learn `learn` steps, then forecast `horizon_s` ahead at every second step and compare with what came."""
    steps, n = there.shape
    ahead = int(horizon_s / step_s)
    history, everyone = HistoryPrediction(), np.arange(n)
    errors: dict[str, list[float]] = {"brier": [], "climatology": [], "persistence": []}
    inside = []
    for step in range(steps - ahead):
        now_s = start_utc_s + step * step_s
        history.observe(everyone, there[step], now_s)
        if step < learn or step % 2:
            continue
        came = there[step + 1 : step + ahead + 1]
        likely = history.availability(n, now_s, horizon_s)
        forecasts = {"brier": likely, "climatology": without_persistence(history, n, now_s, horizon_s), "persistence": there[step] * 1.0}
        for name, forecast in forecasts.items():
            errors[name].append(float(((forecast - came) ** 2).mean()))
        sigma = float(np.sqrt((likely * (1.0 - likely)).sum()))
        inside.append(abs(float(came[len(came) // 2].sum()) - float(likely.sum())) <= Z80 * sigma)
    brier, climatology, persistence = (float(np.mean(errors[name])) for name in ("brier", "climatology", "persistence"))
    return Score(brier, climatology, persistence, float(np.mean(inside)))


def without_persistence(history: HistoryPrediction, n: int, utc_s: float, horizon_s: float) -> np.ndarray:
    """The same habits, with the present state forgotten."""
    seen_s = history._observed_s
    history._observed_s = np.full(len(seen_s), np.nan)
    try:
        return history.availability(n, utc_s, horizon_s)
    finally:
        history._observed_s = seen_s
