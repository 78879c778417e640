"""What happened, one flat record an event: the JSON Lines of headless mode, the journal's lines, the console's event list."""

import msgspec

from v2g_console.contract.alarms import ShelvedAlarm
from v2g_console.contract.ecowatt import EcowattDay, Outcome
from v2g_console.contract.tags import TagView

SCHEMA = 1
OPERATIONAL = "operational, not settlement"
"""Baselines are frozen, and power is measured, for steering; what is paid for is counted by other rules (`domain.md`, Ownership)."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    ts: str  # RFC 3339, UTC, milliseconds
    schema: int = SCHEMA


class EngineReady(_Event, frozen=True, kw_only=True, tag="engine.ready"):
    """Link up and discovery quiet (or 5 s over)."""

    version: str
    broker: str
    protocol: str
    vehicles: int
    startup_ms: float
    user: str = ""  # who started the engine
    role: str = ""  # and what that person may do


class EngineRecovered(_Event, frozen=True, kw_only=True, tag="engine.recovered"):
    """What an earlier run of the engine left behind, and what becomes of it. Dispatches by id; `owed` counts vehicles being released."""

    clean: bool
    unfinished: int
    resumed: tuple[str, ...]
    released: tuple[str, ...]
    scheduled: tuple[str, ...]
    dropped: int
    owed: int
    text: str
    above_most: int = 0  # vehicles being released although there is no room for them (fleet.max_vehicles)
    approvals: int = 0  # requests that waited for a second person, and are dropped


class LinkChanged(_Event, frozen=True, kw_only=True, tag="link.changed"):
    """The MQTT link changed state."""

    state: str
    cause: str
    text: str
    broker: str


class RequestAccepted(_Event, frozen=True, kw_only=True, tag="request.accepted"):
    """A request was taken. `result` holds the answer of queries (fleet, status, dry runs)."""

    request: str
    by: str
    way: str
    detail: str = ""
    dispatch_id: str = ""
    result: msgspec.Raw | None = None


class RequestRefused(_Event, frozen=True, kw_only=True, tag="request.refused"):
    """A request was refused: reason (stable), message and hint (for people). `line` for JSON Lines input."""

    request: str
    by: str
    way: str
    reason: str
    message: str
    hint: str = ""
    line: int | None = None


class _DispatchEvent(_Event, frozen=True, kw_only=True):
    dispatch_id: str
    signal: str
    state: str
    note: str = ""
    requested_kw: float
    allocated_kw: float
    acknowledged_kw: float
    delivered_kw: float | None
    delivered_coverage: float
    uncertain_kw: float
    shortfall_kw: float
    vehicles: int  # vehicles commanded
    acked: int
    limited: int
    rejected: int
    silent: int
    pending: int
    reason: str = ""
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    released: int = 0  # releases confirmed
    lease_ended: int = 0  # never confirmed, but their lease ended: they fall back by themselves
    owed: int = 0  # releases still owed
    rebound_kw: float = 0.0  # extra charging to expect after the release
    figures: str = OPERATIONAL  # what its powers are good for


class DispatchPlanned(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.planned"):
    """Decided; nothing sent yet."""

    duration_s: float
    left_out: dict[str, int]
    without_lease_kw: float
    holds_s: float | None = None  # how long 95 % of it can be held; null: nothing ends it


class DispatchSending(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.sending"):
    """Journalled; commands go out."""


class DispatchProgress(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.progress"):
    """Counts while acknowledgements come in and while active; at most 2 a second."""


class DispatchActive(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.active"):
    """All answered or timed out: the dispatch holds until its end."""


class DispatchReleasing(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.releasing"):
    """Vehicles go back to their baseline."""


class DispatchCompleted(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.completed"):
    """Ran to its end and was released."""


class DispatchFailed(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.failed"):
    """Nothing could be published, or it broke off."""


class DispatchCancelled(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.cancelled"):
    """Ended by a person before its time."""


class DispatchStopped(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.stopped"):
    """Ended by STOP."""


class AlarmRaised(_Event, frozen=True, kw_only=True, tag="alarm.raised"):
    """Something needs an operator's response."""

    alarm_id: str
    kind: str
    priority: int
    text: str
    response: str
    dispatch_id: str = ""  # the dispatch it is about


class AlarmChanged(_Event, frozen=True, kw_only=True, tag="alarm.changed"):
    """What an active alarm says of its cause is another by now: the same alarm, to be shown and not rung. Not in the journal."""

    alarm_id: str
    kind: str
    text: str


class AlarmCleared(_Event, frozen=True, kw_only=True, tag="alarm.cleared"):
    """The cause is gone."""

    alarm_id: str
    kind: str
    text: str


class AlarmAcknowledged(_Event, frozen=True, kw_only=True, tag="alarm.acknowledged"):
    """Somebody has seen an alarm and deals with it."""

    alarm_id: str
    kind: str
    by: str


class AlarmShelved(_Event, frozen=True, kw_only=True, tag="alarm.shelved"):
    """Somebody keeps an alarm quiet for a time."""

    shelved: ShelvedAlarm


class AlarmUnshelved(_Event, frozen=True, kw_only=True, tag="alarm.unshelved"):
    """An alarm is back from the shelf; `by` is empty if its time was up."""

    alarm_id: str
    kind: str
    by: str = ""


class Strategy(_Event, frozen=True, kw_only=True, tag="strategy"):
    """How the allocator decided: lp_attempt, lp_failure, smart_fallback."""

    dispatch_id: str
    kind: str
    text: str


class ApprovalAsked(_Event, frozen=True, kw_only=True, tag="approval.asked"):
    """A request above the four-eyes limit waits for a second person. `dispatch_id`: of an update."""

    approval_id: str
    request: str
    by: str
    way: str
    signal: str
    power_kw: float
    limit_kw: float
    expires_s: float
    dispatch_id: str = ""


class ApprovalEnded(_Event, frozen=True, kw_only=True, tag="approval.ended"):
    """It waits no more: `outcome` is approved, rejected, withdrawn, expired, stopped or not carried over (over a restart of the engine);

    `decided_by` is empty where nobody decided.
    """

    approval_id: str
    outcome: str
    by: str
    decided_by: str = ""
    dispatch_id: str = ""
    reason: str = ""


class TagAdded(_Event, frozen=True, kw_only=True, tag="tag.added"):
    """A tag was hung up; `released` vehicles left their dispatches at once because of it."""

    placed: TagView
    way: str
    released: int = 0


class TagRemoved(_Event, frozen=True, kw_only=True, tag="tag.removed"):
    """A tag was taken down, by whom and why."""

    placed: TagView
    by: str
    way: str
    note: str


class StopLatched(_Event, frozen=True, kw_only=True, tag="stop.latched"):
    """STOP: no dispatch starts until somebody resumes."""

    by: str
    way: str
    reason: str
    dispatches: int
    vehicles: int


class StopLifted(_Event, frozen=True, kw_only=True, tag="stop.lifted"):
    """Somebody resumed."""

    by: str
    way: str


class OperatorNote(_Event, frozen=True, kw_only=True, tag="note"):
    """Somebody wrote something down for the others."""

    by: str
    way: str
    text: str


class OverrideBegun(_Event, frozen=True, kw_only=True, tag="override.begun"):
    """Somebody on the spot took these vehicles over: they are left alone until `until_ms` (UTC; null: until they follow again)."""

    vehicles: tuple[str, ...]
    until_ms: int | None = None


class OverrideEnded(_Event, frozen=True, kw_only=True, tag="override.ended"):
    """These vehicles follow again, or an operator trusts them again. One whose time is up is not told: that was said at the beginning."""

    vehicles: tuple[str, ...]


class LocalOverride(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle that somebody on the spot took over, and until when it is left alone (UTC ms; null: until it follows again)."""

    vehicle_id: str
    until_ms: int | None = None


class EcowattForecast(_Event, frozen=True, kw_only=True, tag="ecowatt.forecast"):
    """The EcoWatt forecast that is in force from now on, whole, with the publisher's names."""

    by: str
    way: str
    received_ms: int
    signals: tuple[EcowattDay, ...]


class EcowattProposed(_Event, frozen=True, kw_only=True, tag="ecowatt.proposed"):
    """Red hours ask for a decision: a dispatch with `reference` as its `external_ref`, or `ecowatt_dismiss`. Nothing is sent by itself."""

    proposal_id: str
    begins_ms: int
    ends_ms: int
    suggested_kw: float
    reference: str


class EcowattDecided(_Event, frozen=True, kw_only=True, tag="ecowatt.decided"):
    """A proposal was accepted, by a dispatch that bears its reference, or dismissed with a reason."""

    proposal_id: str
    outcome: Outcome
    by: str
    ends_ms: int
    reason: str = ""
    dispatch_id: str = ""


class HoldsStanding(_Event, frozen=True, kw_only=True, tag="holds.standing"):
    """Tags, STOP, shelved alarms and local overrides as they stand: said at a start and each hour, since retention removes old entries."""

    tags: tuple[TagView, ...]
    stopped: bool
    shelved: tuple[ShelvedAlarm, ...] = ()
    overrides: tuple[LocalOverride, ...] = ()
    stopped_by: str = ""
    stopped_at_ms: int | None = None
    stop_reason: str = ""


class RunSummary(_Event, frozen=True, kw_only=True, tag="run.summary"):
    """The last line of a headless run."""

    dispatches: int
    completed: int
    requests: int
    refused: int
    owed: int
    exit_code: int
    user: str = ""  # as in engine.ready; empty if the engine never got that far
    role: str = ""


DispatchEvent = (
    DispatchPlanned
    | DispatchSending
    | DispatchProgress
    | DispatchActive
    | DispatchReleasing
    | DispatchCompleted
    | DispatchFailed
    | DispatchCancelled
    | DispatchStopped
)
DispatchEnded = DispatchCompleted | DispatchFailed | DispatchCancelled | DispatchStopped
Event = (
    EngineReady
    | EngineRecovered
    | LinkChanged
    | RequestAccepted
    | RequestRefused
    | DispatchEvent
    | AlarmRaised
    | AlarmChanged
    | AlarmCleared
    | AlarmAcknowledged
    | AlarmShelved
    | AlarmUnshelved
    | Strategy
    | TagAdded
    | TagRemoved
    | StopLatched
    | StopLifted
    | OperatorNote
    | OverrideBegun
    | OverrideEnded
    | EcowattForecast
    | EcowattProposed
    | EcowattDecided
    | HoldsStanding
    | ApprovalAsked
    | ApprovalEnded
    | RunSummary
)


class EventBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Events after a number. `next_number` is what to ask for next; `dropped` counts events that were no longer kept."""

    next_number: int
    dropped: int
    events: tuple[Event, ...]
