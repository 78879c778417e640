"""A vehicle's description of itself: the names of the Go struct v1 vehicles send, whose zero values mean unset, and v2's own keys."""

from datetime import UTC, datetime

import msgspec

from v2g_console.domain.ids import is_vehicle_id
from v2g_console.transport.refused import Cause, RefusedMessageError
from v2g_console.transport.strict import MAX_VEHICLE_KW, decode_with, encode, require_range, require_same_id
from v2g_console.transport.wire import Description

GO_ZERO_TIME = "0001-01-01T00:00:00Z"
MAX_BATTERY_KWH = 10_000.0


class _DescriptionV1(msgspec.Struct, frozen=True, kw_only=True):
    id: str = msgspec.field(name="ID", default="")
    soc: float | None = msgspec.field(name="SoC", default=None)
    is_v2g: bool = msgspec.field(name="IsV2G")
    max_power_kw: float = msgspec.field(name="MaxPower")
    battery_kwh: float = msgspec.field(name="BatteryKWh")
    available: bool | None = msgspec.field(name="Available", default=None)
    charging: bool | None = msgspec.field(name="Charging", default=None)
    priority: bool = msgspec.field(name="Priority", default=False)
    departure: str = msgspec.field(name="Departure", default="")
    min_soc: float = msgspec.field(name="MinSoC", default=0.0)
    availability_prob: float = msgspec.field(name="AvailabilityProb", default=0.0)
    degradation: float = msgspec.field(name="DegradationFactor", default=0.0)
    segment: str = ""


class _DescriptionV2(_DescriptionV1, frozen=True, kw_only=True):
    site: str = ""
    fleet: str = ""
    max_charge_kw: float | None = None
    max_discharge_kw: float | None = None
    reserve_soc: float = 0.0
    charge_limit_soc: float = 1.0
    min_charge_kw: float = 0.0
    min_discharge_kw: float = 0.0
    consent: bool = True
    ramp_kw_per_s: float = 0.0
    phases: int = 0
    phase: int = 0
    protocol: int = 1


_decoder = msgspec.json.Decoder(_DescriptionV2)


def decode_description(payload: bytes, vehicle_id: str) -> Description:
    """A description of the topic's vehicle, normalised. v1's one `MaxPower` fills both directions, discharge only where `IsV2G`.

    Raises `RefusedMessageError`.
    """
    wire = decode_with(_decoder, payload)
    require_same_id(wire.id, vehicle_id)
    max_charge_kw, max_discharge_kw = _limits_kw(wire)
    for name in (wire.segment, wire.site, wire.fleet):
        if name and not is_vehicle_id(name):
            raise RefusedMessageError(Cause.BAD_ID, "segment, site or fleet")
    return Description(
        is_v2g=wire.is_v2g,
        max_charge_kw=max_charge_kw,
        max_discharge_kw=max_discharge_kw,
        battery_kwh=require_range("BatteryKWh", wire.battery_kwh, 0.0, MAX_BATTERY_KWH),
        soc=None if wire.soc is None else _ratio("SoC", wire.soc),
        available=wire.available,
        priority=wire.priority,
        charging=True if wire.charging else None,
        departure_s=_departure_s(wire.departure),
        min_soc=_ratio("MinSoC", wire.min_soc) or None,
        availability_prob=_ratio("AvailabilityProb", wire.availability_prob) or 1.0,
        degradation=_ratio("DegradationFactor", wire.degradation),
        segment=wire.segment,
        site=wire.site,
        fleet=wire.fleet,
        reserve_soc=_ratio("reserve_soc", wire.reserve_soc),
        charge_limit_soc=_ratio("charge_limit_soc", wire.charge_limit_soc),
        min_charge_kw=require_range("min_charge_kw", wire.min_charge_kw, 0.0, max_charge_kw),
        min_discharge_kw=require_range("min_discharge_kw", wire.min_discharge_kw, 0.0, MAX_VEHICLE_KW),
        consent=wire.consent,
        protocol=2 if wire.protocol >= 2 else 1,
        ramp_kw_per_s=require_range("ramp_kw_per_s", wire.ramp_kw_per_s, 0.0, MAX_VEHICLE_KW),
        phases=int(require_range("phases", wire.phases, 0, 3)),
        phase=int(require_range("phase", wire.phase, 0, 3)),
    )


def encode_description(vehicle_id: str, description: Description) -> bytes:
    """A description as a vehicle sends it: the v1 names alone, or with v2's keys if its protocol is 2."""
    v1 = _DescriptionV1(
        id=vehicle_id,
        soc=description.soc,
        is_v2g=description.is_v2g,
        max_power_kw=description.max_charge_kw,
        battery_kwh=description.battery_kwh,
        available=description.available,
        charging=bool(description.charging),
        priority=description.priority,
        departure=GO_ZERO_TIME if description.departure_s is None else _go_time(description.departure_s),
        min_soc=description.min_soc or 0.0,
        availability_prob=description.availability_prob,
        degradation=description.degradation,
        segment=description.segment,
    )
    if description.protocol < 2:
        return encode(v1)
    return encode(
        _DescriptionV2(
            **msgspec.structs.asdict(v1),
            site=description.site,
            fleet=description.fleet,
            max_charge_kw=description.max_charge_kw,
            max_discharge_kw=description.max_discharge_kw,
            reserve_soc=description.reserve_soc,
            charge_limit_soc=description.charge_limit_soc,
            min_charge_kw=description.min_charge_kw,
            min_discharge_kw=description.min_discharge_kw,
            consent=description.consent,
            ramp_kw_per_s=description.ramp_kw_per_s,
            phases=description.phases,
            phase=description.phase,
            protocol=description.protocol,
        )
    )


def _limits_kw(wire: _DescriptionV2) -> tuple[float, float]:
    """(charge, discharge): each direction's own key, else MaxPower; no discharge without V2G."""
    max_power_kw = require_range("MaxPower", wire.max_power_kw, 0.0, MAX_VEHICLE_KW)
    charge = max_power_kw if wire.max_charge_kw is None else wire.max_charge_kw
    discharge = max_power_kw if wire.max_discharge_kw is None else wire.max_discharge_kw
    require_range("max_charge_kw", charge, 0.0, MAX_VEHICLE_KW)
    require_range("max_discharge_kw", discharge, 0.0, MAX_VEHICLE_KW)
    return charge, discharge if wire.is_v2g else 0.0


def _ratio(key: str, value: float) -> float:
    return require_range(key, value, 0.0, 1.0)


def _departure_s(text: str) -> float | None:
    """UTC seconds of an RFC 3339 time; None for Go's zero time. A time without a zone is taken as UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedMessageError(Cause.BAD_SHAPE, "Departure is no RFC 3339 time") from None
    if moment.year == 1:
        return None
    if not 2000 <= moment.year < 2100:
        raise RefusedMessageError(Cause.OUT_OF_RANGE, "Departure is not within 2000..2099")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _go_time(utc_s: float) -> str:
    return datetime.fromtimestamp(int(utc_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
