"""What happened, as one sentence an event. Progress and requests that were taken are not told: the outcome is."""

from v2g_console.console.plain.reasons import without_keys
from v2g_console.console.plain.words import power
from v2g_console.contract.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmCleared,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    ApprovalAsked,
    ApprovalEnded,
    DispatchActive,
    DispatchCancelled,
    DispatchCompleted,
    DispatchEvent,
    DispatchFailed,
    DispatchPlanned,
    DispatchProgress,
    DispatchReleasing,
    DispatchSending,
    DispatchStopped,
    EcowattDecided,
    EcowattForecast,
    EcowattProposed,
    EngineReady,
    EngineRecovered,
    Event,
    HoldsStanding,
    LinkChanged,
    OperatorNote,
    OverrideBegun,
    OverrideEnded,
    RequestAccepted,
    RequestRefused,
    RunSummary,
    StopLatched,
    StopLifted,
    Strategy,
    TagAdded,
    TagRemoved,
)
from v2g_console.domain.units import counted, grouped

_MOST_NAMED = 5
_PRIORITY = {1: "high", 2: "medium"}


def announcement(event: Event) -> str:
    """`14:02:07Z Dispatch 7f3a1c22 FCR: active, ...`; "" for what is not told."""
    words = _words(event)
    return f"{event.ts[11:19]}Z {words}" if words else ""


def _words(event: Event) -> str:
    match event:
        case DispatchPlanned() | DispatchProgress() | RequestAccepted() | RequestRefused() | RunSummary() | HoldsStanding() | Strategy():
            return ""
        case EcowattForecast() | EcowattProposed():  # the alarm says it
            return ""
        case AlarmChanged():  # figures that move would never let a reader of a screen come to rest
            return ""
        case OverrideBegun():
            return f"Overridden locally, left alone: {_names(event.vehicles)}"
        case OverrideEnded():
            return f"No longer overridden locally: {_names(event.vehicles)}"
        case DispatchSending() | DispatchActive() | DispatchReleasing():
            return _dispatch(event)
        case DispatchCompleted() | DispatchFailed() | DispatchCancelled() | DispatchStopped():
            return _dispatch(event)
        case AlarmRaised() | AlarmCleared() | AlarmAcknowledged() | AlarmShelved() | AlarmUnshelved():
            return _alarm(event)
        case LinkChanged():
            why = "" if event.state == "up" else f": {event.text or event.cause}"
            return f"{'Link' if event.state == 'up' else 'LINK'} {event.state}{why}"
        case _:
            return _person(event)


def _names(vehicles: tuple[str, ...]) -> str:
    more = len(vehicles) - _MOST_NAMED
    return ", ".join(vehicles[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _person(event: Event) -> str:
    """What people do, and the engine's own start."""
    match event:
        case EngineReady():
            return f"Engine ready, {counted(event.vehicles, 'vehicle', 'vehicles')} known, broker {event.broker}"
        case EngineRecovered():
            return f"Engine: {event.text}"
        case StopLatched():
            ended = counted(event.dispatches, "dispatch", "dispatches")
            return f"STOP by {event.by}: {ended} ended, {counted(event.vehicles, 'vehicle', 'vehicles')} back to their baseline"
        case StopLifted():
            return f"STOP lifted by {event.by}"
        case TagAdded():
            lost = f", {counted(event.released, 'vehicle', 'vehicles')} released at once" if event.released else ""
            return f"Tag hung up: {event.placed.words}{lost}"
        case TagRemoved():
            return f"Tag taken down by {event.by} ({event.note}): {event.placed.words}"
        case EcowattDecided():
            return f"EcoWatt proposal {event.proposal_id} {event.outcome.value} by {event.by}{f': {event.reason}' if event.reason else ''}"
        case OperatorNote():
            return f"Note by {event.by}: {event.text}"
        case ApprovalAsked():
            return f"Approval {event.approval_id} wanted: {event.by} asks for {event.signal} {power(event.power_kw)}"
        case ApprovalEnded():
            by = f" by {event.decided_by}" if event.decided_by else ""
            return f"Approval {event.approval_id} of {event.by} {event.outcome}{by}{f': {event.reason}' if event.reason else ''}"
        case _:
            return ""


def _dispatch(event: DispatchEvent) -> str:
    short = event.shortfall_kw >= 0.5
    sending = isinstance(event, DispatchSending)
    parts = [
        f"Dispatch #{event.dispatch_id[:4]} {event.signal} {power(event.requested_kw)}: {event.state.replace('_', ' ')}",
        event.reason,
        f"{counted(event.vehicles, 'vehicle', 'vehicles')}"
        if sending
        else f"{event.acked + event.limited} of {event.vehicles} acknowledged",
        f"{event.rejected} refused" if event.rejected else "",
        f"{event.silent} silent" if event.silent else "",
        "" if event.delivered_kw is None or sending else f"delivered {power(event.delivered_kw)}",
        f"SHORT {grouped(event.shortfall_kw)} kW" if short and not sending else "",
        f"{event.owed} releases owed" if event.owed else "",
    ]
    return ", ".join(part for part in parts if part)


def _alarm(event: AlarmRaised | AlarmCleared | AlarmAcknowledged | AlarmShelved | AlarmUnshelved) -> str:
    match event:
        case AlarmRaised():
            word = _PRIORITY.get(event.priority, "low")
            return f"ALARM {event.alarm_id}, {word}: {event.text}. To do: {without_keys(event.response)}"
        case AlarmCleared():
            return f"Alarm {event.alarm_id} gone: {event.text}"
        case AlarmAcknowledged():
            return f"Alarm {event.alarm_id} acknowledged by {event.by}"
        case AlarmShelved():
            return f"Alarm {event.shelved.alarm_id} shelved by {event.shelved.by}: {event.shelved.reason}"
        case AlarmUnshelved():
            return f"Alarm {event.alarm_id} back from the shelf"
