"""What an alarm is about: the dispatch that its keys act on, and the screen that has the details."""

from enum import Enum, auto
from typing import Final, assert_never

from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.snapshot import DispatchView, Snapshot

NOT_FRESH: Final = "!is:fresh"


class Place(Enum):
    """Where one looks into an alarm."""

    DISPATCH = auto()
    LINK = auto()
    LATE_VEHICLES = auto()
    SILENT_VEHICLES = auto()
    DIAGNOSTICS = auto()
    JOURNAL = auto()
    OUTLOOK = auto()


PLACES: Final = {
    "ack_rate_low": Place.DISPATCH,
    "shortfall": Place.DISPATCH,
    "not_delivered": Place.DISPATCH,
    "reserve_at_risk": Place.DISPATCH,
    "link_lost": Place.LINK,
    "certificate_expiring": Place.LINK,
    "credentials_not_used": Place.LINK,
    "refused_messages": Place.LINK,
    "broker_untuned": Place.LINK,
    "telemetry_stale": Place.LATE_VEHICLES,
    "clock_offset": Place.DIAGNOSTICS,
    "journal_failing": Place.DIAGNOSTICS,
    "release_owed": Place.SILENT_VEHICLES,
    "recovered": Place.JOURNAL,
    "ecowatt_red": Place.OUTLOOK,
}


def place_of(alarm: AlarmView) -> Place:
    """Where the details of an alarm are; a kind that this console does not know is looked up in the journal."""
    return PLACES.get(alarm.kind, Place.JOURNAL)


def dispatch_of(alarm: AlarmView, snapshot: Snapshot) -> DispatchView | None:
    """The dispatch an alarm is about. None if it is about none that is kept."""
    if not alarm.dispatch_id:
        return None
    return next((view for view in snapshot.dispatches if view.dispatch_id == alarm.dispatch_id), None)


def written_for(alarm: AlarmView) -> str:
    """What to write into the journal's filter to read about an alarm."""
    if alarm.dispatch_id:
        return f"dispatch:{alarm.dispatch_id[:8]}"
    return "kind:engine" if alarm.kind == "recovered" else "kind:alarm"


def action_for(place: Place) -> str:
    """The action that opens a place."""
    match place:
        case Place.DISPATCH:
            return "dispatches.open"
        case Place.LINK:
            return "go.link"
        case Place.LATE_VEHICLES:
            return "go.fleet"
        case Place.SILENT_VEHICLES:
            return "stop.list"
        case Place.DIAGNOSTICS:
            return "go.diagnostics"
        case Place.JOURNAL:
            return "go.journal"
        case Place.OUTLOOK:
            return "go.outlook"
        case _:
            assert_never(place)
