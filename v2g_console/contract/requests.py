"""What may be asked of the engine. The same structs come from the console, the command line, JSON Lines and the socket."""

import msgspec


class DispatchFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What describes a dispatch. `power_kw` is regulation (positive = up) for all selected vehicles together."""

    signal: str
    power_kw: float
    duration_s: float
    start_at: str | None = None  # RFC 3339; default now
    allocator: str | None = None
    sites: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    vehicles: tuple[str, ...] = ()
    external_ref: str = ""
    test: bool = False
    note: str = ""
    accept_partial: bool | None = None
    preempt: bool = False


class Plan(DispatchFields, frozen=True, kw_only=True, tag="plan", tag_field="request", forbid_unknown_fields=True):
    """Preview a dispatch: nothing is reserved, nothing is sent. Answered by a PlanView."""


class Arm(msgspec.Struct, frozen=True, kw_only=True, tag="arm", tag_field="request", forbid_unknown_fields=True):
    """Select before operate: the plan may be operated within 10 s. `typed_kw` is what the operator typed where a limit asks for it."""

    plan_id: str
    revision: int
    typed_kw: float | None = None


class Operate(msgspec.Struct, frozen=True, kw_only=True, tag="operate", tag_field="request", forbid_unknown_fields=True):
    """Send an armed plan. Refused with `PLAN_CHANGED` and a new PlanView if the fleet changed materially since `revision`."""

    plan_id: str
    revision: int


class Dispatch(DispatchFields, frozen=True, kw_only=True, tag="dispatch", tag_field="request", forbid_unknown_fields=True):
    """Plan, arm and operate in one go (machines). With `dry_run` only the plan is returned."""

    dry_run: bool = False


class Update(msgspec.Struct, frozen=True, kw_only=True, tag="update", tag_field="request", forbid_unknown_fields=True):
    """Change the target of an active dispatch; `dispatch_id` may be the short one if it is unique."""

    dispatch_id: str
    power_kw: float


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel", tag_field="request", forbid_unknown_fields=True):
    """End a dispatch now and release its vehicles; a plan is dropped."""

    dispatch_id: str


class Retry(msgspec.Struct, frozen=True, kw_only=True, tag="retry", tag_field="request", forbid_unknown_fields=True):
    """Send the unacknowledged commands of a dispatch once more."""

    dispatch_id: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop", tag_field="request", forbid_unknown_fields=True):
    """STOP DISPATCH: latched; every vehicle back to its baseline."""

    reason: str = ""


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag="resume", tag_field="request", forbid_unknown_fields=True):
    """Lift the STOP latch. Restarts nothing."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True, tag="fleet", tag_field="request", forbid_unknown_fields=True):
    """The fleet as rows, or one vehicle in full with `vehicle_id`."""

    vehicle_id: str | None = None
    site: str | None = None
    segment: str | None = None
    limit: int = 1000


class ResetTrust(msgspec.Struct, frozen=True, kw_only=True, tag="reset_trust", tag_field="request", forbid_unknown_fields=True):
    """Trust a vehicle again that is on hold after failures; all of them without `vehicle_id`."""

    vehicle_id: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status", tag_field="request", forbid_unknown_fields=True):
    """Engine, link, fleet and dispatches in numbers."""


class DispatchDetail(msgspec.Struct, frozen=True, kw_only=True, tag="dispatch_detail", tag_field="request", forbid_unknown_fields=True):
    """One dispatch with its vehicles, worst first."""

    dispatch_id: str
    limit: int = 2000


class AckAlarm(msgspec.Struct, frozen=True, kw_only=True, tag="ack_alarm", tag_field="request", forbid_unknown_fields=True):
    """Acknowledge an alarm: seen, being dealt with. Clears nothing."""

    alarm_id: str


Request = (
    Plan | Arm | Operate | Dispatch | Update | Cancel | Retry | Stop | Resume | Fleet | Status | DispatchDetail | AckAlarm | ResetTrust
)

HEADLESS_REQUESTS = Dispatch | Update | Cancel | Retry | Stop | Resume | Fleet | Status | ResetTrust
"""What JSON Lines and the command line may say; planning and arming are for screens."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and by which way: `console`, `commands`, `socket`, `cli`, `signal`."""

    user: str
    way: str
    detail: str = ""  # line number, peer pid, ...
