"""The kinds of alarms there are: how urgent each is, what the operator should do, and where a condition may flicker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from v2g_console.domain.alarm_cycle import Delays

AT_ONCE: Final = Delays()


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """`priority`: 1 critical, can't be shelved; 3 low. `delays` may be configured otherwise (`alarms.delays`)."""

    priority: int
    response: str
    delays: Delays = AT_ONCE


ALARM_KINDS: Final[Mapping[str, AlarmKind]] = {
    # Both stop the work, so they ring at once; what comes and goes is one alarm.
    "link_lost": AlarmKind(1, "check the broker and the network; nothing can be sent until the link is back", Delays(off_s=3.0)),
    "journal_failing": AlarmKind(
        1, "make room or repair the disk: no dispatch starts and no lease is renewed; release and STOP still work", Delays(off_s=3.0)
    ),
    "recovered": AlarmKind(2, "see what was resumed and what is being released; tell the grid operator what was cut off"),
    "ack_rate_low": AlarmKind(2, "open the dispatch: see who is silent, retry (r) or cancel (c)", Delays(off_s=3.0)),
    "shortfall": AlarmKind(2, "add vehicles or lower the target; tell the grid operator", Delays(off_s=3.0)),
    "not_delivered": AlarmKind(
        2, "open the dispatch: see who does not follow; tag them (g) or lower the target (u); tell the grid operator", Delays(10.0, 5.0)
    ),
    "reserve_at_risk": AlarmKind(
        2, "lower the target or end it early (u, c), or free other vehicles; tell the grid operator", Delays(10.0, 5.0)
    ),
    # Most of those that are late confirm when the release is sent to them once more.
    "release_owed": AlarmKind(
        1, "these vehicles may still follow their last setpoint: have them released by hand if it lasts", Delays(on_s=5.0)
    ),
    "telemetry_stale": AlarmKind(2, "check why vehicles stopped reporting; their values are marked ~", Delays(off_s=5.0)),
    "clock_offset": AlarmKind(
        2, "check the time of this machine (NTP): v2 vehicles refuse commands that look late to them", Delays(5.0, 5.0)
    ),
    "certificate_expiring": AlarmKind(2, "renew the certificate named on the link pane"),
    "credentials_not_used": AlarmKind(2, "correct the certificate, key, CA or password file; the link still uses what was there before"),
    "refused_messages": AlarmKind(3, "see the link pane for topics and causes; somebody sends what can't be accepted"),
    "ecowatt_red": AlarmKind(3, "look at the proposal (E): take it into a new dispatch, or dismiss it with a reason"),
    "broker_untuned": AlarmKind(3, "apply deploy/mosquitto/tuning.conf: under load this broker drops acknowledgements"),
}
