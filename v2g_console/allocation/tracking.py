"""How well a moving target is followed, live: a score in the manner of PJM's RegD performance score.

Source: PJM Manual 12 (Balancing Operations), section 4.5.6 of the editions before the merger of RegA and RegD in 2025, as quoted in public
scoring code; hence "RegD-style", not PJM's settlement figure. Samples of 10 s; for each 5-minute window of the signal that begins at t:

    corr(d)     = Pearson(signal[t, t + 5 min], response[t + d, t + d + 5 min])          for d = 0 .. 5 min
    delay(d)    = |max(0, d - 10 s) - 5 min| / 5 min                                      (10 s of latency are allowed)
    d*          = the d with the greatest corr(d) + delay(d);   correlation = corr(d*),   delay = delay(d*)
    precision   = 1 - mean|response - signal| / mean|signal|
    score       = (correlation + delay + precision) / 3, each clipped to 0..1

Where ours differs, and why: the error is divided by the mean of |signal|, not by |mean of the signal|, which explodes for a signal that
swings around zero; by 1 kW if the signal is smaller still. Precision forgives `precise_within_s` of latency (the time a setpoint needs to
reach a vehicle and be followed, one cycle of aFRR), and no more: power that comes 8 s late is an error while it is missing. Where the
signal of a window is flat, a correlation does not exist (the manual compares slopes, which have a unit): there the precision of the window
at that delay stands in for it. A flat response to a moving signal has correlation 0. Windows are averaged over what is kept (one hour);
one of which less than a third of the response is known, at any delay, is left out.
While fewer samples than a window and the longest delay are there, both shrink to what there is.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8, Bool

_FEWEST: Final = 6
"""Samples below which nothing is said."""
_FEWEST_PAIRS: Final = 3
_FLAT_SHARE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """All 0..1, 1 is perfect. `coverage` is the share of samples whose response is known; the unknown ones count neither way."""

    correlation: float
    delay: float
    precision: float
    score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class TrackingRules:
    """Times in seconds; `sample_s` may be shorter for short runs. `least_kw`: smallest divisor of an error. `kept_s`: how far back.

    `allowance_s`: latency that costs no delay; `precise_within_s`: latency that costs no precision.
    """

    sample_s: float = 10.0
    window_s: float = 300.0
    longest_delay_s: float = 300.0
    allowance_s: float = 10.0
    precise_within_s: float = 4.0
    least_kw: float = 1.0
    kept_s: float = 3600.0

    def __post_init__(self) -> None:
        times = (self.sample_s, self.window_s, self.longest_delay_s, self.kept_s, self.least_kw)
        if not all(np.isfinite(value) and value > 0.0 for value in times) or not all(
            0.0 <= value < np.inf for value in (self.allowance_s, self.precise_within_s)
        ):
            raise ValueError(f"tracking times and least_kw must be above 0, the allowances at least 0: got {self}")
        if self.kept_s / self.sample_s > 100_000:
            raise ValueError(f"{self.kept_s:g} s in samples of {self.sample_s:g} s are more than 100 000 samples")


def tracking_score(signal_kw: F8, response_kw: F8, rules: TrackingRules | None = None) -> TrackingScore | None:
    """The score of n evenly spaced samples; NaN in either is a gap. None while there are too few to say anything.

    Raises ValueError if the two have different lengths.
    """
    rules = TrackingRules() if rules is None else rules
    if len(signal_kw) != len(response_kw):
        raise ValueError(f"{len(signal_kw)} samples of the signal and {len(response_kw)} of the response")
    signal, response = _finite(signal_kw), _finite(response_kw)
    known = ~np.isnan(signal) & ~np.isnan(response)
    if np.count_nonzero(known) < _FEWEST:
        return None
    correlation, delay = _correlation_and_delay(signal, response, rules)
    precision = _precision(signal, response, rules)
    if np.isnan(correlation) or np.isnan(precision):
        return None
    asked = int(np.count_nonzero(~np.isnan(signal)))
    return TrackingScore(correlation, delay, precision, (correlation + delay + precision) / 3.0, int(np.count_nonzero(known)) / asked)


def _correlation_and_delay(signal: F8, response: F8, rules: TrackingRules) -> tuple[float, float]:
    """Means over all windows at the best delay of each; NaN if no window has enough samples."""
    n = len(signal)
    delays = min(max(1, round(rules.longest_delay_s / rules.sample_s)), n // 2)
    window = max(_FEWEST_PAIRS, min(max(1, round(rules.window_s / rules.sample_s)), n - delays))
    windows = n - delays - window + 1
    correlation = np.stack([_window_correlations(signal, response, d, window, windows, rules) for d in range(delays + 1)])
    late_s = np.maximum(0.0, np.arange(delays + 1) * rules.sample_s - rules.allowance_s)
    delay = np.clip(np.abs(late_s - rules.longest_delay_s) / rules.longest_delay_s, 0.0, 1.0)
    # Where a gap hides the true delay, another one must not win by default.
    correlation = correlation[:, ~np.isnan(correlation).any(axis=0)]
    if correlation.shape[1] == 0:
        return np.nan, np.nan
    best = np.argmax(correlation + delay[:, None], axis=0)
    found = np.clip(correlation[best, np.arange(len(best))], 0.0, 1.0)
    return float(found.mean()), float(delay[best].mean())


def _window_correlations(signal: F8, response: F8, shift: int, window: int, windows: int, rules: TrackingRules) -> F8:
    """Pearson's correlation of each window of the signal with the response `shift` samples later; NaN where too little is known."""
    length = windows + window - 1
    s, r = signal[:length], response[shift : shift + length]
    known = ~np.isnan(s) & ~np.isnan(r)
    count = _sums(known.astype(np.float64), window)
    enough = count >= max(_FEWEST_PAIRS, window / 3)
    n = np.where(enough, count, 1.0)
    # Without its mean a signal far from zero loses no digits in the sums of squares.
    s0, r0 = _centred(s, known), _centred(r, known)
    covariance = _sums(s0 * r0, window) - _sums(s0, window) * _sums(r0, window) / n
    s_square = np.maximum(0.0, _sums(s0 * s0, window) - _sums(s0, window) ** 2 / n)
    r_square = np.maximum(0.0, _sums(r0 * r0, window) - _sums(r0, window) ** 2 / n)
    size = _sums(np.where(known, np.abs(s), 0.0), window) / n
    flat = np.sqrt(s_square / n) <= _FLAT_SHARE * np.maximum(size, rules.least_kw)
    still = np.sqrt(r_square / n) <= _FLAT_SHARE * np.maximum(size, rules.least_kw)
    pearson = np.where(flat | still, 0.0, covariance / np.sqrt(np.where(flat | still, 1.0, s_square * r_square)))
    error = _sums(np.where(known, np.abs(np.nan_to_num(r - s)), 0.0), window) / n
    value = np.where(flat, 1.0 - error / np.maximum(size, rules.least_kw), pearson)
    return np.where(enough, value, np.nan)


def _precision(signal: F8, response: F8, rules: TrackingRules) -> float:
    """1 - mean error / mean size, at the best shift within the latency that a setpoint needs."""
    best = np.nan
    for shift in range(int(rules.precise_within_s / rules.sample_s) + 1):
        s, r = signal[: len(signal) - shift], response[shift:]
        known = ~np.isnan(s) & ~np.isnan(r)
        if np.count_nonzero(known) < _FEWEST_PAIRS:
            continue
        size = max(float(np.mean(np.abs(s[known]))), rules.least_kw)
        best = float(np.fmax(best, np.clip(1.0 - float(np.mean(np.abs(r[known] - s[known]))) / size, 0.0, 1.0)))
    return best


def _finite(values: F8) -> F8:
    return np.where(np.isfinite(values), values, np.nan)


def _centred(values: F8, known: Bool) -> F8:
    middle = float(np.mean(values[known])) if known.any() else 0.0
    return np.where(known, values - middle, 0.0)


def _sums(values: F8, window: int) -> F8:
    """Sum of each run of `window` values."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    return total[window:] - total[:-window]


@dataclass(slots=True)
class _Sample:
    """Sums of what was fed within one sample time."""

    number: int
    signal_kw: float = 0.0
    signals: int = 0
    response_kw: float = 0.0
    responses: int = 0


class TrackingCollector:
    """Turns what is fed, at any pace, into even samples (means), keeps those of the last `kept_s`, and scores them on demand."""

    def __init__(self, rules: TrackingRules | None = None) -> None:
        self.rules = TrackingRules() if rules is None else rules
        self._kept = max(_FEWEST, round(self.rules.kept_s / self.rules.sample_s))
        self._samples: deque[_Sample] = deque(maxlen=self._kept)

    def feed(self, t_s: float, target_kw: float, response_kw: float | None) -> None:
        """What was asked for and what was given (None: not known) at `t_s` (monotonic). Figures that are no numbers count as not known.

        Anything older than the newest sample is ignored.
        """
        if not np.isfinite(t_s):
            return
        number = int(t_s // self.rules.sample_s)
        if not self._samples or number > self._samples[-1].number:
            self._samples.append(_Sample(number))
        sample = self._samples[-1]
        if number < sample.number:
            return
        if np.isfinite(target_kw):
            sample.signal_kw += target_kw
            sample.signals += 1
        if response_kw is not None and np.isfinite(response_kw):
            sample.response_kw += response_kw
            sample.responses += 1

    @property
    def span_s(self) -> float:
        """Seconds from the first sample that is kept to the newest."""
        return (self._samples[-1].number - self._samples[0].number) * self.rules.sample_s if self._samples else 0.0

    def score(self) -> TrackingScore | None:
        """The score of the complete samples kept; the newest one is still being filled and does not count. None: too few yet."""
        if len(self._samples) < _FEWEST + 1:
            return None
        newest = self._samples[-1].number
        first = max(self._samples[0].number, newest - self._kept)
        signal, response = np.full(newest - first, np.nan), np.full(newest - first, np.nan)
        for sample in self._samples:
            at = sample.number - first
            if 0 <= at < len(signal):
                signal[at] = sample.signal_kw / sample.signals if sample.signals else np.nan
                response[at] = sample.response_kw / sample.responses if sample.responses else np.nan
        return tracking_score(signal, response, self.rules)
