"""What a headless run has seen, what it still waits for, and how it ends. Pure."""

from typing import Final

from v2g_console.contract.events import (
    DispatchCancelled,
    DispatchCompleted,
    DispatchEnded,
    DispatchEvent,
    DispatchFailed,
    DispatchStopped,
    EngineReady,
    Event,
    RunSummary,
)
from v2g_console.contract.exit_codes import ExitCode

_ROUNDING: Final = 1e-9


class Tally:
    """Counts requests and dispatches. "Own" dispatches are those that the run's commands started; the others are only counted."""

    def __init__(self, min_ack_share: float) -> None:
        """`min_ack_share`: acknowledged share (0..1) of the requested power below which a completed dispatch makes exit code 4."""
        self._min_ack_share = min_ack_share
        self._own: set[str] = set()
        self._told_to_end: set[str] = set()
        self._stopped_by_us = False
        self._newest: dict[str, DispatchEvent] = {}
        self._ready: EngineReady | None = None
        self._requests = 0
        self._refused = 0
        self._codes: set[ExitCode] = {ExitCode.DONE}
        self._left_owing: int | None = None

    def see(self, event: Event) -> None:
        """Take note of an event of the stream."""
        if isinstance(event, EngineReady):
            self._ready = event
        if isinstance(event, DispatchEvent) and not self._has_ended(event.dispatch_id):
            self._newest[event.dispatch_id] = event

    def began(self, dispatch_id: str) -> None:
        """A request of this run started this dispatch."""
        self._own.add(dispatch_id)

    def told_to_end(self, dispatch_id: str) -> None:
        """A request of this run cancelled this dispatch."""
        self._told_to_end.add(dispatch_id)

    def stopped(self) -> None:
        """A request of this run was STOP."""
        self._stopped_by_us = True

    def asked(self) -> None:
        """A line with a request came in, good or bad."""
        self._requests += 1

    def refused(self) -> None:
        """A request was refused, by the engine or before it."""
        self._refused += 1
        self._codes.add(ExitCode.REFUSED)

    def leaves_owing(self, releases: int) -> None:
        """The engine has wound down: so many releases nobody confirmed, also of dispatches that this run only found."""
        self._left_owing = releases

    def ends_with(self, code: ExitCode) -> None:
        """Something else than a dispatch makes the run end with at least this code."""
        self._codes.add(code)

    @property
    def waiting_for(self) -> frozenset[str]:
        """Own dispatches that have not ended."""
        return frozenset(dispatch_id for dispatch_id in self._own if not self._has_ended(dispatch_id))

    def exit_code(self) -> ExitCode:
        """The highest of all codes so far."""
        outcomes = (self._code_of(self._newest[dispatch_id]) for dispatch_id in self._own if self._has_ended(dispatch_id))
        return max(self._codes.union(outcomes))

    def summary(self, ts: str) -> RunSummary:
        """The last line. An engine that goes on says with its dispatches what is owed; one that has wound down knows it."""
        told = sum(event.owed for event in self._newest.values())
        return RunSummary(
            ts=ts,
            dispatches=len(self._newest.keys() | self._own),
            completed=sum(isinstance(event, DispatchCompleted) for event in self._newest.values()),
            requests=self._requests,
            refused=self._refused,
            owed=told if self._left_owing is None else self._left_owing,
            exit_code=int(self.exit_code()),
            user=self._ready.user if self._ready else "",
            role=self._ready.role if self._ready else "",
        )

    def _has_ended(self, dispatch_id: str) -> bool:
        return isinstance(self._newest.get(dispatch_id), DispatchEnded)

    def _code_of(self, event: DispatchEvent) -> ExitCode:
        if isinstance(event, DispatchFailed):
            return ExitCode.FAILED
        if isinstance(event, DispatchCancelled):
            return ExitCode.DONE if self._stopped_by_us or event.dispatch_id in self._told_to_end else ExitCode.FAILED
        if isinstance(event, DispatchStopped):
            return ExitCode.DONE if self._stopped_by_us else ExitCode.FAILED
        # Same sign: a share, also where the power is negative (down).
        enough = event.requested_kw == 0 or event.acknowledged_kw / event.requested_kw >= self._min_ack_share - _ROUNDING
        return ExitCode.DONE if enough else ExitCode.UNDER_ACKNOWLEDGED
