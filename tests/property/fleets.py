"""Generated fleets: ordinary ones, and ones whose figures contradict each other."""

from dataclasses import replace

import numpy as np

from v2g_console.allocation import Problem, SiteTree, Weights
from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns

WEIGHTS = Weights(soc=0.35, time=0.15, priority=0.1, price=0.1, wear=0.1, fairness=0.15, availability=0.05)
NO_WEIGHTS = Weights(soc=0.0, time=0.0, priority=0.0, price=0.0, wear=0.0, fairness=0.0, availability=0.0)


def fleet(rng: np.random.Generator, n: int) -> VehicleColumns:
    """n plausible vehicles: half V2G, half charging, with minimum powers, departures from minutes to hours, some unknown."""
    is_v2g = rng.random(n) < 0.5
    rated = rng.choice([3.7, 7.4, 11.0, 22.0], n)
    charging = rng.random(n) < 0.5
    departure = np.where(rng.random(n) < 0.2, np.inf, rng.uniform(-600.0, 12 * 3600.0, n))
    return VehicleColumns(
        is_v2g=is_v2g,
        consent=rng.random(n) < 0.9,
        available=rng.random(n) < 0.95,
        priority=rng.random(n) < 0.1,
        quality=rng.choice([Quality.FRESH, Quality.UNKNOWN], n).astype(np.uint8),
        soc=rng.choice([0.0, 0.05, 0.1, 0.3, 0.5, 0.55, 0.7, 0.9, 0.99, 1.0], n),
        battery_kwh=rng.choice([17.0, 40.0, 60.0, 100.0], n),
        degradation=rng.uniform(0.0, 0.3, n),
        max_charge_kw=rated,
        max_discharge_kw=np.where(is_v2g, rated, 0.0),
        min_charge_kw=rng.choice([0.0, 1.4, 4.1], n),
        min_discharge_kw=rng.choice([0.0, 1.0, 3.0], n),
        min_soc=rng.choice([0.0, 0.3, 0.8, 1.0], n),
        reserve_soc=rng.choice([0.0, 0.2, 0.5], n),
        charge_limit_soc=rng.choice([0.8, 1.0], n),
        departure_s=departure,
        baseline_kw=np.where(charging, -rated * rng.choice([0.4, 0.9, 1.0], n), 0.0),
        baseline_kind=np.full(n, Baseline.MEASURED, np.uint8),
        site=rng.integers(0, 5, n).astype(np.int32),
        segment=rng.integers(-1, 3, n).astype(np.int32),
        availability_prob=rng.random(n),
        participation=rng.random(n),
        site_import_share_kw=rng.choice([2.0, np.inf], n),
    )


def hostile_fleet(rng: np.random.Generator, n: int) -> VehicleColumns:
    """A fleet in which any figure may be NaN, infinite, negative or huge."""
    columns = fleet(rng, n)
    poison = np.array([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e12, 1e-320])
    spoiled: dict[str, np.ndarray] = {}
    for name in VehicleColumns.__slots__:
        column = getattr(columns, name)
        if column.dtype == np.float64:
            spoiled[name] = np.where(rng.random(n) < 0.1, rng.choice(poison, n), column)
    return replace(columns, **spoiled)


def simple_problem(rng: np.random.Generator, n: int, share: float, *, tree: SiteTree | None = None) -> Problem:
    """Vehicles without minimum power, idle, with random headroom; the target is `share` of all headroom."""
    columns = fleet(rng, n)
    zero = np.zeros(n)
    columns = replace(columns, min_charge_kw=zero, min_discharge_kw=zero, baseline_kw=zero)
    headroom = rng.choice([0.0, 0.5, 3.7, 7.4, 11.0, 22.0], n) * rng.choice([1.0, 0.37], n)
    return Problem(
        target_kw=share * float(headroom.sum()),
        vehicles=columns,
        headroom_kw=headroom,
        eligible=rng.random(n) < 0.9,
        availability=rng.choice([0.2, 0.7, 1.0], n),
        duration_s=900.0,
        weights=WEIGHTS,
        tree=tree,
    )


def random_tree(rng: np.random.Generator, n: int, sites: int, *, tight: float) -> SiteTree:
    """`sites` sites below two feeders below one grid connection; limits of `tight` times 10 kW a vehicle, always met without dispatch."""
    m = sites + 3
    parent = np.concatenate(([-1, 0, 0], rng.integers(1, 3, sites))).astype(np.intp)
    node_of = rng.integers(-1, m, n).astype(np.intp)
    load = -rng.uniform(0.0, 5.0, m)
    below = load.copy()
    for node in range(m - 1, 0, -1):
        below[parent[node]] += below[node]
    span = 10.0 * tight * max(1.0, n / m)
    return SiteTree(
        parent=parent,
        lower_kw=below - rng.uniform(0.1, 1.0, m) * span,
        upper_kw=below + rng.uniform(0.1, 1.0, m) * span,
        other_low_kw=load,
        other_high_kw=load,
        is_site=np.arange(m) >= 3,
        names=tuple(f"node-{k}" for k in range(m)),
        node_of=node_of,
    )
