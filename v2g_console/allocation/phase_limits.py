"""Limits of each phase of a site, and what they leave to regulation."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from v2g_console.allocation.problem import Problem, usable_headroom_kw
from v2g_console.allocation.programme import Rows
from v2g_console.allocation.tree import AllocationError, InfeasibleError, Nodes
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, Bool

PHASES: Final = 3
TOLERANCE_KW: Final = 1e-6


class PhaseInfeasibleError(InfeasibleError):
    """A site is over a phase limit whatever the vehicles of the problem do, or the limits together leave nothing."""

    def __init__(self, detail: str) -> None:
        self.node = -1
        self.reason = Reason.SITE_LIMIT
        ValueError.__init__(self, f"{self.reason.name} {detail}")


@dataclass(frozen=True, slots=True)
class PhaseLimits:
    """Limits of s sites a phase in kW, absolute net power, positive = to the grid; n vehicles.

    `site_of` (n): the site of each vehicle, -1 for none. `share` (n x 3): which part of its power a vehicle has on L1, L2, L3; rows of
    vehicles with a site add up to 1 (one phase: 1, 0, 0; three: a third each), or are 1, 1, 1 where it is not known: then its power counts
    fully on each phase that it would load, and on none that it would relieve. `lower_kw`, `upper_kw` (s x 3): limits, -inf / +inf for
    none. `other_low_kw`, `other_high_kw` (s x 3): lowest and highest power of all that is no eligible vehicle of the problem. `names` (s).
    Raises AllocationError for shares, indices or limits that contradict each other.
    """

    site_of: Nodes
    share: F8
    lower_kw: F8
    upper_kw: F8
    other_low_kw: F8
    other_high_kw: F8
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        n, s = len(self.site_of), len(self.names)
        if self.share.shape != (n, PHASES):
            raise AllocationError(f"phase shares are {self.share.shape}, expected {(n, PHASES)}")
        for column in (self.lower_kw, self.upper_kw, self.other_low_kw, self.other_high_kw):
            if column.shape != (s, PHASES):
                raise AllocationError(f"a column of the phase limits is {column.shape}, expected {(s, PHASES)}")
        if ((self.site_of < -1) | (self.site_of >= s)).any():
            raise AllocationError(f"the phase limits point to sites that don't exist (there are {s})")
        told = (self.share >= 0.0).all(axis=1) & (np.abs(self.share.sum(axis=1) - 1.0) < 1e-6)
        bad = (self.site_of >= 0) & ~told & ~self.anywhere
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise AllocationError(f"the phase shares of vehicle row {row} must be >= 0 and add up to 1, or be all 1")
        wrong = ~((self.lower_kw <= self.upper_kw) & (self.other_low_kw <= self.other_high_kw)).all(axis=1)
        if wrong.any():
            name = self.names[int(np.flatnonzero(wrong)[0])]
            raise AllocationError(f"the phase limits of {name} contradict each other: lower above upper, or no number")

    @property
    def anywhere(self) -> Bool:
        """Vehicles (n) of which nobody knows the phase."""
        known: Bool = (self.share == 1.0).all(axis=1)
        return known

    @property
    def places(self) -> tuple[str, ...]:
        """How people call the phases: `depot L1`, ..., in the order of `phase_room`'s first 3 * s rows."""
        return tuple(place_name(name, phase) for name in self.names for phase in range(PHASES))


def place_name(site: str, phase: int) -> str:
    """`depot L1` of phase 0."""
    return f"{site} L{phase + 1}"


def phase_room(problem: Problem, limits: PhaseLimits) -> Rows:
    """What each phase of each site leaves to regulation x >= 0 in the direction of the target; n columns.

    Row 3 * site + phase is what it can take (`most`), row 3 * s further what it needs (`least`): a vehicle on an unknown phase loads each
    of them, but relieves none for sure, so its part differs. Between 0 and its headroom the part is that of the chord, which errs on the
    safe side.
    """
    n = len(problem.vehicles)
    if len(limits.site_of) != n:
        raise AllocationError(f"the phase limits have {len(limits.site_of)} rows for {n} vehicles")
    vehicle, phase = np.nonzero((limits.share > 0.0) & (limits.site_of >= 0)[:, None])
    row, share = PHASES * limits.site_of[vehicle] + phase, limits.share[vehicle, phase]
    before = np.where(problem.eligible, np.nan_to_num(problem.vehicles.baseline_kw), 0.0)
    headroom = usable_headroom_kw(problem)
    after = before + problem.direction * headroom
    anywhere = limits.anywhere
    count = PHASES * len(limits.names)
    takes_part = headroom[vehicle] > 0.0
    value, at_zero = [], []
    for clip in (np.maximum, np.minimum):  # highest and lowest power there may be
        begin, end = (np.where(anywhere, clip(kw, 0.0), kw) for kw in (before, after))
        part = np.where(anywhere, np.abs(end - begin) / np.where(headroom > 0.0, headroom, 1.0), 1.0)
        value.append((share * part[vehicle])[takes_part])
        at_zero.append(np.bincount(row, weights=share * begin[vehicle], minlength=count))
    row, vehicle = row[takes_part], vehicle[takes_part]
    above = limits.upper_kw.ravel() - limits.other_high_kw.ravel() - at_zero[0]
    below = at_zero[1] + limits.other_low_kw.ravel() - limits.lower_kw.ravel()
    if problem.direction < 0:
        above, below, value = below, above, value[::-1]
    unbound = np.full(count, np.inf)
    return Rows(
        np.concatenate((row, row + count)),
        np.concatenate((vehicle, vehicle)),
        np.concatenate(value),
        np.concatenate((-unbound, -below)),
        np.concatenate((above, unbound)),
    )


def outside(room: Rows, powers_kw: F8) -> Bool:
    """Which rows of `room` the powers (n, kW) break. Rows where nobody can do anything are none of our business."""
    sums = room.sums(powers_kw)
    peopled = np.bincount(room.row, minlength=len(sums)) > 0
    return peopled & ((sums > room.most + TOLERANCE_KW) | (sums < room.least - TOLERANCE_KW))


def forgiven(problem: Problem, limits: PhaseLimits) -> PhaseLimits:
    """The same limits, but a phase that is beyond one without our doing counts as just at it.

    Nobody may load it further, and nobody has to bring it back: one overloaded phase must not keep a whole fleet from helping.
    """
    room, shape = phase_room(problem, limits), limits.lower_kw.shape
    count = limits.lower_kw.size
    taken, needed = np.maximum(0.0, -room.most[:count]).reshape(shape), np.maximum(0.0, room.least[count:]).reshape(shape)
    if problem.direction > 0:
        return replace(limits, upper_kw=limits.upper_kw + taken, lower_kw=limits.lower_kw - needed)
    return replace(limits, upper_kw=limits.upper_kw + needed, lower_kw=limits.lower_kw - taken)
