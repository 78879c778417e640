"""Laws of the swing set: it closes the error with few vehicles, within all limits, and does nothing twice."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.fleets import random_tree
from v2g_console.allocation.swing import Swing, swing
from v2g_console.allocation.tree import SiteTree, room_for
from v2g_console.domain.vehicle import F8

QUICK = settings(max_examples=250, deadline=None)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 60)
_EPS = 1e-6


@dataclass(frozen=True)
class Case:
    """Vehicles under way, and the arguments of one swing."""

    target_kw: float
    setpoint_kw: F8
    baseline_kw: F8
    low_kw: F8
    high_kw: F8
    fair_kw: F8
    min_charge_kw: F8 | None = None
    min_discharge_kw: F8 | None = None
    tree: SiteTree | None = None

    def swing(self) -> Swing:
        return swing(
            self.target_kw,
            self.setpoint_kw,
            self.baseline_kw,
            self.low_kw,
            self.high_kw,
            self.fair_kw,
            min_charge_kw=self.min_charge_kw,
            min_discharge_kw=self.min_discharge_kw,
            tree=self.tree,
        )

    @property
    def dead_band(self) -> float:
        return max(1.0, 0.005 * abs(self.target_kw))

    def after(self, answer: Swing) -> F8:
        position = self.setpoint_kw.copy()
        position[answer.moved] = answer.setpoint_kw
        return position


def _case(seed: int, n: int, *, broken: float = 0.0, holes: bool = False) -> Case:
    """Vehicles of mixed ratings, charging or idle, somewhere within their bounds (a share `broken` of them outside)."""
    rng = np.random.default_rng(seed)
    rated = rng.choice([2.0, 3.7, 7.4, 11.0, 22.0], n)
    low, high = -rated, np.where(rng.random(n) < 0.5, rated, rng.choice([0.0, -0.3], n))
    least = rng.choice([0.0, 1.4, 4.1], n)
    least = np.where(least < rated, least, 0.0)
    baseline = np.where(rng.random(n) < 0.5, low, np.minimum(0.0, high))
    setpoint = rng.uniform(low, high)
    if holes:
        high = np.where(high < 0.0, 0.0, high)
        in_hole = np.abs(setpoint) < least
        setpoint = np.where(in_hole, -least, setpoint)
    outside = rng.random(n) < broken
    setpoint = np.where(outside, high + rng.uniform(0.5, 5.0, n), setpoint)
    error = float(rng.choice([0.0, 0.5, 3.0, 30.0, 1e4]) * rng.choice([-1.0, 1.0]) * rng.random())
    target = float((setpoint - baseline).sum()) + error
    most, least_sum = float((high - baseline).sum()), float((low - baseline).sum())
    share = np.clip((target - least_sum) / max(most - least_sum, 1e-9), 0.0, 1.0)
    return Case(target, setpoint, baseline, low, high, low + share * (high - low) - baseline, *((least, least) if holes else ()))


@QUICK
@given(seeds, sizes, st.sampled_from([0.0, 0.1]))
def test_it_ends_within_the_dead_band_or_with_everybody_at_the_bound(seed: int, n: int, broken: float) -> None:
    case = _case(seed, n, broken=broken)
    answer = case.swing()
    position = case.after(answer)
    assert abs(case.target_kw - float((position - case.baseline_kw).sum()) - answer.residual_kw) < _EPS
    assert (position >= case.low_kw - _EPS).all()
    assert (position <= case.high_kw + _EPS).all()
    if answer.residual_kw > case.dead_band:
        assert (position >= case.high_kw - _EPS).all()
    elif answer.residual_kw < -case.dead_band:
        assert (position <= case.low_kw + _EPS).all()


@QUICK
@given(seeds, sizes)
def test_the_same_target_again_moves_nothing(seed: int, n: int) -> None:
    case = _case(seed, n, broken=0.1)
    again = replace(case, setpoint_kw=case.after(case.swing())).swing()
    assert len(again.moved) == 0


@QUICK
@given(seeds, sizes, st.floats(-1.0, 1.0))
def test_within_the_dead_band_nobody_moves(seed: int, n: int, share: float) -> None:
    case = _case(seed, n)
    held = float((case.setpoint_kw - case.baseline_kw).sum())
    answer = replace(case, target_kw=held + 0.999 * share * max(1.0, 0.005 * abs(held) / 1.006)).swing()
    assert len(answer.moved) == 0


@QUICK
@given(seeds, st.integers(5, 60), st.floats(1.1, 4.0), st.sampled_from([-1.0, 1.0]))
def test_a_small_error_moves_few_vehicles_and_each_by_a_step_worth_a_message(seed: int, n: int, error: float, sign: float) -> None:
    rng = np.random.default_rng(seed)
    wide, setpoint = np.full(n, 10.0), rng.uniform(-2.0, 2.0, n)
    target = float(setpoint.sum()) + sign * error
    answer = swing(target, setpoint, np.zeros(n), -wide, wide, np.full(n, target / n))
    assert 1 <= len(answer.moved) <= int(error)
    assert (np.abs(answer.setpoint_kw - setpoint[answer.moved]) >= 1.0 - _EPS).all()
    assert abs(answer.residual_kw) < _EPS


@QUICK
@given(seeds, st.integers(2, 40))
def test_nobody_moves_away_from_the_target(seed: int, n: int) -> None:
    case = _case(seed, n)
    answer = case.swing()
    before = case.target_kw - float((case.setpoint_kw - case.baseline_kw).sum())
    moves = answer.setpoint_kw - case.setpoint_kw[answer.moved]
    assert (np.sign(moves) == np.sign(before)).all()
    assert abs(answer.residual_kw) <= abs(before) + _EPS


@QUICK
@given(seeds, sizes, st.sampled_from([0.0, 0.1]))
def test_nobody_is_sent_into_the_hole_below_a_minimum_power(seed: int, n: int, broken: float) -> None:
    case = _case(seed, n, broken=broken, holes=True)
    answer = case.swing()
    assert case.min_charge_kw is not None
    size = np.abs(answer.setpoint_kw)
    assert ((size < _EPS) | (size >= case.min_charge_kw[answer.moved] - _EPS)).all()
    position = case.after(answer)
    assert (position >= case.low_kw - _EPS).all()
    assert (position <= case.high_kw + _EPS).all()
    if abs(answer.residual_kw) > case.dead_band:  # then it is a hole that stands in the way, or the end
        edge = case.high_kw if answer.residual_kw > 0 else case.low_kw
        stuck = np.abs(edge - position) > _EPS
        assert abs(answer.residual_kw) < 2 * 4.1 + _EPS or not stuck.any()


@QUICK
@given(seeds, st.integers(3, 50), st.floats(0.05, 2.0))
def test_moves_keep_every_node_within_its_limits(seed: int, n: int, tight: float) -> None:
    case = _case(seed, n)
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, n, 4, tight=tight)
    net = room_for(tree, case.setpoint_kw, 1)
    # Limits that hold now, and leave a random rest.
    tree = replace(tree, upper_kw=tree.upper_kw - np.minimum(net.most_kw, 0.0), lower_kw=tree.lower_kw - np.maximum(net.least_kw, 0.0))
    case = replace(case, tree=tree)
    position = case.after(case.swing())
    room = room_for(tree, position, 1)
    assert (room.most_kw >= -_EPS).all()
    assert (room.least_kw <= _EPS).all()


@QUICK
@given(seeds, st.integers(3, 50))
def test_a_node_beyond_its_limit_is_brought_back_as_far_as_its_vehicles_can(seed: int, n: int) -> None:
    case = _case(seed, n)
    one_node = np.zeros(n, np.intp)
    net = float(case.setpoint_kw.sum())
    limit = net - 3.0
    tree = SiteTree(
        parent=np.array([-1]),
        lower_kw=np.array([-np.inf]),
        upper_kw=np.array([limit]),
        other_low_kw=np.zeros(1),
        other_high_kw=np.zeros(1),
        is_site=np.array([True]),
        names=("depot",),
        node_of=one_node,
    )
    position = case.after(replace(case, tree=tree).swing())
    assert float(position.sum()) <= max(limit, float(case.low_kw.sum())) + _EPS


@QUICK
@given(seeds, st.integers(2, 40))
def test_figures_that_are_no_numbers_move_nobody_and_break_nothing(seed: int, n: int) -> None:
    case = _case(seed, n, broken=0.1, holes=True)
    rng = np.random.default_rng(seed)
    poison = rng.random((5, n)) < 0.1
    value = float(rng.choice([np.nan, np.inf, -np.inf]))
    low, high = np.where(poison[0], np.nan, case.low_kw), np.where(poison[1], value, case.high_kw)
    setpoint, baseline = np.where(poison[2], np.nan, case.setpoint_kw), np.where(poison[3], np.nan, case.baseline_kw)
    fair = np.where(poison[4], value, case.fair_kw)
    answer = swing(case.target_kw, setpoint, baseline, low, high, fair, min_charge_kw=case.min_charge_kw)
    assert not poison[:, answer.moved].any()
    assert np.isfinite(answer.setpoint_kw).all()
    assert np.isfinite(answer.residual_kw)
