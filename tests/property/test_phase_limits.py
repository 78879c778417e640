"""Phase limits: never broken, as much of the target as they allow, the best of that, and the right name for what stands in the way."""

from dataclasses import replace

import numpy as np
import pytest

from tests.property.phase_cases import ON_PHASES, best, phase_case, worst_flows
from v2g_console.allocation import Allocation, Problem, allocate
from v2g_console.allocation.curves import ALLOCATORS
from v2g_console.allocation.phase_limits import PhaseLimits, forgiven
from v2g_console.allocation.phases import allocate_phases
from v2g_console.allocation.problem import usable_headroom_kw
from v2g_console.allocation.strategy import allocate_trimmed
from v2g_console.domain.reasons import Reason

CASES = 120


def _assert_kept(problem: Problem, limits: PhaseLimits, powers: np.ndarray, seed: int) -> None:
    low, high = worst_flows(problem, limits, powers)
    assert (low >= limits.lower_kw - 1e-5).all(), seed
    assert (high <= limits.upper_kw + 1e-5).all(), seed
    assert (powers >= 0.0).all(), seed
    assert (powers <= usable_headroom_kw(problem) + 1e-9).all(), seed


def _assert_explained(problem: Problem, got: Allocation, seed: int) -> None:
    powers, cap = np.abs(got.regulation_kw), usable_headroom_kw(problem)
    assert bool(got.limits) == (got.shortfall_kw > 0.0), seed
    less = powers < cap - 1e-6
    if got.shortfall_kw > 0.0:
        assert np.isin(got.reason[less], (Reason.SITE_LIMIT, Reason.NODE_LIMIT)).all(), (seed, got.reason[less])
    assert (got.reason[~less & (cap > 0.0)] == 0).all(), seed


@pytest.mark.parametrize("on_tree", [False, True], ids=["flat", "tree"])
def test_merit_is_the_linear_programme(on_tree: bool) -> None:
    bound = 0
    for seed in range(CASES):
        problem, limits = phase_case(seed, on_tree=on_tree)
        got = allocate_phases("merit", problem, limits)
        powers = np.abs(got.regulation_kw)
        _assert_kept(problem, limits, powers, seed)
        most = best(problem, limits, np.ones(len(powers)), None)
        assert most is not None
        assert powers.sum() == pytest.approx(most.sum(), abs=1e-5), seed
        optimum = best(problem, limits, got.score, float(powers.sum()))
        assert optimum is not None, seed
        assert float(got.score @ powers) == pytest.approx(float(got.score @ optimum), abs=1e-5), seed
        _assert_explained(problem, got, seed)
        bound += not np.allclose(powers, np.abs(allocate("merit", problem).regulation_kw))
    assert bound > CASES / 3


@pytest.mark.parametrize("name", ["equal", "smart"])
def test_fair_shares_are_the_quadratic_programme(name: str) -> None:
    compared = 0
    for seed in range(500, 500 + CASES // 2):
        problem, limits = phase_case(seed)
        got = allocate_phases(name, problem, limits)
        powers = np.abs(got.regulation_kw)
        _assert_kept(problem, limits, powers, seed)
        square = 1.0 / ALLOCATORS[name](problem, usable_headroom_kw(problem)).curves.slope
        most = best(problem, limits, np.ones(len(powers)), None)
        assert most is not None
        assert powers.sum() == pytest.approx(most.sum(), abs=1e-5), seed
        optimum = best(problem, limits, np.zeros(len(powers)), float(powers.sum()), square)
        if optimum is None:  # the oracle's active set stumbles over a few that leave no freedom at all
            continue
        compared += 1
        assert float(powers**2 @ square) == pytest.approx(float(optimum**2 @ square), rel=1e-4, abs=1e-4), seed
        _assert_explained(problem, got, seed)
    assert compared > 0.9 * CASES // 2


@pytest.mark.parametrize("name", ["equal", "smart", "merit", "segmented"])
@pytest.mark.parametrize("on_tree", [False, True], ids=["flat", "tree"])
def test_trimmed_shares_are_safe_and_not_far_from_the_most(name: str, on_tree: bool) -> None:
    got_kw = most_kw = 0.0
    for seed in range(1000, 1000 + CASES // 2):
        problem, limits = phase_case(seed, on_tree=on_tree)
        got = allocate_trimmed(name, problem, limits)
        powers = np.abs(got.regulation_kw)
        _assert_kept(problem, limits, powers, seed)
        _assert_explained(problem, got, seed)
        most = best(problem, limits, np.ones(len(powers)), None)
        assert most is not None
        assert powers.sum() <= most.sum() + 1e-5, seed
        got_kw, most_kw = got_kw + float(powers.sum()), most_kw + float(most.sum())
    assert got_kw > 0.9 * most_kw


def test_the_order_of_the_vehicles_does_not_matter() -> None:
    for seed in range(2000, 2000 + CASES // 4):
        problem, limits = phase_case(seed)
        order = np.random.default_rng(seed).permutation(len(problem.vehicles))
        shuffled = Problem(
            target_kw=problem.target_kw,
            vehicles=problem.vehicles.take(order),
            headroom_kw=problem.headroom_kw[order],
            eligible=problem.eligible[order],
            availability=problem.availability[order],
            duration_s=problem.duration_s,
            weights=problem.weights,
        )
        moved = PhaseLimits(
            limits.site_of[order],
            limits.share[order],
            limits.lower_kw,
            limits.upper_kw,
            limits.other_low_kw,
            limits.other_high_kw,
            limits.names,
        )
        one, other = allocate_phases("smart", problem, limits), allocate_phases("smart", shuffled, moved)
        assert other.regulation_kw == pytest.approx(one.regulation_kw[order], abs=1e-4), seed


def _on_any_phases(rng: np.random.Generator, problem: Problem, limits: PhaseLimits) -> PhaseLimits:
    """The same case with about half of the vehicles on phases that nobody knows, and limits that hold before the dispatch all the same."""
    unknown = rng.random(len(limits.site_of)) < 0.5
    share = np.where(unknown[:, None], 1.0, limits.share)
    baseline = np.where(problem.eligible, problem.vehicles.baseline_kw, 0.0)
    at = np.flatnonzero((limits.site_of >= 0) & unknown)
    low, high = np.zeros(limits.lower_kw.shape), np.zeros(limits.lower_kw.shape)
    np.add.at(low, limits.site_of[at], np.minimum(baseline[at], 0.0)[:, None] * np.ones(3))
    np.add.at(high, limits.site_of[at], np.maximum(baseline[at], 0.0)[:, None] * np.ones(3))
    return replace(limits, share=share, lower_kw=limits.lower_kw + low, upper_kw=limits.upper_kw + high + 8.0)


@pytest.mark.parametrize("name", ["equal", "merit", "trimmed"])
def test_vehicles_on_unknown_phases_break_no_limit_wherever_they_are(name: str) -> None:
    given = 0.0
    for seed in range(3000, 3000 + CASES // 2):
        rng = np.random.default_rng(seed)
        problem, limits = phase_case(seed)
        limits = _on_any_phases(rng, problem, limits)
        allowed = forgiven(problem, limits)
        got = allocate_trimmed("equal", problem, allowed) if name == "trimmed" else allocate_phases(name, problem, allowed)
        given += abs(got.allocated_kw)
        for _ in range(5):  # wherever they really are
            truth = np.where(limits.anywhere[:, None], ON_PHASES[rng.integers(0, 5, len(limits.share))], limits.share)
            real = replace(limits, share=truth)
            before_low, before_high = worst_flows(problem, real, np.zeros(len(truth)))
            low, high = worst_flows(problem, real, np.abs(got.regulation_kw))
            assert (low >= np.minimum(limits.lower_kw, before_low) - 1e-5).all(), seed
            assert (high <= np.maximum(limits.upper_kw, before_high) + 1e-5).all(), seed
    assert given > 100.0


def test_a_phase_beyond_its_limit_is_forgiven_but_not_loaded_further() -> None:
    problem, limits = phase_case(42)
    over = replace(limits, upper_kw=np.full(limits.upper_kw.shape, -30.0), lower_kw=np.full(limits.lower_kw.shape, -200.0))
    problem = replace(problem, target_kw=abs(problem.target_kw))
    got = allocate_phases("equal", problem, forgiven(problem, over))
    assert (np.abs(got.regulation_kw)[limits.site_of >= 0] < 1e-5).all()
    relief = replace(problem, target_kw=-abs(problem.target_kw))
    assert abs(allocate_phases("equal", relief, forgiven(relief, over)).allocated_kw) == pytest.approx(
        abs(allocate("equal", relief).allocated_kw), abs=1e-5
    )
