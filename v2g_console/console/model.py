"""What the screens know: the newest snapshot, the last events, what is selected, and the way to ask the engine."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from v2g_console.attach.errors import ContractMismatchError
from v2g_console.attach.recorder import RecordingNews
from v2g_console.console.fleet_view import FleetView
from v2g_console.console.keys import NamedKeys
from v2g_console.console.replay import ReplayPort
from v2g_console.console.view_lock import ViewLock
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.events import Event
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Reply
from v2g_console.contract.requests import Origin, Request
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.domain.units import counted

EVENTS_KEPT: Final = 2000
SHOWN_PRIORITY: Final = 2
ENGINE_LATE_S: Final = 3.0
"""A snapshot older than this is shown as old: the engine or the way to it stalls."""


@runtime_checkable
class ShowsSnapshot(Protocol):
    """A screen or widget that draws from snapshots; called once a refresh tick, also under a dialog."""

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Show `snapshot`; refresh only what changed. Under 20 ms, numpy instead of loops over vehicles."""


@dataclass(frozen=True, slots=True)
class EngineContact:
    """How well the console hears the engine. `age_s`: since the last snapshot came in; `problem`: "" while all is well.

    `differs`: the engine is there, but of another version, so that its answers can't be read.
    """

    age_s: float
    problem: str
    differs: bool = False

    @property
    def heading(self) -> str:
        """What the problem is, in large."""
        return "CONSOLE AND ENGINE DIFFER" if self.differs else "ENGINE GONE"

    @property
    def late(self) -> bool:
        """True if what is on screen may no longer be believed."""
        return bool(self.problem) or self.age_s > ENGINE_LATE_S


class ConsoleModel:
    """Holds state for the screens; belongs to the console's loop.

    `replay` is set if the engine is a recording, `recording` while one is being made. `selected_dispatch_id` and `selected_vehicle_id` are
    what an action without a further argument is about. They are ids, never rows. `no_dispatch_here`: why no dispatch is selected on the
    screen at hand, "" where one may be.

    Where a console shows several engines, `site_name` is what this one is called (safe to draw) and `neighbours` are the models of all of
    them, in order, this one too; for a single engine "" and (). `heard_at_ms`: UTC when the newest snapshot came in, else of the start.
    """

    def __init__(self, port: EnginePort, origin: Origin, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.origin = origin
        self.snapshot: Snapshot | None = None
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.events_dropped = 0
        self._dropped_told = 0
        self.newest_events: tuple[Event, ...] = ()
        self.selected_dispatch_id: str | None = None
        self.selected_vehicle_id: str | None = None
        self.no_dispatch_here = ""
        self.fleet_view = FleetView()
        self.view_lock = ViewLock(monotonic_s)
        self.keys: NamedKeys = {}
        self.replay = port if isinstance(port, ReplayPort) else None
        self.recording: RecordingNews | None = None
        self.site_name = ""
        self.neighbours: tuple[ConsoleModel, ...] = ()
        self.heard_at_ms = _utc_ms()
        self._port = port
        self._monotonic_s = monotonic_s
        self._next_event = 0
        self._born_s = monotonic_s()
        self._snapshot_at_s: float | None = None
        self._problem, self._differs = "", False

    async def request(self, request: Request) -> Reply:
        """Ask the engine; a refusal is a reply, also that of a locked console. Raises ConnectionError if the engine is gone."""
        refused = self.view_lock.refuses(request)
        return refused if refused is not None else await self._port.request(request, self.origin)

    async def pull(self) -> bool:
        """Fetch the newest snapshot and events. True if the snapshot is a new one; trouble ends up in `contact()`, not in an exception."""
        self.newest_events = ()
        try:
            snapshot = await self._port.snapshot()
            batch = await self._port.events(self._next_event, 0.0)
        except TimeoutError:  # it hangs, and may still act: not gone but silent, which its age tells
            self._problem = ""
            return False
        except OSError as error:  # ConnectionError is among them
            self._differs = isinstance(error, ContractMismatchError)
            self._problem = error.short if isinstance(error, ContractMismatchError) else str(error) or type(error).__name__
            return False
        self._problem = ""
        self._next_event = batch.next_number
        self.events_dropped += batch.dropped
        self.newest_events = batch.events
        self.events.extend(batch.events)
        fresh = self.snapshot is None or snapshot.number != self.snapshot.number
        if fresh:
            self.snapshot = snapshot
            self.heard_at_ms = _utc_ms()
            self._snapshot_at_s = self._monotonic_s()
        return fresh

    def now_s(self) -> float:
        """The console's own clock in s; only differences mean anything."""
        return self._monotonic_s()

    def contact(self) -> EngineContact:
        """How fresh the picture is."""
        since = self._born_s if self._snapshot_at_s is None else self._snapshot_at_s
        return EngineContact(age_s=max(0.0, self._monotonic_s() - since), problem=self._problem, differs=self._differs)

    def dropped_news(self) -> str:
        """What is to be said of events that this console never saw: once each time that more are missing, else ""."""
        missing = self.events_dropped - self._dropped_told
        self._dropped_told = self.events_dropped
        gone = counted(missing, "event was", "events were")
        return f"{gone} dropped before this console saw them: the journal has them" if missing > 0 else ""

    def dispatch(self, dispatch_id: str | None) -> DispatchView | None:
        """The dispatch of that id in the newest snapshot."""
        if self.snapshot is None or dispatch_id is None:
            return None
        return next((view for view in self.snapshot.dispatches if view.dispatch_id == dispatch_id), None)

    def active_dispatches(self) -> tuple[DispatchView, ...]:
        """Dispatches that are not over, in the snapshot's order."""
        return () if self.snapshot is None else tuple(view for view in self.snapshot.dispatches if is_active(view))

    def selected_dispatch(self) -> DispatchView | None:
        """The selected dispatch; without a selection the first active one. None where the screen at hand is about something else."""
        if self.no_dispatch_here:
            return None
        chosen = self.dispatch(self.selected_dispatch_id)
        if chosen is not None:
            return chosen
        return next(iter(self.active_dispatches()), None)

    def foremost_alarm(self) -> AlarmView | None:
        """The active, unacknowledged alarm of priority 1 or 2 that wants an answer first: the most urgent, then the oldest."""
        alarms = () if self.snapshot is None else self.snapshot.alarms
        waiting = [alarm for alarm in alarms if alarm.state is AlarmState.UNACKNOWLEDGED and alarm.priority <= SHOWN_PRIORITY]
        return min(waiting, key=lambda alarm: (alarm.priority, alarm.raised_ms), default=None)


def _utc_ms() -> int:
    return time.time_ns() // 1_000_000


def is_active(view: DispatchView) -> bool:
    """True while a dispatch is not over."""
    return view.state not in TERMINAL_DISPATCH_STATES


def state_text(view: DispatchView) -> str:
    """A dispatch's state in words."""
    return view.state.value.replace("_", " ")
