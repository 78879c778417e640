"""What is known of vehicles, as columns: one array a property, one row a vehicle."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
U1 = NDArray[np.uint8]
Bool = NDArray[np.bool_]


class Quality(IntEnum):
    """How far a vehicle's last telemetry may be believed: fresh up to 3 intervals, stale above, lost above 10 or by last will."""

    FRESH = 0
    STALE = 1
    LOST = 2
    UNKNOWN = 3  # described, but no telemetry yet


class Baseline(IntEnum):
    """Where a baseline comes from."""

    MEASURED = 0
    FROZEN = 1  # kept from an earlier dispatch whose release is not confirmed, or not yet settled
    ASSUMED = 2  # not charging and no measurement: 0 kW
    MISSING = 3  # charging and no usable measurement: the vehicle is excluded (NO_BASELINE)


@dataclass(frozen=True, slots=True)
class VehicleColumns:
    """The vehicles a plan looks at; every array has length n and stays unchanged while the plan uses it.

    Powers in kW seen from the grid, energies in kWh, SoC 0..1, `departure_s` in seconds from now (+inf: unknown), `site` and `segment` are
    small integers (-1: none). `baseline_kw` is NaN where `baseline_kind` is MISSING. `soc` is already carried forward to now.
    """

    is_v2g: Bool
    consent: Bool
    available: Bool
    priority: Bool
    quality: U1  # Quality
    soc: F8
    battery_kwh: F8
    degradation: F8  # 0..1, share of capacity lost
    max_charge_kw: F8
    max_discharge_kw: F8
    min_charge_kw: F8
    min_discharge_kw: F8
    min_soc: F8  # wanted at departure
    reserve_soc: F8  # never discharged below
    charge_limit_soc: F8
    departure_s: F8
    baseline_kw: F8
    baseline_kind: U1  # Baseline
    site: I4
    segment: I4
    availability_prob: F8  # 0..1
    participation: F8  # 0..1, how much was asked of it lately, decaying
    site_import_share_kw: F8  # share of its site's import limit once everybody recharges (+inf: no limit)

    def __len__(self) -> int:
        return len(self.soc)

    def take(self, rows: NDArray[np.intp]) -> "VehicleColumns":
        """The same columns for the given rows only."""
        return VehicleColumns(*(getattr(self, name)[rows] for name in self.__slots__))
