"""A request, checked: everything about it that does not depend on the fleet."""

import math
from dataclasses import dataclass

from v2g_console.allocation import ALLOCATORS
from v2g_console.config.settings import Settings
from v2g_console.contract.replies import Refusal
from v2g_console.contract.requests import DispatchFields
from v2g_console.domain.signal import Signal, UnknownSignalError, WrongDirectionError, parse_signal
from v2g_console.domain.units import typed_duration
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.refusal import RefusalError

LONGEST_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """`target_kw` is signed regulation; `start_utc_s` None means now; `lp_first`: the linear programme is tried, smart is the fallback."""

    signal: Signal
    target_kw: float
    duration_s: float
    allocator: str
    start_utc_s: float | None
    lp_first: bool


def check(fields: DispatchFields, settings: Settings, now_utc_s: float) -> Wanted:
    """The request's values, or RefusalError."""
    if not math.isfinite(fields.power_kw) or fields.power_kw == 0:
        raise RefusalError(
            Refusal.INVALID, f"power_kw must be a number other than 0, got {fields.power_kw:g}", "positive is up, negative is down"
        )
    if not math.isfinite(fields.duration_s) or not 1 <= fields.duration_s <= LONGEST_S:
        raise RefusalError(
            Refusal.INVALID, f"the duration must be from 1s to {typed_duration(LONGEST_S)}, got {typed_duration(fields.duration_s)}"
        )
    try:
        signal, target_kw = parse_signal(fields.signal, fields.power_kw)
    except UnknownSignalError as error:
        raise RefusalError(Refusal.UNKNOWN_SIGNAL, str(error)) from error
    except WrongDirectionError as error:
        raise RefusalError(Refusal.INVALID, str(error)) from error
    limit_kw = settings.dispatch.max_power_kw
    if limit_kw and abs(target_kw) > limit_kw:
        raise RefusalError(Refusal.LIMIT, f"{abs(target_kw):g} kW is above the limit of {limit_kw:g} kW", "dispatch.max_power_kw")
    allocator = fields.allocator or settings.dispatch.allocator
    if allocator not in ALLOCATORS:
        raise RefusalError(Refusal.INVALID, f"unknown allocator {allocator[:40]!r}: known are {', '.join(ALLOCATORS)}")
    lp_first = fields.allocator is None and signal.value in settings.dispatch.lp_first
    return Wanted(signal, target_kw, fields.duration_s, "lp" if lp_first else allocator, _start(fields, now_utc_s), lp_first)


def _start(fields: DispatchFields, now_utc_s: float) -> float | None:
    if fields.start_at is None:
        return None
    try:
        start_utc_s = parse_rfc3339(fields.start_at)
    except ValueError as error:
        raise RefusalError(Refusal.INVALID, f"start_at: {error}") from error
    if start_utc_s < now_utc_s - 60:
        raise RefusalError(Refusal.INVALID, f"start_at {fields.start_at[:40]} is in the past")
    return start_utc_s
