"""How a target is approached: a straight line within the full activation time, never faster than a ramp."""

from dataclasses import dataclass

import numpy as np

from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import F8, U1, Bool


def shaped_target(from_kw: float, to_kw: float, since_s: float, full_activation_s: float, ramp_kw_per_s: float = np.inf) -> float:
    """The target in kW `since_s` seconds after the change from `from_kw` to `to_kw`.

    A straight line that arrives after `full_activation_s`, or later if `ramp_kw_per_s` (> 0) asks for it; with neither, at once.
    Raises ValueError for figures that make no line (NaN, a negative time, a ramp that is not positive).
    """
    if not (np.isfinite(from_kw) and np.isfinite(to_kw)) or np.isnan(since_s):
        raise ValueError(f"a target must go from a finite power to a finite power, got {from_kw} to {to_kw} kW after {since_s} s")
    duration_s = shaping_s(from_kw, to_kw, full_activation_s, ramp_kw_per_s)
    if since_s >= duration_s:
        return to_kw
    return from_kw + (to_kw - from_kw) * max(0.0, since_s) / duration_s


def shaping_s(from_kw: float, to_kw: float, full_activation_s: float, ramp_kw_per_s: float = np.inf) -> float:
    """How long the line from `from_kw` to `to_kw` takes, in seconds. Raises ValueError as `shaped_target`."""
    if not (np.isfinite(full_activation_s) and full_activation_s >= 0.0):
        raise ValueError(f"the full activation time must be a finite number of seconds >= 0, got {full_activation_s}")
    if not ramp_kw_per_s > 0.0:
        raise ValueError(f"a ramp must be above 0 kW/s, got {ramp_kw_per_s}")
    return max(full_activation_s, abs(to_kw - from_kw) / ramp_kw_per_s) if to_kw != from_kw else 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """The way of one dispatch to its newest target; a newer target starts where the course is at that moment. Times are monotonic."""

    from_kw: float
    to_kw: float
    began_s: float
    full_activation_s: float = 0.0
    ramp_kw_per_s: float = np.inf

    def at(self, now_s: float) -> float:
        """The target in kW now."""
        return shaped_target(self.from_kw, self.to_kw, now_s - self.began_s, self.full_activation_s, self.ramp_kw_per_s)

    def arrives_s(self) -> float:
        """When it is at its target (monotonic)."""
        return self.began_s + shaping_s(self.from_kw, self.to_kw, self.full_activation_s, self.ramp_kw_per_s)

    def towards(self, to_kw: float, now_s: float) -> "Course":
        """The course to a newer target; the same one if the target is the same, so that repeating a target doesn't start it anew."""
        if to_kw == self.to_kw:
            return self
        return Course(self.at(now_s), to_kw, now_s, self.full_activation_s, self.ramp_kw_per_s)


@dataclass(frozen=True, slots=True)
class RampBounds:
    """Setpoint bounds in kW (n) for one step, and where it is the ramp that sets the lower or upper one."""

    low_kw: F8
    high_kw: F8
    low_by_ramp: Bool
    high_by_ramp: Bool

    def reason(self, direction: int) -> U1:
        """RAMP where the ramp limits regulation in `direction` (+1 up, -1 down), else 0."""
        limited = self.high_by_ramp if direction > 0 else self.low_by_ramp
        return np.where(limited, Reason.RAMP, Reason.NONE).astype(np.uint8)


def ramp_bounds(
    setpoint_kw: F8,
    low_kw: F8,
    high_kw: F8,
    ramp_kw_per_s: F8,
    step_s: float,
    *,
    min_charge_kw: F8 | None = None,
    min_discharge_kw: F8 | None = None,
) -> RampBounds:
    """Narrow `low_kw..high_kw` (n) to what a vehicle's ramp lets its setpoint reach within `step_s`.

    A ramp that is no positive number is no limit. A setpoint outside its bounds is brought back at once, whatever the ramp: the bounds
    protect battery, driver and wire. Nobody can ramp through the hole below a minimum power, so a step into it may cross it.
    """
    step = np.where(ramp_kw_per_s > 0.0, ramp_kw_per_s * max(0.0, step_s), np.inf)
    inside = np.clip(setpoint_kw, low_kw, high_kw)
    inside = np.where(np.isfinite(inside), inside, low_kw)
    down_to, up_to = inside - step, inside + step
    if min_charge_kw is not None:
        down_to, up_to = _across(down_to, up_to, -_minimum(min_charge_kw), np.zeros(len(step)))
    if min_discharge_kw is not None:
        down_to, up_to = _across(down_to, up_to, np.zeros(len(step)), _minimum(min_discharge_kw))
    low, high = np.maximum(low_kw, down_to), np.minimum(high_kw, up_to)
    return RampBounds(low, high, low > low_kw, high < high_kw)


def _minimum(minimum_kw: F8) -> F8:
    return np.where(np.isfinite(minimum_kw) & (minimum_kw > 0.0), minimum_kw, 0.0)


def _across(down_to: F8, up_to: F8, begins: F8, ends: F8) -> tuple[F8, F8]:
    """Both ends of a step moved to the far edge of the hole `begins..ends` they fall into."""
    return (
        np.where((down_to > begins) & (down_to < ends), begins, down_to),
        np.where((up_to > begins) & (up_to < ends), ends, up_to),
    )
