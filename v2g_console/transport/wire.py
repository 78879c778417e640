"""The messages of the wire protocol, v1 and v2, as strict structs (`wire.md`). Decoding and its limits: `transport.codec`."""

import msgspec


class CommandV1(msgspec.Struct, frozen=True):
    """A setpoint for one vehicle. `power_kw` is absolute and signed, positive to the grid; `timestamp` UTC milliseconds."""

    command_id: str
    vehicle_id: str
    power_kw: float
    timestamp: int


class CommandV2(msgspec.Struct, frozen=True):
    """v1 with a lease: `accept_until` ack deadline, `valid_until` end of the lease (UTC ms), `hold_s` the same on the vehicle's own clock.

    `fallback_kw` is what the vehicle goes to afterwards; None is the driver's own charging plan.
    """

    command_id: str
    vehicle_id: str
    power_kw: float
    timestamp: int
    v: int
    dispatch_id: str
    signal: str
    seq: int
    accept_until: int
    valid_until: int
    hold_s: int
    fallback_kw: float | None
    release: bool


class Ack(msgspec.Struct, frozen=True):
    """An acknowledgement. v1 sends only `command_id`, which means received. `applied_kw` is the absolute setpoint in force."""

    command_id: str
    status: str = ""  # "" (v1), accepted, limited, rejected, expired, superseded
    applied_kw: float | None = None
    reason: str = ""
    ts: int | None = None


class Telemetry(msgspec.Struct, frozen=True):
    """A measurement: SoC 0..1, power in kW (positive to the grid), `ts_s` seconds UTC as the vehicle says (None: not said)."""

    soc: float
    power_kw: float
    available: bool | None
    charging: bool | None  # as the vehicle says; v1 has it inverted: use power_kw < -0.1
    ts_s: float | None
    ts_was_ms: bool  # the vehicle sent milliseconds


class Description(msgspec.Struct, frozen=True):
    """A vehicle describing itself, normalised: unset Go zero values are None."""

    is_v2g: bool
    max_charge_kw: float
    max_discharge_kw: float
    battery_kwh: float
    soc: float | None
    available: bool | None
    priority: bool
    charging: bool | None
    departure_s: float | None  # UTC seconds
    min_soc: float | None
    availability_prob: float
    degradation: float
    segment: str
    site: str
    fleet: str
    reserve_soc: float
    charge_limit_soc: float
    min_charge_kw: float
    min_discharge_kw: float
    consent: bool
    protocol: int
    ramp_kw_per_s: float = 0.0  # fastest change of its power; 0: not told
    phases: int = 0  # of its charger: 1, 2 or 3; 0: not told
    phase: int = 0  # the one it is on, 1 to 3, where phases is 1; 0: not told
