"""What one shift leaves to the next, as data."""

import msgspec

from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.snapshot import ApprovalView, DispatchView, EngineInfo, FleetSummary
from v2g_console.contract.stop import StopView
from v2g_console.contract.tags import TagView

LONGEST_NOTE_CHARS = 500
MOST_NOTES = 100
MOST_OVERRIDES = 200


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """Something an operator wrote down for the others."""

    utc_ms: int
    by: str
    text: str


class OverrideView(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle that somebody on the spot took over. `left_s`: left alone for this long still; None: until it follows again."""

    vehicle_id: str
    left_s: float | None


class HandoverView(msgspec.Struct, frozen=True, kw_only=True):
    """The state at `until_ms`, and what ended or was noted since `from_ms` (UTC ms)."""

    from_ms: int
    until_ms: int
    engine: EngineInfo
    link: LinkHealth
    fleet: FleetSummary
    open_dispatches: tuple[DispatchView, ...]
    ended_dispatches: tuple[DispatchView, ...]
    alarms: tuple[AlarmView, ...]
    alarm_rates: AlarmRates
    tags: tuple[TagView, ...]
    overrides: tuple[OverrideView, ...]
    approvals: tuple[ApprovalView, ...]
    stop: StopView | None
    notes: tuple[NoteView, ...]
    missing: str = ""  # why something is not here, such as notes while the journal can't be read
