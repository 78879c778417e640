"""The forecast against what simulated commuters do: better than habit alone and than persistence alone, and honest about its doubts."""

import numpy as np
import pytest

from tests.unit.prediction.presence import irregular, simulated
from tests.unit.prediction.scoring import walk
from v2g_console.prediction import HistoryPrediction, NoPrediction, PredictionEngine
from v2g_console.simulator.options import SimulateOptions

HOUR, DAY = 3600.0, 86_400.0
MONDAY = 4 * DAY  # 1970-01-05 00:00 UTC
STEP_S = 900.0
STEPS_A_DAY = 96
FLEET = SimulateOptions(vehicles=120, seed=3)


@pytest.mark.parametrize("horizon_s", [900.0, HOUR, 4 * HOUR])
def test_irregular_drivers_are_forecast_better_than_by_habit_or_persistence_alone(horizon_s: float) -> None:
    there = irregular(FLEET, np.random.default_rng(5), days=16, step_s=STEP_S)
    score = walk(there, start_utc_s=MONDAY, step_s=STEP_S, learn=14 * STEPS_A_DAY, horizon_s=horizon_s)
    assert score.brier < 0.92 * score.climatology, score
    assert score.brier < 0.92 * score.persistence, score
    assert 0.6 < score.coverage < 0.95, score


@pytest.mark.parametrize(("horizon_s", "better"), [(900.0, 0.9), (HOUR, 0.65), (4 * HOUR, 0.5)])
def test_one_day_of_the_simulator_teaches_most_of_its_habits(horizon_s: float, better: float) -> None:
    there = simulated(FLEET, start_utc_s=MONDAY, days=3, step_s=STEP_S)
    score = walk(there, start_utc_s=MONDAY, step_s=STEP_S, learn=STEPS_A_DAY, horizon_s=horizon_s)
    assert score.brier < better * score.persistence, score
    assert score.brier < score.climatology, score


def test_a_vehicle_seen_a_moment_ago_is_very_likely_still_there() -> None:
    """So the P90 headroom of a fleet that has just been started is near its P50, not half of it."""
    history = HistoryPrediction()
    history.observe(np.arange(3), np.array([True, True, False]), MONDAY)
    likely = history.availability(4, MONDAY + 10.0, 900.0, np.array([0.9, np.nan, 0.9, 0.9]))
    assert likely[0] > 0.97
    assert likely[1] > 0.95
    assert likely[2] < 0.1
    assert likely[3] == pytest.approx(0.9)
    assert history.availability(4, MONDAY + 3 * DAY, 900.0, np.full(4, 0.9))[2] > 0.8


def test_confidence_in_the_present_state_falls_with_the_horizon() -> None:
    history = HistoryPrediction()
    history.observe(np.arange(2), np.array([True, False]), MONDAY)
    ahead = [history.availability(2, MONDAY, hours * HOUR, np.full(2, 0.6)) for hours in (0.25, 1, 3, 12, 48)]
    there, away = np.array(ahead).T
    assert (np.diff(there) < 0.0).all()
    assert (np.diff(away) > 0.0).all()
    assert there[-1] == pytest.approx(0.6, abs=0.05)


def test_nonsense_stated_is_kept_within_bounds() -> None:
    likely = HistoryPrediction().availability(4, MONDAY, HOUR, np.array([np.nan, -3.0, 7.0, np.inf]))
    assert likely.tolist() == [0.5, 0.0, 1.0, 1.0]


def test_without_a_forecast_everybody_is_there() -> None:
    engine: PredictionEngine = NoPrediction()
    assert engine.availability(2, MONDAY, HOUR, np.zeros(2)).tolist() == [1.0, 1.0]
