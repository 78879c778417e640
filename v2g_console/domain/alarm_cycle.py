"""The life of one alarm: raised, acknowledged, cleared, shelved; delays keep a flickering condition from ringing. Times are monotonic.

Designed after the states of ISA-18.2 and IEC 62682 (normal, unacknowledged, acknowledged, returned unacknowledged, shelved).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

CHATTER_RAISES: Final = 3
CHATTER_WINDOW_S: Final = 60.0


class AlarmState(StrEnum):
    """Where an alarm is."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"  # the cause is there, and nobody has answered
    ACKNOWLEDGED = "acknowledged"  # the cause is there, and somebody deals with it
    RETURNED = "returned"  # the cause is gone, and nobody had answered
    SHELVED = "shelved"  # kept quiet for a time, by a person, with a reason


class Happened(StrEnum):
    """What a step did, to be told and recorded."""

    RAISED = "raised"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"


TRANSITIONS: Final[dict[AlarmState, frozenset[AlarmState]]] = {
    AlarmState.NORMAL: frozenset({AlarmState.UNACKNOWLEDGED}),
    AlarmState.UNACKNOWLEDGED: frozenset({AlarmState.ACKNOWLEDGED, AlarmState.RETURNED, AlarmState.SHELVED}),
    AlarmState.ACKNOWLEDGED: frozenset({AlarmState.NORMAL, AlarmState.SHELVED}),
    AlarmState.RETURNED: frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.NORMAL, AlarmState.SHELVED}),
    AlarmState.SHELVED: frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.NORMAL}),
}
"""Every legal change. A shelved alarm comes back unacknowledged, whatever it was before: it has to be answered anew."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a condition must hold before the alarm follows it, seconds: `on_s` to raise, `off_s` to clear."""

    on_s: float = 0.0
    off_s: float = 0.0


@dataclass(slots=True)
class AlarmCycle:
    """One alarm. `active`: its cause is there, after the delays. `raises`: how often it came."""

    delays: Delays = Delays()
    state: AlarmState = AlarmState.NORMAL
    active: bool = False
    raises: int = 0
    shelved_until_s: float = 0.0
    _changing_since_s: float | None = None
    _raised_at_s: list[float] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        """The condition has changed, and a delay still runs."""
        return self._changing_since_s is not None

    def see(self, condition: bool, now_s: float) -> Happened | None:
        """Take the condition as it is now."""
        if condition is self.active:
            self._changing_since_s = None
            return None
        if self._changing_since_s is None:
            self._changing_since_s = now_s
        delay_s = self.delays.on_s if condition else self.delays.off_s
        return self._follow(condition, now_s) if now_s - self._changing_since_s >= delay_s else None

    def end(self, now_s: float) -> Happened | None:
        """What the alarm was about is no more: clear it without a delay."""
        self._changing_since_s = None
        return self._follow(False, now_s) if self.active else None

    def acknowledge(self) -> Happened | None:
        """A person answers. None if there is nothing to answer."""
        match self.state:
            case AlarmState.UNACKNOWLEDGED:
                self._go(AlarmState.ACKNOWLEDGED)
            case AlarmState.RETURNED:
                self._go(AlarmState.NORMAL)
            case _:
                return None
        return Happened.ACKNOWLEDGED

    def shelve(self, until_s: float) -> Happened | None:
        """Keep it quiet until then. None if it is not in the list, or shelved already."""
        if self.state in (AlarmState.NORMAL, AlarmState.SHELVED):
            return None
        self.shelved_until_s = until_s
        self._go(AlarmState.SHELVED)
        return Happened.SHELVED

    def restore_shelved(self, until_s: float) -> None:
        """A new alarm that was shelved before a restart: quiet from the beginning."""
        self.state, self.shelved_until_s = AlarmState.SHELVED, until_s

    def unshelve(self, now_s: float) -> tuple[Happened, ...]:
        """Back from the shelf; rings anew if its cause is there. Nothing for one that is not shelved."""
        if self.state is not AlarmState.SHELVED:
            return ()
        if not self.active:
            self._go(AlarmState.NORMAL)
            return (Happened.UNSHELVED,)
        self._go(AlarmState.UNACKNOWLEDGED)
        self._count(now_s)
        return (Happened.UNSHELVED, Happened.RAISED)

    def tick(self, now_s: float) -> tuple[Happened, ...]:
        """The shelf's time may be up."""
        return self.unshelve(now_s) if self.state is AlarmState.SHELVED and now_s >= self.shelved_until_s else ()

    def chattering(self, now_s: float) -> bool:
        """It came three times within a minute: a dead-band or a delay is wrong."""
        return sum(now_s - at_s <= CHATTER_WINDOW_S for at_s in self._raised_at_s) >= CHATTER_RAISES

    def _follow(self, condition: bool, now_s: float) -> Happened | None:
        self.active, self._changing_since_s = condition, None
        if self.state is AlarmState.SHELVED:
            return None
        if condition:
            self._go(AlarmState.UNACKNOWLEDGED)
            self._count(now_s)
            return Happened.RAISED
        self._go(AlarmState.RETURNED if self.state is AlarmState.UNACKNOWLEDGED else AlarmState.NORMAL)
        return Happened.CLEARED

    def _count(self, now_s: float) -> None:
        self.raises += 1
        self._raised_at_s = [*self._raised_at_s[-CHATTER_RAISES:], now_s]

    def _go(self, to: AlarmState) -> None:
        if to not in TRANSITIONS[self.state]:
            raise ValueError(f"an alarm can't go from {self.state} to {to}")
        self.state = to
