"""Prints how long an allocation takes, per allocator, flat and on a three-level tree.

Run `python bench/allocation.py [--largest N] [--rounds K]`.

The whole of `allocate` is measured: checks, score, curves, minimum power, limits, reasons. The median of the rounds is shown;
`ratio` is the cost per vehicle relative to the 10 000 of the same row.
"""

import argparse
import statistics
import time

import numpy as np

from v2g_console.allocation import ALLOCATORS, Problem, SegmentRule, SiteTree, Weights, allocate
from v2g_console.domain.capability import CapabilityRules, capability
from v2g_console.domain.vehicle import Bool, VehicleColumns

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LARGEST_TREE = 100_000
LIMITS_MS = {("flat", 10_000): 5.0, ("flat", 100_000): 60.0, ("flat", 1_000_000): 1_000.0, ("tree", 10_000): 30.0}
WEIGHTS = Weights(soc=0.35, time=0.15, priority=0.1, price=0.0, wear=0.1, fairness=0.15, availability=0.15)


def fleet(n: int) -> VehicleColumns:
    """A mixed fleet of n vehicles, half of them V2G, half charging."""
    rng = np.random.default_rng(7)
    is_v2g = rng.random(n) < 0.5
    rated = rng.choice([3.7, 7.4, 11.0, 22.0], n)
    return VehicleColumns(
        is_v2g=is_v2g,
        consent=np.ones(n, np.bool_),
        available=np.ones(n, np.bool_),
        priority=rng.random(n) < 0.1,
        quality=np.zeros(n, np.uint8),
        soc=rng.uniform(0.2, 0.95, n),
        battery_kwh=rng.choice([40.0, 60.0, 75.0], n),
        degradation=rng.uniform(0.0, 0.2, n),
        max_charge_kw=rated,
        max_discharge_kw=np.where(is_v2g, rated, 0.0),
        min_charge_kw=np.full(n, 1.4),
        min_discharge_kw=np.full(n, 1.4),
        min_soc=np.full(n, 0.5),
        reserve_soc=np.full(n, 0.1),
        charge_limit_soc=np.ones(n),
        departure_s=rng.uniform(3600.0, 40_000.0, n),
        baseline_kw=np.where(rng.random(n) < 0.5, -rated * rng.uniform(0.4, 1.0, n), 0.0),
        baseline_kind=np.zeros(n, np.uint8),
        site=(np.arange(n) % max(1, n // 50)).astype(np.int32),
        segment=rng.integers(0, 3, n).astype(np.int32),
        availability_prob=rng.random(n),
        participation=rng.random(n),
        site_import_share_kw=np.full(n, np.inf),
    )


def three_levels(v: VehicleColumns, eligible: Bool) -> SiteTree:
    """Sites of 50 vehicles, twenty sites a feeder, feeders under one connection; about a third of the sites bind."""
    rng = np.random.default_rng(11)
    sites = max(1, len(v) // 50)
    feeders = max(1, sites // 20)
    m = 1 + feeders + sites
    parent = np.concatenate(([-1], np.zeros(feeders, np.intp), 1 + np.arange(sites) % feeders)).astype(np.intp)
    limit = np.concatenate(([5.0 * len(v)], np.full(feeders, 4.0 * len(v) / feeders), rng.uniform(50.0, 600.0, sites)))
    flow = np.bincount(v.site, weights=v.baseline_kw, minlength=sites)
    other = np.zeros(m)
    other[1 + feeders :] = np.bincount(v.site, weights=np.where(eligible, 0.0, v.baseline_kw), minlength=sites)
    lower = -limit
    lower[1 + feeders :] = np.minimum(lower[1 + feeders :], flow - 1.0)
    return SiteTree(
        parent=parent,
        lower_kw=lower * np.where(np.arange(m) <= feeders, 3.0, 1.0),
        upper_kw=np.concatenate((limit[: 1 + feeders], flow + limit[1 + feeders :] * 0.5)),
        other_low_kw=other,
        other_high_kw=other,
        is_site=np.arange(m) > feeders,
        names=tuple(f"node-{k}" for k in range(m)),
        node_of=(1 + feeders + v.site).astype(np.intp),
    )


def problem(n: int, *, on_tree: bool) -> Problem:
    """40 % of the fleet's headroom up, for 15 minutes."""
    v = fleet(n)
    can = capability(v, 930.0, CapabilityRules())
    return Problem(
        target_kw=0.4 * float(can.up_kw.sum()),
        vehicles=v,
        headroom_kw=can.up_kw,
        eligible=can.up_kw > 0.0,
        availability=v.availability_prob,
        duration_s=900.0,
        weights=WEIGHTS,
        tree=three_levels(v, can.up_kw > 0.0) if on_tree else None,
        segments=(SegmentRule(0, "smart", WEIGHTS), SegmentRule(1, "merit", WEIGHTS), SegmentRule(2, "equal", WEIGHTS)),
    )


def median_ms(name: str, one: Problem, rounds: int) -> float:
    """Median time of `rounds` allocations in ms."""
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        allocate(name, one)
        spent.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(spent)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger fleets")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{'kind':<5} {'allocator':<10} {'vehicles':>9} {'ms':>9} {'us/vehicle':>11} {'ratio':>6} {'limit ms':>9}")
    for on_tree in (False, True):
        kind = "tree" if on_tree else "flat"
        sizes = [n for n in SIZES if n <= options.largest and not (on_tree and n > LARGEST_TREE)]
        problems = {n: problem(n, on_tree=on_tree) for n in sizes}
        for name in (name for name in ALLOCATORS if name != "lp"):
            took = {n: median_ms(name, problems[n], options.rounds if n < SIZES[-1] else min(3, options.rounds)) for n in sizes}
            for n in sizes:
                each = took[n] / n * 1e3
                ratio = f"{each / (took[10_000] / 10.0):6.2f}" if 10_000 in took else "     -"
                limit = LIMITS_MS.get((kind, n))
                told = "" if limit is None else f"{limit:9.0f}{'' if took[n] < limit else '  missed'}"
                print(f"{kind:<5} {name:<10} {n:>9} {took[n]:>9.2f} {each:>11.3f} {ratio} {told}")


if __name__ == "__main__":
    main()
