"""What is looked at each second: conditions that raise or clear alarms."""

import numpy as np

from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.contract.snapshot import FleetSummary
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.domain.units import counted, grouped
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.clock_skew import clock_skew
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.owed import Owed
from v2g_console.engine.totals import totals

STALE_SHARE = 0.2
SHORTFALL_SHARE = 0.05
_TAKEN_AWAY = (CommandState.RELEASED, CommandState.SUPERSEDED)  # by a tag or by another dispatch: no answer of theirs is missing
_ANSWER_DUE = (CommandState.QUEUED, CommandState.PUBLISHED)
CLEARS_AT = 0.8
"""A limit is taken times this while its alarm is active."""


class Watch:
    """Conditions over link, fleet and dispatches."""

    def __init__(self, core: Core, alarms: Alarms, owed: Owed) -> None:
        self._core, self._alarms, self._owed = core, alarms, owed
        self._refused_seen = 0
        self._refused_quiet_until = 0.0
        self._dispatch_causes: set[str] = set()

    def look(self, link: LinkHealth, fleet: FleetSummary) -> None:
        """Once a second."""
        down = link.state not in (LinkState.UP, LinkState.SUSPECT)
        # Without a cause nothing has failed yet: this is the first attempt, under way.
        failed = down and link.attempt > 0 and link.cause is not LinkCause.NONE
        self._alarms.set("link_lost", "", failed, f"link to {link.broker}: {link.cause_text}")
        days = link.certificate_days
        self._alarms.set("certificate_expiring", "", days is not None and days < link.certificate_warn_days, _certificate_text(link))
        self._alarms.set("credentials_not_used", "", bool(link.credentials_fault), link.credentials_fault[:200])
        self._alarms.set("broker_untuned", "", link.receive_maximum == 20, "the broker announces Receive Maximum 20, its untuned default")
        late = fleet.stale + fleet.lost
        known = fleet.vehicles - fleet.undescribed
        self._alarms.set(
            "telemetry_stale",
            "",
            not down and known > 0 and late > STALE_SHARE * known * self._band("telemetry_stale"),
            f"{grouped(late)} of {grouped(known)} vehicles report late or not at all",
        )
        self._clock()
        self._refused(link)
        journal = self._core.journal.state()
        if journal.ok and self._core.clock.monotonic() >= self._core.journal_again_at:
            self._core.journal_error = ""  # what was refused then is refused; it takes records again
        cause = self._core.journal_error or ("" if journal.ok else journal.cause)
        self._alarms.set("journal_failing", "", bool(cause), f"journal: {cause[:120]}")
        owed = len(self._owed)
        self._alarms.set("release_owed", "", owed > 0, f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed the release")
        self._dispatches()

    def _clock(self) -> None:
        skew = clock_skew(self._core.fleet, self._core.settings.telemetry.max_clock_offset_s)
        ahead = f"{abs(skew.fleet_ahead_s):.0f} s {'ahead of' if skew.fleet_ahead_s > 0 else 'behind'} ours" if skew.ours else ""
        self._alarms.set("clock_offset", "", skew.ours, f"the fleet's clocks are {ahead}: ours is probably wrong")

    def _refused(self, link: LinkHealth) -> None:
        refused, now = sum(link.refused.values()), self._core.clock.monotonic()
        if refused > self._refused_seen:
            self._refused_seen, self._refused_quiet_until = refused, now + 60.0
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(link.refused.items(), key=lambda pair: -pair[1])[:3])
        self._alarms.set("refused_messages", "", now < self._refused_quiet_until, f"messages refused: {causes}")

    def _band(self, kind: str, cause: str = "") -> float:
        """The dead-band: what has raised an alarm must get clearly better before it clears."""
        return CLEARS_AT if self._alarms.is_active(kind, cause) else 1.0

    def _dispatches(self) -> None:
        seen = set()
        for running in self._core.running.values():
            if running.state is DispatchState.ACTIVE:
                seen.add(running.dispatch_id)
                self._one(running)
        for gone in self._dispatch_causes - seen:
            self._alarms.end("ack_rate_low", gone[:8])
            self._alarms.end("shortfall", gone[:8])
        self._dispatch_causes = seen

    def _one(self, running: Running) -> None:
        waiting = np.isin(running.command_state, _ANSWER_DUE)  # they may still answer in time: no alarm for what is under way
        answered = running.counts[CommandState.ACKED] + running.counts[CommandState.LIMITED]
        asked = len(running) - sum(running.counts[state] for state in _TAKEN_AWAY)
        share = (answered + int(np.count_nonzero(waiting))) / asked if asked else 1.0
        cause, limit = running.dispatch_id[:8], self._core.settings.dispatch.min_ack_share
        self._alarms.set("ack_rate_low", cause, share < limit, f"{running.short_id} {running.signal}: {answered} of {asked} acknowledged")
        ahead_kw = running.target_kw - running.commanded_kw  # what the course has not asked for yet is not missing
        ahead_kw += float(np.sum((running.setpoint_kw - running.baseline_kw)[waiting]))
        missing_kw = totals(self._core, running).shortfall_kw - (ahead_kw if running.target_kw >= 0 else -ahead_kw)
        short = missing_kw > max(1.0, SHORTFALL_SHARE * abs(running.target_kw)) * self._band("shortfall", cause)
        self._alarms.set(
            "shortfall",
            cause,
            short,
            f"{running.short_id} {running.signal}: {grouped(missing_kw)} kW short of {grouped(abs(running.target_kw))} kW",
        )


def _certificate_text(link: LinkHealth) -> str:
    """Whose certificate ends first, and when."""
    days = link.certificate_days or 0.0
    whose = "our client certificate" if days == link.client_certificate_days else "the broker's certificate"
    return f"{whose} has expired" if days <= 0 else f"{whose} expires in {days:.1f} days"
