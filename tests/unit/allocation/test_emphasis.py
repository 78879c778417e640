"""Signals and segments shift the weights as their tables say, and nothing else."""

from dataclasses import fields

import pytest

from tests.property.fleets import NO_WEIGHTS, WEIGHTS
from v2g_console.allocation import ALLOCATORS, Weights
from v2g_console.allocation.emphasis import EMPHASIS, SEGMENT_DEFAULTS, SegmentDefault, emphasised, segment_rules
from v2g_console.domain.signal import Signal
from v2g_console.simulator.fleet import SEGMENTS


def _sum(weights: Weights) -> float:
    return float(sum(getattr(weights, field.name) for field in fields(weights)))


@pytest.mark.parametrize("signal", Signal)
def test_every_signal_has_its_emphasis_and_keeps_the_sum(signal: Signal) -> None:
    got = emphasised(WEIGHTS, signal)
    assert _sum(got) == pytest.approx(_sum(WEIGHTS))
    for one, other in (("soc", "time"), ("wear", "availability")):
        table = EMPHASIS[signal]
        before = getattr(WEIGHTS, one) / getattr(WEIGHTS, other)
        assert getattr(got, one) / getattr(got, other) == pytest.approx(before * getattr(table, one) / getattr(table, other))


def test_a_weight_of_zero_stays_zero() -> None:
    assert emphasised(Weights(0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0), Signal.FCR).availability == 0.0
    assert emphasised(NO_WEIGHTS, Signal.FCR) == NO_WEIGHTS


def test_fast_products_want_vehicles_that_answer_and_long_ones_energy_and_time() -> None:
    fast, long = emphasised(WEIGHTS, Signal.FCR), emphasised(WEIGHTS, Signal.MA)
    assert fast.availability > long.availability
    assert long.soc > fast.soc
    assert long.time > fast.time


def test_the_known_kinds_of_fleet_have_defaults_by_their_code() -> None:
    assert set(SEGMENTS) == set(SEGMENT_DEFAULTS)
    rules = segment_rules(("unheard-of", "captive", "commuter", "opportunistic"), WEIGHTS)
    assert [(rule.segment, rule.allocator) for rule in rules] == [(1, "merit"), (2, "smart"), (3, "equal")]
    assert all(rule.allocator in ALLOCATORS for rule in rules)
    assert all(_sum(rule.weights) == pytest.approx(_sum(WEIGHTS)) for rule in rules)


def test_the_configuration_comes_before_the_defaults() -> None:
    mine = {"captive": SegmentDefault("equal", WEIGHTS), "taxi": SegmentDefault("merit", WEIGHTS)}
    rules = segment_rules(("captive", "taxi", "commuter"), WEIGHTS, mine)
    assert [rule.allocator for rule in rules] == ["equal", "merit", "smart"]


def test_an_emphasis_that_takes_everything_leaves_the_weights_as_they_were() -> None:
    only_soc = Weights(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    nothing_of_it = SegmentDefault("smart", Weights(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert segment_rules(("x",), only_soc, {"x": nothing_of_it})[0].weights == only_soc
