"""A battery behind a charger: what power it can take or give, and how its state of charge follows."""

from dataclasses import dataclass
from typing import Final

TAPER_FROM_SOC: Final = 0.96
"""Above this a pack takes less and less; at AC power (well under 0.5 C) taper starts late."""
TAPER_END_SHARE: Final = 0.15
"""Share of the charging power that is left just below full."""


@dataclass(frozen=True, slots=True)
class Battery:
    """Limits and losses. Powers in kW at the plug (positive to the grid), `capacity_kwh` usable energy, SoC 0..1 of it.

    `floor_soc`: discharging stops here; `ceiling_soc`: charging stops here. Below its minimum power a charger does nothing.
    """

    capacity_kwh: float
    max_charge_kw: float
    max_discharge_kw: float
    min_charge_kw: float = 0.0
    min_discharge_kw: float = 0.0
    floor_soc: float = 0.05
    ceiling_soc: float = 1.0
    charge_efficiency: float = 0.94
    discharge_efficiency: float = 0.94

    def deepest_charge_kw(self, soc: float) -> float:
        """The lowest (most negative) power it can have at `soc`, with taper near full."""
        if soc >= self.ceiling_soc:
            return 0.0
        if soc <= TAPER_FROM_SOC:
            return -self.max_charge_kw
        share = 1.0 - (1.0 - TAPER_END_SHARE) * (soc - TAPER_FROM_SOC) / (1.0 - TAPER_FROM_SOC)
        return -self.max_charge_kw * share

    def highest_discharge_kw(self, soc: float) -> float:
        """The highest power it can inject at `soc`."""
        return self.max_discharge_kw if soc > self.floor_soc else 0.0

    def possible_kw(self, soc: float, wanted_kw: float) -> float:
        """`wanted_kw`, or the nearest power nearer to zero that the battery can have at `soc`."""
        power_kw = min(max(wanted_kw, self.deepest_charge_kw(soc)), self.highest_discharge_kw(soc))
        if 0.0 < power_kw < self.min_discharge_kw or -self.min_charge_kw < power_kw < 0.0:
            return 0.0
        return power_kw

    def soc_rate_per_s(self, power_kw: float) -> float:
        """Change of SoC per second at `power_kw`: charging loses on the way in, discharging on the way out."""
        at_cells_kw = power_kw / self.discharge_efficiency if power_kw > 0.0 else power_kw * self.charge_efficiency
        return -at_cells_kw / (self.capacity_kwh * 3600.0)

    def after(self, soc: float, power_kw: float, seconds: float) -> float:
        """SoC after `seconds` at `power_kw`, held at the floor and the ceiling (never moved towards them from outside)."""
        rate = self.soc_rate_per_s(power_kw)
        reached = soc + rate * seconds
        if rate < 0.0:
            return max(reached, min(self.floor_soc, soc))
        return min(reached, max(self.ceiling_soc, soc))
