"""Phase limits on cases small enough to know the answer, the strategy events, and hostile limits."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.property.fleets import WEIGHTS
from tests.property.phase_cases import phase_case, worst_flows
from tests.unit.domain.vehicles import vehicles
from v2g_console.allocation import Allocation, AllocationError, InfeasibleError, Problem
from v2g_console.allocation.phase_limits import PhaseLimits
from v2g_console.allocation.phases import allocate_phases
from v2g_console.allocation.programme import SolverFailedError
from v2g_console.allocation.strategy import Strategy, lp_first
from v2g_console.domain.reasons import Reason

THIRD = 1.0 / 3.0


def _problem(target_kw: float, headroom: list[float], **columns: object) -> Problem:
    n = len(headroom)
    return Problem(target_kw, vehicles(n, **columns), np.array(headroom), np.ones(n, np.bool_), np.ones(n), 900.0, WEIGHTS)


def _limits(share: list[list[float]], upper_kw: list[float], lower_kw: list[float] | None = None) -> PhaseLimits:
    """One site, all vehicles under it, nothing else connected."""
    zero = np.zeros((1, 3))
    lower = np.full((1, 3), -np.inf) if lower_kw is None else np.array([lower_kw])
    return PhaseLimits(np.zeros(len(share), np.intp), np.array(share), lower, np.array([upper_kw]), zero, zero, ("depot",))


MIXED = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [THIRD, THIRD, THIRD]]


def test_a_three_phase_vehicle_steps_in_where_one_phase_is_full() -> None:
    got = allocate_phases("equal", _problem(15.0, [7.0, 7.0, 22.0]), _limits(MIXED, [8.0, 9.0, 9.0]))
    # L1: a + b + c/3 <= 8 and a + b + c = 15, so c = 10.5 and the two on L1 share what is left
    assert got.regulation_kw == pytest.approx([2.25, 2.25, 10.5], abs=1e-5)
    assert got.shortfall_kw == 0.0
    assert got.reason[:2].tolist() == [Reason.SITE_LIMIT, Reason.SITE_LIMIT]


def test_a_shortfall_names_the_site() -> None:
    got = allocate_phases("merit", _problem(30.0, [7.0, 7.0, 22.0]), _limits(MIXED, [8.0, 5.0, 9.0]))
    # c <= 15 by L2, then a + b <= 3 by L1
    assert got.allocated_kw == pytest.approx(18.0, abs=1e-5)
    assert got.shortfall_kw == pytest.approx(12.0, abs=1e-5)
    assert [reason for reason, _ in got.limits] == [Reason.SITE_LIMIT]


def test_charging_is_limited_by_the_lower_limits() -> None:
    got = allocate_phases("equal", _problem(-12.0, [7.0, 7.0, 22.0]), _limits(MIXED, [99.0] * 3, [-6.0, -9.0, -9.0]))
    assert got.regulation_kw == pytest.approx([-1.5, -1.5, -9.0], abs=1e-5)


def test_vehicles_alike_share_by_headroom() -> None:
    got = allocate_phases("merit", _problem(30.0, [4.0, 8.0]), _limits([[1.0, 0.0, 0.0]] * 2, [6.0, 9.0, 9.0]))
    assert got.regulation_kw == pytest.approx([2.0, 4.0], abs=1e-5)


def test_no_vehicle_is_left_within_its_minimum_power() -> None:
    problem = _problem(20.0, [11.0, 11.0, 11.0], min_discharge_kw=5.0)
    for name in ("equal", "merit"):
        got = allocate_phases(name, problem, _limits([[1.0, 0.0, 0.0]] * 3, [8.0, 99.0, 99.0]))
        powers = got.regulation_kw
        assert ((powers == 0.0) | (powers >= 5.0 - 1e-6)).all(), (name, powers)
        assert 5.0 - 1e-6 <= powers.sum() <= 8.0 + 1e-6, (name, powers)


def test_a_site_over_its_limit_is_brought_back_or_refused_by_name() -> None:
    charging = {"baseline_kw": [-7.0, -7.0, 0.0]}
    limits = _limits([[1.0, 0.0, 0.0]] * 2 + [[0.0, 1.0, 0.0]], [99.0] * 3, [-10.0, -99.0, -99.0])
    got = allocate_phases("merit", _problem(6.0, [7.0, 7.0, 11.0], **charging), limits)
    assert got.regulation_kw[:2].sum() >= 4.0 - 1e-6
    with pytest.raises(
        InfeasibleError, match=r"SITE_LIMIT at depot L1: regulation must be at least 4.0 kW there, its vehicles can do 0.0 to 2.0"
    ):
        allocate_phases("merit", _problem(6.0, [1.0, 1.0, 11.0], **charging), limits)
    with pytest.raises(InfeasibleError, match="SITE_LIMIT"):
        allocate_phases("merit", _problem(3.0, [7.0, 7.0, 11.0], **charging), limits)


def _fails(problem: Problem, limits: PhaseLimits, time_limit_s: float) -> Allocation:
    raise SolverFailedError(f"no optimum within {time_limit_s:g} s for 3 variables")


def test_a_failing_programme_falls_back_on_smart_shares_and_says_so() -> None:
    problem, limits = _problem(15.0, [7.0, 7.0, 22.0]), _limits(MIXED, [8.0, 9.0, 9.0])
    got = lp_first(problem, limits, time_limit_s=0.5, programme=_fails)
    assert [event.kind for event in got.events] == [Strategy.LP_ATTEMPT, Strategy.LP_FAILURE, Strategy.SMART_FALLBACK]
    assert [str(event.kind) for event in got.events] == ["lp_attempt", "lp_failure", "smart_fallback"]
    assert got.events[1].text == "linear programme failed: no optimum within 0.5 s for 3 variables"
    assert "smart shares" in got.events[2].text
    assert got.allocator == "smart"
    _, high = worst_flows(problem, limits, got.allocation.regulation_kw)
    assert (high <= limits.upper_kw + 1e-6).all()
    assert got.allocation.allocated_kw > 12.0


def test_a_programme_that_works_is_used_alone() -> None:
    problem, limits = _problem(15.0, [7.0, 7.0, 22.0]), _limits(MIXED, [8.0, 9.0, 9.0])
    got = lp_first(problem, limits)
    assert [event.kind for event in got.events] == [Strategy.LP_ATTEMPT]
    assert got.allocator == "lp"
    assert got.allocation.allocated_kw == pytest.approx(15.0, abs=1e-5)


def test_without_phase_limits_the_programme_is_solved_in_closed_form() -> None:
    got = lp_first(_problem(15.0, [7.0, 7.0, 22.0]))
    assert got.allocation.allocated_kw == pytest.approx(15.0)
    assert [event.kind for event in got.events] == [Strategy.LP_ATTEMPT]


def test_limits_nobody_can_keep_are_no_reason_for_a_fallback() -> None:
    limits = _limits([[1.0, 0.0, 0.0]], [99.0] * 3, [-1.0, -1.0, -1.0])
    with pytest.raises(InfeasibleError):
        lp_first(_problem(5.0, [2.0], baseline_kw=-7.0), limits)
    with pytest.raises(InfeasibleError, match="depot L1"):
        lp_first(_problem(5.0, [2.0], baseline_kw=-7.0), limits, programme=_fails)


@pytest.mark.parametrize("left_s", [0.0, 1e-9])
def test_the_time_limit_is_a_failure_of_the_solver(left_s: float) -> None:
    problem, limits = phase_case(7, largest=4000)
    problem = replace(problem, target_kw=abs(problem.target_kw))
    with pytest.raises(SolverFailedError):
        allocate_phases("smart", problem, limits, time_limit_s=left_s)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"share": np.array([[0.5, 0.0, 0.0]])}, "vehicle row 0 must be"),
        ({"share": np.array([[np.nan, 1.0, 0.0]])}, "vehicle row 0 must be"),
        ({"share": np.ones((1, 2))}, "expected"),
        ({"site_of": np.array([3])}, "don't exist"),
        ({"upper_kw": np.array([[-200.0, 1.0, 1.0]])}, "depot contradict"),
        ({"other_low_kw": np.array([[np.nan, 0.0, 0.0]])}, "depot contradict"),
        ({"lower_kw": np.zeros((2, 3))}, "a column of the phase limits"),
    ],
)
def test_limits_that_make_no_sense_are_refused(change: dict[str, Any], told: str) -> None:
    good = _limits([[1.0, 0.0, 0.0]], [9.0] * 3, [-100.0] * 3)
    with pytest.raises(AllocationError, match=told):
        replace(good, **change)


def test_limits_of_another_fleet_are_refused() -> None:
    with pytest.raises(AllocationError, match="3 rows for 1 vehicles"):
        allocate_phases("merit", _problem(5.0, [7.0]), _limits(MIXED, [8.0] * 3))


def test_nobody_to_ask_is_an_answer() -> None:
    nobody = replace(_problem(5.0, [7.0, 7.0, 7.0]), eligible=np.zeros(3, np.bool_))
    got = allocate_phases("merit", nobody, _limits(MIXED, [8.0] * 3))
    assert got.shortfall_kw == 5.0
    assert got.limits


SCRIPT = """
from tests.unit.allocation.test_phases import MIXED, _limits, _problem
from v2g_console.allocation.phases import allocate_phases
allocate_phases("merit", _problem(15.0, [7.0, 7.0, 22.0]), _limits(MIXED, [8.0, 9.0, 9.0]))
"""


def test_the_solver_prints_nothing_on_the_operators_screen() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, timeout=60, check=True)
    assert ended.stdout == b""
    assert ended.stderr == b""


def test_the_solver_is_loaded_only_when_a_phase_binds() -> None:
    script = "import sys\nimport v2g_console.allocation.strategy\nprint(any(name.split('.')[0] == 'highspy' for name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True, text=True)
    assert ended.stdout == "False\n"
