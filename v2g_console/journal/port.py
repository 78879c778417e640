"""What the engine asks of a journal, and what it writes into it."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.events import Event
from v2g_console.contract.snapshot import TakenVehicles

if TYPE_CHECKING:
    from v2g_console.journal.told import Told
    from v2g_console.journal.wanted import Wanted


class JournalError(Exception):
    """The journal could not take a record; nothing that depends on it may go out."""


@dataclass(frozen=True, slots=True)
class DispatchRecord:
    """What a restart must know of a dispatch beyond its rounds.

    Written when it is accepted, begins, gets a new target, loses vehicles to another one (`taken`), and is cancelled. `request_json` is
    the request (`contract.requests.DispatchFields`) as JSON, `target_kw` regulation in kW, positive is up. `started_ms` and `ends_ms`
    are 0 until it has begun; `ending` is the outcome that somebody asked for, empty while nobody did.
    """

    utc_ms: int
    dispatch_id: str
    signal: str
    target_kw: float
    allocator: str
    user: str
    way: str
    started_ms: int
    ends_ms: int
    request_json: str
    approved_by: str = ""
    ending: str = ""
    taken: tuple[TakenVehicles, ...] = ()


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One decided set of setpoints, written before its first publish.

    `setpoint_kw` absolute, `baseline_kw` frozen, both in kW, length as `vehicle_ids`. `position` are the rows in the dispatch's columns
    (None: 0, 1, 2 ...), `protocol` the vehicles' wire protocol (None: unknown). `kind`: send, retry, update, reallocation,
    correction, resume, renewal, release; relapse, with which nothing is sent: v1 vehicles answered a setpoint after their release, so they
    may follow it. Arrays must not be written to afterwards: they are read later, in another thread. `begun`: the dispatch itself, with its
    first round.
    """

    utc_ms: int
    dispatch_id: str
    seq: int
    kind: str
    vehicle_ids: tuple[str, ...]
    setpoint_kw: NDArray[np.float64]
    baseline_kw: NDArray[np.float64]
    valid_until_ms: int
    position: NDArray[np.int64] | None = None
    protocol: NDArray[np.uint8] | None = None
    begun: DispatchRecord | None = None


@dataclass(frozen=True, slots=True)
class AcksRecord:
    """The acknowledgements of one dispatch within at most 50 ms, as columns of one length.

    `state` is the command state each led to (`domain.states.CommandState`), `reason` a `domain.reasons.Reason`, `applied_kw` the absolute
    setpoint (NaN: refused).
    """

    utc_ms: int
    dispatch_id: str
    vehicle_ids: tuple[str, ...]
    seq: NDArray[np.int64]
    state: NDArray[np.uint8]
    applied_kw: NDArray[np.float64]
    reason: NDArray[np.uint8]


class ReleaseOutcome(IntEnum):
    """What became of a release. Codes live in journals: never renumber."""

    CONFIRMED = 2  # acknowledged or measured (up to 0.1.0 also: the lease ended): nothing is owed any more
    OWED = 3
    NOT_NEEDED = 4  # nothing was published, or the vehicle was handed over
    LEASE_ENDED = 5  # nobody confirmed, but its lease ended: nothing is owed any more


@dataclass(frozen=True, slots=True)
class ReleasesRecord:
    """What became of releases of one dispatch, also long after its end. `outcome` holds ReleaseOutcome codes, length as `vehicle_ids`."""

    utc_ms: int
    dispatch_id: str
    vehicle_ids: tuple[str, ...]
    outcome: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One attempt to make the engine do something, allowed or refused. `asked`: the request as JSON, cut at 2000 characters."""

    utc_ms: int
    user: str
    way: str
    request: str
    outcome: str
    detail: str = field(default="")
    asked: str = ""


Record = RoundRecord | AcksRecord | ReleasesRecord | DispatchRecord | RequestRecord | Event


@dataclass(frozen=True, slots=True)
class JournalState:
    """How a journal is. `since_ms` and `cause` tell of a failure (0 and "" while ok).

    `queued` records wait to be written; `lost` were dropped because too many waited (the journal says so itself when it works again).
    """

    ok: bool
    since_ms: int = 0
    cause: str = ""
    queued: int = 0
    lost: int = 0
    size_bytes: int = 0


class Journal(Protocol):
    """Where decisions are kept. One writer: the engine."""

    async def commit_round(self, record: RoundRecord) -> None:
        """Return when the round is safe; raises JournalError if it can't be."""

    async def commit_request(self, record: RequestRecord) -> None:
        """Return when the attempt is safe; raises JournalError if it can't be."""

    def note(self, records: list[Record]) -> None:
        """Take records that need no answer (acks, events); written within 50 ms, after what was given before."""

    def state(self) -> JournalState:
        """How the journal is now; never waits."""

    async def page(self, wanted: "Wanted", before: int, limit: int) -> "list[Told]":
        """The newest `limit` entries (500 at most) that fit, numbered below `before` (0: from the newest), newest first.

        Raises JournalError.
        """

    async def whole(self, number: int) -> str:
        """One entry as JSON, cut at 60 000 characters; "" if there is none of that number. Raises JournalError."""

    async def close(self) -> None:
        """Write what is left."""
