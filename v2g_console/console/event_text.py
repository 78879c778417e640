"""What an operator is told of an event, in one line: never better than it was."""

from typing import Final

from v2g_console.console.approval_text import ended_text
from v2g_console.console.options import Severity
from v2g_console.contract.events import (
    ApprovalAsked,
    ApprovalEnded,
    DispatchCancelled,
    DispatchCompleted,
    DispatchEnded,
    DispatchFailed,
    DispatchStopped,
    Event,
)
from v2g_console.contract.stop import lease_ended_text
from v2g_console.domain.units import counted, grouped, regulation_text

NOTABLE_KW: Final = 1.0


def told_of_event(event: Event) -> tuple[str, Severity] | None:
    """The line and how serious it is; None for events that panes show well enough, and for alarms, which have a way of their own."""
    match event:
        case DispatchCompleted() | DispatchCancelled() | DispatchStopped() | DispatchFailed():
            return _ended(event)
        case ApprovalAsked():
            power = regulation_text(event.power_kw)
            return f"{event.by} asks for {event.signal} {power}: it waits for another supervisor", "warning"
        case ApprovalEnded():
            return ended_text(event), "information"
        case _:
            return None


def answers_text(acked: int, limited: int, rejected: int, silent: int, vehicles: int, let_go: int = 0) -> str:
    """`371 of 412 acknowledged, 10 limited, 7 refused, 24 silent`; what is zero is left out, but never the first."""
    others = ((limited, "limited"), (rejected, "refused"), (silent, "silent"), (let_go, "let go"))
    return ", ".join([f"{grouped(acked)} of {grouped(vehicles)} acknowledged", *(f"{grouped(n)} {word}" for n, word in others if n)])


def _ended(event: DispatchEnded) -> tuple[str, Severity]:
    what = f"#{event.dispatch_id[:4]} {event.signal}"
    short = f" {grouped(event.shortfall_kw)} kW short" if event.shortfall_kw >= NOTABLE_KW else ""
    answers = answers_text(event.acked, event.limited, event.rejected, event.silent, event.vehicles)
    owed = f"; {counted(event.owed, 'vehicle has', 'vehicles have')} not confirmed the release" if event.owed else ""
    ended = lease_ended_text(event.lease_ended)
    released = f"; {counted(event.released, 'release', 'releases')} confirmed{ended}" if event.released or ended else ""
    partial = bool(short or event.limited or event.rejected or event.silent or event.owed)
    severity: Severity = "warning" if partial else "information"
    match event:
        case DispatchCancelled() if not event.vehicles:
            return f"{what} cancelled: nothing had been sent", "information"
        case DispatchStopped() if not event.vehicles:
            return f"{what} stopped: nothing had been sent", "warning"
        case DispatchCompleted():
            return f"{what} ran to its end{short}: {answers}{owed}", severity
        case DispatchCancelled():
            return f"{what} cancelled{released}{owed}", "warning" if event.owed or event.lease_ended else "information"
        case DispatchStopped():
            return f"{what} stopped{released}{owed}", "warning"
        case DispatchFailed():
            return f"{what} failed: {event.reason or 'no reason was given'}{owed}", "error"
