"""What is left after a scenario: the engine's journal, the vehicles' own log, the answers the operator got; read into one place."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from v2g_console.contract.events import DispatchCancelled, DispatchCompleted, DispatchEvent, DispatchFailed, DispatchStopped
from v2g_console.domain.ids import split_command_id
from v2g_console.journal.encoding import UnreadableEntryError, decoded
from v2g_console.journal.marks import Failed
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleasesRecord, RequestRecord, RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.verify import verify
from v2g_console.simulator.diary import ChangeLine, CommandLine, Line, VehicleLine

ENDED = (DispatchCompleted, DispatchFailed, DispatchCancelled, DispatchStopped)


@dataclass(frozen=True, slots=True)
class Journalled:
    """One vehicle's command as the journal holds it; `entry` is its number there, `kind` the round's."""

    entry: int
    utc_ms: int
    dispatch_id: str
    seq: int
    kind: str
    vehicle_id: str
    position: int
    setpoint_kw: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the journal says became of one command or release: `seq` 0 for a release; `outcome` is the state's number."""

    entry: int
    utc_ms: int
    dispatch_id: str
    vehicle_id: str
    seq: int
    outcome: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One request the operator made and its answer, as the harness noted it."""

    at_s: float
    request: str
    accepted: bool
    dispatch_id: str


@dataclass(slots=True)
class Circumstances:
    """What the checker must know of the scenario to be just."""

    utc_minus_steady_s: float
    finished_s: float
    export_kw: dict[str, float] = field(default_factory=dict)
    engine_clock_steps: bool = False
    vehicle_clock_offset: bool = False
    cars_hear_late: bool = False
    disorder: bool = False
    lease_s: float = 900.0
    owed_at_end: int = 0
    quiet_at_end: bool = True
    retained_commands: int = 0
    process_faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Evidence:
    """Everything, in the order it happened. Times of vehicles on the steady clock, of the journal in its own UTC ms."""

    about: Circumstances
    vehicles: dict[str, VehicleLine] = field(default_factory=dict)
    commands: dict[str, list[CommandLine]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[str, list[ChangeLine]] = field(default_factory=lambda: defaultdict(list))
    journalled: dict[tuple[str, int, str], Journalled] = field(default_factory=dict)  # by dispatch, seq, vehicle
    dispatches: dict[str, DispatchRecord] = field(default_factory=dict)
    ends: dict[str, list[DispatchEvent]] = field(default_factory=lambda: defaultdict(list))
    acks: list[Told] = field(default_factory=list)
    releases: list[Told] = field(default_factory=list)
    requests: list[tuple[int, RequestRecord]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    owed: set[str] = field(default_factory=set)  # vehicles, by the journal, that may still follow a setpoint
    journal_faults: list[str] = field(default_factory=list)


def split(command: CommandLine) -> tuple[str, int, int]:
    """`(dispatch, seq, position)` of a command that was read; ("", -1, -1) if its id is none of ours."""
    return split_command_id(command.command_id) or ("", -1, -1)


def gather(journal: Path, log: Path, asked: list[Asked], about: Circumstances) -> Evidence:
    """Read it all. Raises JournalError or OSError."""
    evidence = Evidence(about, asked=asked)
    read_log(log, evidence)
    verdict = verify(journal)
    evidence.journal_faults += [f"entry {fault.number}: {fault.text}" for fault in verdict.faults]
    with JournalReader(journal) as reader:
        for entry in reader.entries():
            try:
                _take(evidence, entry.number, decoded(entry.content))
            except UnreadableEntryError as error:
                evidence.journal_faults.append(f"entry {entry.number} can't be read: {error}")
        found = reader.recovered()
    for standing in (*(one.standing for one in found.unfinished), *(one.standing for one in found.owed)):
        evidence.owed.update(standing.vehicle_ids)
    return evidence


def read_log(log: Path, evidence: Evidence) -> None:
    """The vehicles' own record."""
    for text in log.read_bytes().splitlines():
        line = msgspec.json.decode(text, type=Line)
        match line:
            case VehicleLine():
                evidence.vehicles[line.vehicle_id] = line
            case CommandLine():
                evidence.commands[line.vehicle_id].append(line)
            case ChangeLine():
                evidence.changes[line.vehicle_id].append(line)


def _take(evidence: Evidence, number: int, record: object) -> None:
    match record:
        case RoundRecord():
            positions = range(len(record.vehicle_ids)) if record.position is None else record.position.tolist()
            for vehicle_id, position, setpoint_kw in zip(record.vehicle_ids, positions, record.setpoint_kw.tolist(), strict=True):
                key = (record.dispatch_id, record.seq, vehicle_id)
                evidence.journalled[key] = Journalled(
                    number, record.utc_ms, record.dispatch_id, record.seq, record.kind, vehicle_id, position, setpoint_kw
                )
        case AcksRecord():
            for vehicle_id, seq, state in zip(record.vehicle_ids, record.seq.tolist(), record.state.tolist(), strict=True):
                evidence.acks.append(Told(number, record.utc_ms, record.dispatch_id, vehicle_id, seq, state))
        case ReleasesRecord():
            for vehicle_id, outcome in zip(record.vehicle_ids, record.outcome.tolist(), strict=True):
                evidence.releases.append(Told(number, record.utc_ms, record.dispatch_id, vehicle_id, 0, outcome))
        case DispatchRecord():
            evidence.dispatches[record.dispatch_id] = record
        case RequestRecord():
            evidence.requests.append((number, record))
        case Failed():
            if record.lost:
                evidence.journal_faults.append(f"entry {number}: {record.lost} records were lost ({record.cause})")
        case _ if isinstance(record, ENDED):
            evidence.ends[record.dispatch_id].append(record)
