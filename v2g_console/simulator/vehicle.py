"""One simulated vehicle: takes orders, follows them as far as its battery goes, drives away and comes back, and reports. No I/O."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from v2g_console.simulator.control import Control, Decision, Situation, control_of
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.plan import own_plan_kw
from v2g_console.simulator.spec import Fault, VehicleSpec
from v2g_console.transport.wire import Ack, CommandV1, CommandV2, Description, Telemetry

DAY_S: Final = 86_400.0
_NEVER: Final = float("inf")
_LOWEST_SOC_AFTER_TRIP: Final = 0.1


class Change(Enum):
    """Why the true power of a vehicle changed."""

    COMMAND = "command"
    LEASE_END = "lease end"  # told even where the power stays the same
    AWAY = "away"
    BACK = "back"
    OWN = "own"  # its battery, or its driver's plan


class Vehicle:
    """The state of one vehicle. All methods take the present moment, which must not go back; the state is advanced to it first.

    Between two moments power is constant but for the ends of leases, departures and returns, which take effect at their exact time.
    """

    __slots__ = ("_at_s", "_control", "_departure_s", "_power_kw", "_return_s", "_soc", "spec", "watch")

    def __init__(self, spec: VehicleSpec, started: Moment) -> None:
        self.spec = spec
        self.watch: Callable[[Vehicle, Change, float, float], None] | None = None
        """called with the vehicle, the cause, the steady time and the new power in kW"""
        self._at_s = started.steady_s
        self._soc = spec.soc
        trips = spec.trips
        self._departure_s = started.steady_s + trips.first_departure_s
        self._return_s = _NEVER if trips.back_at_s is None else started.steady_s + trips.back_at_s
        self._control: Control = control_of(spec)
        self._power_kw = 0.0
        self._power_kw = self._wanted_kw()

    @property
    def plugged(self) -> bool:
        """At its charger (at the moment it was last advanced to)."""
        return self._return_s == _NEVER

    @property
    def soc(self) -> float:
        """State of charge, 0..1 (at the moment it was last advanced to)."""
        return self._soc

    def power_kw(self, at: Moment) -> float:
        """The true power, positive to the grid."""
        self.advance(at)
        return self._power_kw

    @property
    def target_kw(self) -> float | None:
        """The order in force; None is the driver's own plan."""
        return self._control.target_kw

    @property
    def order_ends_at_s(self) -> float:
        """Steady time at which the order in force ends by itself; infinity if it does not."""
        return self._control.ends_at_s

    @property
    def decision(self) -> Decision:
        """What the last order led to."""
        return self._control.decision

    def next_change_s(self) -> float:
        """Steady time of the next end of a lease, departure or return; infinity if none is known."""
        return min(self._control.ends_at_s, self._departure_s if self.plugged else self._return_s)

    def advance(self, at: Moment) -> None:
        """Bring the state to `at`."""
        while (change_s := self.next_change_s()) <= at.steady_s:
            self._drift(change_s)
            self._change(change_s)
        self._drift(at.steady_s)

    def receive(self, command: CommandV1 | CommandV2, at: Moment) -> Ack | None:
        """Take an order; the acknowledgement to send, None from a silent vehicle."""
        self.advance(at)
        ack = self._control.receive(command, self._situation(), at)
        self._settle(Change.COMMAND)
        return None if self.spec.fault is Fault.SILENT else ack

    def telemetry(self, at: Moment) -> Telemetry:
        """The measurement a vehicle publishes; v1 has `charging` inverted, as in the field."""
        self.advance(at)
        power_kw = round(self._power_kw, 3)
        charging = power_kw > 0.0 if self.spec.protocol == 1 else power_kw < -0.1
        return Telemetry(
            soc=round(self._soc, 4),
            power_kw=power_kw,
            available=self.plugged,
            charging=charging,
            ts_s=float(int(at.utc_s)),
            ts_was_ms=False,
        )

    def description(self, at: Moment) -> Description:
        """The vehicle describing itself; a v1 vehicle leaves out what its protocol has no word for."""
        self.advance(at)
        spec, battery, speaks_v2 = self.spec, self.spec.battery, self.spec.protocol == 2
        known_departure = spec.trips.announced and self._departure_s != _NEVER and self.plugged
        return Description(
            is_v2g=spec.is_v2g,
            max_charge_kw=battery.max_charge_kw,
            max_discharge_kw=battery.max_discharge_kw,
            battery_kwh=spec.nominal_kwh,
            soc=round(self._soc, 4),
            available=self.plugged,
            priority=spec.priority,
            charging=self._power_kw < -0.1 if speaks_v2 else None,
            departure_s=at.utc_s + self._departure_s - at.steady_s if known_departure else None,
            min_soc=spec.plan.min_soc,
            availability_prob=spec.availability_prob,
            degradation=spec.degradation,
            segment=spec.segment,
            site=spec.site,
            fleet=spec.fleet,
            reserve_soc=spec.reserve_soc if speaks_v2 else 0.0,
            charge_limit_soc=battery.ceiling_soc if speaks_v2 else 1.0,
            min_charge_kw=battery.min_charge_kw if speaks_v2 else 0.0,
            min_discharge_kw=battery.min_discharge_kw if speaks_v2 else 0.0,
            consent=spec.consent if speaks_v2 else True,
            protocol=spec.protocol,
            ramp_kw_per_s=spec.ramp_kw_per_s if speaks_v2 else 0.0,
            phases=spec.phases if speaks_v2 else 0,
            phase=spec.phase if speaks_v2 else 0,
        )

    def _drift(self, until_s: float) -> None:
        if until_s > self._at_s:
            self._soc = self.spec.battery.after(self._soc, self._power_kw, until_s - self._at_s)
            self._at_s = until_s
        self._settle(Change.OWN)

    def _change(self, at_s: float) -> None:
        why = Change.BACK
        if self._control.ends_at_s <= at_s:
            why = Change.LEASE_END
            self._control.expire()
        elif self.plugged:
            why = Change.AWAY
            self._control.forget()
            self._return_s = at_s + self.spec.trips.trip_s
            self._departure_s += DAY_S
        else:
            self._return_s = _NEVER
            self._soc = max(self._soc - self.spec.trips.trip_soc, min(self._soc, _LOWEST_SOC_AFTER_TRIP))
            self._departure_s = max(self._departure_s, at_s + self.spec.trips.trip_s)
        self._settle(why)

    def _settle(self, why: Change) -> None:
        before_kw, self._power_kw = self._power_kw, self._wanted_kw()
        if self.watch is not None and (self._power_kw != before_kw or why is Change.LEASE_END):
            self.watch(self, why, self._at_s, self._power_kw)

    def _own_plan_kw(self) -> float:
        return own_plan_kw(self.spec.plan, self.spec.battery, self._soc, self._departure_s - self._at_s)

    def _situation(self) -> Situation:
        return Situation(plugged=self.plugged, soc=self._soc, own_plan_kw=self._own_plan_kw())

    def _wanted_kw(self) -> float:
        if not self.plugged:
            return 0.0
        target_kw = self._control.target_kw
        return self.spec.battery.possible_kw(self._soc, self._own_plan_kw() if target_kw is None else target_kw)
