"""States of dispatches and commands, and the only table of legal transitions."""

from enum import IntEnum, StrEnum
from typing import Final


class IllegalTransitionError(Exception):
    """A state change that `domain` does not know; always a bug, never bad luck."""


class DispatchState(StrEnum):
    """The life of a dispatch. Terminal: completed, cancelled, stopped, failed, expired."""

    PLANNED = "planned"
    ARMED = "armed"
    SENDING = "sending"
    AWAITING_ACKS = "awaiting_acks"
    ACTIVE = "active"
    RELEASING = "releasing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    FAILED = "failed"
    EXPIRED = "expired"


class CommandState(IntEnum):
    """The life of one command to one vehicle. Codes live in columns and journals: never renumber."""

    PLANNED = 0
    QUEUED = 1
    PUBLISHED = 2
    ACKED = 3
    LIMITED = 4
    REJECTED = 5
    TIMED_OUT = 6
    FAILED = 7
    DROPPED = 8
    SUPERSEDED = 9
    RELEASED = 10
    EXPIRED = 11


D = DispatchState
DISPATCH_TRANSITIONS: Final[dict[DispatchState, frozenset[DispatchState]]] = {
    D.PLANNED: frozenset({D.ARMED, D.CANCELLED, D.EXPIRED}),
    D.ARMED: frozenset({D.SENDING, D.PLANNED, D.CANCELLED, D.EXPIRED, D.FAILED}),
    D.SENDING: frozenset({D.AWAITING_ACKS, D.RELEASING, D.FAILED}),
    D.AWAITING_ACKS: frozenset({D.ACTIVE, D.RELEASING}),
    D.ACTIVE: frozenset({D.RELEASING}),
    D.RELEASING: frozenset({D.COMPLETED, D.CANCELLED, D.STOPPED, D.FAILED}),
    D.COMPLETED: frozenset(),
    D.CANCELLED: frozenset(),
    D.STOPPED: frozenset(),
    D.FAILED: frozenset(),
    D.EXPIRED: frozenset(),
}
TERMINAL_DISPATCH_STATES: Final = frozenset(state for state, nexts in DISPATCH_TRANSITIONS.items() if not nexts)

C = CommandState
_ENDS = frozenset({C.SUPERSEDED, C.RELEASED, C.EXPIRED})
COMMAND_TRANSITIONS: Final[dict[CommandState, frozenset[CommandState]]] = {
    C.PLANNED: frozenset({C.QUEUED, C.DROPPED}) | _ENDS,
    C.QUEUED: frozenset({C.PUBLISHED, C.FAILED, C.DROPPED}) | _ENDS,
    C.PUBLISHED: frozenset({C.ACKED, C.LIMITED, C.REJECTED, C.TIMED_OUT}) | _ENDS,
    C.TIMED_OUT: frozenset({C.ACKED, C.LIMITED, C.REJECTED}) | _ENDS,
    C.ACKED: frozenset({C.LIMITED, C.REJECTED}) | _ENDS,
    C.LIMITED: frozenset({C.ACKED, C.REJECTED}) | _ENDS,
    C.REJECTED: frozenset(),
    C.FAILED: frozenset(),
    C.DROPPED: frozenset(),
    C.SUPERSEDED: frozenset(),
    C.RELEASED: frozenset(),
    C.EXPIRED: frozenset(),
}
LIVE_COMMAND_STATES: Final = frozenset(state for state, nexts in COMMAND_TRANSITIONS.items() if nexts)


def next_dispatch_state(now: DispatchState, wanted: DispatchState) -> DispatchState:
    """`wanted`, if a dispatch may go there from `now`; raises IllegalTransitionError otherwise."""
    if wanted not in DISPATCH_TRANSITIONS[now]:
        raise IllegalTransitionError(f"dispatch {now} -> {wanted}")
    return wanted
