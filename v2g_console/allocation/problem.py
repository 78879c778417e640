"""What goes into an allocation and what comes out, and the checks at its door."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.tree import AllocationError, SiteTree
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, U1, Bool, VehicleColumns

MICROWATT_KW: Final = 1e-9
"""Powers below this count as nothing."""
_BELIEVABLE_KW: Final = 1e9


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights (>= 0) of the score's features, relative to each other; what each feature means stands in `score`."""

    soc: float
    time: float
    priority: float
    price: float
    wear: float
    fairness: float
    availability: float


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """How the vehicles of one segment (`VehicleColumns.segment`) share what falls to their segment."""

    segment: int
    allocator: str
    weights: Weights


@dataclass(frozen=True, slots=True)
class Problem:
    """Share `target_kw` (signed regulation, positive = up) over n vehicles for `duration_s`.

    `headroom_kw` (>= 0) is what each can give in the direction of the target; NaN or nonsense counts as none. `availability` is the
    predicted probability 0..1. Vehicles that are not `eligible` get nothing; `exclusion` may say why (reason codes, 0 = eligible).
    `tree` adds limits of sites and feeders; `segments` is read by the allocator "segmented" only.
    """

    target_kw: float
    vehicles: VehicleColumns
    headroom_kw: F8
    eligible: Bool
    availability: F8
    duration_s: float
    weights: Weights
    tree: SiteTree | None = None
    exclusion: U1 | None = None
    segments: tuple[SegmentRule, ...] = ()

    @property
    def direction(self) -> int:
        """+1 for a target up (or zero), -1 for down."""
        return -1 if self.target_kw < 0 else 1


@dataclass(frozen=True, slots=True)
class Allocation:
    """The answer, one row a vehicle. Powers in kW.

    `regulation_kw` is signed like the target; `setpoint_kw` is baseline + regulation, NaN where the vehicle is not used. `score` is the
    sum of `parts` (weighted features by name; none for allocators without a score). `reason` says why a vehicle got nothing, or less
    than it could although more was wanted; 0 where it got its full headroom or its share of a target that is met.
    `shortfall_kw` >= 0 is what is missing in size, whichever the direction. `limits` names what stands in the way of the rest, ranked by
    the kW of headroom lost to it; it is empty only if nothing is missing. `held_by` (n) is the one of `places` (nodes, phases of sites)
    that keeps a vehicle from more, -1 for none; None: nobody is kept by any.
    """

    regulation_kw: F8
    setpoint_kw: F8
    score: F8
    parts: dict[str, F8]
    reason: U1
    requested_kw: float
    allocated_kw: float
    shortfall_kw: float
    limits: tuple[tuple[Reason, float], ...]
    places: tuple[str, ...] = ()
    held_by: NDArray[np.intp] | None = None


def check(problem: Problem) -> None:
    """Raise AllocationError for what no best effort can mend: a target or duration that is no number, columns of different length."""
    if not np.isfinite(problem.target_kw):
        raise AllocationError(f"the target must be a finite number of kW, got {problem.target_kw}")
    if not np.isfinite(problem.duration_s) or problem.duration_s < 0:
        raise AllocationError(f"the duration must be a finite number of seconds >= 0, got {problem.duration_s}")
    n = len(problem.vehicles)
    for name, length in (
        ("headroom_kw", len(problem.headroom_kw)),
        ("eligible", len(problem.eligible)),
        ("availability", len(problem.availability)),
        ("exclusion", n if problem.exclusion is None else len(problem.exclusion)),
        ("tree.node_of", n if problem.tree is None else len(problem.tree.node_of)),
    ):
        if length != n:
            raise AllocationError(f"{name} has {length} rows for {n} vehicles")
    for weights in (problem.weights, *(rule.weights for rule in problem.segments)):
        for name in Weights.__slots__:
            weight = getattr(weights, name)
            if not np.isfinite(weight) or weight < 0:
                raise AllocationError(f"weight {name!r} must be a finite number >= 0, got {weight}")


def usable_headroom_kw(problem: Problem) -> F8:
    """Headroom of the eligible vehicles; 0 for the others and wherever the figure can't be true."""
    cap = problem.headroom_kw
    fine = problem.eligible & (cap > MICROWATT_KW) & (cap < _BELIEVABLE_KW) & np.isfinite(problem.vehicles.baseline_kw)
    return np.where(fine, cap, 0.0)
