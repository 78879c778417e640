"""Forecasts: what history teaches, how it fades, and that the mock never changes its mind."""

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.config.settings import PredictionSettings
from v2g_console.prediction import HistoryPrediction, MockPrediction, NoPrediction, build_prediction

HOUR, DAY = 3600.0, 86_400.0
WEEK = 7 * DAY
MONDAY = 4 * DAY  # 1970-01-05 00:00 UTC


def _commuter(weeks: int, *, half_life_days: float = 28.0, step_s: float = 600.0) -> HistoryPrediction:
    """Vehicle 0 is there at night (18 to 8), vehicle 1 always, vehicle 2 is never seen."""
    history = HistoryPrediction(half_life_days)
    rows = np.array([0, 1])
    for at_s in np.arange(MONDAY, MONDAY + weeks * WEEK, step_s):
        hour = at_s % DAY / HOUR
        history.observe(rows, np.array([hour < 8 or hour >= 18, True]), float(at_s))
    return history


def test_habits_by_hour_of_week_are_learnt() -> None:
    history = _commuter(4)
    now = MONDAY + 4 * WEEK
    night, noon = history.availability(3, now + 2 * HOUR, HOUR), history.availability(3, now + 12 * HOUR, HOUR)
    assert night[0] > 0.8
    assert noon[0] < 0.35
    assert min(night[1], noon[1]) > 0.95
    assert night[2] == noon[2] == 0.5


def test_a_horizon_over_several_hours_is_their_mean() -> None:
    history = _commuter(4)
    start = MONDAY + 4 * WEEK + 16 * HOUR
    parts = [history.availability(1, start + k * HOUR, HOUR)[0] for k in range(4)]
    assert history.availability(1, start, 4 * HOUR)[0] == pytest.approx(np.mean(parts), rel=1e-3)
    assert 0.4 < history.availability(1, start, 4 * HOUR)[0] < 0.75


def test_more_messages_are_no_more_evidence() -> None:
    seldom, often = _commuter(1, step_s=600.0), _commuter(1, step_s=60.0)
    at_s = MONDAY + WEEK + 12 * HOUR
    assert seldom.availability(1, at_s, HOUR)[0] == pytest.approx(often.availability(1, at_s, HOUR)[0], abs=0.03)


def test_old_habits_fade() -> None:
    history = _commuter(4, half_life_days=7.0)
    rows = np.array([0])
    for at_s in np.arange(MONDAY + 4 * WEEK, MONDAY + 12 * WEEK, 1800.0):
        history.observe(rows, np.array([True]), float(at_s))
    assert history.availability(1, MONDAY + 12 * WEEK + 12 * HOUR, HOUR)[0] > 0.85


def test_evidence_survives_many_half_lives_without_overflow() -> None:
    history = HistoryPrediction(half_life_days=0.5)
    for at_s in np.arange(MONDAY, MONDAY + 60 * DAY, HOUR):
        history.observe(np.array([0]), np.array([True]), float(at_s))
    got = history.availability(1, MONDAY + 60 * DAY, HOUR)
    assert 0.6 < got[0] <= 1.0


def test_old_habits_still_fade_after_the_weights_were_scaled_back() -> None:
    history = HistoryPrediction(half_life_days=1.0)
    for at_s in np.arange(MONDAY, MONDAY + 24 * DAY, HOUR):
        history.observe(np.array([0]), np.array([at_s > MONDAY + 15 * DAY]), float(at_s))
    assert history.availability(1, MONDAY + 24 * DAY, HOUR)[0] > 0.75


def test_rows_may_grow_at_any_time() -> None:
    history = HistoryPrediction()
    for rows in (1, 300, 5000):
        history.observe(np.arange(rows), np.ones(rows, bool), MONDAY + rows)
    assert len(history.availability(6000, MONDAY + 6000, HOUR)) == 6000
    assert len(history.availability(10, MONDAY + 6000, HOUR)) == 10


def test_strange_times_and_nothing_are_harmless() -> None:
    history = HistoryPrediction()
    assert history.availability(2, MONDAY, HOUR).tolist() == [0.5, 0.5]
    history.observe(np.zeros(0, np.intp), np.zeros(0, bool), MONDAY)
    history.observe(np.array([0]), np.array([True]), float("nan"))
    history.observe(np.array([0]), np.array([True]), MONDAY)
    history.observe(np.array([0]), np.array([False]), MONDAY - WEEK)
    got = history.availability(2, MONDAY, -5.0)
    assert ((got >= 0.0) & (got <= 1.0)).all()
    assert got[0] > 0.5


def test_a_half_life_must_be_positive() -> None:
    with pytest.raises(ValueError, match="half_life_days"):
        HistoryPrediction(0.0)


def test_the_mock_is_the_same_in_every_run() -> None:
    first = MockPrediction().availability(100, MONDAY, HOUR)
    assert (first == MockPrediction().availability(100, MONDAY + WEEK, DAY)).all()
    assert first.min() >= 0.6
    assert first.max() < 1.0
    assert first.std() > 0.1


def test_soc_goes_on_at_the_baseline_until_limit_or_departure() -> None:
    fleet = vehicles(
        6,
        baseline_kw=[-10.0, -10.0, 0.0, np.nan, 9.4, -10.0],
        charge_limit_soc=[1.0, 0.6, 1.0, 1.0, 1.0, 1.0],
        battery_kwh=[60.0, 60.0, 60.0, 60.0, 60.0, 0.0],
        departure_s=[HOUR, 36_000.0, 36_000.0, 36_000.0, 36_000.0, 36_000.0],
    )
    got = NoPrediction().soc_at(fleet, MONDAY, 2 * HOUR)
    assert got == pytest.approx([0.5 + 9.4 / 60, 0.6, 0.5, 0.5, 0.5 - 20 / 60, 0.5])
    assert (HistoryPrediction().soc_at(fleet, MONDAY, 2 * HOUR) == got).all()


@pytest.mark.parametrize(("name", "kind"), [("none", NoPrediction), ("mock", MockPrediction), ("history", HistoryPrediction)])
def test_the_configuration_names_the_forecast(name: str, kind: type) -> None:
    assert type(build_prediction(PredictionSettings.model_validate({"engine": name}))) is kind
