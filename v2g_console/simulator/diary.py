"""The vehicles' own record, apart from whatever the engine writes: a JSON line for each thing that happens to a vehicle, as it happens.

Times: `at_s` on the machine's steady clock, `utc_s` as the vehicle believes, in seconds. Powers in kW, positive to the grid.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from v2g_console.simulator.moment import Moment
from v2g_console.simulator.vehicle import Change, Vehicle
from v2g_console.transport.wire import CommandV1, CommandV2

_DIGEST_BYTES: Final = 8


class VehicleLine(msgspec.Struct, frozen=True, kw_only=True, tag="vehicle", tag_field="event"):
    """A vehicle as it is when the run begins; `fault` is how it departs from the book."""

    at_s: float
    utc_s: float
    vehicle_id: str
    protocol: int
    site: str
    is_v2g: bool
    max_charge_kw: float
    max_discharge_kw: float
    fault: str
    power_kw: float


class CommandLine(msgspec.Struct, frozen=True, kw_only=True, tag="command", tag_field="event", omit_defaults=True):
    """A command that arrived, and what was done.

    `decision`: one of `control.Decision`, or `dropped` (by the drop rate), `missed` (no connection), `malformed`. `payload`: a digest.
    `asked_kw` to `release` are the command's own words (v1 has few). What holds afterwards: `target_kw` (None: the driver's plan)
    up to `ends_at_s` of the steady clock (None: no end), and the true `power_kw`.
    """

    at_s: float
    utc_s: float
    vehicle_id: str
    decision: str
    payload: str
    command_id: str = ""
    asked_kw: float | None = None
    timestamp_ms: int | None = None
    seq: int | None = None
    accept_until_ms: int | None = None
    valid_until_ms: int | None = None
    hold_s: int | None = None
    release: bool | None = None
    target_kw: float | None = None
    ends_at_s: float | None = None
    power_kw: float = 0.0


class ChangeLine(msgspec.Struct, frozen=True, kw_only=True, tag="change", tag_field="event"):
    """The true power changed, for the reason `why` (one of `vehicle.Change`); `target_kw` is what holds now (None: the driver's plan)."""

    at_s: float
    vehicle_id: str
    why: str
    power_kw: float
    target_kw: float | None


Line = VehicleLine | CommandLine | ChangeLine


class Diary:
    """Appends to `path`; every line is on its way to the disk when the method returns, so that a killed process loses none."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._encode = msgspec.json.Encoder().encode

    def begin(self, vehicle: Vehicle, at: Moment) -> None:
        """Write down a vehicle, and from here on whatever changes its power."""
        spec = vehicle.spec
        self._write(
            VehicleLine(
                at_s=at.steady_s,
                utc_s=at.utc_s,
                vehicle_id=spec.vehicle_id,
                protocol=spec.protocol,
                site=spec.site,
                is_v2g=spec.is_v2g,
                max_charge_kw=spec.battery.max_charge_kw,
                max_discharge_kw=spec.battery.max_discharge_kw,
                fault=spec.fault.value,
                power_kw=vehicle.power_kw(at),
            )
        )
        vehicle.watch = self._changed

    def command(self, vehicle: Vehicle, payload: bytes, command: CommandV1 | CommandV2 | None, decision: str, at: Moment) -> None:
        """Write down a command (None: it could not be read) and what the vehicle did with it."""
        ends_at_s = vehicle.order_ends_at_s
        v2 = command if isinstance(command, CommandV2) else None
        self._write(
            CommandLine(
                at_s=at.steady_s,
                utc_s=at.utc_s,
                vehicle_id=vehicle.spec.vehicle_id,
                decision=decision,
                payload=hashlib.blake2b(payload, digest_size=_DIGEST_BYTES).hexdigest(),
                command_id=command.command_id if command is not None else "",
                asked_kw=command.power_kw if command is not None else None,
                timestamp_ms=command.timestamp if command is not None else None,
                seq=v2.seq if v2 else None,
                accept_until_ms=v2.accept_until if v2 else None,
                valid_until_ms=v2.valid_until if v2 else None,
                hold_s=v2.hold_s if v2 else None,
                release=v2.release if v2 else None,
                target_kw=vehicle.target_kw,
                ends_at_s=None if ends_at_s == float("inf") else ends_at_s,
                power_kw=vehicle.power_kw(at),
            )
        )

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _changed(self, vehicle: Vehicle, why: Change, at_s: float, power_kw: float) -> None:
        self._write(
            ChangeLine(at_s=at_s, vehicle_id=vehicle.spec.vehicle_id, why=why.value, power_kw=power_kw, target_kw=vehicle.target_kw)
        )

    def _write(self, line: Line) -> None:
        os.write(self._descriptor, self._encode(line) + b"\n")
