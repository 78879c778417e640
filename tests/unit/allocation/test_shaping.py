"""How a target is approached, and how far a vehicle may step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.allocation.shaping import Course, ramp_bounds, shaped_target
from v2g_console.domain.reasons import Reason

powers = st.floats(-1e5, 1e5)
times = st.floats(0.0, 1e4)
ramps = st.one_of(st.just(float("inf")), st.floats(0.01, 1e4))


def test_it_is_a_straight_line_to_full_activation() -> None:
    assert [shaped_target(0.0, 300.0, since, 300.0) for since in (-5.0, 0.0, 30.0, 150.0, 300.0, 400.0)] == [0, 0, 30, 150, 300, 300]


def test_the_ramp_makes_it_slower_never_faster() -> None:
    assert shaped_target(0.0, 300.0, 10.0, 30.0, 5.0) == 50.0
    assert shaped_target(0.0, 300.0, 10.0, 30.0, 50.0) == 100.0
    assert shaped_target(100.0, -100.0, 10.0, 0.0, 5.0) == 50.0


def test_without_either_the_target_holds_at_once() -> None:
    assert shaped_target(0.0, -250.0, 0.0, 0.0) == -250.0


@given(powers, powers, times, times, times, ramps)
def test_it_is_never_beyond_either_end_nor_steeper_than_the_ramp(
    start: float, to: float, first: float, second: float, full: float, ramp: float
) -> None:
    one, two = (shaped_target(start, to, since, full, ramp) for since in (first, second))
    low, high = min(start, to), max(start, to)
    assert low - 1e-6 <= one <= high + 1e-6
    assert np.isinf(ramp) or abs(one - two) <= ramp * abs(first - second) * (1 + 1e-9) + 1e-6
    assert shaped_target(start, to, max(full, abs(to - start) / ramp) + 1e-3, full, ramp) == to


@pytest.mark.parametrize(("full", "ramp"), [(-1.0, 1.0), (float("nan"), 1.0), (10.0, 0.0), (10.0, -3.0), (10.0, float("nan"))])
def test_figures_that_make_no_line_are_refused(full: float, ramp: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        shaped_target(0.0, 10.0, 1.0, full, ramp)
    with pytest.raises(ValueError, match="finite"):
        shaped_target(0.0, float("inf"), 1.0, 1.0)


def test_a_newer_target_starts_where_the_course_is_and_a_repeated_one_changes_nothing() -> None:
    course = Course(0.0, 300.0, began_s=1000.0, full_activation_s=300.0)
    assert course.towards(300.0, 1100.0) is course
    newer = course.towards(0.0, 1100.0)
    assert newer.at(1100.0) == 100.0
    assert newer.at(1250.0) == 50.0
    assert newer.arrives_s() == 1400.0
    assert course.arrives_s() == 1300.0


def test_a_step_is_limited_by_the_ramp_and_says_so() -> None:
    setpoint, low, high = np.array([0.0, 0.0, 10.0]), np.full(3, -11.0), np.full(3, 11.0)
    bounds = ramp_bounds(setpoint, low, high, np.array([0.5, np.nan, 0.5]), 4.0)
    assert bounds.high_kw.tolist() == [2.0, 11.0, 11.0]
    assert bounds.low_kw.tolist() == [-2.0, -11.0, 8.0]
    assert bounds.reason(1).tolist() == [Reason.RAMP, 0, 0]
    assert bounds.reason(-1).tolist() == [Reason.RAMP, 0, Reason.RAMP]


def test_a_broken_bound_goes_before_the_ramp() -> None:
    bounds = ramp_bounds(np.array([9.0]), np.array([-11.0]), np.array([3.0]), np.array([0.1]), 4.0)
    assert bounds.high_kw.tolist() == [3.0]
    assert bounds.low_kw == pytest.approx([2.6])


def test_a_slow_charger_may_still_cross_the_hole_below_its_minimum() -> None:
    bounds = ramp_bounds(
        np.array([-6.0, 0.0, 0.0]),
        np.full(3, -11.0),
        np.array([0.0, 0.0, 11.0]),
        np.full(3, 0.5),
        4.0,
        min_charge_kw=np.full(3, 6.0),
        min_discharge_kw=np.array([0.0, 0.0, 3.0]),
    )
    assert bounds.low_kw.tolist() == [-8.0, -6.0, -6.0]
    assert bounds.high_kw.tolist() == [0.0, 0.0, 3.0]
