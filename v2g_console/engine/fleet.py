"""The fleet as columns: who is there, what was measured, who owns whom, and each frozen baseline. Only the engine writes it."""

import logging

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns
from v2g_console.engine.clock import ahead_s
from v2g_console.engine.fleet_rows import FleetRows
from v2g_console.engine.site_map import SiteMap
from v2g_console.transport.wire import Description, Telemetry

log = logging.getLogger(__name__)

Rows = NDArray[np.intp]
CHARGING_BELOW_KW = -0.1
_STAMP_STEP_S = 1.0  # vehicles stamp their reports in whole seconds
_SAME_STAMP_S = 0.01  # our two clocks, read one after the other, differ by less: of two reports with one stamp the later one counts


class Fleet(FleetRows):
    """What vehicles tell of themselves, what they measure, and who has them. A row is found by `row_of`."""

    def __init__(self, *, max_vehicles: int, default_min_soc: float, interval_s: float, site_map: SiteMap | None = None) -> None:
        super().__init__(max_vehicles=max_vehicles, default_min_soc=default_min_soc, site_map=site_map or SiteMap(()))
        self._interval_s = interval_s

    def describe(self, row: int, told: Description, monotonic: float, utc_s: float) -> bool:
        """Take a vehicle's own description; True if it is the first."""
        first = not self.described[row]
        self.described[row] = True
        self.described_at[row] = monotonic
        self.is_v2g[row] = told.is_v2g
        self.consent[row] = told.consent
        self.priority[row] = told.priority
        self.battery_kwh[row] = told.battery_kwh
        self.degradation[row] = told.degradation
        self.max_charge_kw[row], self.max_discharge_kw[row] = told.max_charge_kw, told.max_discharge_kw
        self.min_charge_kw[row], self.min_discharge_kw[row] = told.min_charge_kw, told.min_discharge_kw
        self.ramp_kw_per_s[row] = told.ramp_kw_per_s
        self.min_soc[row] = self.default_min_soc if told.min_soc is None else told.min_soc
        self.reserve_soc[row] = told.reserve_soc
        self.charge_limit_soc[row] = told.charge_limit_soc
        self.departure_utc_s[row] = np.inf if told.departure_s is None else told.departure_s
        self.availability_prob[row] = told.availability_prob
        self.protocol[row] = told.protocol
        self._settle_in(row, told.site, first=first)
        self.phases[row], self.phase[row] = told.phases, told.phase
        self.segment[row], self.fleet[row] = self.segments.code(told.segment), self.fleets.code(told.fleet)
        self.says_charging[row] = -1 if not told.charging else 1  # false means unknown as well
        if told.available is not None and self.measured_at[row] < monotonic - self._interval_s:
            self.available[row] = told.available
        if self.measured_at[row] == -np.inf:
            self.gone_at[row] = -np.inf  # nothing older than its last will can be taken for its state
        if told.soc is not None and self.soc_at[row] < monotonic - self._interval_s:
            self.soc[row], self.soc_at[row] = told.soc, monotonic
        self._alive(row, monotonic, utc_s)
        return first

    def _settle_in(self, row: int, told_site: str, *, first: bool) -> None:
        """Where a vehicle is: its own word wins, since it may have moved; the configuration is for those who tell nothing."""
        told, configured = self.sites.code(told_site), self.configured_site[row]
        if told >= 0 and configured >= 0 and told != configured and self.site[row] != told:
            log.warning(
                "%s says it is at %s, fleet.sites says %s: counted where it says", self.ids[row], told_site, self.sites.names[configured]
            )
        before, self.site[row] = self.site[row], told if told >= 0 else configured
        if self.site[row] != before and self.owner[row] >= 0 and not first:
            self.moved[row] = True

    def measure(self, row: int, told: Telemetry, monotonic: float, utc_s: float) -> bool:
        """Take one telemetry message; True if it is the first of this vehicle. Its time is never later than its receipt."""
        first = self.measured_at[row] == -np.inf
        age_s = 0.0
        if told.ts_s is not None:
            age_s = max(0.0, utc_s - told.ts_s)
            self.clock_offset_s[row] = ahead_s(self.clock_offset_s[row], told.ts_s - utc_s)
        at = monotonic - age_s
        if at >= self.gone_at[row] - _STAMP_STEP_S:  # not a kept measurement from before its last will
            self.gone_at[row] = -np.inf
        if at < self.measured_at[row] - _SAME_STAMP_S:
            self._alive(row, monotonic, utc_s)
            return False
        at = max(at, float(self.measured_at[row]))
        self.soc[row] = told.soc
        self.soc_at[row] = at
        self.power_kw[row] = told.power_kw
        self.measured_at[row] = at
        if told.available is not None:
            self.available[row] = told.available
        fresh = Quality.FRESH if age_s <= 3 * self._interval_s else Quality.STALE
        self.quality[row] = fresh if self.gone_at[row] == -np.inf else Quality.LOST
        self._alive(row, monotonic, utc_s)
        return bool(first)

    def _alive(self, row: int, monotonic: float, utc_s: float) -> None:
        self.seen_at[row] = monotonic
        self.seen_ms[row] = int(utc_s * 1000)
        self.revision += 1

    def lose(self, row: int, monotonic: float) -> None:
        """A vehicle's last will: lost at once, until it reports again."""
        self.gone_at[row] = monotonic
        self.quality[row] = Quality.LOST
        self.revision += 1

    def age(self, monotonic: float) -> None:
        """Set every vehicle's quality by its last telemetry's age: fresh to 3 intervals, stale above, lost above 10 or by last will."""
        n = len(self)
        age_s = monotonic - self.measured_at[:n]
        silent_s = monotonic - self.seen_at[:n]
        quality = np.full(n, Quality.LOST, np.uint8)
        quality[age_s <= 10 * self._interval_s] = Quality.STALE
        quality[age_s <= 3 * self._interval_s] = Quality.FRESH
        never = np.isinf(age_s)
        quality[never & (silent_s <= 10 * self._interval_s)] = Quality.UNKNOWN
        quality[self.gone_at[:n] > -np.inf] = Quality.LOST
        if not np.array_equal(quality, self.quality[:n]):
            self.quality[:n] = quality
            self.revision += 1

    def baselines(self, monotonic: float, settle_s: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """`(baseline_kw, Baseline kind)` of every vehicle, as it would be frozen now (`domain.md`, Ownership and baseline).

        Owned vehicles, and those whose release is not confirmed, keep their frozen value; measured power of theirs is never a baseline.
        """
        n = len(self)
        power = self.power_kw[:n]
        measured = (self.quality[:n] == Quality.FRESH) & ~np.isnan(power) & (self.measured_at[:n] > self.released_at[:n] + settle_s)
        frozen = ~np.isnan(self.baseline_kw[:n])
        keep = frozen & ((self.owner[:n] >= 0) | self.owed[:n] | ~measured)
        known = np.isfinite(self.measured_at[:n])
        charging = np.where(known, power < CHARGING_BELOW_KW, True)  # nothing known of its charging counts as charging
        kind = np.where(charging, Baseline.MISSING, Baseline.ASSUMED).astype(np.uint8)
        kind[measured] = Baseline.MEASURED
        kind[keep] = Baseline.FROZEN
        value = np.where(charging, np.nan, 0.0)
        value[measured] = power[measured]
        value[keep] = self.baseline_kw[:n][keep]
        return value, kind

    def columns(
        self, monotonic: float, utc_s: float, *, settle_s: float, efficiency: float, participation: NDArray[np.float64] | None = None
    ) -> VehicleColumns:
        """The whole fleet as a plan sees it, SoC carried forward to now. Arrays are copies; `participation` (n) is kept elsewhere."""
        n = len(self)
        baseline_kw, kind = self.baselines(monotonic, settle_s)
        return VehicleColumns(
            is_v2g=self.is_v2g[:n].copy(),
            consent=self.consent[:n].copy(),
            available=self.available[:n] & self.described[:n],
            priority=self.priority[:n].copy(),
            quality=self.quality[:n].copy(),
            soc=self.soc_now(monotonic, efficiency),
            battery_kwh=self.battery_kwh[:n].copy(),
            degradation=self.degradation[:n].copy(),
            max_charge_kw=self.max_charge_kw[:n].copy(),
            max_discharge_kw=self.max_discharge_kw[:n].copy(),
            min_charge_kw=self.min_charge_kw[:n].copy(),
            min_discharge_kw=self.min_discharge_kw[:n].copy(),
            min_soc=self.min_soc[:n].copy(),
            reserve_soc=self.reserve_soc[:n].copy(),
            charge_limit_soc=self.charge_limit_soc[:n].copy(),
            departure_s=self.departure_utc_s[:n] - utc_s,
            baseline_kw=baseline_kw,
            baseline_kind=kind,
            site=self.site[:n].copy(),
            segment=self.segment[:n].copy(),
            availability_prob=self.availability_prob[:n].copy(),
            participation=np.zeros(n) if participation is None else participation,
            site_import_share_kw=np.full(n, np.inf),
        )

    def soc_now(self, monotonic: float, efficiency: float) -> NDArray[np.float64]:
        """SoC carried forward from its time stamp with the measured power; NaN where unknown."""
        n = len(self)
        hours = np.clip(monotonic - self.soc_at[:n], 0.0, 3600.0) / 3600.0
        power = np.nan_to_num(self.power_kw[:n])
        moved_kwh = np.where(power < 0, -power * efficiency, -power / efficiency) * hours
        capacity = np.maximum(self.battery_kwh[:n] * (1 - self.degradation[:n]), 1e-9)
        known = self.battery_kwh[:n] > 0
        return np.where(known, np.clip(self.soc[:n] + moved_kwh / capacity, 0.0, 1.0), self.soc[:n])

    def take(self, rows: Rows, slot: int, baseline_kw: NDArray[np.float64], kind: NDArray[np.uint8]) -> None:
        """Make a dispatch the owner of `rows` and freeze their baselines."""
        self.owner[rows] = slot
        self.moved[rows] = False
        self.baseline_kw[rows] = baseline_kw
        self.baseline_kind[rows] = kind
        self.revision += 1

    def intend(self, rows: Rows, setpoint_kw: NDArray[np.float64], monotonic: float) -> None:
        """Setpoints that are about to be published: from now on they count in the limits of the sites."""
        self.setpoint_kw[rows] = setpoint_kw
        self.open_low_kw[rows] = np.fmin(self.open_low_kw[rows], setpoint_kw)
        self.open_high_kw[rows] = np.fmax(self.open_high_kw[rows], setpoint_kw)
        self.released_kw[rows] = np.nan
        self.commanded_at[rows] = monotonic

    def confirm(self, rows: Rows, applied_kw: NDArray[np.float64]) -> None:
        """Vehicles answered their newest command: what was sent before it is no longer open, unless they refused (NaN)."""
        took = np.isfinite(applied_kw)
        rows, applied_kw = rows[took], applied_kw[took]
        self.confirmed_kw[rows] = applied_kw
        self.open_low_kw[rows] = self.open_high_kw[rows] = self.setpoint_kw[rows]

    def free(self, rows: Rows | int, monotonic: float) -> None:
        """Releases are confirmed: the vehicles are free, their setpoints forgotten; baselines stay until new ones can be measured."""
        self.owner[rows] = -1
        self.owed[rows] = False
        self.setpoint_kw[rows] = np.nan
        self.confirmed_kw[rows] = self.open_low_kw[rows] = self.open_high_kw[rows] = np.nan
        self.released_at[rows] = monotonic
        self.revision += 1

    def forget_intention(self, rows: Rows) -> None:
        """Vehicles to which nothing was sent are free; what was intended for them counts in no limit any more."""
        self.owner[rows] = -1
        self.setpoint_kw[rows] = self.confirmed_kw[rows] = np.nan
        self.open_low_kw[rows] = self.open_high_kw[rows] = np.nan
        self.revision += 1

    def owe(self, row: int) -> None:
        """A release could not be confirmed in time: the dispatch lets go, the engine still owes it."""
        self.owner[row] = -1
        self.owed[row] = True
        self.revision += 1

    def usable_reason(self, own_slot: int | None = None) -> NDArray[np.uint8]:
        """What the engine itself knows against a vehicle: owned by another dispatch than `own_slot`, or its last release is still owed."""
        n = len(self)
        reason = np.zeros(n, np.uint8)
        reason[self.owed[:n]] = Reason.BLOCKED
        owner = self.owner[:n]
        reason[(owner >= 0) & (owner != (-1 if own_slot is None else own_slot))] = Reason.IN_USE
        return reason
