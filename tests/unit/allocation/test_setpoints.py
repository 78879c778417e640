"""Which setpoints a vehicle may be sent, and how far it can go on the way."""

import numpy as np
import pytest

from v2g_console.allocation.setpoints import Allowed
from v2g_console.domain.vehicle import F8


def _column(*values: float) -> F8:
    return np.array(values, np.float64)


def _charger(n: int = 1) -> Allowed:
    """Draws 6 to 11 kW or nothing, injects 3 to 10 kW or nothing."""
    return Allowed.between(np.full(n, -11.0), np.full(n, 10.0), np.full(n, 6.0), np.full(n, 3.0))


def test_bounds_that_end_in_a_hole_are_cut_to_its_edge() -> None:
    allowed = Allowed.between(_column(-4.0, -11.0, -11.0), _column(2.0, -3.0, 5.0), _column(6.0, 6.0, 6.0), _column(3.0, 3.0, 3.0))
    assert allowed.low.tolist() == [0.0, -11.0, -11.0]
    assert allowed.high.tolist() == [0.0, -6.0, 5.0]


def test_bounds_within_one_hole_stand_and_the_hole_does_not() -> None:
    allowed = Allowed.between(_column(-4.0, 1.0), _column(-2.0, 2.0), _column(6.0, 6.0), _column(3.0, 3.0))
    assert (allowed.low.tolist(), allowed.high.tolist()) == ([-4.0, 1.0], [-2.0, 2.0])
    assert allowed.nearest(_column(-3.0, 1.5), _column(0.0, 0.0)).tolist() == [-3.0, 1.5]


def test_contradicting_bounds_and_strange_minimums_are_harmless() -> None:
    allowed = Allowed.between(_column(1.0, np.nan, -5.0), _column(-1.0, 5.0, 5.0), _column(6.0, 6.0, np.nan), None)
    assert allowed.usable.tolist() == [False, False, True]
    assert allowed.charge[2] == 0.0


def test_the_nearest_setpoint_is_out_of_the_hole_unless_the_vehicle_sits_there_by_itself() -> None:
    asked = _column(-2.0, -4.0, 1.0, 2.0, 20.0, -2.0)
    nearest = _charger(6).nearest(asked, _column(0.0, 0.0, 0.0, 0.0, 0.0, -2.0))
    assert nearest.tolist() == [0.0, -6.0, 0.0, 3.0, 10.0, -2.0]


@pytest.mark.parametrize(
    ("position", "direction", "wanted", "least", "step"),
    [
        (-8.0, 1, 1.5, 1.0, 1.5),  # within the range
        (-8.0, 1, 3.0, 1.0, 2.0),  # would end in the hole: up to its edge
        (-6.5, 1, 3.0, 1.0, 6.5),  # the edge is less than a step away: across
        (-6.0, 1, 0.5, 0.0, 6.0),  # at the edge: across or not at all
        (-8.0, 1, 9.0, 1.0, 8.0),  # across the first hole, ends in the second: to zero
        (-8.0, 1, 11.5, 1.0, 11.5),  # across both
        (-8.0, 1, 99.0, 1.0, 18.0),  # to the bound
        (5.0, -1, 3.0, 1.0, 2.0),
        (0.0, -1, 2.0, 1.0, 6.0),
        (0.0, -1, 7.0, 1.0, 7.0),
        (10.0, 1, 5.0, 1.0, 0.0),  # at the bound
        (0.0, 1, 0.0, 1.0, 0.0),  # not asked
    ],
)
def test_a_step_ends_at_the_edge_of_a_hole_or_crosses_it(position: float, direction: int, wanted: float, least: float, step: float) -> None:
    assert _charger().step(_column(position), direction, _column(wanted), least).tolist() == [step]


def test_a_hole_that_ends_beyond_the_bound_is_not_crossed() -> None:
    allowed = Allowed.between(_column(-11.0), _column(0.0), _column(6.0), _column(3.0))
    assert allowed.step(_column(0.0), 1, _column(2.0), 0.0).tolist() == [0.0]
    assert allowed.crossing(_column(0.0), 1, _column(1.0)).tolist() == [np.inf]


def test_the_shortest_crossing_beyond_what_is_missing() -> None:
    allowed = _charger(4)
    position = _column(-6.0, -6.0, -6.0, 8.0)
    assert allowed.crossing(position, 1, _column(2.0, 6.0, 9.0, 1.0)).tolist() == [6.0, 9.0, np.inf, np.inf]
    assert allowed.crossing(position, -1, _column(1.0, 1.0, 1.0, 3.0)).tolist() == [np.inf, np.inf, np.inf, 8.0]
