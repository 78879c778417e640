"""Laws of every allocation, on ordinary fleets, on trees and on nonsense: sums, bounds, order, equality, explanations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.fleets import NO_WEIGHTS, WEIGHTS, fleet, hostile_fleet, random_tree
from v2g_console.allocation import ALLOCATORS, InfeasibleError, Problem, SegmentRule, allocate
from v2g_console.allocation.minpower import segments
from v2g_console.allocation.problem import usable_headroom_kw
from v2g_console.allocation.tree import room_for
from v2g_console.allocation.waterfill import Curves, waterfill
from v2g_console.domain.capability import Capability, CapabilityRules, capability
from v2g_console.domain.reasons import Reason

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LAWFUL = settings(max_examples=60, deadline=None)
kilowatts = st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.sampled_from([3.7, 7.4, 11.0]))
curve = st.tuples(st.floats(1e-3, 1e3), st.one_of(st.just(0.0), st.floats(-5, 5), st.integers(-3, 3).map(float)), kilowatts, kilowatts)
seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(ALLOCATORS)


def _curves(rows: list[tuple[float, float, float, float]]) -> Curves:
    slope, start, first, second = (np.array(column) for column in zip(*rows, strict=True))
    return Curves(slope, start, np.minimum(first, second), np.maximum(first, second))


@QUICK
@given(st.lists(curve, min_size=1, max_size=40), st.floats(0, 1.2), st.booleans())
def test_the_primitive_meets_the_target_within_bounds(rows: list[tuple[float, float, float, float]], share: float, from_zero: bool) -> None:
    curves = _curves(rows)
    if from_zero:
        zero = np.zeros(len(rows))
        curves = Curves(curves.slope, zero, zero, curves.upper)
    target = share * float(curves.upper.sum())
    powers = waterfill(target, curves)
    assert (powers >= curves.lower).all()
    assert (powers <= curves.upper).all()
    reachable = min(max(target, float(curves.lower.sum())), float(curves.upper.sum()))
    assert float(powers.sum()) == pytest.approx(reachable, rel=1e-9, abs=1e-9)


@QUICK
@given(st.lists(curve, min_size=1, max_size=20), st.floats(0.01, 0.99), seeds)
def test_the_primitive_ignores_order_and_treats_equals_alike(
    rows: list[tuple[float, float, float, float]], share: float, seed: int
) -> None:
    curves = _curves([*rows, *rows])
    powers = waterfill(share * float(curves.upper.sum()), curves)
    half = len(rows)
    assert (powers[:half] == powers[half:]).all()
    order = np.random.default_rng(seed).permutation(len(powers))
    shuffled = Curves(curves.slope[order], curves.start[order], curves.lower[order], curves.upper[order])
    again = waterfill(share * float(curves.upper.sum()), shuffled)
    assert again == pytest.approx(powers[order], rel=1e-9, abs=1e-9)


def _case(seed: int, n: int, *, hostile: bool = False, on_tree: bool = False) -> tuple[Problem, Capability]:
    rng = np.random.default_rng(seed)
    vehicles = (hostile_fleet if hostile else fleet)(rng, n)
    can = capability(vehicles, float(rng.choice([60.0, 930.0, 7200.0])), CapabilityRules())
    direction = int(rng.choice([-1, 1]))
    headroom = can.up_kw if direction > 0 else can.down_kw
    target = direction * float(rng.choice([0.001, 0.2, 0.6, 1.0, 1.5])) * max(1.0, float(headroom.sum()))
    rules = (SegmentRule(0, "equal", WEIGHTS), SegmentRule(1, "merit", NO_WEIGHTS), SegmentRule(7, "lp", WEIGHTS))
    problem = Problem(
        target_kw=target,
        vehicles=vehicles,
        headroom_kw=headroom,
        eligible=rng.random(n) < 0.9,
        availability=rng.random(n),
        duration_s=900.0,
        weights=NO_WEIGHTS if rng.random() < 0.1 else WEIGHTS,
        segments=rules,
    )
    if on_tree:
        # Limits are set around what flows without dispatch, so that none is broken before.
        tree = random_tree(rng, n, int(rng.integers(1, 6)), tight=1.0)
        flow = tree.upper_kw - room_for(tree, np.where(problem.eligible, vehicles.baseline_kw, 0.0), 1).most_kw
        span = rng.uniform(0.0, 1.0, len(flow)) * 5.0 * max(1.0, n / len(flow)) * float(rng.choice([0.1, 1.0, 10.0]))
        problem = replace(problem, tree=replace(tree, lower_kw=flow - span, upper_kw=flow + span))
    return problem, can


def _assert_lawful(name: str, problem: Problem, can: Capability) -> None:
    got = allocate(name, problem)
    cap, x = usable_headroom_kw(problem), problem.direction * got.regulation_kw
    n = len(x)
    assert np.isfinite(got.regulation_kw).all()
    assert np.isfinite(got.score).all()
    assert (x >= 0.0).all()
    assert (x <= cap + 1e-9).all()
    assert abs(got.allocated_kw) <= abs(problem.target_kw) * (1 + 1e-9)
    assert abs(got.allocated_kw) + got.shortfall_kw == pytest.approx(abs(problem.target_kw), rel=1e-9)
    used = x > 0.0
    assert (np.isnan(got.setpoint_kw) == ~used).all()
    v = problem.vehicles
    setpoint, u = got.setpoint_kw[used], used
    assert setpoint == pytest.approx((v.baseline_kw + got.regulation_kw)[u], abs=1e-8)
    least_charge = np.where(np.isfinite(v.min_charge_kw), np.minimum(v.min_charge_kw, np.fmax(v.max_charge_kw, 0.0)), 0.0)[u]
    least_inject = np.where(np.isfinite(v.min_discharge_kw), v.min_discharge_kw, 0.0)[u]
    charging_hole = (setpoint < -1e-8) & (setpoint > -least_charge + 1e-8)
    inject_hole = (setpoint > 1e-8) & (setpoint < least_inject - 1e-8)
    assert not charging_hole.any()
    assert not inject_hole.any()
    assert (got.reason[(x <= 0.0)] > 0).all() or abs(problem.target_kw) <= 1e-9
    if got.shortfall_kw > 0.0:
        assert got.limits
        assert all(kw > 0.0 for _, kw in got.limits)
        assert [kw for _, kw in got.limits] == sorted((kw for _, kw in got.limits), reverse=True)
        assert (got.reason[x < cap - 1e-6] > 0).all()
    if got.parts and n:
        total = np.sum(list(got.parts.values()), axis=0)
        scored = total > 0.0  # a segment shared without a score has score 1 and no parts
        assert total[scored] == pytest.approx(got.score[scored], abs=1e-12)
    # A meter may read a little beyond the rated power; the side that is regulated to must hold exactly.
    if problem.direction > 0:
        assert (setpoint <= can.p_max_kw[u] + 1e-7).all()
    else:
        assert (setpoint >= can.p_min_kw[u] - 1e-7).all()


@LAWFUL
@given(seeds, st.integers(0, 60), names)
def test_flat_allocations_are_lawful(seed: int, n: int, name: str) -> None:
    problem, can = _case(seed, n)
    _assert_lawful(name, problem, can)


@LAWFUL
@given(seeds, st.integers(1, 60), names)
def test_hostile_figures_never_break_an_allocation(seed: int, n: int, name: str) -> None:
    problem, can = _case(seed, n, hostile=True)
    _assert_lawful(name, problem, can)


@LAWFUL
@given(seeds, st.integers(1, 60), names)
def test_minimum_power_costs_less_than_one_minimum(seed: int, n: int, name: str) -> None:
    problem, _ = _case(seed, n)
    got = allocate(name, problem)
    v, rows = problem.vehicles, np.flatnonzero(usable_headroom_kw(problem) > 0.0)
    reachable = float(segments(v, rows, problem.headroom_kw[rows], problem.direction).upper[2].sum())
    missing = min(abs(problem.target_kw), reachable) - abs(got.allocated_kw)
    largest = max(float(v.min_charge_kw.max()), float(v.min_discharge_kw.max()))
    assert missing <= largest + 1e-7
    if missing > 1e-6:
        assert (got.reason == Reason.MIN_POWER).any()


@LAWFUL
@given(seeds, st.integers(1, 60), names)
def test_allocations_on_trees_are_lawful(seed: int, n: int, name: str) -> None:
    problem, can = _case(seed, n, on_tree=True)
    assert problem.tree is not None
    _assert_lawful(name, problem, can)
    got = allocate(name, problem)
    room = room_for(problem.tree, np.where(problem.eligible, problem.vehicles.baseline_kw, 0.0), problem.direction)
    below = room.sums(problem.direction * got.regulation_kw)
    assert (below <= room.most_kw + 1e-7).all()
    assert (below >= room.least_kw - 1e-7).all()
    limited = np.isin(got.reason, [Reason.SITE_LIMIT, Reason.NODE_LIMIT])
    full = below >= room.most_kw - 1e-5
    for row in np.flatnonzero(limited):
        path = room.levels[:, row]
        assert full[path[path >= 0]].any() or (got.reason == Reason.MIN_POWER).any()


@LAWFUL
@given(seeds, st.integers(1, 40), names, st.booleans())
def test_order_does_not_matter_and_equals_get_equal_power(seed: int, n: int, name: str, on_tree: bool) -> None:
    problem, _ = _case(seed, n, on_tree=on_tree)
    zero = np.zeros(n)
    problem = replace(problem, vehicles=replace(problem.vehicles, min_charge_kw=zero, min_discharge_kw=zero))
    twice = np.concatenate((np.arange(n), np.arange(n)))
    order = np.random.default_rng(seed).permutation(2 * n)
    doubled = _rows(problem, twice)
    try:
        got = allocate(name, doubled)
    except InfeasibleError:
        return  # twice the baselines may be more than a node carries
    shuffled = allocate(name, _rows(problem, twice[order]))
    assert got.regulation_kw[:n] == pytest.approx(got.regulation_kw[n:], rel=1e-9, abs=1e-9)
    assert shuffled.regulation_kw == pytest.approx(got.regulation_kw[order], rel=1e-7, abs=1e-7)


def _rows(problem: Problem, rows: np.ndarray) -> Problem:
    tree = problem.tree
    return replace(
        problem,
        vehicles=problem.vehicles.take(rows),
        headroom_kw=problem.headroom_kw[rows],
        eligible=problem.eligible[rows],
        availability=problem.availability[rows],
        tree=None if tree is None else replace(tree, node_of=tree.node_of[rows]),
    )
