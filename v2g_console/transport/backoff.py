"""Exponential back-off with full jitter, so that clients that lost the same broker don't come back together."""

from collections.abc import Callable

LONGEST_S = 30.0


def full_jitter_s(attempt: int, first_s: float, random: Callable[[], float]) -> float:
    """The pause before attempt number `attempt` + 1 (0-based): uniform in 0..min(30 s, first * 2^attempt). `random` gives 0..1."""
    return random() * min(LONGEST_S, first_s * 2.0 ** min(attempt, 32))
