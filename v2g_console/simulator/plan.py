"""The driver's own charging plan: the power a vehicle would have if nobody asked it for anything."""

from typing import Final

from v2g_console.simulator.battery import Battery
from v2g_console.simulator.spec import ChargingPlan, PlanKind

EARLY_START_S: Final = 900.0
"""A charger that charges in time starts this much earlier than it must."""


def own_plan_kw(plan: ChargingPlan, battery: Battery, soc: float, to_departure_s: float) -> float:
    """Power in kW (0 or negative) that the driver's plan wants now; `to_departure_s` is infinity if no departure is known."""
    match plan.kind:
        case PlanKind.AT_ONCE:
            wants_charge = soc < plan.target_soc
        case PlanKind.IN_TIME:
            wants_charge = soc < plan.min_soc and to_departure_s <= _needed_s(plan, battery, soc, to_departure_s)
    return battery.possible_kw(soc, -battery.max_charge_kw) if wants_charge else 0.0


def _needed_s(plan: ChargingPlan, battery: Battery, soc: float, to_departure_s: float) -> float:
    if to_departure_s == float("inf"):
        return to_departure_s  # nobody knows when it leaves, so below the minimum it charges
    missing_kwh = (plan.min_soc - soc) * battery.capacity_kwh
    return missing_kwh / (battery.charge_efficiency * battery.max_charge_kw) * 3600.0 + EARLY_START_S
