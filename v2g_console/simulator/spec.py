"""What a simulated vehicle is, decided once when the fleet is built."""

from dataclasses import dataclass
from enum import Enum

from v2g_console.simulator.battery import Battery


class Fault(Enum):
    """How a vehicle departs from the book."""

    NONE = "none"
    SILENT = "silent"  # obeys, never acknowledges
    REJECTING = "rejecting"  # refuses every setpoint
    LIMITING = "limiting"  # applies less than asked


class PlanKind(Enum):
    """What the driver told the charger."""

    AT_ONCE = "at once"  # charge from plug-in up to the target
    IN_TIME = "in time"  # stay idle as long as the minimum at departure can still be met


@dataclass(frozen=True, slots=True)
class ChargingPlan:
    """The driver's wishes: `target_soc` is charged to (AT_ONCE), `min_soc` must be reached at departure."""

    kind: PlanKind
    target_soc: float
    min_soc: float


@dataclass(frozen=True, slots=True)
class Trips:
    """When a vehicle is away. Times in seconds of the run (0 = start of the simulator); a day is 86 400 s.

    `first_departure_s`: infinity if it never leaves. `back_at_s`: it starts away and returns then (None: it starts plugged in).
    `trip_s`, `trip_soc`: how long a trip lasts and how much SoC it takes. `announced`: the departure is told to the engine.
    """

    first_departure_s: float = float("inf")
    back_at_s: float | None = None
    trip_s: float = 4 * 3600.0
    trip_soc: float = 0.15
    announced: bool = True


@dataclass(frozen=True, slots=True)
class VehicleSpec:
    """One vehicle: its electricity, its driver, its place, its manners. Powers in kW, SoC 0..1.

    `nominal_kwh` is the capacity when new, which it tells; `battery` holds what `degradation` (0..1) has left of it.
    """

    vehicle_id: str
    protocol: int
    nominal_kwh: float
    battery: Battery
    is_v2g: bool
    soc: float
    plan: ChargingPlan
    trips: Trips
    site: str
    fleet: str
    segment: str
    priority: bool = False
    consent: bool = True
    reserve_soc: float = 0.0
    availability_prob: float = 0.9
    degradation: float = 0.0
    ramp_kw_per_s: float = 0.0
    """fastest change of its power it asks for; 0: any"""
    phases: int = 3
    """1 or 3, as its charger is wired"""
    phase: int = 0
    """1 to 3: the one it is on, where phases is 1"""
    fault: Fault = Fault.NONE
    limit_share: float = 0.6
    """a LIMITING vehicle goes this share of the way from its own plan to what is asked"""
    unsteady: bool = False
    """loses its connection now and then"""
