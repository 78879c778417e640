"""How far a STOP has come: who has confirmed the release, who is silent, and what to do by hand."""

import msgspec

from v2g_console.domain.units import grouped


class SilentVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle that has not confirmed its release. `setpoint_kw` (absolute, positive to the grid) is what it may still follow.

    `lease_ends_ms` is when a v2 vehicle falls back by itself (None: never, v1); `next_step` what a person can do now.
    """

    vehicle_id: str
    site: str
    dispatch: str  # short id
    protocol: int
    setpoint_kw: float | None
    measured_kw: float | None
    silent_s: float | None  # since its last sign of life; None: never heard
    lease_ends_ms: int | None
    next_step: str


class StopView(msgspec.Struct, frozen=True, kw_only=True):
    """STOP, from the moment it was pressed. `dispatches` it ended, `vehicles` it had to release: confirmed, lease ended, waiting, silent.

    `lease_ended` never confirmed, but their lease is over, so that they fall back by themselves and nothing is owed any more.
    `waiting` have been told and may still answer; `silent` have not confirmed in time: `who` lists the first of them.
    """

    dispatches: int
    vehicles: int
    stopped: bool = True
    by: str = ""
    reason: str = ""
    at_ms: int | None = None
    confirmed: int = 0
    lease_ended: int = 0
    waiting: int = 0
    silent: int = 0
    link_down: bool = False  # releases go out when the link is back
    who: tuple[SilentVehicle, ...] = ()


def lease_ended_text(vehicles: int) -> str:
    """`, 50 lease ended`, to stand behind the number of those who confirmed; "" for none."""
    return f", {grouped(vehicles)} lease ended" if vehicles else ""
