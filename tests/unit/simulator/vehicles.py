"""Vehicles and commands for the tests of behaviour."""

import dataclasses
from typing import Any

from v2g_console.simulator.battery import Battery
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.spec import ChargingPlan, Fault, PlanKind, Trips, VehicleSpec
from v2g_console.transport.wire import CommandV1, CommandV2

START = Moment(5_000.0, 1_795_441_129.0)
DISPATCH = "5d8f0b5e6c1f4a7e9b3a1c2d3e4f5a6b"


def spec_of(protocol: int, *, is_v2g: bool = True, soc: float = 0.7, fault: Fault = Fault.NONE, **changes: Any) -> VehicleSpec:
    battery = Battery(
        capacity_kwh=60.0,
        max_charge_kw=11.0,
        max_discharge_kw=11.0 if is_v2g else 0.0,
        min_charge_kw=1.4 if protocol == 2 else 0.0,
        floor_soc=0.2,
    )
    spec = VehicleSpec(
        vehicle_id="veh000123",
        protocol=protocol,
        nominal_kwh=60.0,
        battery=battery,
        is_v2g=is_v2g,
        soc=soc,
        plan=ChargingPlan(PlanKind.IN_TIME, target_soc=0.8, min_soc=0.4),
        trips=Trips(),
        site="lyon-2",
        fleet="public",
        segment="commuter",
        fault=fault,
    )
    return dataclasses.replace(spec, **changes)


def order_v1(power_kw: float, position: int = 0) -> CommandV1:
    return CommandV1(f"{DISPATCH}-1795441129000-{position}", "veh000123", power_kw, 1_795_441_129_000)


def order_v2(
    power_kw: float,
    seq: int,
    *,
    at: Moment = START,
    accept_s: float = 5.0,
    valid_s: float = 900.0,
    hold_s: int = 900,
    fallback_kw: float | None = None,
    release: bool = False,
    command_id: str | None = None,
) -> CommandV2:
    """A v2 command as the engine would send it at `at`."""
    utc_ms = int(at.utc_s * 1000)
    return CommandV2(
        command_id=command_id or f"{DISPATCH}-{seq}-7",
        vehicle_id="veh000123",
        power_kw=power_kw,
        timestamp=utc_ms,
        v=2,
        dispatch_id=DISPATCH,
        signal="FCR",
        seq=seq,
        accept_until=utc_ms + int(accept_s * 1000),
        valid_until=utc_ms + int(valid_s * 1000),
        hold_s=hold_s,
        fallback_kw=fallback_kw,
        release=release,
    )
