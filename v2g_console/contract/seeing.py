"""What of the event stream somebody may see: notes and other people's requests are the record, which not every role may read."""

from collections.abc import Iterable
from typing import Final

from v2g_console.contract.events import Event, OperatorNote, RequestAccepted, RequestRefused
from v2g_console.contract.replies import IdentityView

READS_RECORD: Final = "journal"
"""Who may make this request may read all events."""
_RECORD: Final = (OperatorNote, RequestAccepted, RequestRefused)


def holds_record(events: Iterable[Event]) -> bool:
    """True if there are events among them that not everybody may see."""
    return any(isinstance(event, _RECORD) for event in events)


def seen_by(events: Iterable[Event], person: IdentityView) -> tuple[Event, ...]:
    """Those that `person` may see: who may not read the record sees his own requests, and no notes."""
    if READS_RECORD in person.may:
        return tuple(events)
    return tuple(
        event for event in events if not isinstance(event, _RECORD) or (not isinstance(event, OperatorNote) and event.by == person.user)
    )
