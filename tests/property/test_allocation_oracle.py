"""The allocators against HiGHS: the same objective, on flat fleets and on trees."""

from dataclasses import replace

import numpy as np
import pytest

from tests.property.fleets import random_tree, simple_problem
from tests.property.oracle import Programme, solve
from v2g_console.allocation import InfeasibleError, Problem, allocate
from v2g_console.allocation.curves import ALLOCATORS
from v2g_console.allocation.problem import usable_headroom_kw
from v2g_console.allocation.tree import Room, no_room, room_for

CASES = 150


def _room(problem: Problem) -> Room:
    if problem.tree is None:
        return no_room(len(problem.vehicles))
    return room_for(problem.tree, np.zeros(len(problem.vehicles)), problem.direction)


def _programme(problem: Problem, cost: np.ndarray, square: np.ndarray | None, total: tuple[float, float]) -> Programme:
    room = _room(problem)
    rows = [np.ones(len(problem.vehicles))]
    rows += [(room.levels == node).any(axis=0).astype(np.float64) for node in range(len(room.least_kw))]
    low, high = np.concatenate(([total[0]], room.least_kw)), np.concatenate(([total[1]], room.most_kw))
    upper = usable_headroom_kw(problem)
    touched = np.stack(rows) @ upper > 0.0  # a node where nobody takes part does not count
    touched[0] = True
    return Programme(cost, square, upper, np.stack(rows)[touched], low[touched], high[touched])


def _problem(seed: int, *, on_tree: bool) -> Problem:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 25))
    tree = random_tree(rng, n, int(rng.integers(1, 6)), tight=float(rng.choice([0.1, 0.5, 2.0]))) if on_tree else None
    share = float(rng.choice([0.05, 0.4, 0.9, 1.3])) * float(rng.choice([-1.0, 1.0]))
    return simple_problem(rng, n, share, tree=tree)


def _checked(problem: Problem, powers: np.ndarray) -> None:
    room, cap = _room(problem), usable_headroom_kw(problem)
    assert (powers >= 0.0).all()
    assert (powers <= cap + 1e-9).all()
    below = room.sums(powers)
    touched = room.sums(cap) > 0.0
    assert (below <= room.most_kw + 1e-7)[touched].all()
    assert (below >= room.least_kw - 1e-7)[touched].all()


@pytest.mark.parametrize("on_tree", [False, True], ids=["flat", "tree"])
@pytest.mark.parametrize("block", range(2))
def test_merit_is_the_linear_programme(on_tree: bool, block: int) -> None:
    for seed in range(block * CASES, (block + 1) * CASES):
        problem = _problem(seed, on_tree=on_tree)
        got = allocate("merit", problem)
        powers = np.abs(got.regulation_kw)
        _checked(problem, powers)
        total = float(powers.sum())
        best = solve(_programme(problem, -got.score, None, (total, total)))
        assert best is not None, seed
        assert float(got.score @ powers) == pytest.approx(float(got.score @ best), abs=1e-6), seed


@pytest.mark.parametrize("on_tree", [False, True], ids=["flat", "tree"])
@pytest.mark.parametrize("name", ["equal", "smart"])
def test_fair_shares_are_the_quadratic_programme(on_tree: bool, name: str) -> None:
    for seed in range(1000, 1000 + CASES):
        problem = _problem(seed, on_tree=on_tree)
        powers = np.abs(allocate(name, problem).regulation_kw)
        _checked(problem, powers)
        slope = ALLOCATORS[name](problem, usable_headroom_kw(problem)).curves.slope
        total = float(powers.sum())
        best = solve(_programme(problem, np.zeros(len(powers)), 1.0 / slope, (total - 1e-9, total + 1e-9)))
        assert best is not None, seed
        assert float(powers**2 @ (1.0 / slope)) == pytest.approx(float(best**2 @ (1.0 / slope)), rel=1e-5, abs=1e-5), seed


@pytest.mark.parametrize("name", ["equal", "smart", "merit", "segmented"])
def test_as_much_of_the_target_is_met_as_the_limits_allow(name: str) -> None:
    for seed in range(2000, 2000 + CASES // 2):
        problem = _problem(seed, on_tree=True)
        got = allocate(name, problem)
        most = solve(_programme(problem, -np.ones(len(problem.vehicles)), None, (0.0, abs(problem.target_kw))))
        assert most is not None
        assert abs(got.allocated_kw) == pytest.approx(float(most.sum()), abs=1e-6), seed
        assert bool(got.limits) == (got.shortfall_kw > 0.0)


def test_a_refusal_is_right() -> None:
    """Where limits are broken before the dispatch, we refuse exactly where the programme has no solution."""
    refused = 0
    for seed in range(3000, 3000 + CASES):
        problem = _problem(seed, on_tree=True)
        tree = problem.tree
        assert tree is not None
        rng = np.random.default_rng(seed)
        lower, upper = tree.lower_kw + rng.uniform(0.0, 12.0, len(tree.parent)), tree.upper_kw + 12.0
        shifted = replace(problem, tree=replace(tree, lower_kw=lower, upper_kw=upper))
        possible = solve(_programme(shifted, np.zeros(len(problem.vehicles)), None, (0.0, abs(shifted.target_kw)))) is not None
        try:
            got = allocate("smart", shifted)
        except InfeasibleError as error:
            refused += 1
            assert not possible, (seed, error)
        else:
            assert possible, seed
            _checked(shifted, np.abs(got.regulation_kw))
    assert 10 < refused < CASES - 10
