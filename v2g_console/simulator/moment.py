"""A point in time as a vehicle knows it: its own steady clock, and the date it believes."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """`steady_s` never jumps and is what leases run on; `utc_s` is what payloads carry."""

    steady_s: float
    utc_s: float

    def later(self, seconds: float) -> "Moment":
        """The moment `seconds` from this one, both clocks running alike."""
        return Moment(self.steady_s + seconds, self.utc_s + seconds)


def now() -> Moment:
    """This moment."""
    return Moment(time.monotonic(), time.time())
