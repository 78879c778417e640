"""Alarms as screens see them, and what is kept of shelved ones."""

import msgspec

from v2g_console.domain.alarm_cycle import AlarmState

LONGEST_REASON_CHARS = 200


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm group. `active`: its cause is there. Times in UTC ms."""

    alarm_id: str
    kind: str
    priority: int  # 1 critical .. 3 low
    text: str
    response: str  # what the operator should do
    active: bool
    acknowledged: bool
    raised_ms: int
    cleared_ms: int | None = None
    count: int = 1  # how often it came
    state: AlarmState = AlarmState.UNACKNOWLEDGED
    acknowledged_by: str = ""
    acknowledged_ms: int | None = None
    shelved_by: str = ""
    shelved_until_ms: int | None = None
    shelf_reason: str = ""
    chattering: bool = False  # came three times within a minute
    stale: bool = False  # active for longer than a configured time
    dispatch_id: str = ""  # the dispatch it is about


class ShelvedAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that is kept quiet until `until_ms` (UTC): who did it, and why."""

    alarm_id: str
    kind: str
    text: str
    by: str
    until_ms: int
    reason: str
    dispatch_id: str = ""


class AlarmRates(msgspec.Struct, frozen=True, kw_only=True):
    """How much the alarms ask of the operator, over the last 24 hours at most."""

    last_10_min: int = 0
    most_in_10_min: int = 0
    last_24_h: int = 0
    flood: bool = False  # more than the configured number in 10 min, until it is below half of it
    top: tuple[tuple[str, int], ...] = ()  # (kind, times raised), the ten most frequent
    stale: int = 0  # active for longer than the configured time
    shelved: int = 0
