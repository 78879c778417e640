"""What the engine answers: accepted with a result, or refused with a reason and what to do."""

from enum import StrEnum

import msgspec

from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.contract.ecowatt import EcowattView
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.record import JournalEntryView, JournalPage
from v2g_console.contract.snapshot import ApprovalView, DispatchView, EngineInfo, FleetSummary
from v2g_console.contract.stop import StopView
from v2g_console.contract.tags import TagDone, TagsView, TagView


class Refusal(StrEnum):
    """Why a request was refused; a closed list, stable for machines."""

    INVALID = "INVALID"  # malformed or out of range
    UNKNOWN_SIGNAL = "UNKNOWN_SIGNAL"
    UNKNOWN_DISPATCH = "UNKNOWN_DISPATCH"
    UNKNOWN_VEHICLE = "UNKNOWN_VEHICLE"
    UNKNOWN_PLAN = "UNKNOWN_PLAN"
    NOT_ARMED = "NOT_ARMED"
    ARM_EXPIRED = "ARM_EXPIRED"
    PLAN_CHANGED = "PLAN_CHANGED"
    NO_VEHICLES = "NO_VEHICLES"
    SHORTFALL = "SHORTFALL"  # a strict product, and accept_partial was not given
    STOPPED = "STOPPED"  # STOP is latched
    READ_ONLY = "READ_ONLY"
    FORBIDDEN = "FORBIDDEN"  # the role does not allow it
    LINK_DOWN = "LINK_DOWN"
    LIMIT = "LIMIT"  # a configured maximum
    INTERLOCK = "INTERLOCK"  # one of `interlocks`; the message begins with its name
    TAGGED = "TAGGED"  # an INHIBIT tag forbids it
    CAUTION = "CAUTION"  # a CAUTION tag must be read and accepted first
    UNKNOWN_TAG = "UNKNOWN_TAG"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"  # held until another supervisor approves it
    UNKNOWN_APPROVAL = "UNKNOWN_APPROVAL"  # never asked, decided already, or expired
    TYPE_TO_CONFIRM = "TYPE_TO_CONFIRM"
    WRONG_STATE = "WRONG_STATE"
    NOT_READY = "NOT_READY"
    JOURNAL = "JOURNAL"
    BUSY = "BUSY"
    INTERNAL = "INTERNAL"


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle of a plan. Powers in kW; `regulation_kw` relative to the baseline."""

    vehicle_id: str
    site: str
    soc: float
    baseline_kw: float | None
    setpoint_kw: float | None
    regulation_kw: float
    up_kw: float
    down_kw: float
    score: float
    reason: str  # name of a Reason, "" if it got all it could
    place: str = ""  # the node, or the phase of a site, that holds it back
    parts: dict[str, float] = {}  # of the score, by feature, weighted


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatch would do, before it does it."""

    plan_id: str
    revision: int
    signal: str
    note: str
    requested_kw: float
    allocated_kw: float
    shortfall_kw: float
    vehicles: int
    eligible: int
    considered: int
    up_kw: float  # headroom of the eligible vehicles for this product
    down_kw: float
    allocator: str
    duration_s: float
    sustain_s: float  # the time the bounds were computed for (tau)
    left_out: dict[str, int]  # vehicles by reason name
    limits: tuple[tuple[str, float], ...]  # (reason name, kW lost to it), largest first
    places: tuple[tuple[str, float], ...] = ()  # (node, or phase of a site, that is full; kW it holds back), largest first, bounded
    without_lease_kw: float
    without_lease_vehicles: int
    soc_before: float | None  # mean over participants
    soc_after: float | None
    soc_min_after: float | None
    departures_at_risk: int
    rebound_kw: float  # extra charging to expect after release
    preempts: tuple[tuple[str, float], ...]  # (dispatch short id, kW it loses)
    warnings: tuple[str, ...]
    type_to_confirm: bool
    armed_until_ms: int | None = None
    cautions: tuple[TagView, ...] = ()  # CAUTION tags on its vehicles: arming asks
    holds_s: float | None = None  # how long 95 % of it can be held; None: nothing ends it
    rows: tuple[PlanRow, ...] = ()  # the first of each kind, worst first, bounded
    moved: int | None = None  # of a new target: vehicles that would get another setpoint


class VehicleView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one vehicle."""

    vehicle_id: str
    site: str
    segment: str
    fleet: str
    protocol: int
    state: str
    quality: str
    soc: float | None
    power_kw: float | None
    setpoint_kw: float | None
    baseline_kw: float | None
    baseline_kind: str
    max_charge_kw: float
    max_discharge_kw: float
    battery_kwh: float
    up_kw: float
    down_kw: float
    min_soc: float
    reserve_soc: float
    is_v2g: bool
    available: bool
    charging: bool | None
    consent: bool
    priority: bool
    departure_ms: int | None
    availability_prob: float
    degradation: float
    owner: str  # dispatch short id or ""
    owed: bool
    reason: str
    reason_text: str  # explanation, or the vehicle's own words, escaped
    seen_ms: int | None
    age_s: float | None
    clock_offset_s: float | None
    commands: int
    acks: int
    rejects: int
    timeouts: int
    failures: int = 0  # in a row
    hold_s: float = 0.0  # left alone for this long still
    participation: float = 0.0  # 0..1, how much was asked of it lately
    reversals: int = 0  # changes between charging and injecting while dispatched
    throughput_kwh: float = 0.0  # through the plug while dispatched
    tags: tuple[TagView, ...] = ()  # its own, its site's and the fleet's
    override_s: float | None = None  # overridden locally, and left alone for this long still; inf: until it says otherwise
    recent: tuple[tuple[int, str], ...] = ()  # (UTC ms, what happened), newest first


class CommandRow(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle of a dispatch."""

    vehicle_id: str
    state: str
    setpoint_kw: float
    baseline_kw: float
    regulation_kw: float
    applied_kw: float | None
    measured_kw: float | None
    attempt: int
    latency_ms: float | None
    score: float
    reason: str
    reason_text: str
    release: str  # state of its release, "" before
    taken: int = 1  # how often this dispatch took it: again after it was let go


class DispatchDetailView(msgspec.Struct, frozen=True, kw_only=True):
    """A dispatch with its vehicles, worst first; `total` counts all, `rows` is bounded by the request's limit."""

    dispatch: DispatchView
    total: int
    rows: tuple[CommandRow, ...]


class FleetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle in a list."""

    vehicle_id: str
    site: str
    segment: str
    state: str
    quality: str
    soc: float | None
    power_kw: float | None
    up_kw: float
    down_kw: float
    age_s: float | None
    failures: int = 0  # in a row
    hold_s: float = 0.0  # left alone for this long still
    participation: float = 0.0  # 0..1, how much was asked of it lately
    reversals: int = 0  # changes between charging and injecting while dispatched
    throughput_kwh: float = 0.0  # through the plug while dispatched
    tag: str = ""  # CAUTION or INHIBIT, the stronger one


class FleetPage(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet as rows, in order of id."""

    summary: FleetSummary
    total: int
    rows: tuple[FleetRow, ...]


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Engine, link, fleet and dispatches in numbers."""

    engine: EngineInfo
    link: LinkHealth
    fleet: FleetSummary
    dispatches: tuple[DispatchView, ...]
    approvals: tuple[ApprovalView, ...] = ()
    alarms: tuple[AlarmView, ...] = ()
    alarm_rates: AlarmRates = AlarmRates()
    you: "IdentityView | None" = None  # who asked


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """Who the engine takes a caller for. `may` names the requests that the role allows, `denied` the others with the role each needs."""

    user: str
    role: str
    may: tuple[str, ...]
    denied: dict[str, str] = {}

    def seeing(self, engine: EngineInfo) -> EngineInfo:
        """`engine` as this person's console shows it."""
        return msgspec.structs.replace(engine, user=self.user, role=self.role, denied=self.denied)


Result = (
    PlanView
    | VehicleView
    | DispatchDetailView
    | DispatchView
    | FleetPage
    | StatusView
    | StopView
    | IdentityView
    | TagDone
    | TagsView
    | JournalPage
    | JournalEntryView
    | HandoverView
    | ForecastView
    | EcowattView
    | ConfigurationView
    | None
)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Done or under way. `dispatch_id` is given where the request made or touched a dispatch."""

    request: str
    result: Result = None
    dispatch_id: str = ""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Not done. `message` says what, `hint` what to do next; `plan` is the new plan after PLAN_CHANGED.

    `approval` is what waits for a second person, after NEEDS_APPROVAL, and in its new form after PLAN_CHANGED.
    """

    request: str
    reason: Refusal
    message: str
    hint: str = ""
    plan: PlanView | None = None
    approval: ApprovalView | None = None


Reply = Accepted | Refused
