"""The allocators: each says by which curve a vehicle takes part, nothing else."""

from collections.abc import Callable
from typing import Final

import numpy as np

from v2g_console.allocation.problem import Problem
from v2g_console.allocation.score import score
from v2g_console.allocation.segmented import segmented
from v2g_console.allocation.shapes import Plan, equal_shape, merit_shape, smart_shape
from v2g_console.domain.vehicle import F8

Allocator = Callable[[Problem, F8], Plan]
"""From a checked problem and its usable headroom (kW, n) to a plan."""


def equal(problem: Problem, headroom_kw: F8) -> Plan:
    """The same power for everybody, capped by what each can do."""
    scores = np.ones(len(problem.vehicles))
    return Plan(equal_shape(scores, headroom_kw), scores, {})


def smart(problem: Problem, headroom_kw: F8) -> Plan:
    """Shares in proportion to score times headroom: good vehicles are used to a larger part of what they can do."""
    scores, parts = score(problem, headroom_kw)
    return Plan(smart_shape(scores, headroom_kw), scores, parts)


def merit(problem: Problem, headroom_kw: F8) -> Plan:
    """Best score first, each filled before the next begins; vehicles of equal score share by headroom.

    Curves that start one whole level after another can't overlap, so the result maximises sum(score * x): the linear programme, exactly.
    """
    scores, parts = score(problem, headroom_kw)
    return Plan(merit_shape(scores, headroom_kw), scores, parts)


ALLOCATORS: Final[dict[str, Allocator]] = {"equal": equal, "smart": smart, "merit": merit, "lp": merit, "segmented": segmented}
