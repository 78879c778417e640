"""EcoWatt: keeps the forecast it is fed, proposes a dispatch for red hours, and remembers what became of each proposal.

A proposal never sends anything. It is accepted by a dispatch that bears its reference, planned, armed and sent like any other.
"""

import logging
from typing import Final

import numpy as np

from v2g_console.contract import requests as ask
from v2g_console.contract.ecowatt import LONGEST_REASON_CHARS, EcowattDay, EcowattView, Outcome, ProposalView
from v2g_console.contract.events import EcowattDecided, EcowattForecast, EcowattProposed
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import DispatchState
from v2g_console.domain.text import visible
from v2g_console.domain.vehicle import Quality
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.fleet import CHARGING_BELOW_KW
from v2g_console.engine.red_hours import RedHours, checked_days, day_ends_ms, red_hours, require_zone
from v2g_console.engine.refusal import RefusalError
from v2g_console.journal.holds import Holds

log = logging.getLogger(__name__)

ALARM: Final = "ecowatt_red"
_STEP_KW: Final = 5.0
"""What is suggested is a whole number of these, and never more than there is."""


class Ecowatt:
    """The forecast of one engine. Methods that answer requests raise RefusalError."""

    def __init__(self, core: Core, alarms: Alarms, holds: Holds) -> None:
        self._core, self._alarms = core, alarms
        self._forecast = holds.forecast
        self._decided = {one.proposal_id: one for one in holds.decided}
        self._red = () if self._forecast is None else self._red_hours(self._forecast.signals)
        self._proposed = {one.proposal_id for one in self._red}
        self._suggested_kw = 0.0

    @staticmethod
    def _red_hours(days: tuple[EcowattDay, ...]) -> tuple[RedHours, ...]:
        """Of a forecast from before the restart; none, and no engine that can't start, where this machine lost the zone since."""
        try:
            require_zone()
        except RefusalError as error:
            log.error("the EcoWatt forecast is not used: %s", error.message)
            return ()
        return red_hours(days)

    def feed(self, request: ask.EcowattFeed, origin: ask.Origin) -> EcowattView:
        """Take a forecast; days that it does not name stay as they are."""
        require_zone()
        core, days = self._core, checked_days(request.signals, self._core.clock.utc())
        kept = {} if self._forecast is None else {day.jour: day for day in self._forecast.signals if day_ends_ms(day) > core.utc_ms()}
        merged = kept | {day.jour: day for day in days}
        self._use(tuple(merged[jour] for jour in sorted(merged)), origin)
        return self.view()

    def _use(self, days: tuple[EcowattDay, ...], origin: ask.Origin) -> None:
        core, before = self._core, {one.proposal_id for one in self._red}
        self._forecast = EcowattForecast(ts=core.ts(), by=origin.user, way=origin.way, received_ms=core.utc_ms(), signals=days)
        self._red = red_hours(days)
        core.emit(self._forecast)
        gone = before - {one.proposal_id for one in self._red}
        for proposal_id in gone:
            self._alarms.end(ALARM, proposal_id)
        self._proposed -= gone  # if its hours come back it is told again
        self.look()

    def dismiss(self, request: ask.EcowattDismiss, origin: ask.Origin) -> EcowattView:
        """Nothing is to be done about these hours, and why."""
        reason, waiting = visible(request.reason.strip()), {one.proposal_id: one for one in self._coming()}
        if request.proposal_id not in waiting:
            named = ", ".join(one.proposal_id for one in self.waiting()) or "none waits"
            raise RefusalError(Refusal.INVALID, f"no proposal {visible(request.proposal_id[:40])!r}", f"known: {named}")
        known = self._decision(waiting[request.proposal_id])
        if known is not None:
            raise RefusalError(Refusal.WRONG_STATE, f"{known.proposal_id} was {known.outcome.value} by {known.by}")
        if not reason or len(reason) > LONGEST_REASON_CHARS:
            raise RefusalError(Refusal.INVALID, f"to dismiss needs a reason of 1 to {LONGEST_REASON_CHARS} characters")
        self._decide(waiting[request.proposal_id], Outcome.DISMISSED, origin.user, reason=reason)
        return self.view()

    def look(self) -> None:
        """To be called about once a second: what could be reduced now, proposals that were accepted, alarms of those that wait."""
        self._suggested_kw = self._reducible_kw()
        answers = {one.request.external_ref: one for one in (*self._core.past, *self._core.running.values()) if _answers(one)}
        for red in self._red:
            answer = answers.get(self._view(red).reference)
            waits = red.ends_ms > self._core.utc_ms() and self._decision(red) is None
            if waits and answer is not None:
                self._decide(red, Outcome.ACCEPTED, answer.origin.user, dispatch_id=answer.dispatch_id)
            elif waits:
                self._propose(red)
            else:
                self._alarms.end(ALARM, red.proposal_id)

    def waiting(self) -> tuple[ProposalView, ...]:
        """Those that nobody has decided, soonest first."""
        return tuple(self._view(one) for one in self._coming() if self._decision(one) is None)

    def view(self) -> EcowattView:
        """The forecast, and every proposal whose hours are not over."""
        if self._forecast is None:
            return EcowattView()
        told = self._forecast
        return EcowattView(
            received_ms=told.received_ms, by=told.by, signals=told.signals, proposals=tuple(self._view(one) for one in self._coming())
        )

    def _decision(self, red: RedHours) -> EcowattDecided | None:
        """What became of it; the same hours of another year have the same id."""
        known = self._decided.get(red.proposal_id)
        return known if known is not None and known.ends_ms == red.ends_ms else None

    def _coming(self) -> list[RedHours]:
        return [one for one in self._red if one.ends_ms > self._core.utc_ms()]

    def _propose(self, red: RedHours) -> None:
        core, view = self._core, self._view(red)
        self._alarms.set(ALARM, red.proposal_id, True, f"EcoWatt red {view.span}: a proposal waits")
        if red.proposal_id not in self._proposed:
            self._proposed.add(red.proposal_id)
            core.emit(
                EcowattProposed(
                    ts=core.ts(),
                    proposal_id=red.proposal_id,
                    begins_ms=red.begins_ms,
                    ends_ms=red.ends_ms,
                    suggested_kw=self._suggested_kw,
                    reference=view.reference,
                )
            )

    def _decide(self, red: RedHours, outcome: Outcome, by: str, *, reason: str = "", dispatch_id: str = "") -> None:
        core = self._core
        decided = EcowattDecided(
            ts=core.ts(), proposal_id=red.proposal_id, outcome=outcome, by=by, reason=reason, dispatch_id=dispatch_id, ends_ms=red.ends_ms
        )
        self._decided = {name: one for name, one in self._decided.items() if one.ends_ms > core.utc_ms()} | {red.proposal_id: decided}
        core.emit(decided)
        self._alarms.answered(ALARM, red.proposal_id, by)

    def _view(self, red: RedHours) -> ProposalView:
        decided = self._decision(red)
        return ProposalView(
            proposal_id=red.proposal_id,
            begins_ms=red.begins_ms,
            ends_ms=red.ends_ms,
            suggested_kw=self._suggested_kw,
            outcome=Outcome.WAITS if decided is None else decided.outcome,
            by="" if decided is None else decided.by,
            reason="" if decided is None else decided.reason,
            dispatch_id="" if decided is None else decided.dispatch_id,
        )

    def _reducible_kw(self) -> float:
        """What free vehicles without priority draw now, by fresh reports, in whole steps."""
        fleet, n = self._core.fleet, len(self._core.fleet)
        power_kw = np.nan_to_num(fleet.power_kw[:n])
        counted = (fleet.quality[:n] == Quality.FRESH) & fleet.available[:n] & ~fleet.priority[:n] & (fleet.owner[:n] < 0)
        drawn_kw = -float(np.sum(power_kw[counted & (power_kw < CHARGING_BELOW_KW) & ~self._core.tags.inhibited(fleet)]))
        return drawn_kw // _STEP_KW * _STEP_KW


def _answers(one: Running) -> bool:
    """Whether a dispatch may answer a proposal: no test, and none that failed or never began."""
    nothing = (DispatchState.FAILED, DispatchState.EXPIRED)
    return bool(one.request.external_ref) and not one.request.test and one.state not in nothing and one.outcome not in nothing
