"""What became of what was asked: followed from the request until every vehicle has answered or its time is over. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from v2g_console.console.event_text import NOTABLE_KW, answers_text
from v2g_console.console.model import is_active
from v2g_console.console.options import Severity
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.contract.stop import StopView, lease_ended_text
from v2g_console.domain.states import DispatchState
from v2g_console.domain.units import counted, grouped, regulation_text

Told = tuple[str, Severity]
_SETTLED_PICTURES: Final = 2  # a picture made before the answer looks settled too
_WITHOUT_ANSWERS: Final = frozenset({DispatchState.PLANNED, DispatchState.ARMED, DispatchState.SENDING, DispatchState.AWAITING_ACKS})


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was asked of a dispatch: `word` says which (`sent`, `updated`, `asked again`); `silent` of them at that time."""

    dispatch_id: str
    word: str
    silent: int = 0
    said: str = ""  # in words, when it was asked; no longer true once it is settled
    after: int = 0  # number of the newest picture when it was answered
    settled: int = 0  # pictures since then in which nothing was open


class Outcomes:
    """Follows acts on dispatches, one a dispatch (the newest), and STOP."""

    def __init__(self) -> None:
        self._acts: dict[str, Act] = {}
        self._stop_after: int | None = None
        self._without_stop = 0  # pictures since then that know of no STOP
        self.over: list[str] = []
        """What was said of those that the last call of `settled` told of: their outcome takes its place."""

    def follow(self, act: Act, snapshot: Snapshot | None) -> None:
        """From now on, until it is settled."""
        self._acts[act.dispatch_id] = replace(act, after=0 if snapshot is None else snapshot.number)

    def follow_stop(self, snapshot: Snapshot | None) -> None:
        """STOP was pressed."""
        self._stop_after = 0 if snapshot is None else snapshot.number
        self._without_stop = 0

    def settled(self, snapshot: Snapshot) -> list[Told]:
        """What came to its end with this picture; each act is told once. Called with each new picture."""
        told: list[Told] = []
        self.over.clear()
        for act in tuple(self._acts.values()):
            view = next((one for one in snapshot.dispatches if one.dispatch_id == act.dispatch_id), None)
            if snapshot.number <= act.after:
                continue
            if view is None or not is_active(view) or view.state is DispatchState.RELEASING:
                del self._acts[act.dispatch_id]  # its end is told by its own event
                continue
            settled = act.settled + 1 if _is_settled(view) else 0
            self._acts[act.dispatch_id] = replace(act, settled=settled, after=snapshot.number)
            if settled >= _SETTLED_PICTURES:
                del self._acts[act.dispatch_id]
                self.over.append(act.said)
                told.append(outcome_text(act, view))
        if self._stop_after is not None and snapshot.number > self._stop_after:
            told += self._stop(snapshot)
        return told

    def _stop(self, snapshot: Snapshot) -> list[Told]:
        if snapshot.stop is None:
            self._without_stop += 1
            if self._without_stop >= _SETTLED_PICTURES:
                self._stop_after = None  # resumed
            return []
        if snapshot.stop.waiting:
            return []
        self._stop_after = None
        return [stop_outcome(snapshot.stop)]


def _is_settled(view: DispatchView) -> bool:
    progress = view.progress
    return view.state not in _WITHOUT_ANSWERS and not progress.pending and not progress.queued and progress.retry_in_s is None


def outcome_text(act: Act, view: DispatchView) -> Told:
    """What a dispatch came to once everybody has answered or was given up; "partial" is said wherever it is."""
    progress = view.progress
    answers = answers_text(progress.acked, progress.limited, progress.rejected, progress.silent, progress.commanded, progress.let_go)
    again = f" {counted(max(0, act.silent - progress.silent), 'more has', 'more have')} answered;" if act.silent else ""
    short = f", {grouped(view.shortfall_kw)} kW short" if view.shortfall_kw >= NOTABLE_KW else ""
    partial = bool(short or progress.limited or progress.rejected or progress.silent)
    power = f"{regulation_text(view.acknowledged_kw)} of {regulation_text(view.requested_kw)}{short}"
    text = f"{view.short_id} {act.word}{', PARTIAL' if partial else ''}:{again} {answers}; {power}"
    return text, "warning" if partial else "information"


def stop_outcome(stop: StopView) -> Told:
    """How STOP ended: all confirmed, or who has not."""
    vehicles, ended = counted(stop.vehicles, "vehicle", "vehicles"), lease_ended_text(stop.lease_ended)
    part = f"{grouped(stop.confirmed)} of {vehicles} confirmed{ended}"
    if stop.silent:
        return f"STOP, PARTIAL: {part}, {grouped(stop.silent)} silent: each needs a step by hand", "error"
    if stop.lease_ended:
        return f"STOP: {part}, nobody is silent", "warning"
    if not stop.vehicles:
        return "STOP: no vehicle was following a dispatch", "information"
    return f"STOP: {vehicles} confirmed, nobody is silent", "information"
