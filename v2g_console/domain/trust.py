"""Trust in vehicles: who failed lately is on hold for a pause that doubles, then gets one probe.

Pure functions over columns with one row a vehicle; all times are monotonic seconds, passed in.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import F8, U1, Bool

Rows = NDArray[np.intp]
_MOST_FAILURES: Final = 255


@dataclass(frozen=True, slots=True)
class TrustRules:
    """The pause after a first failure and the longest one, in seconds, and what counts as not delivering.

    A vehicle under-delivers if it gives less than `least_ratio` of the regulation asked of it; asked for less than `least_kw`, or measured
    without that precision, nobody can tell.
    """

    first_hold_s: float = 30.0
    longest_hold_s: float = 1800.0
    least_ratio: float = 0.5
    least_kw: float = 1.0


@dataclass(frozen=True, slots=True)
class TrustColumns:
    """`failures` in a row (n, 255 at most), `hold_until` (n, monotonic seconds, -inf: none), `probing` (n): asked again after a failure,
    its answer is awaited."""

    failures: U1
    hold_until: F8
    probing: Bool

    def __len__(self) -> int:
        return len(self.failures)

    @staticmethod
    def trusting(n: int) -> "TrustColumns":
        """n vehicles that never failed."""
        return TrustColumns(np.zeros(n, np.uint8), np.full(n, -np.inf), np.zeros(n, np.bool_))

    def grown(self, n: int) -> "TrustColumns":
        """The same columns with further vehicles, up to n in all."""
        more = TrustColumns.trusting(max(0, n - len(self)))
        return TrustColumns(
            np.concatenate((self.failures, more.failures)),
            np.concatenate((self.hold_until, more.hold_until)),
            np.concatenate((self.probing, more.probing)),
        )


def blocked(columns: TrustColumns, now: float, among: Bool | None = None) -> Bool:
    """Which vehicles (n) may not be asked now. If that were everybody (of `among`, n), all may be asked again.

    Without that exception a network failure, which is nobody's fault, would leave a fleet unusable for half an hour.
    """
    on_hold: Bool = now < columns.hold_until
    relevant = on_hold if among is None else on_hold[among]
    if relevant.all():
        return on_hold & ~among if among is not None else np.zeros(len(columns), np.bool_)
    return on_hold


def asked(columns: TrustColumns, rows: Rows) -> TrustColumns:
    """A command goes to `rows`: for those that failed before it is a probe, whose failure counts again."""
    probing = columns.probing.copy()
    probing[rows] = columns.failures[rows] > 0
    return replace(columns, probing=probing)


def record_failure(columns: TrustColumns, rows: Rows, now: float, rules: TrustRules | None = None) -> TrustColumns:
    """`rows` failed: refused, stayed silent or did not deliver. Their pause begins, twice as long as the last one.

    A failure during a pause, without a probe in between, is the same incident seen again and changes nothing.
    """
    rules = TrustRules() if rules is None else rules
    counts = np.unique(rows)
    counts = counts[columns.probing[counts] | (now >= columns.hold_until[counts])]
    failures, hold_until, probing = columns.failures.copy(), columns.hold_until.copy(), columns.probing.copy()
    failures[counts] = np.minimum(failures[counts].astype(np.intp) + 1, _MOST_FAILURES)
    hold_until[counts] = now + hold_s(failures[counts], rules)
    probing[counts] = False
    return TrustColumns(failures, hold_until, probing)


def hold_s(failures: U1, rules: TrustRules | None = None) -> F8:
    """The pause in seconds after so many failures in a row; 0 for none."""
    rules = TrustRules() if rules is None else rules
    doublings = np.clip(failures.astype(np.float64) - 1.0, 0.0, 60.0)
    return np.where(failures > 0, np.minimum(rules.first_hold_s * 2.0**doublings, rules.longest_hold_s), 0.0)


def record_success(columns: TrustColumns, rows: Rows) -> TrustColumns:
    """`rows` did what was asked: all is forgotten. For a vehicle with telemetry that is its delivery, not its acknowledgement."""
    failures, hold_until, probing = columns.failures.copy(), columns.hold_until.copy(), columns.probing.copy()
    failures[rows], hold_until[rows], probing[rows] = 0, -np.inf, False
    return TrustColumns(failures, hold_until, probing)


def reset(columns: TrustColumns, rows: Rows) -> TrustColumns:
    """An operator trusts `rows` again."""
    return record_success(columns, rows)


def delivery_ratio(setpoint_kw: F8, baseline_kw: F8, measured_kw: F8, least_kw: float = 1.0) -> F8:
    """Share of the regulation asked of each vehicle (n) that its telemetry shows; NaN where nobody can tell.

    1 is exact, above 1 is more than asked, below 0 the wrong way. Only for settled vehicles: measured after the command took effect.
    """
    asked_kw = setpoint_kw - baseline_kw
    can_tell = (np.abs(asked_kw) >= least_kw) & np.isfinite(asked_kw) & np.isfinite(measured_kw)
    given_kw = np.where(can_tell, measured_kw - baseline_kw, np.nan)
    return given_kw / np.where(can_tell, asked_kw, 1.0)
