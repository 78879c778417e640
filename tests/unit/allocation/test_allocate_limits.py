"""Minimum power, sites and feeders, segments, and input that is no problem."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.domain.vehicles import vehicles
from v2g_console.allocation import ALLOCATORS, AllocationError, InfeasibleError, Problem, SegmentRule, SiteTree, Weights, allocate
from v2g_console.domain.reasons import Reason as R
from v2g_console.domain.vehicle import VehicleColumns

BY_SOC = Weights(soc=1.0, time=0.0, priority=0.0, price=0.0, wear=0.0, fairness=0.0, availability=0.0)
NONE = replace(BY_SOC, soc=0.0)


def _problem(target_kw: float, fleet: VehicleColumns, headroom: float | list[float] = 11.0, **more: Any) -> Problem:
    n = len(fleet)
    problem = Problem(
        target_kw, fleet, np.broadcast_to(np.asarray(headroom, float), (n,)).copy(), np.ones(n, bool), np.ones(n), 900.0, BY_SOC
    )
    return replace(problem, **more)


def _site_tree(n: int, **limits: list[float]) -> SiteTree:
    """A feeder with two sites; the first half of the vehicles under the first site."""
    columns = {"lower_kw": [-np.inf] * 3, "upper_kw": [np.inf] * 3, "other_low_kw": [0.0] * 3, "other_high_kw": [0.0] * 3, **limits}
    return SiteTree(
        parent=np.array([-1, 0, 0]),
        is_site=np.array([False, True, True]),
        names=("feeder", "north", "south"),
        node_of=np.where(np.arange(n) < n // 2, 1, 2),
        **{name: np.array(column) for name, column in columns.items()},
    )


# Minimum power


def test_small_shares_go_to_the_best_few_at_their_minimum() -> None:
    fleet = vehicles(10, soc=np.linspace(0.1, 1.0, 10), min_discharge_kw=3.0)
    got = allocate("smart", _problem(10.0, fleet))
    used = got.regulation_kw > 0
    assert got.allocated_kw == pytest.approx(10.0)
    assert used.tolist() == [False] * 7 + [True] * 3
    assert (got.regulation_kw[used] >= 3.0).all()
    assert (got.reason[~used] == R.MIN_POWER).all()


def test_a_target_below_every_minimum_is_a_shortfall_with_its_reason() -> None:
    got = allocate("equal", _problem(2.0, vehicles(3, min_discharge_kw=3.0)))
    assert got.allocated_kw == 0.0
    assert got.shortfall_kw == 2.0
    assert got.limits[0][0] == R.MIN_POWER
    assert (got.reason == R.MIN_POWER).all()


def test_the_way_from_charging_to_injecting_jumps_over_both_minima() -> None:
    # from -7: allowed are -7..-4, 0, and 3..11
    fleet = vehicles(1, baseline_kw=-7.0, min_charge_kw=4.0, min_discharge_kw=3.0)
    setpoints = {
        target: allocate("equal", _problem(target, fleet, 18.0)).setpoint_kw[0] for target in (2.0, 3.0, 5.0, 7.0, 8.0, 10.0, 12.0)
    }
    assert setpoints == {2.0: -5.0, 3.0: -4.0, 5.0: -4.0, 7.0: 0.0, 8.0: 0.0, 10.0: 3.0, 12.0: 5.0}


def test_down_from_injecting_jumps_over_the_same_minima() -> None:
    fleet = vehicles(1, baseline_kw=5.0, min_charge_kw=4.0, min_discharge_kw=3.0)
    setpoints = {
        target: allocate("equal", _problem(target, fleet, 16.0)).setpoint_kw[0] for target in (-1.0, -3.0, -5.0, -6.0, -9.0, -12.0)
    }
    assert setpoints == {-1.0: 4.0, -3.0: 3.0, -5.0: 0.0, -6.0: 0.0, -9.0: -4.0, -12.0: -7.0}


def test_headroom_that_ends_in_a_hole_is_cut_and_said_so() -> None:
    fleet = vehicles(1, baseline_kw=-7.0, min_charge_kw=4.0)
    got = allocate("equal", _problem(20.0, fleet, 5.0))
    assert got.setpoint_kw[0] == -4.0
    assert got.reason[0] == R.MIN_POWER


def test_others_make_up_for_those_below_their_minimum() -> None:
    fleet = vehicles(4, min_discharge_kw=[8.0, 8.0, 0.0, 0.0], soc=[0.2, 0.2, 0.9, 0.9])
    got = allocate("equal", _problem(12.0, fleet))
    assert got.allocated_kw == pytest.approx(12.0)
    assert got.shortfall_kw == 0.0


def test_a_vehicle_whose_minimum_still_fits_is_taken_although_a_better_one_does_not_fit() -> None:
    fleet = vehicles(3, min_discharge_kw=[10.0, 0.0, 5.0])
    got = allocate("equal", _problem(6.0, fleet, [11.0, 2.0, 6.0]))
    assert got.regulation_kw == pytest.approx([0.0, 1.0, 5.0])
    assert got.reason.tolist() == [R.MIN_POWER, R.NONE, R.NONE]


def test_minimum_power_is_gathered_site_by_site() -> None:
    got = allocate("equal", _problem(8.0, vehicles(4, min_discharge_kw=3.0), tree=_site_tree(4)))
    assert got.regulation_kw == pytest.approx([4.0, 0.0, 4.0, 0.0])


# Sites and feeders


def test_a_site_at_its_limit_passes_the_rest_to_the_other() -> None:
    got = allocate("equal", _problem(20.0, vehicles(4), tree=_site_tree(4, upper_kw=[np.inf, 4.0, np.inf])))
    assert got.regulation_kw == pytest.approx([2.0, 2.0, 8.0, 8.0])
    assert got.reason.tolist() == [R.SITE_LIMIT, R.SITE_LIMIT, R.NONE, R.NONE]


def test_base_load_and_charging_leave_room_to_inject() -> None:
    fleet = vehicles(4, baseline_kw=[-3.0, -3.0, 0.0, 0.0])
    tree = _site_tree(4, upper_kw=[np.inf, 0.0, 0.0], other_low_kw=[0.0, -2.0, 0.0], other_high_kw=[0.0, -1.0, 0.0])
    got = allocate("equal", _problem(20.0, fleet, tree=tree))
    assert got.regulation_kw == pytest.approx([3.5, 3.5, 0.0, 0.0])
    assert got.shortfall_kw == pytest.approx(13.0)
    assert {reason for reason, _ in got.limits} == {R.SITE_LIMIT}


def test_a_feeder_limit_is_named_as_such_and_holds_downwards_too() -> None:
    got = allocate("equal", _problem(-20.0, vehicles(4), tree=_site_tree(4, lower_kw=[-10.0, -np.inf, -np.inf])))
    assert got.allocated_kw == pytest.approx(-10.0)
    assert (got.reason == R.NODE_LIMIT).all()
    [(cause, lost_kw)] = got.limits
    assert cause == R.NODE_LIMIT
    assert lost_kw == pytest.approx(34.0)


def test_an_overloaded_site_that_up_regulation_relieves_gets_its_part_first() -> None:
    fleet = vehicles(4, baseline_kw=[-8.0, -8.0, -8.0, -8.0])
    got = allocate("equal", _problem(12.0, fleet, tree=_site_tree(4, lower_kw=[-np.inf, -6.0, -np.inf])))
    assert got.regulation_kw == pytest.approx([5.0, 5.0, 1.0, 1.0])


def test_an_overloaded_site_that_nobody_relieves_is_refused_by_name() -> None:
    tree = _site_tree(4, lower_kw=[-np.inf, -6.0, -np.inf], other_low_kw=[0.0, -9.0, 0.0])
    with pytest.raises(InfeasibleError, match="SITE_LIMIT at north") as refused:
        allocate("equal", _problem(-12.0, vehicles(4), tree=tree))
    assert (refused.value.node, refused.value.reason) == (1, R.SITE_LIMIT)


def test_relief_that_needs_more_than_the_target_is_refused() -> None:
    fleet = vehicles(4, baseline_kw=-8.0)
    with pytest.raises(InfeasibleError, match=r"more than the 5\.0 kW"):
        allocate("equal", _problem(5.0, fleet, tree=_site_tree(4, lower_kw=[-np.inf, -6.0, -np.inf])))


def test_minimum_power_respects_the_site() -> None:
    fleet = vehicles(4, min_discharge_kw=3.0, soc=[0.9, 0.8, 0.7, 0.6])
    got = allocate("smart", _problem(9.0, fleet, tree=_site_tree(4, upper_kw=[np.inf, 4.0, np.inf])))
    assert got.allocated_kw == pytest.approx(9.0)
    assert got.regulation_kw[:2].sum() <= 4.0 + 1e-9
    assert got.regulation_kw[1] == 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lower_kw": np.array([0.0, 5.0, 0.0]), "upper_kw": np.array([9.0, 4.0, 9.0])}, "north"),
        ({"upper_kw": np.array([9.0, np.nan, 9.0])}, "north"),
        ({"parent": np.array([-1, 7, 0])}, "don't exist"),
        ({"node_of": np.array([3])}, "don't exist"),
        ({"names": ("one",)}, "1 rows for 3 nodes"),
    ],
)
def test_a_contradicting_tree_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(AllocationError, match=message):
        replace(_site_tree(2), **wrong)


def test_a_tree_with_a_cycle_is_refused() -> None:
    tree = replace(_site_tree(2), parent=np.array([1, 0, 0]))
    with pytest.raises(AllocationError, match="cycle"):
        allocate("equal", _problem(1.0, vehicles(2), tree=tree))


# Merit and segments


def test_merit_fills_the_best_first_and_splits_the_last_class_by_headroom() -> None:
    fleet = vehicles(4, soc=[0.5, 0.9, 0.5, 0.1])
    got = allocate("merit", _problem(20.0, fleet, [6.0, 11.0, 12.0, 11.0]))
    assert got.regulation_kw == pytest.approx([3.0, 11.0, 6.0, 0.0])
    assert got.reason.tolist() == [R.NONE, R.NONE, R.NONE, R.NOT_NEEDED]
    assert (allocate("lp", _problem(20.0, fleet, [6.0, 11.0, 12.0, 11.0])).regulation_kw == got.regulation_kw).all()


def test_each_segment_shares_its_part_by_its_own_rule() -> None:
    fleet = vehicles(4, segment=[0, 0, 1, 1], soc=[0.9, 0.1, 0.9, 0.1])
    rules = (SegmentRule(0, "merit", BY_SOC), SegmentRule(1, "equal", BY_SOC))
    got = allocate("segmented", _problem(20.0, fleet, [10.0, 10.0, 10.0, 10.0], segments=rules))
    assert got.regulation_kw == pytest.approx([10.0, 0.0, 5.0, 5.0])


def test_what_a_segment_can_t_take_spills_to_the_others() -> None:
    fleet = vehicles(4, segment=[0, 0, 1, 1])
    problem = _problem(20.0, fleet, 10.0, segments=(SegmentRule(0, "equal", BY_SOC), SegmentRule(1, "equal", BY_SOC)))
    got = allocate("segmented", replace(problem, tree=_site_tree(4, upper_kw=[np.inf, 4.0, np.inf])))
    assert got.regulation_kw == pytest.approx([2.0, 2.0, 8.0, 8.0])


# Bad input


@pytest.mark.parametrize("name", ALLOCATORS)
def test_nobody_left_is_an_answer_with_a_reason(name: str) -> None:
    problem = _problem(5.0, vehicles(3), eligible=np.zeros(3, bool))
    got = allocate(name, replace(problem, exclusion=np.array([R.STALE, R.TAGGED, R.NONE], np.uint8)))
    assert got.reason.tolist() == [R.STALE, R.TAGGED, R.NOT_SELECTED]
    assert got.shortfall_kw == 5.0
    assert {reason for reason, _ in got.limits} == {R.STALE, R.TAGGED, R.NOT_SELECTED}
    assert np.isnan(got.setpoint_kw).all()


@pytest.mark.parametrize("name", ALLOCATORS)
def test_an_empty_fleet_and_a_zero_target_are_answered(name: str) -> None:
    empty = allocate(name, _problem(5.0, vehicles(0)))
    assert empty.limits == ((R.NO_HEADROOM, 5.0),)
    nothing = allocate(name, _problem(0.0, vehicles(2)))
    assert (nothing.allocated_kw, nothing.shortfall_kw, nothing.limits) == (0.0, 0.0, ())


@pytest.mark.parametrize("name", ALLOCATORS)
def test_impossible_headroom_counts_as_none(name: str) -> None:
    got = allocate(name, _problem(20.0, vehicles(6), [np.nan, np.inf, -5.0, 0.0, 1e300, 7.0]))
    assert got.regulation_kw.tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, 7.0]
    assert got.reason.tolist() == [R.NO_HEADROOM] * 5 + [R.NONE]
    assert sum(kw for _, kw in got.limits) >= 13.0


def test_weights_that_sum_to_zero_make_everybody_equal_by_headroom() -> None:
    got = allocate("smart", _problem(9.0, vehicles(2, soc=[0.1, 0.9]), [6.0, 12.0], weights=NONE))
    assert got.regulation_kw == pytest.approx([3.0, 6.0])
    assert got.parts == {}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("best", {}, "known are equal, smart, merit, lp, segmented"),
        ("equal", {"target_kw": np.nan}, "target"),
        ("smart", {"target_kw": -np.inf}, "target"),
        ("smart", {"duration_s": np.nan}, "duration"),
        ("smart", {"duration_s": -1.0}, "duration"),
        ("smart", {"weights": replace(NONE, soc=-1.0)}, "weight 'soc'"),
        ("smart", {"weights": replace(NONE, wear=np.nan)}, "weight 'wear'"),
        ("smart", {"headroom_kw": np.ones(3)}, "headroom_kw has 3 rows for 2 vehicles"),
        ("segmented", {"segments": (SegmentRule(0, "segmented", BY_SOC),)}, "for segment 0: known are"),
    ],
)
def test_what_is_no_problem_is_refused_with_what_to_change(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AllocationError, match=message):
        allocate(name, replace(_problem(5.0, vehicles(2)), **changes))
