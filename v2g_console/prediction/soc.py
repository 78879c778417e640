"""SoC at a horizon if nobody interferes: the present charging goes on until the charge limit."""

from typing import Final

import numpy as np

from v2g_console.domain.vehicle import F8, VehicleColumns

_EFFICIENCY: Final = 0.94


def undisturbed_soc(v: VehicleColumns, horizon_s: float) -> F8:
    """SoC 0..1 after `horizon_s` seconds at the baseline power; a vehicle without baseline or battery keeps its SoC.

    Charging ends at the charge limit, injecting at the reserve; a vehicle that leaves earlier is forecast for its departure.
    """
    leaves_s = np.where(np.isfinite(v.departure_s), np.maximum(v.departure_s, 0.0), np.inf)
    hours = np.minimum(leaves_s, max(horizon_s, 0.0)) / 3600.0
    power_kw = np.where(np.isfinite(v.baseline_kw), v.baseline_kw, 0.0)
    usable_kwh = v.battery_kwh * (1.0 - v.degradation)
    stored_kw = np.where(power_kw < 0.0, -power_kw * _EFFICIENCY, -power_kw / _EFFICIENCY)
    gain = np.divide(stored_kw * hours, usable_kwh, out=np.zeros(len(v)), where=usable_kwh > 0.0)
    ceiling = np.maximum(v.soc, v.charge_limit_soc)
    floor = np.minimum(v.soc, v.reserve_soc)
    return np.clip(v.soc + gain, floor, ceiling)
