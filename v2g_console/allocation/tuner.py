"""Learning from results: after a dispatch a tuner may change the weights of the score, within bounds and never silently.

`NoTuner` is the default: weights that drift unasked harm trust.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from v2g_console.allocation.problem import Weights

_LEAST_CHANGE: Final = 0.005
"""Changes below this are no news to anybody."""


@dataclass(frozen=True, slots=True)
class DispatchOutcome:
    """How a finished dispatch was answered: vehicles that were sent a setpoint, and of them those that acknowledged or limited it."""

    dispatch_id: str
    asked: int
    answered: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """New weights and the sentence for the audit that says what changed and why."""

    weights: Weights
    sentence: str


class Tuner(Protocol):
    """What may change weights after a dispatch."""

    def tune(self, weights: Weights, outcomes: Sequence[DispatchOutcome]) -> Tuned | None:
        """New weights from the present ones and finished dispatches, oldest first; None to leave them as they are."""
        ...


class NoTuner:
    """Leaves the weights alone."""

    def tune(self, weights: Weights, outcomes: Sequence[DispatchOutcome]) -> Tuned | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class AckTuner:
    """Moves the weight of availability with the rate of acknowledgements of the last `recent` dispatches, and with nothing else.

    The weight belongs to the rate: `configured` at `goal_rate` and above, rising in a straight line to `most` at `worst_rate` and below.
    So it returns by itself once vehicles answer again, and old failures can't add up. One call moves it by `step` at the most.
    With fewer than `least_asked` vehicles asked in those dispatches the rate says nothing, and nothing changes.
    """

    configured: float
    most: float = 0.5
    recent: int = 10
    goal_rate: float = 0.95
    worst_rate: float = 0.6
    step: float = 0.05
    least_asked: int = 20

    def __post_init__(self) -> None:
        if not 0.0 <= self.configured <= self.most:
            raise ValueError(f"the availability weight must be within 0..{self.most:g}, configured is {self.configured:g}")
        if not 0.0 <= self.worst_rate < self.goal_rate <= 1.0:
            raise ValueError(f"0 <= worst_rate < goal_rate <= 1 must hold, got {self.worst_rate:g} and {self.goal_rate:g}")
        if self.recent < 1 or not self.step > 0.0:
            raise ValueError(f"recent must be at least 1 and step positive, got {self.recent} and {self.step:g}")

    def tune(self, weights: Weights, outcomes: Sequence[DispatchOutcome]) -> Tuned | None:
        """`weights` with another weight of availability, or None if it stays."""
        last = outcomes[-self.recent :]
        asked = sum(outcome.asked for outcome in last)
        if asked < max(1, self.least_asked):
            return None
        rate = min(1.0, sum(outcome.answered for outcome in last) / asked)
        poor = min(1.0, max(0.0, (self.goal_rate - rate) / (self.goal_rate - self.worst_rate)))
        wanted = self.configured + poor * (self.most - self.configured)
        now = weights.availability
        new = min(self.most, max(self.configured, min(max(wanted, now - self.step), now + self.step)))
        if abs(new - now) < _LEAST_CHANGE:
            return None
        sentence = (
            f"availability weight {now:.3f} -> {new:.3f}: {rate:.0%} of {asked} commands in the last {len(last)} dispatches "
            f"were acknowledged (goal {self.goal_rate:.0%}; bounds {self.configured:.3f} to {self.most:.3f})"
        )
        return Tuned(replace(weights, availability=new), sentence)
