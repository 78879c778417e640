"""Who follows a moving target: examples from the field."""

from dataclasses import replace

import numpy as np
import pytest

from v2g_console.allocation.swing import Swing, swing
from v2g_console.allocation.tree import SiteTree
from v2g_console.domain.vehicle import F8


def _small_cars(n: int, target_kw: float, regulation_kw: float) -> Swing:
    """n idle 7.4 kW V2G cars that all give `regulation_kw`."""
    zero, rated = np.zeros(n), np.full(n, 7.4)
    return swing(target_kw, np.full(n, regulation_kw), zero, -rated, rated, np.full(n, target_kw / n))


def test_a_thousand_small_cars_follow_a_step_that_is_tiny_for_each_of_them() -> None:
    answer = _small_cars(1000, 520.0, 0.5)
    assert len(answer.moved) == 20
    assert answer.setpoint_kw == pytest.approx(np.full(20, 1.5))
    assert answer.residual_kw == pytest.approx(0.0)


def test_the_dead_band_is_the_larger_of_both() -> None:
    assert len(_small_cars(1000, 502.4, 0.5).moved) == 0  # within 0.5 % of 502 kW
    assert len(_small_cars(1000, 502.6, 0.5).moved) == 2
    assert len(_small_cars(10, 5.9, 0.5).moved) == 0  # within 1 kW
    zero, rated = np.zeros(10), np.full(10, 7.4)
    fine = swing(5.9, rated * 0 + 0.5, zero, -rated, rated, rated, dead_band_kw=0.5, dead_band_share=0.0, min_move_kw=0.5)
    assert len(fine.moved) == 1


def test_those_furthest_from_their_fair_share_move_and_go_all_the_way() -> None:
    zero, rated = np.zeros(4), np.full(4, 11.0)
    answer = swing(20.0, np.array([5.0, 5.0, 1.0, 5.0]), zero, -rated, rated, np.full(4, 5.0))
    assert answer.moved.tolist() == [2]
    assert answer.setpoint_kw.tolist() == [5.0]


def test_a_rest_too_small_for_a_step_is_taken_by_those_who_move_anyway() -> None:
    answer = _small_cars(100, 52.5, 0.5)
    assert len(answer.moved) == 2
    assert answer.residual_kw == pytest.approx(0.0)


def test_an_update_through_zero_needs_no_special_case() -> None:
    answer = _small_cars(100, -50.0, 0.5)
    assert answer.residual_kw == pytest.approx(0.0)
    assert len(answer.moved) <= 100
    assert (answer.setpoint_kw < 0.5).all()


def test_a_broken_bound_is_corrected_within_the_dead_band_and_others_make_up_for_it_only_beyond() -> None:
    zero, rated = np.zeros(20), np.full(20, 7.4)
    setpoint = np.full(20, 5.0)
    high = rated.copy()
    high[3] = 4.6  # its battery nears the floor
    answer = swing(100.0, setpoint, zero, -rated, high, np.full(20, 5.0))
    assert answer.moved.tolist() == [3]
    assert answer.setpoint_kw == pytest.approx([4.6])
    assert answer.residual_kw == pytest.approx(0.4)
    high[3] = 0.0
    answer = swing(100.0, setpoint, zero, -rated, high, np.full(20, 5.0))
    assert 3 in answer.moved.tolist()
    assert answer.setpoint_kw[answer.moved == 3] == pytest.approx([0.0])
    assert answer.residual_kw == pytest.approx(0.0)


def _charging(n: int, power_kw: float) -> tuple[F8, F8, F8, F8]:
    """Setpoints, baselines and bounds of n cars that can draw nothing or 6 to 11 kW."""
    return np.full(n, -power_kw), np.full(n, -11.0), np.full(n, -11.0), np.zeros(n)


def test_chargers_stop_or_draw_their_minimum_never_between() -> None:
    setpoint, baseline, low, high = _charging(4, 11.0)
    answer = swing(13.0, setpoint, baseline, low, high, np.full(4, 3.25), min_charge_kw=np.full(4, 6.0))
    assert ((answer.setpoint_kw == 0.0) | (answer.setpoint_kw <= -6.0)).all()
    assert answer.residual_kw == pytest.approx(0.0)


def test_a_jump_over_a_hole_is_balanced_by_others() -> None:
    setpoint, baseline, low, high = _charging(3, 6.0)  # all at their minimum: only stopping is left
    answer = swing(18.0, setpoint, baseline, low, high, np.full(3, 6.0), min_charge_kw=np.full(3, 6.0))
    position = setpoint.copy()
    position[answer.moved] = answer.setpoint_kw
    assert np.count_nonzero(position == 0.0) == 1
    assert np.count_nonzero(position <= -6.0) == 2
    assert answer.residual_kw == pytest.approx(0.0)


def test_a_jump_that_comes_no_nearer_is_not_made() -> None:
    setpoint, baseline, low, high = _charging(1, 6.0)
    answer = swing(7.0, setpoint, baseline, low, high, np.full(1, 7.0), min_charge_kw=np.full(1, 6.0))  # 5 kW are given, 11 would be
    assert len(answer.moved) == 0
    assert answer.residual_kw == pytest.approx(2.0)


def test_a_full_site_stays_full_while_others_follow() -> None:
    n = 6
    tree = SiteTree(
        parent=np.array([-1, 0]),
        lower_kw=np.full(2, -np.inf),
        upper_kw=np.array([np.inf, 10.0]),
        other_low_kw=np.zeros(2),
        other_high_kw=np.zeros(2),
        is_site=np.array([False, True]),
        names=("grid", "depot"),
        node_of=np.array([1, 1, 1, 0, 0, 0]),
    )
    setpoint = np.array([4.0, 3.0, 3.0, 0.0, 0.0, 0.0])
    fair = np.full(n, 20.0 / n)
    answer = swing(20.0, setpoint, np.zeros(n), np.full(n, -7.4), np.full(n, 7.4), fair, tree=tree)
    assert set(answer.moved.tolist()) <= {3, 4, 5}
    assert answer.residual_kw == pytest.approx(0.0)
    over = replace(tree, upper_kw=np.array([np.inf, 7.0]))
    healed = swing(10.0, setpoint, np.zeros(n), np.full(n, -7.4), np.full(n, 7.4), np.full(n, 10.0 / n), tree=over)
    position = setpoint.copy()
    position[healed.moved] = healed.setpoint_kw
    assert float(position[:3].sum()) == pytest.approx(7.0)
    assert float(position.sum()) == pytest.approx(10.0)


def test_nothing_can_move_an_empty_dispatch() -> None:
    none = np.zeros(0)
    answer = swing(50.0, none, none, none, none, none)
    assert len(answer.moved) == 0
    assert answer.residual_kw == 50.0


def test_a_vehicle_without_baseline_or_setpoint_counts_neither_way() -> None:
    setpoint, baseline = np.array([5.0, 5.0, np.nan]), np.array([0.0, np.nan, -7.0])
    answer = swing(5.0, setpoint, baseline, np.zeros(3), np.full(3, 11.0), np.full(3, 5.0))
    assert len(answer.moved) == 0
    assert answer.residual_kw == 0.0


def test_a_target_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        _small_cars(3, float("nan"), 0.0)
