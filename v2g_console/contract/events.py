"""What happened, one flat record an event: the JSON Lines of headless mode, the journal's lines, the console's event list."""

import msgspec

SCHEMA = 1


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
    owed: int = 0  # releases still owed


class DispatchPlanned(_DispatchEvent, frozen=True, kw_only=True, tag="dispatch.planned"):
    """Decided; nothing sent yet."""

    duration_s: float
    left_out: dict[str, int]
    without_lease_kw: float


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


class AlarmCleared(_Event, frozen=True, kw_only=True, tag="alarm.cleared"):
    """The cause is gone."""

    alarm_id: str
    kind: str
    text: str


class Strategy(_Event, frozen=True, kw_only=True, tag="strategy"):
    """How the allocator decided: lp_attempt, lp_failure, smart_fallback."""

    dispatch_id: str
    kind: str
    text: str


class RunSummary(_Event, frozen=True, kw_only=True, tag="run.summary"):
    """The last line of a headless run."""

    dispatches: int
    completed: int
    requests: int
    refused: int
    owed: int
    exit_code: int


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
    | LinkChanged
    | RequestAccepted
    | RequestRefused
    | DispatchPlanned
    | DispatchSending
    | DispatchProgress
    | DispatchActive
    | DispatchReleasing
    | DispatchCompleted
    | DispatchFailed
    | DispatchCancelled
    | DispatchStopped
    | AlarmRaised
    | AlarmCleared
    | Strategy
    | RunSummary
)


class EventBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Events after a number. `next_number` is what to ask for next; `dropped` counts events that were no longer kept."""

    next_number: int
    dropped: int
    events: tuple[Event, ...]
