"""EcoWatt: the grid-stress forecast as its publisher writes it, and the proposals that its red hours make."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

RED = 3
SIGNAL = "EcoWatt"
LONGEST_REASON_CHARS = 200
LARGEST_FILE_BYTES = 65_536


class EcowattHour(msgspec.Struct, frozen=True):
    """`pas`: hour of the day in France, 0..23. `hvalue`: 0 and 1 green, 2 orange, 3 red."""

    pas: int
    hvalue: int


class EcowattDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the forecast, with the publisher's names. `jour` is a date; `dvalue` the worst of the day, 0 where it is not told."""

    jour: str
    values: tuple[EcowattHour, ...]
    dvalue: int = 0
    message: str = ""
    generated: str = msgspec.field(default="", name="GenerationFichier")


class EcowattFile(msgspec.Struct, frozen=True):
    """The publisher's answer, as a script keeps it in a file."""

    signals: tuple[EcowattDay, ...]


class Outcome(StrEnum):
    """What became of a proposal."""

    WAITS = "waits"
    ACCEPTED = "accepted"  # a dispatch with its reference was sent
    DISMISSED = "dismissed"


class ProposalView(msgspec.Struct, frozen=True, kw_only=True):
    """Red hours without a gap, and what could be done: a proposal never sends anything. Times in UTC ms.

    `suggested_kw`: the charging that could be reduced at this moment; it may be 0, and will be another when the hours come.
    """

    proposal_id: str
    begins_ms: int
    ends_ms: int
    suggested_kw: float
    outcome: Outcome = Outcome.WAITS
    by: str = ""
    reason: str = ""
    dispatch_id: str = ""

    @property
    def reference(self) -> str:
        """The `external_ref` by which a dispatch is known as the answer to it."""
        return f"ecowatt:{self.proposal_id}"

    @property
    def words(self) -> str:
        """`e112317-3: EcoWatt is red from 2026-11-23 17:00Z to 20:00Z; up to 120 kW of charging could be reduced now`."""
        return f"{self.proposal_id}: EcoWatt is red from {self.span}; {self._could}"

    @property
    def short_words(self) -> str:
        """`EcoWatt red until 20:00Z; up to 120 kW of charging could be reduced now (e112317-3)`: for lists with the beginning beside it."""
        return f"EcoWatt red until {self._until}; {self._could} ({self.proposal_id})"

    @property
    def span(self) -> str:
        """`2026-11-23 17:00Z to 20:00Z`."""
        return f"{_utc(self.begins_ms):%Y-%m-%d %H:%MZ} to {self._until}"

    @property
    def _until(self) -> str:
        begins, ends = _utc(self.begins_ms), _utc(self.ends_ms)
        return f"{ends:%H:%MZ}" if ends.date() == begins.date() else f"{ends:%Y-%m-%d %H:%MZ}"

    @property
    def _could(self) -> str:
        return f"up to {self.suggested_kw:g} kW of charging could be reduced now" if self.suggested_kw else "nothing charges now"


class EcowattView(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast in force, and its proposals from now on, soonest first. `received_ms` is None before the first forecast."""

    received_ms: int | None = None
    by: str = ""
    signals: tuple[EcowattDay, ...] = ()
    proposals: tuple[ProposalView, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The fields of a dispatch that answers a proposal, as people write them. `power` is empty where nothing can be suggested."""

    power: str
    duration: str
    start: str  # empty: now


def answer_to(one: ProposalView, now_ms: int) -> Answer:
    """For the red hours that are left at `now_ms` (UTC)."""
    begun = one.begins_ms <= now_ms
    minutes = max(1, math.ceil((one.ends_ms - (now_ms if begun else one.begins_ms)) / 60_000))
    duration = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
    return Answer(
        f"{one.suggested_kw:g}" if one.suggested_kw else "", duration, "" if begun else f"{_utc(one.begins_ms):%Y-%m-%dT%H:%M:%SZ}"
    )


def _utc(utc_ms: int) -> datetime:
    return datetime.fromtimestamp(utc_ms / 1000, UTC)
