"""The live tracking score: what it rewards, and what it does where the formula has no answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.allocation.tracking import TrackingCollector, TrackingRules, TrackingScore, tracking_score
from v2g_console.domain.vehicle import F8

SAMPLES = 180


def _signal(seed: int = 1, n: int = SAMPLES) -> F8:
    """A target that wanders around zero, like aFRR."""
    steps = np.random.default_rng(seed).normal(0.0, 100.0, n)
    return np.asarray(np.convolve(steps, np.ones(6) / 6, mode="same"), np.float64)


def _late(signal: F8, samples: int) -> F8:
    return np.concatenate((np.full(samples, signal[0]), signal[: len(signal) - samples]))


def _score(signal: F8, response: F8, rules: TrackingRules | None = None) -> TrackingScore:
    score = tracking_score(signal, response, rules)
    assert score is not None
    return score


def _parts(score: TrackingScore | None) -> list[float]:
    assert score is not None
    return [score.correlation, score.delay, score.precision, score.score, score.coverage]


def test_a_perfect_response_scores_one() -> None:
    signal = _signal()
    assert _parts(_score(signal, signal.copy())) == pytest.approx([1.0] * 5)


def test_ten_seconds_of_latency_cost_no_delay_and_a_minute_costs_a_sixth_of_the_delay() -> None:
    signal = _signal()
    allowed = _score(signal, _late(signal, 1))
    assert (allowed.delay, allowed.correlation) == pytest.approx((1.0, 1.0))
    late = _score(signal, _late(signal, 6))
    assert late.correlation == pytest.approx(1.0, abs=0.02)
    assert late.delay == pytest.approx(1.0 - 50.0 / 300.0, abs=0.03)
    assert late.precision < 0.5


@pytest.mark.parametrize(("late_s", "least", "most"), [(0, 1.0, 1.0), (4, 1.0, 1.0), (6, 0.8, 0.97), (8, 0.5, 0.94)])
def test_power_that_comes_late_is_an_error_of_precision(late_s: int, least: float, most: float) -> None:
    rules = TrackingRules(sample_s=2.0)
    walk = np.cumsum(np.random.default_rng(5).normal(0.0, 40.0, SAMPLES // 2)) + 300.0
    signal = np.repeat(walk, 2)  # a new target every 4 s
    score = _score(signal, _late(signal, late_s // 2), rules)
    assert least <= score.precision <= most
    assert score.delay == 1.0, "within the allowance of the delay score"


def test_precision_is_the_mean_error_over_the_mean_size() -> None:
    signal = _signal()
    score = _score(signal, 0.8 * signal)
    assert (score.correlation, score.delay) == pytest.approx((1.0, 1.0))
    assert score.precision == pytest.approx(0.8)
    assert score.score == pytest.approx((1.0 + 1.0 + 0.8) / 3.0)


def test_doing_the_opposite_is_worth_nothing_but_never_less() -> None:
    signal = np.linspace(100.0, 300.0, SAMPLES)
    score = _score(signal, -signal)
    assert score.correlation == 0.0
    assert score.precision == 0.0


def test_a_dead_response_has_no_correlation() -> None:
    score = _score(_signal(), np.full(SAMPLES, 42.0))
    assert score.correlation == 0.0


def test_a_flat_signal_is_judged_by_how_near_the_response_is() -> None:
    flat = np.full(SAMPLES, 100.0)
    noise = np.random.default_rng(3).normal(0.0, 2.0, SAMPLES)
    assert _score(flat, flat + noise).score > 0.97
    half = _score(flat, 0.5 * flat)
    assert half.correlation == pytest.approx(0.5)
    assert half.precision == pytest.approx(0.5)
    assert half.delay == 1.0


def test_a_target_of_zero_wants_zero() -> None:
    zero = np.zeros(SAMPLES)
    assert _score(zero, zero).score == 1.0
    assert _score(zero, zero + 50.0).precision == 0.0


def test_a_signal_with_mean_zero_does_not_explode() -> None:
    signal = np.where(np.arange(SAMPLES) // 6 % 2 == 0, 80.0, -80.0)
    assert _score(signal, 0.9 * signal).precision == pytest.approx(0.9)


def test_a_large_offset_loses_no_digits() -> None:
    signal = _signal() * 1e-3
    assert _score(signal + 1e6, signal + 1e6).correlation == pytest.approx(1.0, abs=1e-6)


def test_gaps_count_neither_way_but_are_told() -> None:
    signal = _signal()
    response = signal.copy()
    response[20:50] = np.nan
    response[::9] = np.inf
    score = _score(signal, response)
    assert score.score == pytest.approx(1.0)
    assert score.coverage == pytest.approx(np.isfinite(response).mean())


def test_too_little_says_nothing() -> None:
    signal = _signal()
    assert tracking_score(signal[:5], signal[:5]) is None
    assert tracking_score(signal, np.full(SAMPLES, np.nan)) is None
    assert tracking_score(np.zeros(0), np.zeros(0)) is None
    with pytest.raises(ValueError, match="samples"):
        tracking_score(signal, signal[:-1])


@pytest.mark.parametrize("n", [6, 7, 13, 31, 60, 61, 62])
def test_a_short_run_is_scored_with_what_there_is(n: int) -> None:
    signal = _signal(2, n)
    assert _score(signal, signal.copy()).score == pytest.approx(1.0)


finite = st.floats(-1e6, 1e6) | st.sampled_from([0.0, float("nan"), float("inf"), 1e300, -1e300])


@given(st.lists(st.tuples(finite, finite), max_size=90))
def test_all_parts_stay_between_zero_and_one_whatever_comes(pairs: list[tuple[float, float]]) -> None:
    signal, response = (np.array([pair[k] for pair in pairs], np.float64) for k in (0, 1))
    score = tracking_score(np.clip(signal, -1e9, 1e9), np.clip(response, -1e9, 1e9))
    if score is not None:
        assert all(0.0 <= part <= 1.0 + 1e-12 for part in _parts(score))


def test_the_collector_averages_within_a_sample_and_leaves_out_the_one_being_filled() -> None:
    signal = _signal(4, 60)
    collector = TrackingCollector(TrackingRules(sample_s=2.0))
    for k, value in enumerate(signal):
        for part in (-5.0, 5.0):  # two measurements a sample, whose mean is right
            collector.feed(1000.0 + 2.0 * k + part / 10.0 + 0.6, float(value), float(value) + part)
    assert _parts(collector.score()) == pytest.approx([1.0] * 5)
    collector.feed(1000.0 + 2.0 * 60 + 0.6, 1e6, -1e6)
    score = collector.score()
    assert score is not None
    assert score.score == pytest.approx(1.0)


def test_the_collector_forgets_what_is_older_than_it_keeps() -> None:
    collector = TrackingCollector(TrackingRules(sample_s=1.0, window_s=10.0, longest_delay_s=10.0, allowance_s=1.0, kept_s=60.0))
    signal = _signal(5, 200)
    for k, value in enumerate(signal):
        collector.feed(float(k), float(value), float(value) if k > 130 else 0.0)
    score = collector.score()
    assert score is not None
    assert score.score == pytest.approx(1.0)
    assert score.coverage == 1.0


def test_the_collector_knows_gaps_ignores_the_past_and_survives_a_pause() -> None:
    collector = TrackingCollector(TrackingRules(kept_s=600.0))
    assert collector.score() is None
    assert collector.span_s == 0.0
    signal = _signal(6, 40)
    for k, value in enumerate(signal):
        collector.feed(10.0 * k, float(value), None if k == 7 else float(value))
    assert collector.span_s == 390.0
    collector.feed(5.0, 1e9, 1e9)
    collector.feed(float("nan"), 1.0, 1.0)
    score = collector.score()
    assert score is not None
    assert score.score == pytest.approx(1.0)
    assert score.coverage == pytest.approx(38 / 39)
    collector.feed(1e7, 1.0, 1.0)
    assert collector.score() is None


@pytest.mark.parametrize("bad", [{"sample_s": 0.0}, {"window_s": float("nan")}, {"allowance_s": -1.0}, {"sample_s": 1e-6}])
def test_rules_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"above 0|samples"):
        TrackingRules(**bad)
