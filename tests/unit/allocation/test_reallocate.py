"""After refusals, limits and silence: who makes up for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.property.fleets import WEIGHTS
from tests.unit.domain.vehicles import vehicles
from v2g_console.allocation import AllocationError, Problem, SiteTree
from v2g_console.allocation.reallocate import Outcome, Strategy, reallocate
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, Bool


def _problem(n: int, target_kw: float, headroom_kw: float | F8 = 10.0, **columns: object) -> Problem:
    headroom = np.broadcast_to(np.asarray(headroom_kw, np.float64), (n,)).copy()
    return Problem(target_kw, vehicles(n, **columns), headroom, np.ones(n, np.bool_), np.ones(n), 900.0, WEIGHTS)


def _rows(n: int, *rows: int) -> Bool:
    mask = np.zeros(n, np.bool_)
    mask[list(rows)] = True
    return mask


def test_the_reserve_makes_up_for_a_refusal_and_the_others_keep_what_they_hold() -> None:
    held = np.array([5.0, 5.0, 0.0, 0.0, 0.0])  # 2 refused its 5 kW; 3 and 4 were not used before
    headroom = np.array([5.0, 5.0, 10.0, 10.0, 10.0])
    answer = reallocate("balanced", 5.0, _problem(5, 15.0, headroom), held_kw=held, fixed=_rows(5, 2))
    assert answer.outcome is Outcome.MET
    assert answer.changed.tolist() == [3, 4]
    assert answer.allocation.regulation_kw.tolist() == [5.0, 5.0, 0.0, 2.5, 2.5]
    assert answer.allocation.setpoint_kw[3] == 2.5
    assert np.isnan(answer.allocation.setpoint_kw[2])
    assert answer.allocation.shortfall_kw == 0.0
    assert answer.allocation.limits == ()


def test_participants_with_headroom_left_help_too() -> None:
    held = np.array([5.0, 5.0, 0.0])
    answer = reallocate("balanced", 9.0, _problem(3, 19.0), held_kw=held, fixed=_rows(3, 2))
    assert answer.outcome is Outcome.MET
    assert answer.allocation.regulation_kw.tolist() == [9.5, 9.5, 0.0]


def test_balanced_shares_by_headroom_left_and_soc() -> None:
    problem = _problem(3, 9.0, np.array([10.0, 10.0, 5.0]), soc=[0.8, 0.4, 0.8])
    regulation = reallocate("balanced", 9.0, problem, held_kw=np.zeros(3)).allocation.regulation_kw
    assert regulation == pytest.approx(9.0 * np.array([8.0, 4.0, 4.0]) / 16.0)
    down = reallocate("balanced", -9.0, replace(problem, target_kw=-9.0), held_kw=np.zeros(3)).allocation.regulation_kw
    assert down == pytest.approx(-9.0 * np.array([2.0, 6.0, 1.0]) / 9.0)


def test_only_the_headroom_that_is_left_counts() -> None:
    answer = reallocate("balanced", 6.0, _problem(2, 11.0), held_kw=np.array([5.0, 0.0]), least_kw=0.0)
    assert answer.allocation.regulation_kw == pytest.approx([7.0, 4.0])


def test_probabilistic_prefers_vehicles_that_stay_and_are_not_worn() -> None:
    problem = replace(_problem(3, 6.0, degradation=[0.0, 0.0, 0.5]), availability=np.array([1.0, 0.5, 1.0]))
    regulation = reallocate("probabilistic", 6.0, problem, held_kw=np.zeros(3)).allocation.regulation_kw
    assert regulation == pytest.approx([3.0, 1.5, 1.5])
    assert reallocate("balanced", 6.0, problem, held_kw=np.zeros(3)).allocation.regulation_kw == pytest.approx([2.0, 2.0, 2.0])


def test_none_does_nothing_and_says_so() -> None:
    held = np.array([5.0, 0.0])
    answer = reallocate(Strategy.NONE, 5.0, _problem(2, 10.0), held_kw=held)
    assert (answer.outcome, len(answer.changed)) == (Outcome.HOPELESS, 0)
    assert answer.allocation.regulation_kw.tolist() == [5.0, 0.0]
    assert reallocate("none", 0.5, _problem(2, 5.5), held_kw=held).outcome is Outcome.MET


def test_it_is_hopeless_when_nothing_is_left_and_the_limits_say_why() -> None:
    problem = replace(_problem(3, 40.0), exclusion=np.array([0, 0, Reason.ACK_TIMEOUT], np.uint8))
    answer = reallocate("balanced", 20.0, problem, held_kw=np.array([10.0, 10.0, 0.0]), fixed=_rows(3, 2))
    assert (answer.outcome, len(answer.changed)) == (Outcome.HOPELESS, 0)
    assert answer.allocation.shortfall_kw == pytest.approx(20.0)
    assert dict(answer.allocation.limits)[Reason.ACK_TIMEOUT] == pytest.approx(10.0)


def test_part_of_it_is_better_than_nothing() -> None:
    answer = reallocate("balanced", 20.0, _problem(3, 40.0), held_kw=np.array([10.0, 10.0, 0.0]))
    assert answer.outcome is Outcome.PARTLY
    assert answer.changed.tolist() == [2]
    assert answer.allocation.shortfall_kw == pytest.approx(10.0)


def test_a_thousand_reserve_cars_are_not_all_asked_for_ten_kilowatts() -> None:
    answer = reallocate("balanced", 10.0, _problem(1000, 10.0), held_kw=np.zeros(1000))
    assert len(answer.changed) == 10
    assert float(answer.allocation.regulation_kw.sum()) == pytest.approx(10.0)


def test_few_are_asked_even_if_the_best_sit_at_a_full_site() -> None:
    n = 200
    tree = replace(_depot(2.0, 2.0, n), node_of=np.arange(n) % 2)  # every other vehicle is at the full depot
    problem = replace(_problem(n, 8.0, soc=np.where(np.arange(n) % 2 == 1, 0.9, 0.4)), tree=tree)
    answer = reallocate("balanced", 8.0, problem, held_kw=np.zeros(n))
    assert answer.outcome is Outcome.MET
    assert len(answer.changed) == 8
    assert (answer.changed % 2 == 0).all()


def test_more_than_the_necessary_but_not_all_are_asked_where_the_best_share_one_limit() -> None:
    n = 200
    tree = replace(_depot(9.0, 2.0, n), node_of=np.arange(n) % 2)
    problem = replace(_problem(n, 8.0, soc=np.where(np.arange(n) % 2 == 1, 0.9, 0.4)), tree=tree)
    answer = reallocate("balanced", 8.0, problem, held_kw=np.zeros(n))
    assert answer.outcome is Outcome.MET
    assert len(answer.changed) <= 128


def test_limits_are_absolute_and_count_the_baselines() -> None:
    tree = replace(_depot(np.inf, 0.0, 3), lower_kw=np.array([-np.inf, -25.0]))  # both at the depot draw 10 kW already
    problem = replace(_problem(3, -12.0, 12.0, baseline_kw=[-10.0, -10.0, 0.0], max_charge_kw=22.0), tree=tree)
    answer = reallocate("balanced", -12.0, problem, held_kw=np.zeros(3), least_kw=0.0)
    assert answer.outcome is Outcome.MET
    assert answer.allocation.regulation_kw == pytest.approx([-2.5, -2.5, -7.0])
    assert answer.allocation.setpoint_kw == pytest.approx([-12.5, -12.5, -7.0])


def test_late_obedience_is_given_back_in_proportion_and_nobody_new_is_asked() -> None:
    held = np.array([10.0, 5.0, 5.0, 0.0])
    answer = reallocate("probabilistic", -4.0, _problem(4, 16.0), held_kw=held, fixed=_rows(4, 2))
    assert answer.outcome is Outcome.MET
    assert answer.allocation.regulation_kw == pytest.approx([10.0 - 8.0 / 3.0, 5.0 - 4.0 / 3.0, 5.0, 0.0])


def test_a_vehicle_whose_bound_sank_gives_way_and_is_replaced() -> None:
    held, headroom = np.array([8.0, 4.0, 0.0]), np.array([3.0, 4.0, 10.0])
    answer = reallocate("balanced", 0.0, _problem(3, 12.0, headroom), held_kw=held)
    assert answer.allocation.regulation_kw == pytest.approx([3.0, 4.0, 5.0])
    assert answer.outcome is Outcome.MET


def test_minimum_powers_are_kept() -> None:
    problem = _problem(3, 10.0, 11.0, min_discharge_kw=4.0)
    regulation = reallocate("balanced", 6.0, problem, held_kw=np.array([4.0, 0.0, 0.0]), fixed=_rows(3, 0), least_kw=0.0).allocation
    assert sorted(regulation.regulation_kw[1:].tolist()) == pytest.approx([0.0, 6.0])
    small = reallocate("balanced", 2.0, problem, held_kw=np.zeros(3), met_within_kw=0.5)
    assert small.outcome is Outcome.HOPELESS
    assert Reason.MIN_POWER in dict(small.allocation.limits)


def _depot(limit_kw: float, others_kw: float, n: int) -> SiteTree:
    """All but the last vehicle at one site that may export `limit_kw`."""
    return SiteTree(
        parent=np.array([-1, 0]),
        lower_kw=np.full(2, -np.inf),
        upper_kw=np.array([np.inf, limit_kw]),
        other_low_kw=np.array([0.0, 0.0]),
        other_high_kw=np.array([0.0, others_kw]),
        is_site=np.array([False, True]),
        names=("grid", "depot"),
        node_of=np.array([1] * (n - 1) + [0]),
    )


def test_a_silent_vehicle_at_its_worst_keeps_the_site_from_helping() -> None:
    held = np.array([0.0, 5.0, 0.0, 0.0])
    problem = replace(_problem(4, 15.0), tree=_depot(12.0, 6.0, 4))
    answer = reallocate("balanced", 10.0, problem, held_kw=held, fixed=_rows(4, 0))
    regulation = answer.allocation.regulation_kw
    assert float(regulation[1:3].sum()) <= 6.0 + 1e-9  # 12 kW less 6 kW that the silent one may inject
    assert answer.outcome is Outcome.MET


def test_a_site_beyond_its_limit_makes_its_vehicles_give_back_and_others_take_over() -> None:
    held = np.array([0.0, 5.0, 5.0, 0.0])
    problem = replace(_problem(4, 10.0), tree=_depot(12.0, 6.0, 4))
    answer = reallocate("balanced", 0.0, problem, held_kw=held, fixed=_rows(4, 0))
    assert answer.allocation.regulation_kw == pytest.approx([0.0, 3.0, 3.0, 4.0])
    assert answer.outcome is Outcome.MET


def test_only_the_site_that_is_beyond_its_limit_and_few_others_change() -> None:
    n = 60
    node_of = np.where(np.arange(n) < 3, 1, 0)
    problem = replace(_problem(n, 60.0), tree=replace(_depot(12.0, 10.0, n), node_of=node_of))
    answer = reallocate("balanced", 0.0, problem, held_kw=np.ones(n))
    assert answer.outcome is Outcome.MET
    assert answer.allocation.regulation_kw[:3] == pytest.approx(np.full(3, 2.0 / 3.0))
    assert len(answer.changed) == 4


def test_one_site_gives_back_while_another_gets_what_it_needs() -> None:
    tree = SiteTree(
        parent=np.array([-1, 0, 0]),
        lower_kw=np.array([-np.inf, -np.inf, 3.0]),  # the second site draws too much: it needs 3 kW up
        upper_kw=np.array([np.inf, 4.0, np.inf]),
        other_low_kw=np.zeros(3),
        other_high_kw=np.zeros(3),
        is_site=np.array([False, True, True]),
        names=("grid", "depot", "school"),
        node_of=np.array([1, 2, 0]),
    )
    problem = replace(_problem(3, 8.0, soc=[0.9, 0.01, 0.9]), tree=tree)
    answer = reallocate("balanced", 1.0, problem, held_kw=np.array([6.0, 1.0, 0.0]))
    assert answer.outcome is Outcome.MET
    regulation = answer.allocation.regulation_kw
    assert regulation[0] <= 4.0 + 1e-9
    assert regulation[1] >= 3.0 - 1e-9


def test_a_site_that_cannot_be_mended_gives_all_back_and_others_take_over() -> None:
    problem = replace(_problem(3, 15.0), tree=_depot(2.0, 6.0, 3))
    answer = reallocate("balanced", 10.0, problem, held_kw=np.array([0.0, 5.0, 0.0]), fixed=_rows(3, 0))
    assert answer.allocation.regulation_kw == pytest.approx([0.0, 0.0, 10.0])
    assert answer.changed.tolist() == [1, 2]
    assert answer.allocation.setpoint_kw[1] == 0.0
    assert answer.outcome is Outcome.PARTLY
    assert answer.allocation.reason[1] == Reason.SITE_LIMIT
    assert dict(answer.allocation.limits)[Reason.SITE_LIMIT] == pytest.approx(10.0)


def test_a_site_that_needs_more_than_its_vehicles_have_does_not_stand_in_the_way() -> None:
    tree = replace(_depot(np.inf, 0.0, 3), lower_kw=np.array([-np.inf, 50.0]))  # draws far too much: up would help
    answer = reallocate("balanced", 12.0, replace(_problem(3, 12.0), tree=tree), held_kw=np.zeros(3), least_kw=0.0)
    assert answer.outcome is Outcome.MET


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "hope"}, "unknown strategy 'hope': known are none, balanced, probabilistic"),
        ({"shortfall_kw": float("nan")}, "finite"),
        ({"held_kw": np.zeros(1)}, "held_kw has 1 rows for 2 vehicles"),
        ({"fixed": np.zeros(3, np.bool_)}, "fixed has 3 rows for 2 vehicles"),
    ],
)
def test_what_is_no_problem_is_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"strategy": "balanced", "shortfall_kw": 1.0, "held_kw": np.zeros(2)} | change
    strategy, shortfall = arguments.pop("strategy"), arguments.pop("shortfall_kw")
    with pytest.raises(AllocationError, match=message):
        reallocate(strategy, shortfall, _problem(2, 1.0), **arguments)


def test_an_empty_fleet_is_hopeless() -> None:
    answer = reallocate("balanced", 5.0, _problem(0, 5.0), held_kw=np.zeros(0))
    assert answer.outcome is Outcome.HOPELESS
    assert answer.allocation.limits == ((Reason.NO_HEADROOM, 5.0),)
