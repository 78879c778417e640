"""What makes a vehicle a better choice, feature by feature."""

from dataclasses import fields, replace

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.allocation import Problem, Weights
from v2g_console.allocation.score import Features, features, score
from v2g_console.domain.vehicle import VehicleColumns

HOUR = 3600.0
EVEN = Weights(soc=1.0, time=1.0, priority=1.0, price=1.0, wear=1.0, fairness=1.0, availability=1.0)


def _problem(fleet: VehicleColumns, direction: int = 1, duration_s: float = HOUR) -> Problem:
    n = len(fleet)
    return Problem(direction * 10.0, fleet, np.full(n, 10.0), np.ones(n, bool), np.linspace(0.2, 1.0, n), duration_s, EVEN)


def _features(fleet: VehicleColumns, direction: int = 1, duration_s: float = HOUR) -> Features:
    return features(_problem(fleet, direction, duration_s), np.full(len(fleet), 10.0))


def test_full_batteries_are_better_up_and_empty_ones_down() -> None:
    fleet = vehicles(2, soc=[0.2, 0.9])
    assert _features(fleet, 1).soc == pytest.approx([0.2, 0.9])
    assert _features(fleet, -1).soc == pytest.approx([0.8, 0.1])


def test_leaving_soon_is_worse_and_unknown_is_middling() -> None:
    fleet = vehicles(4, departure_s=[HOUR, 2 * HOUR, 3 * HOUR, np.inf])
    assert _features(fleet).time == pytest.approx([0.0, 0.5, 1.0, 0.5])
    # for a short product the same car has time enough
    assert _features(fleet, duration_s=60.0).time[1] == 1.0


def test_drivers_with_priority_are_spared() -> None:
    assert _features(vehicles(2, priority=[True, False])).priority.tolist() == [0.0, 1.0]


def test_drawing_less_is_cheaper_than_injecting() -> None:
    assert _features(vehicles(3, baseline_kw=[0.0, -4.0, -11.0])).price == pytest.approx([0.0, 0.4, 1.0])


def test_charging_what_is_needed_anyway_is_cheaper_than_storing() -> None:
    fleet = vehicles(3, soc=[0.2, 0.28, 0.5], min_soc=0.3)
    assert _features(fleet, -1).price == pytest.approx([0.6, 0.12, 0.0])


def test_worn_and_often_used_vehicles_are_spared() -> None:
    got = _features(vehicles(3, degradation=[0.0, 0.15, 0.4], participation=[0.0, 0.25, 1.0]))
    assert got.wear == pytest.approx([1.0, 0.5, 0.0])
    assert got.fairness == pytest.approx([1.0, 0.75, 0.0])


def test_the_forecast_of_availability_is_a_feature() -> None:
    assert _features(vehicles(3)).availability == pytest.approx([0.2, 0.6, 1.0])


@pytest.mark.parametrize("direction", [1, -1])
def test_every_feature_stays_within_0_and_1_whatever_comes(direction: int) -> None:
    poison = np.array([np.nan, np.inf, -np.inf, -3.0, 0.0, 7.0, 1e308])
    names = ("soc", "departure_s", "baseline_kw", "min_soc", "battery_kwh", "degradation", "participation")
    for name in names:
        problem = replace(_problem(vehicles(len(poison), **{name: poison}), direction), availability=poison)
        got = features(problem, np.full(len(poison), 10.0))
        for field in fields(Features):
            column = getattr(got, field.name)
            assert ((column >= 0.0) & (column <= 1.0)).all(), (name, field.name)


def test_the_parts_add_up_and_weights_are_relative() -> None:
    problem = _problem(vehicles(3, soc=[0.1, 0.5, 0.9]))
    whole, parts = score(problem, problem.headroom_kw)
    assert set(parts) == {field.name for field in fields(Features)}
    assert np.sum(list(parts.values()), axis=0) == pytest.approx(whole)
    tenfold = Weights(*(10.0 for _ in fields(Features)))
    assert score(replace(problem, weights=tenfold), problem.headroom_kw)[0] == pytest.approx(whole)
