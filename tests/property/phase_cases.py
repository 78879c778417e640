"""Generated sites with phase limits, and an answer written down anew for each: one variable a vehicle, one row a phase."""

from dataclasses import replace

import highspy
import numpy as np

from tests.property.fleets import random_tree, simple_problem
from v2g_console.allocation import Problem
from v2g_console.allocation.phase_limits import PhaseLimits
from v2g_console.allocation.problem import usable_headroom_kw
from v2g_console.allocation.tree import room_for
from v2g_console.domain.vehicle import F8

ON_PHASES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])


def phase_case(seed: int, *, largest: int = 25, on_tree: bool = False) -> tuple[Problem, PhaseLimits]:
    """A random problem of up to `largest` vehicles on a few sites; the limits hold before the dispatch."""
    rng = np.random.default_rng(seed)
    n, sites = int(rng.integers(2, largest)), int(rng.integers(1, 4))
    tree = random_tree(rng, n, 3, tight=1.0) if on_tree else None
    problem = simple_problem(rng, n, float(rng.choice([0.2, 0.5, 0.9, 1.2])) * float(rng.choice([-1.0, 1.0])), tree=tree)
    baseline = -rng.choice([0.0, 3.0], n)
    if tree is None:
        problem = replace(problem, vehicles=replace(problem.vehicles, baseline_kw=baseline))
    return problem, limits_for(rng, problem, sites)


def limits_for(rng: np.random.Generator, problem: Problem, sites: int) -> PhaseLimits:
    """Limits that leave each phase a part of what its vehicles could do; some phases have none."""
    n = len(problem.vehicles)
    site_of, share = rng.integers(-1, sites, n).astype(np.intp), ON_PHASES[rng.integers(0, 5, n)]
    load = -rng.uniform(0.0, 3.0, (sites, 3))
    base, cap = np.zeros((sites, 3)), np.zeros((sites, 3))
    for row in np.flatnonzero(site_of >= 0):
        base[site_of[row]] += share[row] * problem.vehicles.baseline_kw[row] * problem.eligible[row]
        cap[site_of[row]] += share[row] * usable_headroom_kw(problem)[row]
    room = np.where(rng.random((sites, 3)) < 0.2, np.inf, cap * rng.uniform(0.1, 1.1, (sites, 3)))
    return PhaseLimits(
        site_of=site_of,
        share=share,
        lower_kw=base + load - 0.5 - room,
        upper_kw=base + load + 0.5 + room,
        other_low_kw=load - 0.5,
        other_high_kw=load + 0.5,
        names=tuple(f"site-{k}" for k in range(sites)),
    )


def worst_flows(problem: Problem, limits: PhaseLimits, powers_kw: F8) -> tuple[F8, F8]:
    """Lowest and highest net power on each phase of each site, sites x 3, for powers in the direction of the target."""
    setpoint = np.where(problem.eligible, problem.vehicles.baseline_kw, 0.0) + problem.direction * powers_kw
    flow = np.zeros(limits.lower_kw.shape)
    for row in np.flatnonzero(limits.site_of >= 0):
        flow[limits.site_of[row]] += limits.share[row] * setpoint[row]
    return flow + limits.other_low_kw, flow + limits.other_high_kw


def best(problem: Problem, limits: PhaseLimits, score: F8, total_kw: float | None, square: F8 | None = None) -> F8 | None:
    """Powers that maximise score @ x - 1/2 square @ x^2 for a given total (None: up to the target); None if there are none."""
    cap = usable_headroom_kw(problem)
    at_zero_low, at_zero_high = worst_flows(problem, limits, np.zeros(len(cap)))
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # the binding has no annotations here
    solver.silent()
    n = len(cap)
    for row in range(n):
        solver.addCol(-float(score[row]), 0.0, float(cap[row]), 0, [], [])
    everyone = np.arange(n, dtype=np.int32)
    least, most = (0.0, abs(problem.target_kw)) if total_kw is None else (total_kw - 2e-6, total_kw + 2e-6)
    solver.addRow(least, most, n, everyone, np.ones(n))
    for site in range(len(limits.names)):
        for phase in range(3):
            share = np.where(limits.site_of == site, limits.share[:, phase], 0.0) * problem.direction
            low, high = limits.lower_kw[site, phase] - at_zero_low[site, phase], limits.upper_kw[site, phase] - at_zero_high[site, phase]
            solver.addRow(low, high, n, everyone, share)
    if problem.tree is not None:
        room = room_for(problem.tree, np.zeros(n), problem.direction)
        for node in range(len(room.least_kw)):
            below = (room.levels == node).any(axis=0).astype(np.float64)
            if below @ cap > 0.0:
                solver.addRow(float(room.least_kw[node]), float(room.most_kw[node]), n, everyone, below)
    if square is not None:
        starts = np.arange(n, dtype=np.int32)
        solver.passHessian(n, n, 1, np.append(starts, n).astype(np.int32), starts, square)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(solver.getSolution().col_value)
