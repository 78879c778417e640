"""What was asked of each vehicle and what it did: participation that fades, reversals and throughput, and how evenly it is shared.

Participation is `1 - exp(-a)`, where a is the energy asked of a vehicle in units of its usable battery, each kWh fading with a half life:
0 for a vehicle left in peace, 0.63 once its whole battery was asked for, never quite 1. Reversals and throughput only grow.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.capability import CHARGING_KW
from v2g_console.domain.vehicle import F8, Bool

Rows = NDArray[np.intp]
I1 = NDArray[np.int8]
I8 = NDArray[np.int64]

DEFAULT_HALF_LIFE_S: Final = 7 * 86_400.0
"""A week: a vehicle asked much on Monday is asked less until the weekend, and nobody pays for last month."""


@dataclass(slots=True)
class Wear:
    """Running totals, one row a vehicle of the fleet; changed in place by its methods and by nobody else.

    `participation` 0..1. `reversals`: changes between charging and injecting while dispatched. `throughput_kwh` >= 0: energy through
    the plug while dispatched, both ways added. `last_sign`: +1 last seen injecting, -1 charging, 0 neither yet.
    """

    participation: F8
    reversals: I8
    throughput_kwh: F8
    last_sign: I1

    @staticmethod
    def empty(n: int) -> "Wear":
        """n vehicles nothing was asked of."""
        return Wear(np.zeros(n), np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int8))

    def __len__(self) -> int:
        return len(self.participation)

    def grow(self, n: int) -> None:
        """Make room for `n` vehicles; new ones start at nothing, none is ever taken away."""
        missing = n - len(self)
        if missing > 0:
            for field in fields(self):
                setattr(self, field.name, np.pad(getattr(self, field.name), (0, missing)))

    def fade(self, span_s: float, half_life_s: float = DEFAULT_HALF_LIFE_S) -> None:
        """Let `span_s` seconds pass for the participation of everybody. Raises ValueError for a half life that is not positive."""
        if not half_life_s > 0.0:
            raise ValueError(f"half_life_s must be positive, got {half_life_s}")
        if span_s > 0.0:
            left = 2.0 ** (-span_s / half_life_s)
            self.participation = 1.0 - (1.0 - self.participation) ** left

    def ask(self, rows: Rows, regulation_kw: F8, usable_kwh: F8, span_s: float) -> None:
        """`rows` (k, each once) were asked for `regulation_kw` (k, signed) over `span_s`; `usable_kwh` (k) is what their batteries hold.

        A vehicle whose battery or regulation is no number is left as it is.
        """
        asked_kwh = np.abs(regulation_kw) * max(span_s, 0.0) / 3600.0
        known = np.isfinite(asked_kwh) & np.isfinite(usable_kwh) & (usable_kwh > 0.0)
        share = np.divide(asked_kwh, usable_kwh, out=np.zeros(len(rows)), where=known)
        self.participation[rows] = 1.0 - (1.0 - self.participation[rows]) * np.exp(-share)

    def run(self, rows: Rows, power_kw: F8, span_s: float) -> None:
        """Dispatched `rows` (k, each once) ran at `power_kw` (k, seen from the grid) for `span_s`: throughput, and reversals.

        Standing still between charging and injecting doesn't hide a reversal; a power below the noise of an idle meter is standing still.
        """
        power_kw = np.where(np.isfinite(power_kw), power_kw, 0.0)
        self.throughput_kwh[rows] += np.abs(power_kw) * max(span_s, 0.0) / 3600.0
        sign = np.where(np.abs(power_kw) > CHARGING_KW, np.sign(power_kw), 0.0).astype(np.int8)
        before = self.last_sign[rows]
        self.reversals[rows] += sign * before < 0
        self.last_sign[rows] = np.where(sign != 0, sign, before)


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """How evenly a fleet is used. `vehicles`: how many were counted; `jain`: index of their participation, see `jain_index`."""

    vehicles: int
    asked: int  # of them, with a participation above one percent
    jain: float
    participation_mean: float
    participation_most: float
    reversals: int
    reversals_most: int
    throughput_kwh: float
    throughput_most_kwh: float


def jain_index(amounts: F8) -> float:
    """Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 if all have the same, 1/n if one has everything.

    Where nobody has anything, or there is nobody, it is 1. Source: R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984.
    """
    known = amounts[np.isfinite(amounts)]
    largest = float(np.max(np.abs(known), initial=0.0))
    if largest <= 0.0:
        return 1.0
    scaled = known / largest  # so that squares neither vanish nor overflow
    return float(scaled.sum() ** 2 / (len(scaled) * (scaled**2).sum()))


def fairness_report(wear: Wear, counted: Bool | None = None) -> FairnessReport:
    """The fleet's figures over the vehicles `counted` (n; all if None), such as those that could have been asked at all."""
    chosen = np.ones(len(wear), np.bool_) if counted is None else counted
    participation, reversals, through_kwh = wear.participation[chosen], wear.reversals[chosen], wear.throughput_kwh[chosen]
    return FairnessReport(
        vehicles=len(participation),
        asked=int(np.count_nonzero(participation > 0.01)),
        jain=jain_index(participation),
        participation_mean=float(participation.mean()) if len(participation) else 0.0,
        participation_most=float(participation.max(initial=0.0)),
        reversals=int(reversals.sum()),
        reversals_most=int(reversals.max(initial=0)),
        throughput_kwh=float(through_kwh.sum()),
        throughput_most_kwh=float(through_kwh.max(initial=0.0)),
    )
