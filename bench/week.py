"""Simulates a week of dispatches of all products in both directions, and the same week without any, and prints what it did to the drivers.

Run `python bench/week.py [--vehicles N] [--days D] [--seed S]`; exit code 1 if a battery went beyond its floor or ceiling, or if a driver
who announced the departure left with less than wanted although without us it would have been enough.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.week_model import SOC_NOISE, Tally, Week
from v2g_console.allocation.fairness import Wear, fairness_report
from v2g_console.domain.signal import Signal
from v2g_console.simulator.options import SimulateOptions


def missed(week: Week, busy: Tally, calm: Tally) -> tuple[list[int], list[int]]:
    """Departures (their number) below the wanted SoC that were not so without dispatches: announced ones, and those nobody was told of."""
    ours, theirs = busy.departures, calm.departures
    if ours.row != theirs.row:
        raise ValueError("the two runs don't have the same departures")
    told: list[int] = []
    untold: list[int] = []
    for k, row in enumerate(ours.row):
        wanted = week.specs[row].plan.min_soc - SOC_NOISE
        if ours.soc[k] < wanted <= theirs.soc[k]:
            (told if ours.announced[k] else untold).append(k)
    return told, untold


def print_products(tally: Tally) -> None:
    """One line a product."""
    print(f"{'product':<10} {'dispatches':>10} {'asked kWh':>10} {'held kWh':>10} {'held':>6}")
    for signal in Signal:
        asked, held = tally.wanted_kwh[signal], tally.held_kwh[signal]
        share = f"{held / asked:6.0%}" if asked else "     -"
        print(f"{signal:<10} {tally.started[signal]:>10} {asked:>10.0f} {held:>10.0f} {share}")


def print_use(wear: Wear, busy: Tally, calm: Tally) -> None:
    """Fairness and wear."""
    report = fairness_report(wear)
    n = max(1, report.vehicles)
    print(f"participation   mean {report.participation_mean:.2f}, most {report.participation_most:.2f}, Jain index {report.jain:.3f}")
    print(f"reversals       {report.reversals / n:.1f} a vehicle, most {report.reversals_most}")
    print(f"throughput      {report.throughput_kwh / n:.0f} kWh a vehicle while dispatched, most {report.throughput_most_kwh:.0f}")
    print(f"all energy      {busy.throughput_kwh / n:.0f} kWh a vehicle, {calm.throughput_kwh / n:.0f} without dispatches")
    kwh = wear.throughput_kwh
    spread = " ".join(f"{q:.0%} {np.quantile(kwh, q):.0f}" for q in (0.05, 0.25, 0.5, 0.75, 0.95))
    print(f"by vehicle      kWh while dispatched: {spread}")


def main() -> int:
    """Run both weeks and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=200)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    options = SimulateOptions(vehicles=given.vehicles, seed=given.seed)
    begun = time.perf_counter()
    week = Week(options, busy=True)
    busy, calm = week.run(given.days), Week(options, busy=False).run(given.days)
    told, untold = missed(week, busy, calm)
    print(f"{given.vehicles} vehicles, {given.days:g} days, seed {given.seed} ({time.perf_counter() - begun:.0f} s)\n")
    print_products(busy)
    print()
    print_use(week.wear, busy, calm)
    print(f"corrections     {busy.corrections} setpoints moved back within bounds while active")
    print(f"departures      {len(busy.departures.row)}, of them {sum(busy.departures.dispatched)} after a dispatch in the same stay")
    print(f"below floor     {len(busy.below_floor)}\nabove ceiling   {len(busy.above_ceiling)}")
    print(f"missed by us    {len(told)} announced departures, {len(untold)} that nobody announced")
    return 1 if busy.below_floor or busy.above_ceiling or told else 0


if __name__ == "__main__":
    sys.exit(main())
