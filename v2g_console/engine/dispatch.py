"""One dispatch: what was asked for, how far it has come, and how it ends. Its commands are its rows (`command_rows`)."""

import asyncio
import math
import secrets

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation.shaping import Course
from v2g_console.allocation.tracking import TrackingCollector, TrackingRules
from v2g_console.contract.requests import DispatchFields, Origin
from v2g_console.contract.snapshot import TakenVehicles, TracePoint
from v2g_console.domain.signal import PRODUCTS, Signal
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES, DispatchState, next_dispatch_state
from v2g_console.engine.command_rows import CommandRows, ReleaseState, Rows
from v2g_console.engine.overlapping import Overlapping

__all__ = ["HOLDING", "TRACKING", "ReleaseState", "Rows", "Running"]

TRACKING = TrackingRules(sample_s=2.0)

HOLDING = frozenset({DispatchState.SENDING, DispatchState.AWAITING_ACKS, DispatchState.ACTIVE})
"""States in which setpoints are, or may be, in force."""


class Running(CommandRows):
    """A dispatch from operate to its end. Positions are row numbers of its columns; `rows` are the fleet's row numbers."""

    def __init__(
        self,
        *,
        signal: Signal,
        request: DispatchFields,
        origin: Origin,
        target_kw: float,
        allocator: str,
        slot: int,
        created_ms: int,
    ) -> None:
        super().__init__()
        self.dispatch_id = secrets.token_hex(16)  # 128 random bits: an ack can't be guessed
        self.short_id = "#" + self.dispatch_id[:4]
        self.signal = signal
        self.product = PRODUCTS[signal]
        self.request = request
        self.origin = origin
        self.approved_by, self.approved_kw = "", 0.0  # the second person, where one was needed, and the target approved
        self.target_kw = target_kw
        self.allocator = allocator
        self.slot = slot
        self.duration_s = request.duration_s
        self.created_ms = created_ms
        self.state = DispatchState.ARMED
        self.outcome: DispatchState | None = None  # fixed when releasing is asked for
        self.outcome_reason = ""
        self.started_at: float | None = None  # monotonic
        self.ends_at: float | None = None
        self.released_at: float | None = None  # monotonic, when releasing began
        self.started_ms: int | None = None
        self.ends_ms: int | None = None
        self.ended_ms: int | None = None
        self.changed = asyncio.Event()
        self.trace: list[TracePoint] = []
        self.left_out: dict[str, int] = {}
        self.limits: tuple[tuple[str, float], ...] = ()
        self.without_lease_kw = self.rebound_kw = 0.0
        self.holds_s: float | None = None
        self.delivered_kw: float | None = None  # fixed at the end
        self.delivered_coverage = 0.0
        self.acknowledged_at_end_kw: float | None = None
        self.uncertain_at_end_kw = 0.0
        self.late_acks = self.moving = 0  # moving: moves of the target being decided or sent; a newer one may overtake an older one
        self.recorded_kw = math.nan  # the target that a restart would find
        self.commanded_kw = target_kw  # where the course is: what the vehicles were last asked for together
        self.course: Course | None = None  # None: the target has never changed
        self.targets = Overlapping[tuple[float, Course | None]]()  # new targets under way, with target and course before them
        self.approvals = Overlapping[tuple[str, float]]()  # of new targets under way, with `approved_by` and `approved_kw` before them
        self.steps = Overlapping[float]()  # steps of the course under way, with `commanded_kw` before them
        self.reallocating = self.renewing = False  # a look for a gap, a renewal is under way
        self.ramping = False  # the course waits for vehicles that may not go faster
        self.follow_at = self.reallocate_at = self.outlook_at = 0.0  # monotonic: next step of the course, look for a gap, outlook
        self.moved: list[tuple[str, float]] = []  # (short id of the other dispatch, kW taken from it; negative: lost to it)
        self.taken: dict[str, TakenVehicles] = {}  # by whom vehicles of this one were taken, by short id
        self.tracking = TrackingCollector(TRACKING)
        self.checked_at = self.checked_all_at = -np.inf  # monotonic, last check of bounds: of those with news, and of everybody
        self.reported: tuple[object, ...] = ()  # what the last progress event said
        self.release_seq = 0

    @property
    def over(self) -> bool:
        """True once nothing more can happen."""
        return self.state in TERMINAL_DISPATCH_STATES

    @property
    def sends(self) -> bool:
        """True while new setpoints may go out."""
        return self.outcome is None and self.state in HOLDING

    def move(self, wanted: DispatchState) -> None:
        """Change the state by the table of `domain.states`."""
        self.state = next_dispatch_state(self.state, wanted)
        self.changed.set()

    def enter_again(self) -> None:
        """Take up the life that an earlier run of the engine left off: setpoints are about to be sent again."""
        self.state = DispatchState.SENDING

    def held(self, owner: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Rows of this dispatch that it still has: owned (`owner` is the fleet's column), neither let go nor being released."""
        mine: NDArray[np.bool_] = (owner[self.rows] == self.slot) & (self.release_state == ReleaseState.NONE)
        return mine

    def end(self, outcome: DispatchState, reason: str) -> bool:
        """Ask for the end; the first outcome stands. True if this call decided it."""
        if self.outcome is not None or self.over:
            return False
        self.outcome, self.outcome_reason = outcome, reason
        self.changed.set()
        return True
