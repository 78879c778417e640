"""Alarms: something that needs an operator's response. One per kind and cause; raised once, cleared when the cause is gone."""

from dataclasses import dataclass
from typing import Final

from v2g_console.contract.events import AlarmCleared, AlarmRaised
from v2g_console.contract.snapshot import AlarmView
from v2g_console.engine.core import Core

CLEARED_KEPT = 50

RESPONSE: Final[dict[str, str]] = {
    "link_lost": "check the broker and the network; nothing can be sent until the link is back",
    "journal_failing": "make room or repair the disk: no dispatch starts and no lease is renewed; release and STOP still work",
    "ack_rate_low": "open the dispatch: see who is silent, retry (r) or cancel (c)",
    "shortfall": "add vehicles or lower the target; tell the grid operator",
    "release_owed": "these vehicles may still follow their last setpoint: have them released by hand if it lasts",
    "telemetry_stale": "check why vehicles stopped reporting; their values are marked ~",
    "certificate_expiring": "renew the certificate named on the link pane",
    "refused_messages": "see the link pane for topics and causes; somebody sends what can't be accepted",
    "broker_untuned": "apply deploy/mosquitto/tuning.conf: under load this broker drops acknowledgements",
}
PRIORITY: Final[dict[str, int]] = {
    "link_lost": 1,
    "release_owed": 1,
    "journal_failing": 1,
    "ack_rate_low": 2,
    "shortfall": 2,
    "telemetry_stale": 2,
    "certificate_expiring": 2,
    "refused_messages": 3,
    "broker_untuned": 3,
}


@dataclass(slots=True)
class Alarm:
    """One alarm group."""

    alarm_id: str
    kind: str
    text: str
    raised_ms: int
    active: bool = True
    acknowledged: bool = False
    cleared_ms: int | None = None
    count: int = 1


class Alarms:
    """Active alarms, and the last cleared ones."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._alarms: dict[str, Alarm] = {}

    def set(self, kind: str, cause: str, active: bool, text: str) -> None:
        """Say whether an alarm's condition holds now. `cause` tells alarms of one kind apart (a dispatch id, "" for the only one)."""
        alarm_id = f"{kind}:{cause}" if cause else kind
        known = self._alarms.get(alarm_id)
        if active and (known is None or not known.active):
            self._raise(alarm_id, kind, text, known)
        elif active and known is not None:
            known.text = text
        elif known is not None and known.active:
            self._clear(known)

    def acknowledge(self, alarm_id: str) -> bool:
        """Mark as seen; True if the alarm is known."""
        alarm = self._alarms.get(alarm_id)
        if alarm is None:
            return False
        alarm.acknowledged = True
        if not alarm.active:
            del self._alarms[alarm_id]
        return True

    def views(self) -> tuple[AlarmView, ...]:
        """Active ones first, then by priority and age."""
        ordered = sorted(self._alarms.values(), key=lambda alarm: (not alarm.active, PRIORITY[alarm.kind], alarm.raised_ms))
        return tuple(
            AlarmView(
                alarm_id=alarm.alarm_id,
                kind=alarm.kind,
                priority=PRIORITY[alarm.kind],
                text=alarm.text,
                response=RESPONSE[alarm.kind],
                active=alarm.active,
                acknowledged=alarm.acknowledged,
                raised_ms=alarm.raised_ms,
                cleared_ms=alarm.cleared_ms,
                count=alarm.count,
            )
            for alarm in ordered
        )

    def _raise(self, alarm_id: str, kind: str, text: str, known: Alarm | None) -> None:
        count = 1 if known is None else known.count + 1
        self._alarms[alarm_id] = Alarm(alarm_id, kind, text, self._core.utc_ms(), count=count)
        self._core.emit(
            AlarmRaised(ts=self._core.ts(), alarm_id=alarm_id, kind=kind, priority=PRIORITY[kind], text=text, response=RESPONSE[kind])
        )

    def _clear(self, alarm: Alarm) -> None:
        alarm.active, alarm.cleared_ms = False, self._core.utc_ms()
        if alarm.acknowledged:
            del self._alarms[alarm.alarm_id]
        cleared = [one for one in self._alarms.values() if not one.active]
        for oldest in sorted(cleared, key=lambda one: one.cleared_ms or 0)[:-CLEARED_KEPT]:
            del self._alarms[oldest.alarm_id]
        self._core.emit(AlarmCleared(ts=self._core.ts(), alarm_id=alarm.alarm_id, kind=alarm.kind, text=alarm.text))
