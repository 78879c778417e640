"""The columns of the fleet: one row a vehicle ever seen, never removed or reused."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.vehicle import Baseline, Quality
from v2g_console.engine.name_table import NameTable
from v2g_console.engine.site_map import SiteMap

_FIRST_CAPACITY = 256

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


class FleetRows:
    """Columns over all vehicles ever seen, with `row_of` from id to row. `layout_revision` counts new rows, `revision` any change."""

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

    def __init__(self, *, max_vehicles: int, default_min_soc: float, site_map: SiteMap) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.sites, self.segments, self.fleets = NameTable(), NameTable(), NameTable()
        self.refused_new = 0  # vehicles above max_vehicles
        self.revision = 0
        self.layout_revision = 0
        self.default_min_soc = default_min_soc
        self._max_vehicles = max_vehicles
        self._site_map = site_map
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
        self.min_soc[row] = self.default_min_soc
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
