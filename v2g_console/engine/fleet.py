"""The fleet as columns: who is there, what was measured, who owns whom, and each frozen baseline. Only the engine writes it."""

import logging

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns
from v2g_console.engine.clock import ahead_s
from v2g_console.engine.name_table import NameTable
from v2g_console.engine.site_map import SiteMap
from v2g_console.transport.wire import Description, Telemetry

log = logging.getLogger(__name__)

Rows = NDArray[np.intp]
CHARGING_BELOW_KW = -0.1
_FIRST_CAPACITY = 256
_STAMP_STEP_S = 1.0  # vehicles stamp their reports in whole seconds
_SAME_STAMP_S = 0.01  # our two clocks, read one after the other, differ by less: of two reports with one stamp the later one counts

# One line a column: name -> (dtype, value of a new row).
_COLUMNS: dict[str, tuple[type, float]] = {
    "described": (np.bool_, 0),
    "described_at": (np.float64, -np.inf),  # monotonic
    "is_v2g": (np.bool_, 0),
    "consent": (np.bool_, 1),
    "available": (np.bool_, 1),
    "priority": (np.bool_, 0),
    "says_charging": (np.int8, -1),  # of the description: -1 unknown
    "soc": (np.float64, np.nan),
    "soc_at": (np.float64, -np.inf),  # monotonic
    "power_kw": (np.float64, np.nan),
    "measured_at": (np.float64, -np.inf),  # monotonic, of the last telemetry
    "seen_at": (np.float64, -np.inf),  # monotonic, any sign of life
    "seen_ms": (np.int64, 0),
    "gone_at": (np.float64, -np.inf),  # monotonic, of a last will that no later report has answered
    "clock_offset_s": (np.float64, np.nan),
    "battery_kwh": (np.float64, 0),
    "degradation": (np.float64, 0),
    "max_charge_kw": (np.float64, 0),
    "max_discharge_kw": (np.float64, 0),
    "min_charge_kw": (np.float64, 0),
    "min_discharge_kw": (np.float64, 0),
    "ramp_kw_per_s": (np.float64, 0),  # fastest change of its power, as it says; 0: not told
    "min_soc": (np.float64, 0),
    "reserve_soc": (np.float64, 0),
    "charge_limit_soc": (np.float64, 1),
    "departure_utc_s": (np.float64, np.inf),
    "site": (np.int32, -1),
    "segment": (np.int32, -1),
    "fleet": (np.int32, -1),
    "configured_site": (np.int32, -1),  # of a vehicle that tells none
    "moved": (np.bool_, 0),  # told another site while a dispatch had it, and nobody looked at that yet
    "phases": (np.uint8, 0),  # 1, 2 or 3; 0 not told
    "phase": (np.uint8, 0),  # 1 to 3 of a one-phase vehicle; 0 not told
    "availability_prob": (np.float64, 1),
    "protocol": (np.uint8, 1),
    "quality": (np.uint8, int(Quality.UNKNOWN)),
    "owner": (np.int32, -1),  # slot of the owning dispatch
    "baseline_kw": (np.float64, np.nan),  # frozen; NaN: none
    "baseline_kind": (np.uint8, int(Baseline.MISSING)),
    "released_at": (np.float64, -np.inf),  # monotonic, last confirmed release
    "commanded_at": (np.float64, -np.inf),  # monotonic, last publish of a setpoint or release
    "confirmed_kw": (np.float64, np.nan),  # last setpoint that was acknowledged and not released
    "open_low_kw": (np.float64, np.nan),  # lowest and highest setpoint published since the last confirmed one
    "open_high_kw": (np.float64, np.nan),
    "setpoint_kw": (np.float64, np.nan),  # last one published and not released
    "released_kw": (np.float64, np.nan),  # power it was last told to go to by a release
    "place": (np.int32, -1),  # index into Grid.places: what held it back where `reason` is a limit of the grid
    "owed": (np.bool_, 0),
    "state": (np.uint8, 0),  # index into contract FLEET_STATE_NAMES while owned or owed
    "reason": (np.uint8, 0),
    "commands": (np.int32, 0),
    "acks": (np.int32, 0),
    "rejects": (np.int32, 0),
    "timeouts": (np.int32, 0),
}


class Fleet:
    """Columns over all vehicles ever seen, with `row_of` from id to row. Rows are never removed or reused."""

    described: NDArray[np.bool_]
    described_at: NDArray[np.float64]
    is_v2g: NDArray[np.bool_]
    consent: NDArray[np.bool_]
    available: NDArray[np.bool_]
    priority: NDArray[np.bool_]
    says_charging: NDArray[np.int8]
    soc: NDArray[np.float64]
    soc_at: NDArray[np.float64]
    power_kw: NDArray[np.float64]
    measured_at: NDArray[np.float64]
    seen_at: NDArray[np.float64]
    seen_ms: NDArray[np.int64]
    gone_at: NDArray[np.float64]
    clock_offset_s: NDArray[np.float64]
    battery_kwh: NDArray[np.float64]
    degradation: NDArray[np.float64]
    max_charge_kw: NDArray[np.float64]
    max_discharge_kw: NDArray[np.float64]
    min_charge_kw: NDArray[np.float64]
    min_discharge_kw: NDArray[np.float64]
    ramp_kw_per_s: NDArray[np.float64]
    min_soc: NDArray[np.float64]
    reserve_soc: NDArray[np.float64]
    charge_limit_soc: NDArray[np.float64]
    departure_utc_s: NDArray[np.float64]
    site: NDArray[np.int32]
    segment: NDArray[np.int32]
    fleet: NDArray[np.int32]
    configured_site: NDArray[np.int32]
    moved: NDArray[np.bool_]
    phases: NDArray[np.uint8]
    phase: NDArray[np.uint8]
    availability_prob: NDArray[np.float64]
    protocol: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    owner: NDArray[np.int32]
    baseline_kw: NDArray[np.float64]
    baseline_kind: NDArray[np.uint8]
    released_at: NDArray[np.float64]
    commanded_at: NDArray[np.float64]
    confirmed_kw: NDArray[np.float64]
    open_low_kw: NDArray[np.float64]
    open_high_kw: NDArray[np.float64]
    setpoint_kw: NDArray[np.float64]
    released_kw: NDArray[np.float64]
    place: NDArray[np.int32]
    owed: NDArray[np.bool_]
    state: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    commands: NDArray[np.int32]
    acks: NDArray[np.int32]
    rejects: NDArray[np.int32]
    timeouts: NDArray[np.int32]

    def __init__(self, *, max_vehicles: int, default_min_soc: float, interval_s: float, site_map: SiteMap | None = None) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.sites, self.segments, self.fleets = NameTable(), NameTable(), NameTable()
        self.refused_new = 0  # vehicles above max_vehicles
        self.revision = 0
        self.layout_revision = 0
        self._max_vehicles = max_vehicles
        self._default_min_soc = default_min_soc
        self._interval_s = interval_s
        self._site_map = site_map or SiteMap(())
        self._capacity = _FIRST_CAPACITY
        for name, (dtype, value) in _COLUMNS.items():
            setattr(self, name, np.full(self._capacity, value, dtype))

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, vehicle_id: str) -> int:
        """The row of a vehicle, made if it is new; -1 if the fleet is full."""
        known = self.row_of.get(vehicle_id)
        if known is not None:
            return known
        if len(self.ids) >= self._max_vehicles:
            self.refused_new += 1
            return -1
        return self._new_row(vehicle_id)

    def adopt(self, vehicle_id: str) -> int:
        """The row of a vehicle that may follow a setpoint of ours: made even if the fleet is full, since it has to be released."""
        known = self.row_of.get(vehicle_id)
        return self._new_row(vehicle_id) if known is None else known

    def _new_row(self, vehicle_id: str) -> int:
        row = len(self.ids)
        if row == self._capacity:
            self._grow()
        self.ids.append(vehicle_id)
        self.row_of[vehicle_id] = row
        self.min_soc[row] = self._default_min_soc
        self.configured_site[row] = self.site[row] = self.sites.code(self._site_map.site_of(vehicle_id))
        self.layout_revision += 1
        return row

    def _grow(self) -> None:
        self._capacity *= 2
        for name, (dtype, value) in _COLUMNS.items():
            old = getattr(self, name)
            new: NDArray[np.generic] = np.full(self._capacity, value, dtype)
            new[: len(old)] = old
            setattr(self, name, new)

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
        self.min_soc[row] = self._default_min_soc if told.min_soc is None else told.min_soc
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
