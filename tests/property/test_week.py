"""Days of random dispatches in both directions harm nobody: no battery beyond floor or ceiling, no departure missed because of us."""

import pytest

from bench.week import missed
from bench.week_model import Tally, Week
from v2g_console.allocation.fairness import fairness_report
from v2g_console.domain.capability import CapabilityRules
from v2g_console.domain.signal import Signal
from v2g_console.simulator.options import SimulateOptions

DAYS = 2.0


def _run(seed: int, rules: CapabilityRules | None = None) -> tuple[Week, Tally, list[int]]:
    options = SimulateOptions(vehicles=30, seed=seed)
    week = Week(options, busy=True, rules=rules)
    tally = week.run(DAYS)
    told, _ = missed(week, tally, Week(options, busy=False).run(DAYS))  # of those nobody announced nothing can be promised
    return week, tally, told


@pytest.mark.parametrize("seed", range(3))
def test_no_driver_is_harmed_by_any_sequence_of_dispatches(seed: int) -> None:
    week, tally, misses = _run(seed)
    assert tally.below_floor == []
    assert tally.above_ceiling == []
    assert misses == []
    # and it was no idle week
    assert all(tally.started[signal] > 2 for signal in Signal)
    assert sum(tally.departures.dispatched) > 40
    assert tally.held_kwh[Signal.AFRR_UP] > 100.0
    assert tally.held_kwh[Signal.AFRR_DOWN] > 100.0
    report = fairness_report(week.wear)
    assert report.jain > 0.7
    assert report.reversals > 0


def test_a_floor_that_the_engine_forgets_is_noticed() -> None:
    _, tally, _ = _run(0, CapabilityRules(safe_discharge_floor=0.0))
    assert tally.below_floor


def test_departures_that_the_engine_takes_for_later_are_noticed() -> None:
    _, _, misses = _run(0, CapabilityRules(departure_margin_s=-4 * 3600.0))
    assert misses


def test_losses_that_the_engine_forgets_are_noticed() -> None:
    _, tally, misses = _run(0, CapabilityRules(charge_efficiency=0.5, discharge_efficiency=1.4))
    assert tally.above_ceiling or tally.below_floor
    assert misses or tally.below_floor
