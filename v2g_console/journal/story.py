"""One dispatch as the journal tells it: its rounds, what every vehicle was told, answered and did at the end, and the outcome."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from v2g_console.contract.events import DispatchEvent
from v2g_console.journal.chain import Entry
from v2g_console.journal.encoding import UnreadableEntryError, decoded
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleasesRecord, RoundRecord


@dataclass(slots=True)
class VehicleStory:
    """One vehicle: its last setpoint, the answer to it, its release. Codes as in AcksRecord and ReleasesRecord; None: nothing yet."""

    vehicle_id: str
    seq: int
    setpoint_kw: float
    baseline_kw: float
    state: int | None = None
    reason: int = 0
    applied_kw: float = math.nan
    released_kw: float | None = None
    release: int | None = None


@dataclass(slots=True)
class DispatchStory:
    """`rounds` and `events` in the order written; `vehicles` in the order of their first round; `unreadable` entries are left out."""

    dispatch_id: str
    about: DispatchRecord | None = None
    rounds: list[RoundRecord] = field(default_factory=list)
    events: list[DispatchEvent] = field(default_factory=list)
    vehicles: dict[str, VehicleStory] = field(default_factory=dict)
    unreadable: int = 0


def story(dispatch_id: str, entries: Iterable[Entry]) -> DispatchStory:
    """The story that `entries` of one dispatch tell, oldest first."""
    told = DispatchStory(dispatch_id)
    for entry in entries:
        try:
            record = decoded(entry.content)
        except UnreadableEntryError:
            told.unreadable += 1
            continue
        match record:
            case DispatchRecord():
                told.about = record
            case RoundRecord():
                told.rounds.append(record)
                _round(told, record)
            case AcksRecord():
                _acks(told, record)
            case ReleasesRecord():
                for vehicle_id, outcome in zip(record.vehicle_ids, record.outcome.tolist(), strict=True):
                    if vehicle_id in told.vehicles:
                        told.vehicles[vehicle_id].release = outcome
            case _:
                if isinstance(record, DispatchEvent):
                    told.events.append(record)
    return told


def _round(told: DispatchStory, record: RoundRecord) -> None:
    for vehicle_id, setpoint, baseline in zip(record.vehicle_ids, record.setpoint_kw.tolist(), record.baseline_kw.tolist(), strict=True):
        known = told.vehicles.get(vehicle_id)
        if known is None:
            told.vehicles[vehicle_id] = VehicleStory(vehicle_id, record.seq, setpoint, baseline)
        elif record.kind == "release":
            known.released_kw = setpoint
        elif record.kind == "renewal":
            known.seq = record.seq
        elif record.kind != "relapse":
            told.vehicles[vehicle_id] = VehicleStory(vehicle_id, record.seq, setpoint, baseline)


def _acks(told: DispatchStory, record: AcksRecord) -> None:
    columns = (record.seq.tolist(), record.state.tolist(), record.reason.tolist(), record.applied_kw.tolist())
    for vehicle_id, seq, state, reason, applied in zip(record.vehicle_ids, *columns, strict=True):
        known = told.vehicles.get(vehicle_id)
        if known is not None and seq >= known.seq:
            known.state, known.reason, known.applied_kw = state, reason, applied
