"""What the engine asks of a journal, and what it writes into it."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.events import Event


class JournalError(Exception):
    """The journal could not take a record; nothing that depends on it may go out."""


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One decided set of setpoints, written before its first publish.

    `rows` are positions in the dispatch; `setpoint_kw` absolute, `baseline_kw` frozen, both in kW, length as `vehicle_ids`.
    `kind`: send, retry, update, renewal, release.
    """

    utc_ms: int
    dispatch_id: str
    seq: int
    kind: str
    vehicle_ids: tuple[str, ...]
    setpoint_kw: NDArray[np.float64]
    baseline_kw: NDArray[np.float64]
    valid_until_ms: int


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


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One attempt to make the engine do something, allowed or refused."""

    utc_ms: int
    user: str
    way: str
    request: str
    outcome: str
    detail: str = field(default="")


Record = RoundRecord | AcksRecord | RequestRecord | Event


class Journal(Protocol):
    """Where decisions are kept. One writer: the engine."""

    async def commit_round(self, record: RoundRecord) -> None:
        """Return when the round is safe; raises JournalError if it can't be."""

    async def commit_request(self, record: RequestRecord) -> None:
        """Return when the attempt is safe; raises JournalError if it can't be."""

    def note(self, records: list[Record]) -> None:
        """Take records that need no answer (acks, events); written within 50 ms."""

    async def close(self) -> None:
        """Write what is left."""
