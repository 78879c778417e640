"""What is looked at each second: conditions that raise or clear alarms."""

from dataclasses import dataclass

import numpy as np

from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.contract.snapshot import FleetSummary
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.domain.units import counted, duration_text, grouped
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.by_vehicle import command_counts, vehicles_of
from v2g_console.engine.clock_skew import clock_skew
from v2g_console.engine.core import Core
from v2g_console.engine.delivery import delivery_of
from v2g_console.engine.dispatch import Running
from v2g_console.engine.owed import Owed
from v2g_console.engine.reserve import sustainable_kw
from v2g_console.engine.totals import totals

STALE_SHARE = 0.2
SHORTFALL_SHARE = 0.05
NOT_DELIVERED_SHARE = 0.1
"""As much as one vehicle may be off before it counts as not following (`expected`)."""
AT_RISK_SHARE = 0.01
"""Less than for a shortfall: this one comes before it."""
RESERVE_LOOK_S = 5.0
"""How often the reserve of a dispatch is looked at: it goes over the fleet."""
_TAKEN_AWAY = (CommandState.RELEASED, CommandState.SUPERSEDED)  # by a tag or by another dispatch: no answer of theirs is missing
_ANSWER_DUE = (CommandState.QUEUED, CommandState.PUBLISHED)
_OF_A_DISPATCH = ("ack_rate_low", "shortfall", "not_delivered", "reserve_at_risk")
CLEARS_AT = 0.8
"""A limit is taken times this while its alarm is active."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a dispatch can hold to its end, in kW: now, and the most since it has this target. `look_at`: monotonic, next look."""

    target_kw: float
    now_kw: float
    most_kw: float
    look_at: float


class Watch:
    """Conditions over link, fleet and dispatches."""

    def __init__(self, core: Core, alarms: Alarms, owed: Owed) -> None:
        self._core, self._alarms, self._owed = core, alarms, owed
        self._refused_seen = 0
        self._refused_quiet_until = 0.0
        self._dispatch_causes: set[str] = set()
        self._reserves: dict[str, Reserve] = {}

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
        most_s = self._core.settings.telemetry.max_clock_offset_s * self._band("clock_offset")
        skew = clock_skew(self._core.fleet, most_s)
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
            self._reserves.pop(gone, None)
            for kind in _OF_A_DISPATCH:
                self._alarms.end(kind, gone[:8])
        self._dispatch_causes = seen

    def _one(self, running: Running) -> None:
        waiting = np.isin(running.command_state, _ANSWER_DUE)  # they may still answer in time: no alarm for what is under way
        counts = command_counts(running)
        answered = counts[CommandState.ACKED] + counts[CommandState.LIMITED]
        asked = vehicles_of(running) - sum(counts[state] for state in _TAKEN_AWAY)
        following = answered + int(np.count_nonzero(waiting))
        share = following / asked if asked else 1.0
        cause, limit = running.dispatch_id[:8], self._core.settings.dispatch.min_ack_share
        told = f"{running.short_id} {running.signal}: {answered} of {asked} acknowledged"
        self._alarms.set("ack_rate_low", cause, share < limit, told, running.dispatch_id)
        ahead_kw = running.target_kw - running.commanded_kw  # what the course has not asked for yet is not missing
        ahead_kw += float(np.sum((running.setpoint_kw - running.baseline_kw)[waiting]))
        missing_kw = totals(self._core, running).shortfall_kw - (ahead_kw if running.target_kw >= 0 else -ahead_kw)
        short = missing_kw > max(1.0, SHORTFALL_SHARE * abs(running.target_kw)) * self._band("shortfall", cause)
        self._alarms.set(
            "shortfall",
            cause,
            short,
            f"{running.short_id} {running.signal}: {'no vehicle is left under it, ' if not following else ''}"
            f"{grouped(missing_kw)} kW short of {grouped(abs(running.target_kw))} kW",
            running.dispatch_id,
        )
        self._delivery(running, cause)
        self._reserve(running, cause)

    def _delivery(self, running: Running, cause: str) -> None:
        found = delivery_of(self._core, running)
        most_kw = max(1.0, NOT_DELIVERED_SHARE * abs(found.acknowledged_kw)) * self._band("not_delivered", cause)
        self._alarms.set(
            "not_delivered",
            cause,
            found.lacking_kw > most_kw,
            f"{running.short_id} {running.signal}: {grouped(found.acknowledged_kw)} kW acknowledged, {grouped(found.measured_kw)} kW "
            f"measured, on {counted(found.told, 'vehicle', 'vehicles')} that can be told, of {grouped(found.answered)} that answered",
            running.dispatch_id,
        )

    def _reserve(self, running: Running, cause: str) -> None:
        now, before = self._core.clock.monotonic(), self._reserves.get(running.dispatch_id)
        if before is None or before.target_kw != running.target_kw or now >= before.look_at:
            kept = before.most_kw if before is not None and before.target_kw == running.target_kw else 0.0
            kw = sustainable_kw(self._core, running, now)
            before = self._reserves[running.dispatch_id] = Reserve(running.target_kw, kw, max(kept, kw), now + RESERVE_LOOK_S)
        missing_kw = before.most_kw - before.now_kw  # what it never had is a shortfall, and no risk
        left = "" if running.ends_at is None else f" for the {duration_text(max(0.0, running.ends_at - now))} that are left"
        self._alarms.set(
            "reserve_at_risk",
            cause,
            missing_kw > max(1.0, AT_RISK_SHARE * abs(running.target_kw)) * self._band("reserve_at_risk", cause),
            f"{running.short_id} {running.signal}: vehicles can hold {grouped(before.now_kw)} kW of "
            f"{grouped(abs(running.target_kw))} kW{left}",
            running.dispatch_id,
        )


def _certificate_text(link: LinkHealth) -> str:
    """Whose certificate ends first, and when."""
    days = link.certificate_days or 0.0
    whose = "our client certificate" if days == link.client_certificate_days else "the broker's certificate"
    return f"{whose} has expired" if days <= 0 else f"{whose} expires in {days:.1f} days"
