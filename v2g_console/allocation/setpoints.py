"""Which absolute setpoints a vehicle may be sent: within its bounds, and at nothing or at least at a minimum power."""

from dataclasses import dataclass

import numpy as np

from v2g_console.allocation.problem import MICROWATT_KW
from v2g_console.domain.vehicle import F8, Bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """Setpoints in kW that n vehicles may be sent: `low..high` without the holes `charge..0` (`charge` <= 0) and `0..discharge`.

    `usable` (n) is False where the bounds are no numbers or contradict each other.
    """

    low: F8
    high: F8
    charge: F8
    discharge: F8
    usable: Bool

    @staticmethod
    def between(low_kw: F8, high_kw: F8, min_charge_kw: F8 | None, min_discharge_kw: F8 | None) -> "Allowed":
        """From bounds and minimum powers (>= 0; None or no number: none). Bounds that end in a hole are cut to its edge inside them.

        Where nothing is left (both bounds in one hole) the bounds stand and the hole does not: the bounds protect, the hole is technique.
        """
        charge, discharge = -_minimum(min_charge_kw, len(low_kw)), _minimum(min_discharge_kw, len(low_kw))
        usable = np.isfinite(low_kw) & np.isfinite(high_kw) & (low_kw <= high_kw + MICROWATT_KW)
        low = np.where(usable, low_kw, 0.0)
        high = np.where(usable, np.maximum(high_kw, low_kw), 0.0)
        free_charge = np.where((low > charge) & (high < 0.0), 0.0, charge)
        free_discharge = np.where((low > 0.0) & (high < discharge), 0.0, discharge)
        for begins, ends in ((free_charge, np.zeros(len(low))), (np.zeros(len(low)), free_discharge)):
            low = np.where((low > begins) & (low < ends), ends, low)
            high = np.where((high > begins) & (high < ends), begins, high)
        return Allowed(low, high, free_charge, free_discharge, usable)

    def nearest(self, setpoint_kw: F8, baseline_kw: F8) -> F8:
        """The nearest allowed setpoint. One that only sits in a hole stays if it is the baseline: nobody asked the vehicle to be there."""
        inside = np.clip(setpoint_kw, self.low, self.high)
        own = (inside == setpoint_kw) & (np.abs(setpoint_kw - baseline_kw) <= MICROWATT_KW)
        for begins, ends in self._holes():
            in_hole = (inside > begins + MICROWATT_KW) & (inside < ends - MICROWATT_KW) & ~own
            middle = (begins + ends) / 2.0
            down, up = begins >= self.low - MICROWATT_KW, ends <= self.high + MICROWATT_KW
            inside = np.where(in_hole & down & (~up | (inside <= middle)), begins, np.where(in_hole & up, ends, inside))
        return inside

    def step(self, position: F8, direction: int, wanted: F8, least: float) -> F8:
        """How far (>= 0, kW) each may go in `direction`: `wanted` or, where that ends in a hole, to the hole's near edge.

        If the near edge is less than `least` away, to the far edge, further than wanted. Never beyond the bounds.
        """
        end = position + direction * np.minimum(np.maximum(wanted, 0.0), self._space(position, direction))
        for near, far in self._holes_along(direction):
            inside = (direction * (end - near) > MICROWATT_KW) & (direction * (far - end) > MICROWATT_KW)
            to_near = direction * (near - position)
            may_cross = direction * (far - position) <= self._space(position, direction) + MICROWATT_KW
            cross = may_cross & ((to_near < least - MICROWATT_KW) | (to_near <= MICROWATT_KW))
            back = np.where(to_near > 0.0, near, position)
            end = np.where(inside, np.where(cross, far, back), end)
        return np.where(self.usable & (wanted > 0.0), np.maximum(0.0, direction * (end - position)), 0.0)

    def crossing(self, position: F8, direction: int, beyond: F8) -> F8:
        """The shortest way (kW) in `direction` across a hole that is longer than `beyond`; infinite where there is none."""
        shortest = np.full(len(position), np.inf)
        space = self._space(position, direction)
        for near, far in self._holes_along(direction):
            span = direction * (far - position)
            there = (direction * (far - near) > MICROWATT_KW) & (span > beyond) & (span <= space + MICROWATT_KW)
            shortest = np.where(there & self.usable, np.minimum(shortest, span), shortest)
        return shortest

    def _space(self, position: F8, direction: int) -> F8:
        return np.maximum(0.0, self.high - position if direction > 0 else position - self.low)

    def _holes(self) -> tuple[tuple[F8, F8], tuple[F8, F8]]:
        zero = np.zeros(len(self.low))
        return (self.charge, zero), (zero, self.discharge)

    def _holes_along(self, direction: int) -> tuple[tuple[F8, F8], tuple[F8, F8]]:
        """(near edge, far edge) of both holes, in the order they are met."""
        first, second = self._holes()
        if direction > 0:
            return first, second
        return (second[1], second[0]), (first[1], first[0])


def _minimum(minimum_kw: F8 | None, n: int) -> F8:
    if minimum_kw is None:
        return np.zeros(n)
    return np.where(np.isfinite(minimum_kw) & (minimum_kw > 0.0), minimum_kw, 0.0)
