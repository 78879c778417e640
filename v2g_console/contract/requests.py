"""What may be asked of the engine. The same structs come from the console, the command line, JSON Lines and the socket."""

import msgspec

from v2g_console.contract.ecowatt import EcowattDay
from v2g_console.contract.tags import TagKind, TagScope


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
    accept_cautions: bool = False  # vehicles with a CAUTION tag may take part
    preempt: bool = False


class Plan(DispatchFields, frozen=True, kw_only=True, tag="plan", tag_field="request", forbid_unknown_fields=True):
    """Preview a dispatch: nothing is reserved, nothing is sent. Answered by a PlanView.

    `instead_of`: id of a dispatch under way; then it is a look at its new target `power_kw` for the rest of its time, its own vehicles
    counted as free. The other fields are those of that dispatch then, and nothing can be armed of it.
    """

    instead_of: str = ""


class Arm(msgspec.Struct, frozen=True, kw_only=True, tag="arm", tag_field="request", forbid_unknown_fields=True):
    """Select before operate: the plan may be operated within 10 s. `typed_kw` is what the operator typed where a limit asks for it.

    `accept_cautions`: the CAUTION tags of the plan were read.
    """

    plan_id: str
    revision: int
    typed_kw: float | None = None
    accept_cautions: bool = False


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


class StopList(msgspec.Struct, frozen=True, kw_only=True, tag="stop_list", tag_field="request", forbid_unknown_fields=True):
    """How far STOP has come: who confirmed, who is silent, what to do by hand. Answered by a StopView."""


class Tag(msgspec.Struct, frozen=True, kw_only=True, tag="tag", tag_field="request", forbid_unknown_fields=True):
    """Hang a tag on a vehicle, a site or the whole fleet (then `name` stays empty). Answered by a TagDone."""

    kind: TagKind
    scope: TagScope
    name: str = ""
    note: str


class Untag(msgspec.Struct, frozen=True, kw_only=True, tag="untag", tag_field="request", forbid_unknown_fields=True):
    """Take a tag down, and say why. Answered by a TagDone."""

    tag_id: str
    note: str


class Tags(msgspec.Struct, frozen=True, kw_only=True, tag="tags", tag_field="request", forbid_unknown_fields=True):
    """All tags. Answered by a TagsView."""


class Journal(msgspec.Struct, frozen=True, kw_only=True, tag="journal", tag_field="request", forbid_unknown_fields=True):
    """Entries of the journal, newest first: numbered below `before` (0: from the newest). Empty texts mean any; times in UTC ms.

    `kind` is a name or its beginning up to a dot (`request`, `round`, `alarm`). Answered by a JournalPage.
    """

    before: int = 0
    limit: int = 200
    from_ms: int | None = None
    until_ms: int | None = None
    vehicle_id: str = ""
    signal: str = ""
    dispatch_id: str = ""
    kind: str = ""
    without: tuple[str, ...] = ()  # kinds to leave out


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, tag="journal_entry", tag_field="request", forbid_unknown_fields=True):
    """One entry in full. Answered by a JournalEntryView."""

    number: int


class Note(msgspec.Struct, frozen=True, kw_only=True, tag="note", tag_field="request", forbid_unknown_fields=True):
    """Write something down for the others; the handover report has it."""

    text: str


class Handover(msgspec.Struct, frozen=True, kw_only=True, tag="handover", tag_field="request", forbid_unknown_fields=True):
    """What the next shift must know: what is open now, and what ended or was noted in the last `since_s` seconds."""

    since_s: float = 28_800.0


class Forecast(msgspec.Struct, frozen=True, kw_only=True, tag="forecast", tag_field="request", forbid_unknown_fields=True):
    """Vehicles and headroom to expect in the next day. Answered by a ForecastView."""


class Ecowatt(msgspec.Struct, frozen=True, kw_only=True, tag="ecowatt", tag_field="request", forbid_unknown_fields=True):
    """The EcoWatt forecast in force and its proposals. Answered by an EcowattView."""


class EcowattFeed(msgspec.Struct, frozen=True, kw_only=True, tag="ecowatt_feed", tag_field="request", forbid_unknown_fields=True):
    """A new EcoWatt forecast, `signals` as the publisher writes them. Answered by an EcowattView."""

    signals: tuple[EcowattDay, ...]


class EcowattDismiss(msgspec.Struct, frozen=True, kw_only=True, tag="ecowatt_dismiss", tag_field="request", forbid_unknown_fields=True):
    """Do nothing about the red hours of a proposal, and say why. To accept one, send a dispatch with its reference."""

    proposal_id: str
    reason: str


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


class ShelveAlarm(msgspec.Struct, frozen=True, kw_only=True, tag="shelve_alarm", tag_field="request", forbid_unknown_fields=True):
    """Keep an alarm quiet for `for_s` seconds, with a reason. Critical ones can't be shelved."""

    alarm_id: str
    for_s: float
    reason: str


class UnshelveAlarm(msgspec.Struct, frozen=True, kw_only=True, tag="unshelve_alarm", tag_field="request", forbid_unknown_fields=True):
    """Take an alarm back from the shelf before its time."""

    alarm_id: str


class Identity(msgspec.Struct, frozen=True, kw_only=True, tag="identity", tag_field="request", forbid_unknown_fields=True):
    """Who the engine takes the caller for, and what that person may ask. Answered by an IdentityView."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True, tag="configuration", tag_field="request", forbid_unknown_fields=True):
    """Every value that the engine runs with, secrets redacted, and where it comes from. Answered by a ConfigurationView."""


class Approve(msgspec.Struct, frozen=True, kw_only=True, tag="approve", tag_field="request", forbid_unknown_fields=True):
    """Let a request of somebody else go ahead that was held for a second person; `PLAN_CHANGED` refuses another `revision`."""

    approval_id: str
    revision: int


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject", tag_field="request", forbid_unknown_fields=True):
    """Drop a request of somebody else that waits for approval. Who asked takes it back with Cancel."""

    approval_id: str
    reason: str = ""


class Lock(msgspec.Struct, frozen=True, kw_only=True, tag="lock", tag_field="request", forbid_unknown_fields=True):
    """For the record: a console went view-only after nobody touched it for `idle_s` seconds."""

    idle_s: float


class Unlock(msgspec.Struct, frozen=True, kw_only=True, tag="unlock", tag_field="request", forbid_unknown_fields=True):
    """For the record: somebody takes a view-only console back into use. A console stays locked unless this is accepted."""


Request = (
    Plan
    | Arm
    | Operate
    | Dispatch
    | Update
    | Cancel
    | Retry
    | Stop
    | Resume
    | Fleet
    | Status
    | DispatchDetail
    | AckAlarm
    | ResetTrust
    | StopList
    | Tag
    | Untag
    | Tags
    | Identity
    | Approve
    | Reject
    | Lock
    | Unlock
    | Journal
    | JournalEntry
    | ShelveAlarm
    | UnshelveAlarm
    | Note
    | Handover
    | Forecast
    | Configuration
    | Ecowatt
    | EcowattFeed
    | EcowattDismiss
)

HEADLESS_REQUESTS = (
    Dispatch
    | Update
    | Cancel
    | Retry
    | Stop
    | Resume
    | Fleet
    | Status
    | ResetTrust
    | Identity
    | Approve
    | Reject
    | StopList
    | Tag
    | Untag
    | Tags
    | AckAlarm
    | ShelveAlarm
    | UnshelveAlarm
    | Note
    | Handover
    | Forecast
    | Ecowatt
    | EcowattFeed
    | EcowattDismiss
)
"""What JSON Lines and the command line may say; planning and arming are for screens."""


LOOKS_ONLY = (
    Fleet,
    Forecast,
    Ecowatt,
    Status,
    DispatchDetail,
    Identity,
    Plan,
    StopList,
    Tags,
    Journal,
    JournalEntry,
    Handover,
    Configuration,
)
"""Requests that change nothing: open to a console that is view-only, and not written into the record one by one."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel says of the process at the other end of a socket: its user and all its groups, by number."""

    uid: int
    gids: tuple[int, ...] = ()


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and by which way: `console`, `commands`, `socket`, `cli`, `signal`."""

    user: str
    way: str
    detail: str = ""  # line number, peer pid, ...
    credentials: Credentials | None = None  # of a caller on the socket; what callers claim here counts for nothing
