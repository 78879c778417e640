"""Participation fades, reversals and throughput add up, and Jain's index says what it should."""

import numpy as np
import pytest

from v2g_console.allocation.fairness import Wear, fairness_report, jain_index

DAY = 86_400.0
HOUR = 3600.0


def test_participation_is_the_energy_asked_relative_to_the_battery() -> None:
    wear = Wear.empty(4)
    wear.ask(np.array([0, 1, 3]), np.array([10.0, -10.0, 5.0]), np.array([50.0, 50.0, 100.0]), HOUR)
    assert wear.participation == pytest.approx([1 - np.exp(-0.2), 1 - np.exp(-0.2), 0.0, 1 - np.exp(-0.05)])


def test_asking_in_pieces_is_asking_at_once() -> None:
    whole, pieces = Wear.empty(1), Wear.empty(1)
    row, kwh = np.array([0]), np.array([60.0])
    whole.ask(row, np.array([7.0]), kwh, HOUR)
    for _ in range(60):
        pieces.ask(row, np.array([7.0]), kwh, 60.0)
    assert pieces.participation == pytest.approx(whole.participation)


def test_what_was_asked_counts_half_after_a_half_life() -> None:
    wear = Wear.empty(1)
    wear.ask(np.array([0]), np.array([30.0]), np.array([60.0]), HOUR)
    for _ in range(7):
        wear.fade(DAY, 7 * DAY)
    assert -np.log1p(-wear.participation[0]) == pytest.approx(0.25)
    wear.fade(-5.0)
    assert -np.log1p(-wear.participation[0]) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="half_life_s"):
        wear.fade(1.0, 0.0)


def test_participation_never_leaves_its_range_and_survives_nonsense() -> None:
    wear = Wear.empty(5)
    rows = np.arange(5)
    asked, battery = np.array([1e9, np.nan, np.inf, 5.0, 5.0]), np.array([1.0, 60.0, 60.0, 0.0, np.nan])
    wear.ask(rows, asked, battery, HOUR)
    wear.fade(DAY)
    assert ((wear.participation >= 0.0) & (wear.participation <= 1.0)).all()
    assert wear.participation[1:].tolist() == [0.0] * 4
    wear.run(rows, np.full(5, np.nan), HOUR)
    assert wear.throughput_kwh.tolist() == [0.0] * 5


def test_a_reversal_is_counted_through_a_standstill_but_not_for_the_noise_of_a_meter() -> None:
    wear, row = Wear.empty(2), np.array([1])
    for power_kw in (7.0, 7.0, 0.0, 0.02, -0.02, 5.0, 0.0, -7.0, -7.0, 3.0):
        wear.run(row, np.array([power_kw]), 60.0)
    assert wear.reversals.tolist() == [0, 2]
    assert wear.throughput_kwh[1] == pytest.approx(36.04 / 60.0)
    assert wear.last_sign.tolist() == [0, 1]


def test_new_vehicles_start_at_nothing_and_the_old_keep_what_they_have() -> None:
    wear = Wear.empty(1)
    wear.run(np.array([0]), np.array([-6.0]), HOUR)
    wear.grow(3)
    wear.grow(2)
    assert len(wear) == 3
    assert wear.throughput_kwh.tolist() == [6.0, 0.0, 0.0]
    assert wear.last_sign.tolist() == [-1, 0, 0]


@pytest.mark.parametrize(
    ("amounts", "index"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([3.0, 3.0, 3.0], 1.0),
        ([5.0, 0.0, 0.0, 0.0], 0.25),
        ([1.0, 2.0, 3.0], 36 / 42),
        ([1e-200, 1e-200], 1.0),
    ],
)
def test_jain_index(amounts: list[float], index: float) -> None:
    assert jain_index(np.array(amounts)) == pytest.approx(index)


def test_unknown_amounts_are_not_counted() -> None:
    assert jain_index(np.array([1.0, np.nan, 1.0, np.inf])) == pytest.approx(1.0)


def test_the_report_is_of_the_vehicles_counted() -> None:
    wear = Wear.empty(3)
    wear.ask(np.array([0]), np.array([60.0]), np.array([60.0]), HOUR)
    wear.run(np.arange(3), np.array([5.0, -5.0, 1.0]), HOUR)
    wear.run(np.arange(3), np.array([-5.0, -5.0, 1.0]), HOUR)
    report = fairness_report(wear, np.array([True, True, False]))
    assert (report.vehicles, report.asked, report.reversals, report.reversals_most) == (2, 1, 1, 1)
    assert report.jain == pytest.approx(0.5)
    assert (report.throughput_kwh, report.throughput_most_kwh) == (20.0, 10.0)
    assert report.participation_mean == pytest.approx(report.participation_most / 2)
    assert fairness_report(Wear.empty(0)).jain == 1.0
