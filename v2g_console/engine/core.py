"""What the parts of the engine share: settings, clock, fleet, running dispatches, link, journal, stream, metrics."""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from v2g_console.allocation import Weights
from v2g_console.allocation.tuner import DispatchOutcome, Tuner
from v2g_console.config.settings import Settings
from v2g_console.contract.events import Event, Strategy
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import FLEET_STATE_NAMES
from v2g_console.domain.capability import CapabilityRules
from v2g_console.domain.states import CommandState
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.aside import Aside
from v2g_console.engine.clock import Clock, rfc3339
from v2g_console.engine.dispatch import Running
from v2g_console.engine.fleet import Fleet
from v2g_console.engine.grid import Grid
from v2g_console.engine.local_override import Overrides
from v2g_console.engine.pace import Changes
from v2g_console.engine.standing import Standing
from v2g_console.engine.stream import EventStream
from v2g_console.engine.tags import Tags
from v2g_console.journal.port import Journal, JournalError, Record, RequestRecord, RoundRecord
from v2g_console.metrics import Metrics
from v2g_console.prediction import PredictionEngine
from v2g_console.transport.port import MqttLink
from v2g_console.transport.topics import Topics

PAST_KEPT = 100
PAST_ROWS_KEPT = 1_000_000
JOURNAL_PAUSE_S = 1.0

FLEET_STATE = {name: code for code, name in enumerate(FLEET_STATE_NAMES)}
STATE_OF_COMMAND = {
    CommandState.QUEUED: FLEET_STATE["sent"],
    CommandState.PUBLISHED: FLEET_STATE["sent"],
    CommandState.ACKED: FLEET_STATE["acked"],
    CommandState.LIMITED: FLEET_STATE["limited"],
    CommandState.REJECTED: FLEET_STATE["rejected"],
    CommandState.TIMED_OUT: FLEET_STATE["silent"],
    CommandState.FAILED: FLEET_STATE["silent"],
    CommandState.DROPPED: FLEET_STATE["idle"],
    CommandState.EXPIRED: FLEET_STATE["silent"],
}


@dataclass(slots=True)
class StopLatch:
    """STOP: once set, no dispatch starts until somebody resumes."""

    stopped: bool = False
    by: str = ""
    at_ms: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Core:
    """One per engine; everything in it belongs to the engine's loop."""

    settings: Settings
    clock: Clock
    fleet: Fleet
    link: MqttLink
    topics: Topics
    journal: Journal
    stream: EventStream
    metrics: Metrics
    prediction: PredictionEngine
    rules: CapabilityRules
    read_only: bool
    standing: Standing
    grid: Grid | None
    weights: Weights  # those in force; a tuner may move them
    tuner: Tuner
    aside: Aside = field(default_factory=Aside)
    outcomes: deque[DispatchOutcome] = field(default_factory=lambda: deque(maxlen=50))
    running: dict[str, Running] = field(default_factory=dict)
    past: deque[Running] = field(default_factory=lambda: deque(maxlen=PAST_KEPT))
    stop: StopLatch = field(default_factory=StopLatch)
    tags: Tags = field(default_factory=Tags)
    overrides: Overrides = field(default_factory=Overrides)
    changes: Changes = field(default_factory=Changes)
    closing: bool = False
    leave_by: float = math.inf  # monotonic: confirmations of releases are not waited for beyond this
    link_up_since: float = -math.inf  # monotonic, of this connection; inf while the link is down
    unknown_acks: int = 0
    mismatched_acks: int = 0
    duplicate_acks: int = 0
    late_acks: int = 0
    journal_error: str = ""  # of the last commit; empty: it was taken
    journal_again_at: float = 0.0  # monotonic: until then nothing is tried that can wait
    _notes: list[Record] = field(default_factory=list)
    _last_seq: int = 0

    def next_seq(self) -> int:
        """The next round number: strictly increasing over dispatches and restarts."""
        self._last_seq = max(self._last_seq + 1, self.utc_ms())
        return self._last_seq

    def start_seq_above(self, seq: int) -> None:
        """Round numbers of an earlier run are never used again."""
        self._last_seq = max(self._last_seq, seq)

    def utc_ms(self) -> int:
        """UTC in milliseconds."""
        return int(self.clock.utc() * 1000)

    def ts(self) -> str:
        """Now, as events write it."""
        return rfc3339(self.clock.utc())

    def emit(self, event: Event) -> None:
        """Tell everybody, and the journal."""
        self.stream.emit(event)
        self.note(event)

    def note(self, record: Record) -> None:
        """Keep a record for the journal's next batch (50 ms)."""
        self._notes.append(record)

    def flush_notes(self) -> None:
        """Hand the batch to the journal."""
        if self._notes:
            notes, self._notes = self._notes, []
            self.journal.note(notes)

    async def commit_round(self, record: RoundRecord) -> None:
        """Journal a round, after what was noted before it. Raises JournalError."""
        self.flush_notes()
        with self._noticing():
            await self.journal.commit_round(record)

    async def commit_request(self, record: RequestRecord) -> None:
        """Journal an attempt, after what was noted before it. Raises JournalError."""
        self.flush_notes()
        with self._noticing():
            await self.journal.commit_request(record)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Remember whether the journal works, for its alarm."""
        try:
            yield
        except Exception as error:  # whatever breaks inside a journal, the record is not safe
            self.journal_error = str(error) or type(error).__name__
            self.journal_again_at = self.clock.monotonic() + JOURNAL_PAUSE_S
            raise error if isinstance(error, JournalError) else JournalError(self.journal_error) from error
        self.journal_error = ""

    def keep(self, ended: Running) -> None:
        """Keep a dispatch that is over: the last 100, fewer if they are large."""
        self.past.appendleft(ended)
        while len(self.past) > 1 and sum(map(len, self.past)) > PAST_ROWS_KEPT:
            self.past.pop()

    def learn(self, ended: Running, answered: int) -> None:
        """A dispatch is over: the tuner may change a weight by it, never silently."""
        if not len(ended) or ended.started_at is None:
            return
        self.outcomes.append(DispatchOutcome(ended.dispatch_id, len(ended), answered))
        tuned = self.tuner.tune(self.weights, self.outcomes)
        if tuned is not None:
            self.weights = tuned.weights
            self.emit(Strategy(ts=self.ts(), dispatch_id=ended.dispatch_id, kind="tuner", text=tuned.sentence))

    def vehicles(self) -> VehicleColumns:
        """The whole fleet as a plan sees it now: SoC carried forward, baselines as they would be frozen, participation. Copies."""
        return self.fleet.columns(
            self.clock.monotonic(),
            self.clock.utc(),
            settle_s=self.settings.dispatch.settle_s,
            efficiency=self.rules.charge_efficiency,
            participation=self.standing.participation(len(self.fleet)),
        )

    def link_up(self) -> bool:
        """True while the broker may be published to."""
        return self.link.health().state in (LinkState.UP, LinkState.SUSPECT)

    def find(self, name: str) -> Running | None:
        """A running or past dispatch by its id, or by a short id or prefix that fits only one."""
        key = name.removeprefix("#")
        exact = self.running.get(key)
        if exact is not None:
            return exact
        fits = self.fitting(name)
        return fits[0] if len(fits) == 1 else None

    def fitting(self, name: str) -> list[Running]:
        """Every running or past dispatch whose id begins so."""
        key = name.removeprefix("#")
        return [one for one in (*self.running.values(), *self.past) if key and one.dispatch_id.startswith(key)]

    def free_slot(self) -> int:
        """The smallest owner slot that no running dispatch uses."""
        used = {one.slot for one in self.running.values()}
        return next(slot for slot in range(len(used) + 1) if slot not in used)
