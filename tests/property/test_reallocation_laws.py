"""Laws of the reallocation: it never does less than before, never more than asked, and keeps bounds, holes and nodes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.fleets import fleet, hostile_fleet, random_tree, simple_problem
from v2g_console.allocation import Problem
from v2g_console.allocation.minpower import segments
from v2g_console.allocation.problem import usable_headroom_kw
from v2g_console.allocation.reallocate import Outcome, reallocate
from v2g_console.allocation.tree import room_for
from v2g_console.allocation.uncertainty import with_others
from v2g_console.domain.vehicle import F8, Bool

QUICK = settings(max_examples=150, deadline=None)
seeds = st.integers(0, 2**32 - 1)
strategies = st.sampled_from(["balanced", "probabilistic"])
signs = st.sampled_from([-1.0, 1.0])
_EPS = 1e-6


def _under_way(seed: int, n: int, sign: float, share: float) -> tuple[Problem, F8, Bool, float]:
    """A dispatch of which some vehicles hold their part, some are fixed, and a shortfall of `share` of the headroom left."""
    rng = np.random.default_rng(seed)
    problem = replace(simple_problem(rng, n, 0.5), target_kw=sign * 1e3)
    cap = usable_headroom_kw(problem)
    held = sign * cap * np.where(rng.random(n) < 0.6, rng.random(n), 0.0)
    fixed = rng.random(n) < 0.2
    left = float((cap - np.abs(held))[problem.eligible & ~fixed].sum())
    return problem, held, fixed, sign * share * left


@QUICK
@given(seeds, st.integers(1, 60), strategies, signs, st.floats(0.0, 1.5), st.sampled_from([0.0, 1.0, 5.0]))
def test_the_shortfall_is_added_exactly_as_far_as_there_is_headroom(
    seed: int, n: int, strategy: str, sign: float, share: float, least: float
) -> None:
    problem, held, fixed, shortfall = _under_way(seed, n, sign, share)
    answer = reallocate(strategy, shortfall, problem, held_kw=held, fixed=fixed, least_kw=least)
    regulation = answer.allocation.regulation_kw
    reachable = min(1.0, 1.0 / share) * shortfall if share > 0 else 0.0
    assert float((regulation - held).sum()) == pytest.approx(reachable, rel=1e-9, abs=1e-6)
    assert (sign * (regulation - held) >= -_EPS).all()  # nobody gives less
    assert (np.abs(regulation) <= np.maximum(usable_headroom_kw(problem), np.abs(held)) + _EPS).all()
    still = np.setdiff1d(np.arange(n), answer.changed)
    assert (regulation[still] == pytest.approx(held[still], abs=_EPS)) or len(still) == 0
    assert not fixed[answer.changed].any()
    assert (answer.outcome is Outcome.MET) == (abs(shortfall - reachable) <= 1.0)


@QUICK
@given(seeds, st.integers(1, 60), strategies, signs, st.floats(0.0, 1.2))
def test_too_much_is_given_back(seed: int, n: int, strategy: str, sign: float, share: float) -> None:
    problem, held, fixed, _ = _under_way(seed, n, sign, 0.0)
    movable = problem.eligible & ~fixed
    surplus = -share * float(held[movable].sum())
    answer = reallocate(strategy, surplus, problem, held_kw=held, fixed=fixed)
    regulation = answer.allocation.regulation_kw
    assert float((regulation - held).sum()) == pytest.approx(max(-1.0, -share) * float(held[movable].sum()), abs=_EPS)
    assert (sign * regulation >= -_EPS).all()
    assert (sign * (regulation - held) <= _EPS).all()


@QUICK
@given(seeds, st.integers(2, 40), strategies, signs, st.floats(0.05, 3.0))
def test_every_node_keeps_its_limits_even_if_the_silent_do_their_worst(seed: int, n: int, strategy: str, sign: float, tight: float) -> None:
    problem, held, fixed, shortfall = _under_way(seed, n, sign, 0.7)
    others = fixed | ~problem.eligible
    tree = random_tree(np.random.default_rng(seed), n, 4, tight=tight)
    low, high = np.minimum(held, 0.0), np.maximum(held, 0.0)  # silent: baseline 0 or its setpoint
    tree = with_others(tree, low, high, others)
    answer = reallocate(strategy, shortfall, replace(problem, tree=tree), held_kw=held, fixed=fixed)
    power = np.where(others, 0.0, answer.allocation.regulation_kw)
    alone, after = (room_for(tree, regulation, int(sign)) for regulation in (np.zeros(n), power))
    # Beyond its limit is only what would be without any regulation, and that got none on top.
    assert (after.most_kw >= np.minimum(alone.most_kw, 0.0) - _EPS).all()
    assert float(power.sum()) * sign >= 0.0


@QUICK
@given(seeds, st.integers(1, 40), strategies, signs)
def test_whoever_is_sent_a_setpoint_is_out_of_every_hole(seed: int, n: int, strategy: str, sign: float) -> None:
    rng = np.random.default_rng(seed)
    vehicles = fleet(rng, n)
    headroom = rng.choice([0.0, 2.0, 6.0, 15.0], n)
    problem = Problem(sign * 50.0, vehicles, headroom, np.ones(n, np.bool_), rng.random(n), 900.0, simple_problem(rng, 1, 0.5).weights)
    first = reallocate(strategy, sign * 20.0, problem, held_kw=np.zeros(n))
    held = first.allocation.regulation_kw
    answer = reallocate(strategy, sign * 15.0, problem, held_kw=held)
    rows = answer.changed
    ranges = segments(vehicles, np.arange(n), usable_headroom_kw(problem), int(sign))
    power = sign * answer.allocation.regulation_kw
    inside = (power >= ranges.lower - _EPS) & (power <= ranges.upper + _EPS)
    assert inside[:, rows].any(axis=0).all()


@QUICK
@given(seeds, st.integers(0, 30), strategies, signs, st.booleans())
def test_nonsense_is_answered_not_raised(seed: int, n: int, strategy: str, sign: float, on_tree: bool) -> None:
    rng = np.random.default_rng(seed)
    poison = np.array([np.nan, np.inf, -np.inf, -5.0, 0.0, 7.0])
    problem = Problem(
        sign * 30.0,
        hostile_fleet(rng, n),
        rng.choice(poison, n),
        rng.random(n) < 0.8,
        rng.choice(poison, n),
        900.0,
        simple_problem(rng, 1, 0.5).weights,
        tree=random_tree(rng, n, 3, tight=0.5) if on_tree else None,
    )
    answer = reallocate(strategy, sign * 20.0, problem, held_kw=rng.choice(poison, n), fixed=rng.random(n) < 0.3)
    assert np.isfinite(answer.allocation.regulation_kw).all()
    assert not np.isinf(answer.allocation.setpoint_kw[answer.changed]).any()
    assert answer.outcome is not Outcome.HOPELESS or answer.allocation.limits or answer.allocation.shortfall_kw == 0.0
