"""What a screen shows: an immutable, numbered picture of engine, link, fleet and dispatches."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.ecowatt import ProposalView
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.stop import StopView
from v2g_console.contract.tags import TagView
from v2g_console.domain.states import DispatchState

FLEET_STATE_NAMES: tuple[str, ...] = (
    "idle",
    "charging",
    "injecting",
    "sent",
    "acked",
    "limited",
    "rejected",
    "silent",
    "releasing",
    "owed",
    "away",
    "lost",
)
"""What a vehicle is doing, in one word; `FleetColumns.state` holds the index."""

QUALITY_MARKS: tuple[str, ...] = ("", "~", "!", "?")
"""Mark shown beside values of a fresh, stale, lost, unknown vehicle; index is `domain.vehicle.Quality`."""


TAG_MARKS: tuple[str, ...] = ("", "c", "X")
"""Mark of a vehicle without a tag, with a CAUTION, with an INHIBIT; `FleetColumns.tag` holds the index."""


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs, where, in which mode."""

    version: str
    name: str  # configured name of the control point, e.g. "paris-nord"
    ready: bool
    started_ms: int
    user: str
    role: str
    read_only: bool
    demo: bool
    stopped: bool  # STOP is latched: no dispatch may start until resumed
    stopped_by: str = ""
    stopped_at_ms: int | None = None
    loop_lag_ms: float = 0.0  # worst in the last 10 s
    events_dropped: int = 0
    memory_mib: float = 0.0  # resident now
    tasks: int = 0  # of the engine's event loop
    journal_queue: int = 0  # records that wait to be written
    events_kept: int = 0  # for readers of the event stream
    ack_timeout_s: float = 5.0
    confirm_above_kw: float = 0.0  # the operator types the power above this; 0 = never
    allocators: tuple[str, ...] = ("equal", "smart")
    longest_shelf_s: float = 28_800.0  # an alarm can't be shelved for longer
    denied: dict[str, str] = {}  # requests that `user` may not make, by name, with the role each needs
    four_eyes_above_kw: float = 0.0  # a second person approves above this; 0 = never
    lock_after_s: float = 0.0  # a console nobody touches becomes view-only after this; 0 = never


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet in numbers. Stale and lost vehicles count in no headroom and no SoC figure; `excluded_from_sums` says how many that are."""

    vehicles: int = 0
    available: int = 0  # plugged in and offered, and not lost
    dispatched: int = 0
    fresh: int = 0
    stale: int = 0
    lost: int = 0
    undescribed: int = 0
    v2g: int = 0
    owed: int = 0  # releases not confirmed yet
    up_kw: float = 0.0  # headroom for 15 min
    down_kw: float = 0.0
    up_p90_kw: float = 0.0  # what is there with 90 % probability
    down_p90_kw: float = 0.0
    net_kw: float = 0.0  # measured power of fresh vehicles, positive to the grid
    soc_median: float | None = None
    soc_histogram: tuple[int, ...] = ()  # 10 bins over 0..1
    excluded_from_sums: int = 0
    on_hold: int = 0  # left alone for a while after failures
    fairness: float = 1.0  # Jain's index of participation over the available vehicles: 1 = all asked alike
    undescribed_refused: int = 0  # hostile or malformed ids refused


@dataclass(frozen=True, slots=True)
class FleetColumns:
    """The fleet, one row a vehicle, arrays read-only, length n.

    `revision` grows when anything changed, `layout_revision` when rows were added.

    `ids`, `sites`, `segments`, `owners` are tables of names; `site`, `segment`, `owner` are indices into them (-1: none).
    Powers in kW (positive to the grid), `seen_ms` UTC ms of the last sign of life (0: never). Floats are NaN where unknown.
    """

    revision: int
    layout_revision: int
    ids: tuple[str, ...]
    sites: tuple[str, ...]
    segments: tuple[str, ...]
    owners: tuple[str, ...]  # dispatch ids
    site: NDArray[np.int32]
    segment: NDArray[np.int32]
    owner: NDArray[np.int32]
    soc: NDArray[np.float32]
    power_kw: NDArray[np.float32]
    setpoint_kw: NDArray[np.float32]  # last one published and not released, else NaN
    up_kw: NDArray[np.float32]
    down_kw: NDArray[np.float32]
    max_charge_kw: NDArray[np.float32]
    max_discharge_kw: NDArray[np.float32]
    state: NDArray[np.uint8]  # index into FLEET_STATE_NAMES
    quality: NDArray[np.uint8]  # domain.vehicle.Quality
    reason: NDArray[np.uint8]  # domain.reasons.Reason of the last dispatch that looked at it
    protocol: NDArray[np.uint8]
    is_v2g: NDArray[np.bool_]
    available: NDArray[np.bool_]
    seen_ms: NDArray[np.int64]
    on_hold: NDArray[np.bool_] | None = None  # left alone for a while after failures; None: not told
    tag: NDArray[np.uint8] | None = None  # index into TAG_MARKS; None: not told
    reserve_soc: NDArray[np.float32] | None = None  # what the driver keeps, 0..1; None: not told

    def __len__(self) -> int:
        return len(self.ids)


class AckProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How a round's acknowledgements come in. Counts of vehicles; times in milliseconds from publish to ack."""

    commanded: int = 0
    queued: int = 0  # not yet published
    pending: int = 0  # published, no answer yet, deadline not passed
    acked: int = 0
    limited: int = 0
    rejected: int = 0
    silent: int = 0  # timed out or never published
    lease_ended: int = 0  # of a release: never confirmed, but the lease ended, so that it falls back by itself
    let_go: int = 0  # released, or taken by another dispatch, while this one went on: their answers count no more
    attempt: int = 1
    attempts: int = 1  # the most that will be made
    retry_in_s: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    histogram: tuple[int, ...] = ()  # counts per bin of LATENCY_BINS_MS


LATENCY_BINS_MS: tuple[float, ...] = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper edges of the latency bins; one more bin holds what is above the last."""


class TracePoint(msgspec.Struct, frozen=True, array_like=True):
    """One point of power against target: seconds since start, kW relative to baseline; delivered is None without telemetry."""

    t_s: float
    target_kw: float
    acknowledged_kw: float
    delivered_kw: float | None


class TakenVehicles(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a dispatch's vehicles another one of higher rank took."""

    short_id: str  # of the other one, "#81c0"
    signal: str
    vehicles: int


class DispatchView(msgspec.Struct, frozen=True, kw_only=True):
    """One dispatch as the operator sees it. Powers are regulation in kW relative to the baseline, positive = up."""

    dispatch_id: str
    short_id: str  # "#7f3a"
    signal: str
    note: str = ""  # e.g. "step, not frequency response"
    state: DispatchState
    outcome_reason: str = ""
    requested_kw: float
    allocated_kw: float = 0.0
    acknowledged_kw: float = 0.0
    delivered_kw: float | None = None
    delivered_coverage: float = 0.0  # share of commanded vehicles behind delivered_kw, 0..1
    uncertain_kw: float = 0.0
    shortfall_kw: float = 0.0  # what is missing in the target's direction; negative: more than was asked for
    vehicles: int = 0
    progress: AckProgress = AckProgress()
    release: AckProgress = AckProgress()
    duration_s: float = 0.0
    created_ms: int = 0
    due_ms: int | None = None  # when it is to begin, while it waits for that
    starts_in_s: float | None = None  # from now to `due_ms`
    started_ms: int | None = None
    ends_ms: int | None = None
    ended_ms: int | None = None
    remaining_s: float | None = None
    allocator: str = ""
    by: str = ""
    approved_by: str = ""  # the second person, where one was needed
    origin: str = ""
    test: bool = False
    external_ref: str = ""  # the grid operator's reference, as its author gave it
    author_note: str = ""  # what its author noted
    left_out: dict[str, int] = {}  # vehicles by reason name
    limits: tuple[tuple[str, float], ...] = ()  # what limits it: (reason name, kW), largest first
    without_lease_kw: float = 0.0  # share of v1 vehicles
    holds_s: float | None = None  # how long from now 95 % of it can be held; None: nothing ends it, or it is over
    rebound_kw: float = 0.0  # extra charging to expect after its release
    trace: tuple[TracePoint, ...] = ()
    moved: tuple[tuple[str, float], ...] = ()  # (short id of another dispatch, kW taken from it; negative: lost to it)
    taken: tuple[TakenVehicles, ...] = ()  # by whom it lost vehicles
    tracking: float | None = None  # 0..1, how well a moving target was followed: mean of the three below
    tracking_correlation: float | None = None
    tracking_delay: float | None = None
    tracking_precision: float | None = None


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits for a second person. Powers in kW, positive is up; of an update `before_kw` is the target it would replace.

    `revision` grows when what it would do changes: an approval is of one revision only. Figures of the plan are None for an update.
    """

    approval_id: str
    revision: int
    request: str  # operate, dispatch or update
    by: str
    way: str
    asked_ms: int
    expires_ms: int
    limit_kw: float  # what it exceeds
    signal: str
    power_kw: float
    duration_s: float
    before_kw: float | None = None
    dispatch_id: str = ""
    short_id: str = ""
    start_at: str | None = None
    scope: str = ""  # sites, segments, vehicles it is limited to
    note: str = ""
    allocated_kw: float | None = None
    shortfall_kw: float | None = None
    vehicles: int | None = None
    preempts: tuple[tuple[str, float], ...] = ()  # (dispatch short id, kW it loses)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the panes draw, as of `utc_ms`. Numbers grow by one for each snapshot made."""

    number: int
    utc_ms: int
    engine: EngineInfo
    link: LinkHealth
    summary: FleetSummary
    fleet: FleetColumns
    dispatches: tuple[DispatchView, ...] = field(default=())  # active first, then the newest past ones
    alarms: tuple[AlarmView, ...] = field(default=())
    alarm_rates: AlarmRates = field(default=AlarmRates())
    tags: tuple[TagView, ...] = field(default=())  # oldest first
    stop: StopView | None = None  # while STOP is latched
    proposals: tuple[ProposalView, ...] = field(default=())  # of EcoWatt, those that nobody has decided, soonest first
    approvals: tuple[ApprovalView, ...] = field(default=())  # requests that wait for a second person, soonest to expire first
