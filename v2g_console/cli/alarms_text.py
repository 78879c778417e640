"""Alarms for people, on the command line."""

from v2g_console.cli.plain_text import columns
from v2g_console.contract.replies import StatusView
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.journal.lines import utc_text

_PRIORITY_WORDS = {1: "high", 2: "middle", 3: "low"}
_HEADING = ("ALARM", "PRIORITY", "STATE", "SINCE", "TIMES", "WHAT", "DO")


def alarm_lines(status: StatusView) -> list[str]:
    """A line an alarm, and the rates."""
    rates = status.alarm_rates
    flood = "FLOOD: " if rates.flood else ""
    recent = f"{flood}{rates.last_10_min} in 10 min (at most {rates.most_in_10_min}), {rates.last_24_h} in 24 h"
    said = f"{recent}, {rates.shelved} shelved, {rates.stale} stale"
    if not status.alarms:
        return ["no alarm", said]
    rows = []
    for alarm in status.alarms:
        until = "" if alarm.shelved_until_ms is None else f" until {utc_text(alarm.shelved_until_ms)} ({alarm.shelf_reason})"
        state = f"{alarm.state.value}{until}"
        if alarm.state is AlarmState.ACKNOWLEDGED:
            state += f" by {alarm.acknowledged_by}"
        priority = _PRIORITY_WORDS.get(alarm.priority, str(alarm.priority))
        rows.append((alarm.alarm_id, priority, state, utc_text(alarm.raised_ms), str(alarm.count), alarm.text, alarm.response))
    return [*columns([_HEADING, *rows], frozenset({4})), said]
