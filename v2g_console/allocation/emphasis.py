"""What matters more to which signal and to which kind of fleet: the tables of defaults, and how they become weights and rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from v2g_console.allocation.problem import SegmentRule, Weights
from v2g_console.domain.signal import Signal

EMPHASIS: Final[Mapping[Signal, Weights]] = {
    # Symmetric and short: hardly any energy, but it must be there at once, and it turns round often.
    Signal.FCR: Weights(soc=0.5, time=0.7, priority=1.0, price=0.5, wear=1.5, fairness=1.0, availability=2.0),
    # A target that moves every few seconds: answers and wear count, a silent vehicle is felt at once.
    Signal.AFRR_UP: Weights(soc=0.8, time=1.0, priority=1.0, price=0.8, wear=1.3, fairness=1.0, availability=1.5),
    Signal.AFRR_DOWN: Weights(soc=0.8, time=1.0, priority=1.0, price=0.8, wear=1.3, fairness=1.0, availability=1.5),
    # A block of energy for minutes to hours: what is stored and how long it stays.
    Signal.MA: Weights(soc=1.5, time=1.5, priority=1.0, price=1.2, wear=1.0, fairness=1.0, availability=1.0),
    # Charging put off: nobody's departure may suffer, the same drivers shouldn't wait each time; no battery is worn.
    Signal.NEBEF: Weights(soc=1.0, time=2.0, priority=1.5, price=1.0, wear=0.3, fairness=1.5, availability=1.0),
    Signal.ECOWATT: Weights(soc=1.0, time=2.0, priority=1.5, price=1.0, wear=0.3, fairness=2.0, availability=0.8),
}
"""Multipliers of the configured weights, by signal. 1 leaves a weight as it is."""


@dataclass(frozen=True, slots=True)
class SegmentDefault:
    """How a kind of fleet shares what falls to it, unless the configuration says otherwise; `emphasis` multiplies the weights."""

    allocator: str
    emphasis: Weights


SEGMENT_DEFAULTS: Final[Mapping[str, SegmentDefault]] = {
    # Private cars with a morning departure: everybody a little, those with time to spare first.
    "commuter": SegmentDefault("smart", Weights(soc=1.0, time=2.0, priority=1.5, price=1.0, wear=1.0, fairness=1.5, availability=1.0)),
    # A depot whose owner is one party: the best vehicles to the full, few commands; fairness between vans is nobody's concern.
    "captive": SegmentDefault("merit", Weights(soc=1.5, time=1.0, priority=1.0, price=1.5, wear=1.5, fairness=0.2, availability=1.0)),
    # Passers-by at public chargers: nobody knows when they leave, so the share of each stays small and what counts is being there.
    "opportunistic": SegmentDefault("equal", Weights(soc=1.0, time=0.5, priority=1.0, price=1.0, wear=1.0, fairness=1.0, availability=2.0)),
}
"""Defaults by segment name. A segment not listed shares by `smart` with the problem's own weights."""


def emphasised(weights: Weights, signal: Signal) -> Weights:
    """`weights` times the multipliers of `signal`, rescaled so that their sum stays (only ratios matter; a sum that stays reads better)."""
    return _multiplied(weights, EMPHASIS[signal])


def segment_rules(
    names: Sequence[str], weights: Weights, configured: Mapping[str, SegmentDefault] = SEGMENT_DEFAULTS
) -> tuple[SegmentRule, ...]:
    """Rules for the segments called `names` (the position is the code in `VehicleColumns.segment`), from already emphasised `weights`.

    `configured` replaces or extends the defaults by name; a segment in neither has no rule.
    """
    rules = {**SEGMENT_DEFAULTS, **configured}
    return tuple(
        SegmentRule(code, rules[name].allocator, _multiplied(weights, rules[name].emphasis))
        for code, name in enumerate(names)
        if name in rules
    )


def _multiplied(weights: Weights, by: Weights) -> Weights:
    values = {field.name: getattr(weights, field.name) * getattr(by, field.name) for field in fields(Weights)}
    before, after = sum(getattr(weights, name) for name in values), sum(values.values())
    if after <= 0.0:  # the emphasis took all that was left: better the weights that were asked for
        return weights
    return Weights(**{name: value * before / after for name, value in values.items()})
