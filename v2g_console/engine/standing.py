"""How each vehicle has done so far: trust (failures put it on hold), and what was asked of it (participation, reversals, throughput)."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.fairness import FairnessReport, Wear, fairness_report
from v2g_console.config.settings import TrustSettings
from v2g_console.domain import trust
from v2g_console.engine.fleet import Fleet

Rows = NDArray[np.intp]


class Standing:
    """Columns beside the fleet's, by the same row numbers; grown on demand."""

    def __init__(self, settings: TrustSettings) -> None:
        self._rules = trust.TrustRules(settings.first_hold_s, settings.longest_hold_s, settings.least_ratio, settings.least_kw)
        self._trust = trust.TrustColumns.trusting(0)
        self.wear = Wear.empty(0)
        self._faded_at: float | None = None

    @property
    def rules(self) -> trust.TrustRules:
        """Pauses, and what counts as not delivering."""
        return self._rules

    def grow(self, n: int) -> None:
        """Make room for `n` vehicles."""
        if len(self._trust) < n:
            self._trust = self._trust.grown(n)
            self.wear.grow(n)

    def on_hold(self, now: float, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Who may not be asked now, of the fleet's `n` vehicles; nobody, if that would be everybody of `among`."""
        self.grow(len(among))
        return trust.blocked(self._trust, now, among)[: len(among)]

    def asked(self, rows: Rows) -> None:
        """A command goes to `rows`."""
        self.grow(int(rows.max(initial=-1)) + 1)
        self._trust = trust.asked(self._trust, rows)

    def failed(self, rows: Rows, now: float) -> None:
        """`rows` refused, stayed silent, or did not deliver."""
        if len(rows):
            self.grow(int(rows.max()) + 1)
            self._trust = trust.record_failure(self._trust, rows, now, self._rules)

    def did_well(self, rows: Rows) -> None:
        """`rows` did what was asked."""
        if len(rows):
            self.grow(int(rows.max()) + 1)
            self._trust = trust.record_success(self._trust, rows)

    def reset(self, rows: Rows) -> None:
        """An operator trusts `rows` again."""
        self.did_well(rows)

    def failures(self, row: int) -> int:
        """Failures in a row of one vehicle."""
        return int(self._trust.failures[row]) if row < len(self._trust) else 0

    def hold_s(self, row: int, now: float) -> float:
        """How long one vehicle is still left alone, in seconds."""
        return max(0.0, float(self._trust.hold_until[row] - now)) if row < len(self._trust) else 0.0

    def participation(self, n: int) -> NDArray[np.float64]:
        """0..1 for the first `n` vehicles."""
        self.grow(n)
        return self.wear.participation[:n].copy()

    def use(self, fleet: Fleet, span_s: float) -> None:
        """`span_s` seconds of use for every vehicle that is dispatched: what it does where it is measured, and what was asked of it."""
        n = len(fleet)
        self.grow(n)
        owned = fleet.owner[:n] >= 0
        rows = np.flatnonzero(owned & np.isfinite(fleet.power_kw[:n]))
        self.wear.run(rows, fleet.power_kw[rows], span_s)
        asked = np.flatnonzero(owned & np.isfinite(fleet.setpoint_kw[:n]))
        usable_kwh = fleet.battery_kwh[asked] * (1 - fleet.degradation[asked])
        self.wear.ask(asked, fleet.setpoint_kw[asked] - fleet.baseline_kw[asked], usable_kwh, span_s)

    def fade(self, now: float) -> None:
        """Let time pass for participation; to be called about once a minute."""
        if self._faded_at is not None:
            self.wear.fade(now - self._faded_at)
        self._faded_at = now

    def report(self, counted: NDArray[np.bool_]) -> FairnessReport:
        """How evenly the vehicles `counted` (n) are used."""
        self.grow(len(counted))
        padded = np.zeros(len(self.wear), np.bool_)
        padded[: len(counted)] = counted
        return fairness_report(self.wear, padded)
