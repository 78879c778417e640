"""Vehicles for tests: an ordinary one with a few columns set as the test needs."""

import numpy as np

from v2g_console.domain.vehicle import Baseline, Quality, VehicleColumns


def vehicles(n: int = 1, **columns: object) -> VehicleColumns:
    """n copies of an idle 11 kW V2G car of 60 kWh at SoC 0.5 that stays for 10 h; `columns` replaces values, one for all or one each."""
    defaults: dict[str, object] = {
        "is_v2g": True,
        "consent": True,
        "available": True,
        "priority": False,
        "quality": Quality.FRESH,
        "soc": 0.5,
        "battery_kwh": 60.0,
        "degradation": 0.0,
        "max_charge_kw": 11.0,
        "max_discharge_kw": 11.0,
        "min_charge_kw": 0.0,
        "min_discharge_kw": 0.0,
        "min_soc": 0.3,
        "reserve_soc": 0.0,
        "charge_limit_soc": 1.0,
        "departure_s": 36_000.0,
        "baseline_kw": 0.0,
        "baseline_kind": Baseline.MEASURED,
        "site": 0,
        "segment": 0,
        "availability_prob": 1.0,
        "participation": 0.0,
        "site_import_share_kw": np.inf,
    }
    unknown = set(columns) - set(defaults)
    assert not unknown, f"no such columns: {unknown}"
    kinds = {"is_v2g": bool, "consent": bool, "available": bool, "priority": bool, "quality": np.uint8, "baseline_kind": np.uint8}
    kinds |= {"site": np.int32, "segment": np.int32}
    merged = {**defaults, **columns}
    arrays = {name: np.broadcast_to(np.asarray(merged[name], kinds.get(name, np.float64)), (n,)).copy() for name in defaults}
    return VehicleColumns(**arrays)
