"""The curves of the simple allocators, from scores and headroom alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from v2g_console.allocation.waterfill import Curves
from v2g_console.domain.vehicle import F8

LEAST_SCORE: Final = 0.01
"""A poor vehicle still gets a little, so that a target is never missed for want of good ones."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An allocator's view of the vehicles: their curves and the score behind them with its parts."""

    curves: Curves
    score: F8
    parts: dict[str, F8]


Shape = Callable[[F8, F8], Curves]
"""From scores (n) and usable headroom (kW, n) to curves."""


def equal_shape(scores: F8, headroom_kw: F8) -> Curves:
    """The same power for everybody, capped by what each can do; scores don't matter."""
    zero = np.zeros(len(headroom_kw))
    return Curves(np.ones(len(headroom_kw)), zero, zero, headroom_kw)


def smart_shape(scores: F8, headroom_kw: F8) -> Curves:
    """Shares in proportion to score times headroom."""
    zero = np.zeros(len(scores))
    slope = np.where(headroom_kw > 0.0, np.maximum(scores, LEAST_SCORE) * headroom_kw, 1.0)
    return Curves(slope, zero, zero, headroom_kw)


def merit_shape(scores: F8, headroom_kw: F8) -> Curves:
    """Curves that start one whole level after another, best score first; equal scores share by headroom."""
    usable = headroom_kw > 0.0
    rank = np.zeros(len(scores))
    rank[usable] = np.unique(-scores[usable], return_inverse=True)[1]
    return Curves(np.where(usable, headroom_kw, 1.0), rank, np.zeros(len(scores)), headroom_kw)


SHAPES: Final[dict[str, Shape]] = {"equal": equal_shape, "smart": smart_shape, "merit": merit_shape, "lp": merit_shape}
