"""What was seen of vehicles, as hours of evidence that fade, by hour of the week (UTC)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import F8, Bool
from v2g_console.prediction.port import Rows

F4 = NDArray[np.float32]

HOURS_OF_DAY: Final = 24
HOURS_OF_WEEK: Final = 168
HOUR_S: Final = 3600.0


@dataclass(slots=True)
class Evidence:
    """Hours seen and hours available, a column a vehicle, in weights of the common reference time."""

    seen_h: F4
    available_h: F4

    @staticmethod
    def empty(capacity: int) -> "Evidence":
        """No evidence about `capacity` vehicles."""
        return Evidence(np.zeros(capacity, np.float32), np.zeros(capacity, np.float32))

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` vehicles."""
        missing = capacity - len(self.seen_h)
        if missing > 0:
            self.seen_h = np.pad(self.seen_h, (0, missing))
            self.available_h = np.pad(self.available_h, (0, missing))

    def add(self, rows: Rows, weight_h: F8, available: Bool) -> None:
        """`rows` were or were not available for `weight_h` hours each."""
        np.add.at(self.seen_h, rows, weight_h)
        np.add.at(self.available_h, rows, weight_h * available)

    def scale(self, factor: float) -> None:
        """Count everything `factor` times."""
        self.seen_h *= np.float32(factor)
        self.available_h *= np.float32(factor)

    def share(self, n: int, fade: float, prior: F8, prior_h: float) -> F8:
        """Share of time available of the first `n` vehicles, with `prior_h` hours of `prior` (n) added."""
        available_h, seen_h = first(self.available_h, n) * fade, first(self.seen_h, n) * fade
        return np.clip((available_h + prior_h * prior) / (seen_h + prior_h), 0.0, 1.0)


@dataclass(slots=True)
class Turnover:
    """How fast vehicles of the whole fleet leave and return, in events an hour; begins with a prior, and its evidence fades."""

    there_h: float = 50.0
    away_h: float = 25.0
    left: float = 5.0  # a stay of ten hours
    returned: float = 5.0  # a trip of five

    def add(self, weight_h: F8, weight: float, was: Bool, is_now: Bool) -> None:
        """Vehicles were seen for `weight_h` each (already weighted) before they went from `was` to `is_now`."""
        self.there_h += float(weight_h[was].sum())
        self.away_h += float(weight_h[~was].sum())
        self.left += weight * int(np.count_nonzero(was & ~is_now))
        self.returned += weight * int(np.count_nonzero(~was & is_now))

    def scale(self, factor: float) -> None:
        """Count everything `factor` times."""
        self.there_h, self.away_h, self.left, self.returned = (
            value * factor for value in (self.there_h, self.away_h, self.left, self.returned)
        )

    @property
    def memory_h(self) -> float:
        """After this time a state says 1/e of what it said: 1 / (rate of leaving + rate of returning), as for any two-state process."""
        return 1.0 / (self.left / self.there_h + self.returned / self.away_h)


def hour_of_week(utc_s: float) -> int:
    """0 is the first hour of a Thursday, as 1970 began; only that it repeats each week matters."""
    return int(utc_s // HOUR_S) % HOURS_OF_WEEK


def first(column: F4, n: int) -> F8:
    """The first `n` cells as float64; vehicles never observed have zero."""
    cells = np.zeros(n)
    known = min(n, len(column))
    cells[:known] = column[:known]
    return cells
