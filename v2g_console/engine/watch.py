"""What is looked at each second: conditions that raise or clear alarms."""

from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.snapshot import FleetSummary
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.domain.units import counted, grouped
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.owed import Owed
from v2g_console.engine.totals import totals

STALE_SHARE = 0.2
CERTIFICATE_DAYS = 14
SHORTFALL_SHARE = 0.05


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
        self._alarms.set("link_lost", "", down and link.attempt > 0, f"link to {link.broker}: {link.cause_text}")
        days = link.certificate_days
        self._alarms.set(
            "certificate_expiring", "", days is not None and days < CERTIFICATE_DAYS, f"a certificate expires in {days or 0:.0f} days"
        )
        self._alarms.set("broker_untuned", "", link.receive_maximum == 20, "the broker announces Receive Maximum 20, its untuned default")
        late = fleet.stale + fleet.lost
        known = fleet.vehicles - fleet.undescribed
        self._alarms.set(
            "telemetry_stale",
            "",
            not down and known > 0 and late > STALE_SHARE * known,
            f"{grouped(late)} of {grouped(known)} vehicles report late or not at all",
        )
        self._refused(link)
        journal = self._core.journal.state()
        cause = self._core.journal_error or ("" if journal.ok else journal.cause)
        self._alarms.set("journal_failing", "", bool(cause), f"journal: {cause[:120]}")
        owed = len(self._owed)
        self._alarms.set("release_owed", "", owed > 0, f"{counted(owed, 'vehicle has', 'vehicles have')} not confirmed the release")
        self._dispatches()

    def _refused(self, link: LinkHealth) -> None:
        refused, now = sum(link.refused.values()), self._core.clock.monotonic()
        if refused > self._refused_seen:
            self._refused_seen, self._refused_quiet_until = refused, now + 60.0
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(link.refused.items(), key=lambda pair: -pair[1])[:3])
        self._alarms.set("refused_messages", "", now < self._refused_quiet_until, f"messages refused: {causes}")

    def _dispatches(self) -> None:
        seen = set()
        for running in self._core.running.values():
            if running.state is DispatchState.ACTIVE:
                seen.add(running.dispatch_id)
                self._one(running)
        for gone in self._dispatch_causes - seen:
            self._alarms.set("ack_rate_low", gone[:8], False, "")
            self._alarms.set("shortfall", gone[:8], False, "")
        self._dispatch_causes = seen

    def _one(self, running: Running) -> None:
        answered = running.counts[CommandState.ACKED] + running.counts[CommandState.LIMITED]
        share = answered / max(1, len(running))
        cause, limit = running.dispatch_id[:8], self._core.settings.dispatch.min_ack_share
        self._alarms.set(
            "ack_rate_low", cause, share < limit, f"{running.short_id} {running.signal}: {answered} of {len(running)} acknowledged"
        )
        missing_kw = totals(self._core, running).shortfall_kw
        short = missing_kw > max(1.0, SHORTFALL_SHARE * abs(running.target_kw))
        self._alarms.set(
            "shortfall",
            cause,
            short,
            f"{running.short_id} {running.signal}: {grouped(missing_kw)} kW short of {grouped(abs(running.target_kw))} kW",
        )
