"""What a run of the simulator can be told."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from v2g_console.domain.ids import is_vehicle_id


class ProtocolMix(StrEnum):
    """Which wire protocol the vehicles speak; mixed is half and half."""

    V1 = "1"
    V2 = "2"
    MIXED = "mixed"


class AvailabilityProfile(StrEnum):
    """commuter: vehicles leave at their departure and come back emptier; always: they stay plugged in."""

    COMMUTER = "commuter"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """A simulated fleet on a broker. Rates are shares of 0..1; raises ValueError naming the field for a value out of range.

    `drop_rate`: share of commands lost on their way, neither applied nor acknowledged (a retry may get through).
    `silent_rate`: share of vehicles that obey but never acknowledge.
    `reject_rate`: share of vehicles that refuse; v2 says so with a reason, v1 acknowledges the receipt all the same and does nothing.
    `limit_rate`: share of vehicles that apply less than asked; v2 says how much, v1 says nothing.
    `disconnect_rate`: share of vehicles that lose their connection now and then, for 10 to 40 s.
    `latency_ms`: mean time from a command's arrival to its acknowledgement (half to one and a half of it).
    `connections`: MQTT connections the vehicles share; `one_connection_each` gives each vehicle its own, named by its id.
    `ready_fd`: file descriptor that gets one line of JSON when every vehicle is subscribed (None: no line).
    `stop_with_stdin`: end when standard input is closed, so that a parent that dies takes its vehicles with it.
    `log`: file to which the vehicles append all that happens to them (`diary`); None: no record.
    """

    broker: str = "mqtt://127.0.0.1:1883"
    vehicles: int = 200
    sites: int = 4
    seed: int = 1
    protocol: ProtocolMix = ProtocolMix.V2
    drop_rate: float = 0.0
    silent_rate: float = 0.0
    reject_rate: float = 0.0
    limit_rate: float = 0.0
    disconnect_rate: float = 0.0
    latency_ms: float = 80.0
    telemetry_interval_s: float = 10.0
    connections: int = 4
    one_connection_each: bool = False
    username: str = ""
    password_file: Path | None = None
    ca_bundle: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    prefix: str = "veh"
    availability_profile: AvailabilityProfile = AvailabilityProfile.COMMUTER
    ready_fd: int | None = None
    stop_with_stdin: bool = False
    log: Path | None = None

    def __post_init__(self) -> None:
        for name in ("drop_rate", "silent_rate", "reject_rate", "limit_rate", "disconnect_rate"):
            rate = getattr(self, name)
            if not 0.0 <= rate <= 1.0:
                raise ValueError(f"{name}: expected a share of 0 to 1, got {rate:g}")
        if self.silent_rate + self.reject_rate + self.limit_rate > 1.0:
            raise ValueError("silent_rate, reject_rate and limit_rate: a vehicle has one of these faults, so together at most 1")
        for name, lowest in (("vehicles", 1), ("sites", 1), ("connections", 1)):
            count = getattr(self, name)
            if count < lowest:
                raise ValueError(f"{name}: expected at least {lowest}, got {count}")
        if not 0.0 <= self.latency_ms <= 600_000.0:
            raise ValueError(f"latency_ms: expected 0 to 600000, got {self.latency_ms:g}")
        if not 0.1 <= self.telemetry_interval_s <= 86_400.0:
            raise ValueError(f"telemetry_interval_s: expected 0.1 to 86400, got {self.telemetry_interval_s:g}")
        if not is_vehicle_id(self.prefix) or len(self.prefix) > 40:
            raise ValueError(f"prefix: expected 1 to 40 letters, digits or ._:- , got {self.prefix[:60]!r}")
