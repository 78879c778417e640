"""The one gate: every request, whatever way it came, is checked, authorised, audited and carried out here."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import assert_never

import numpy as np

from v2g_console.contract import requests as ask
from v2g_console.contract.events import RequestAccepted, RequestRefused
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply, Result, StatusView, StopView
from v2g_console.domain.states import DispatchState
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.headroom import Headroom
from v2g_console.engine.lifecycle import accepts_partial, begin, left_out, live
from v2g_console.engine.owed import Owed
from v2g_console.engine.planning import SHORTFALL_KW, Decision, decide
from v2g_console.engine.plans import Plans, changed_materially
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.retarget import retarget, retry_silent
from v2g_console.engine.snapshots import Snapshots
from v2g_console.engine.views import dispatch_detail, dispatch_view, fleet_page, vehicle_view
from v2g_console.journal.port import JournalError, RequestRecord

log = logging.getLogger(__name__)

_QUERIES = (ask.Fleet, ask.Status, ask.DispatchDetail, ask.Plan)


class Gate:
    """Carries out requests on the engine's loop."""

    def __init__(self, core: Core, plans: Plans, owed: Owed, alarms: Alarms, headroom: Headroom, snapshots: Snapshots) -> None:
        self._core, self._plans, self._owed = core, plans, owed
        self._alarms, self._headroom, self._snapshots = alarms, headroom, snapshots
        self._randomness = random.Random()  # noqa: S311  # order of release only
        self.lives: set[asyncio.Task[None]] = set()

    async def request(self, request: ask.Request, origin: ask.Origin) -> Reply:
        """Answer a request; a refusal is an answer. Unexpected errors are logged and refused as INTERNAL."""
        name = request.__struct_config__.tag
        assert isinstance(name, str)
        try:
            self._authorise(request)
            result, dispatch_id = await self._carry_out(request, origin)
        except RefusalError as error:
            reply = error.reply(name)
            if isinstance(request, ask.Operate) and error.reason is Refusal.PLAN_CHANGED:
                reply = self._replanned(request, origin, reply)
            await self._audit(request, origin, name, reply.reason.value, reply.message)
            self._tell_refused(request, origin, name, reply)
            return reply
        except Exception:
            log.exception("request %s failed", name)
            reply = Refused(request=name, reason=Refusal.INTERNAL, message="internal error, see the log")
            await self._audit(request, origin, name, reply.reason.value, reply.message)
            self._tell_refused(request, origin, name, reply)
            return reply
        if not isinstance(request, _QUERIES) and not (isinstance(request, ask.Dispatch) and request.dry_run):
            core = self._core
            audited = await self._audit(request, origin, name, "accepted", dispatch_id)
            begun = core.running.get(dispatch_id) if isinstance(request, ask.Dispatch | ask.Operate) else None
            if not audited and begun is not None:
                begun.end(DispatchState.FAILED, "the journal did not take the request")
                reply = Refused(request=name, reason=Refusal.JOURNAL, message=f"the journal did not take it: {core.journal_error}")
                self._tell_refused(request, origin, name, reply)
                return reply
            core.emit(
                RequestAccepted(ts=core.ts(), request=name, by=origin.user, way=origin.way, detail=origin.detail, dispatch_id=dispatch_id)
            )
        return Accepted(request=name, result=result, dispatch_id=dispatch_id)

    def _authorise(self, request: ask.Request) -> None:
        core = self._core
        if isinstance(request, _QUERIES):
            return
        if core.read_only:
            raise RefusalError(Refusal.READ_ONLY, "this engine runs read-only", "start it without --read-only to act")
        starts = isinstance(request, ask.Operate | ask.Dispatch | ask.Update | ask.Retry | ask.Arm)
        if starts and not (isinstance(request, ask.Dispatch) and request.dry_run):
            if core.closing:
                raise RefusalError(Refusal.WRONG_STATE, "the engine is ending")
            if core.stop.stopped:
                raise RefusalError(Refusal.STOPPED, f"STOP is latched by {core.stop.by}", "resume first")
            if not core.link_up():
                raise RefusalError(
                    Refusal.LINK_DOWN, "no link to the broker: " + (core.link.health().cause_text or "connecting"), "see the link pane"
                )

    async def _carry_out(self, request: ask.Request, origin: ask.Origin) -> tuple[Result, str]:
        """`(result, dispatch id)`; raises RefusalError."""
        match request:
            case ask.Plan():
                return self._plans.store(request, origin.user, decide(self._core, request)).view, ""
            case ask.Arm():
                return self._plans.arm(request.plan_id, request.revision, origin.user, request.typed_kw).view, ""
            case ask.Operate():
                return self._operate(request, origin)
            case ask.Dispatch():
                return self._dispatch(request, origin)
            case ask.Update():
                return await self._on_holding(request.dispatch_id, lambda one: retarget(self._core, one, request.power_kw))
            case ask.Retry():
                return await self._on_holding(request.dispatch_id, lambda one: retry_silent(self._core, one))
            case ask.Cancel():
                return self._cancel(request, origin)
            case ask.Stop():
                return self._stop(request, origin), ""
            case ask.Resume():
                return self._resume()
            case ask.Fleet():
                return self._fleet(request), ""
            case ask.Status():
                return self._status(), ""
            case ask.DispatchDetail():
                running = self._find(request.dispatch_id)
                return dispatch_detail(self._core, running, request.limit), running.dispatch_id
            case ask.ResetTrust():
                self._reset_trust(request)
                return None, ""
            case ask.AckAlarm():
                if not self._alarms.acknowledge(request.alarm_id):
                    raise RefusalError(Refusal.INVALID, "no such alarm")
                return None, ""
        assert_never(request)

    def _operate(self, request: ask.Operate, origin: ask.Origin) -> tuple[Result, str]:
        stored = self._plans.armed(request.plan_id, request.revision)
        decision = decide(self._core, stored.fields)
        if changed_materially(self._core, stored.view, decision):
            raise RefusalError(Refusal.PLAN_CHANGED, "the fleet changed since this plan was shown", "read the new plan and arm it again")
        self._plans.drop(request.plan_id)
        return self._begin(decision, stored.fields, origin)

    def _replanned(self, request: ask.Operate, origin: ask.Origin, refused: Refused) -> Refused:
        """A refusal with the plan as it would be now, under the same id and a new revision."""
        try:
            stored = self._plans.armed(request.plan_id, request.revision)
            decision = decide(self._core, stored.fields)
        except RefusalError:
            return refused
        fresh = self._plans.store(stored.fields, origin.user, decision, plan_id=stored.plan_id, revision=stored.revision + 1)
        return Refused(request=refused.request, reason=refused.reason, message=refused.message, hint=refused.hint, plan=fresh.view)

    def _dispatch(self, request: ask.Dispatch, origin: ask.Origin) -> tuple[Result, str]:
        decision = decide(self._core, request)
        if request.dry_run:
            return self._plans.store(request, origin.user, decision).view, ""
        return self._begin(decision, request, origin)

    def _begin(self, decision: Decision, fields: ask.DispatchFields, origin: ask.Origin) -> tuple[Result, str]:
        later = decision.start_utc_s is not None and decision.start_utc_s > self._core.clock.utc()
        if not later:
            _refuse_empty(decision)
            if not accepts_partial(self._core, fields) and decision.allocation.shortfall_kw > SHORTFALL_KW:
                raise RefusalError(
                    Refusal.SHORTFALL,
                    f"{decision.allocation.shortfall_kw:.1f} kW of {abs(decision.target_kw):.1f} kW can't be met",
                    "accept_partial sends it all the same",
                )
        running = begin(self._core, decision, fields, origin)
        for row in running.row_list:
            self._owed.forget(row)
        task = asyncio.create_task(live(self._core, running, self._owed, self._randomness), name=f"dispatch {running.short_id}")
        self.lives.add(task)
        task.add_done_callback(self.lives.discard)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    async def _on_holding(self, name: str, act: Callable[[Running], Awaitable[None]]) -> tuple[Result, str]:
        running = self._find(name)
        if not running.sends:
            raise RefusalError(
                Refusal.WRONG_STATE, f"{running.short_id} is {running.state.value}", "only a dispatch under way can be changed"
            )
        await act(running)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def _cancel(self, request: ask.Cancel, origin: ask.Origin) -> tuple[Result, str]:
        if self._plans.drop(request.dispatch_id):
            return None, ""
        running = self._find(request.dispatch_id)
        if not running.end(DispatchState.CANCELLED, f"cancelled by {origin.user}"):
            raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id} is already {running.state.value}")
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def _stop(self, request: ask.Stop, origin: ask.Origin) -> StopView:
        latch = self._core.stop
        if not latch.stopped:
            latch.stopped, latch.by, latch.at_ms = True, origin.user, self._core.utc_ms()
        reason = f"STOP by {origin.user}" + (f": {request.reason[:80]}" if request.reason else "")
        stopped = [one for one in self._core.running.values() if one.end(DispatchState.STOPPED, reason)]
        return StopView(dispatches=len(stopped), vehicles=sum(one.commanded for one in stopped))

    def _resume(self) -> tuple[Result, str]:
        latch = self._core.stop
        if not latch.stopped:
            raise RefusalError(Refusal.WRONG_STATE, "STOP is not latched")
        latch.stopped, latch.by, latch.at_ms = False, "", None
        return None, ""

    def _fleet(self, request: ask.Fleet) -> Result:
        if request.vehicle_id is None:
            return fleet_page(self._core, request, self._headroom.compute(len(self._owed)))
        row = self._core.fleet.row_of.get(request.vehicle_id)
        if row is None:
            raise RefusalError(Refusal.UNKNOWN_VEHICLE, f"no vehicle {request.vehicle_id[:64]!r} in the fleet", "`fleet ls` lists them")
        return vehicle_view(self._core, row)

    def _reset_trust(self, request: ask.ResetTrust) -> None:
        fleet = self._core.fleet
        if request.vehicle_id is not None and request.vehicle_id not in fleet.row_of:
            raise RefusalError(Refusal.UNKNOWN_VEHICLE, f"no vehicle {request.vehicle_id[:64]!r} in the fleet", "`fleet ls` lists them")
        rows = range(len(fleet)) if request.vehicle_id is None else [fleet.row_of[request.vehicle_id]]
        self._core.standing.reset(np.array(rows, np.intp))

    def _status(self) -> StatusView:
        shown = self._snapshots.newest()
        return StatusView(
            engine=shown.engine, link=self._core.link.health(), fleet=self._headroom.compute(len(self._owed)), dispatches=shown.dispatches
        )

    def _find(self, name: str) -> Running:
        running = self._core.find(name)
        if running is None:
            raise RefusalError(Refusal.UNKNOWN_DISPATCH, f"no dispatch {name[:40]!r}, or more than one", "use the whole id")
        return running

    async def _audit(self, request: ask.Request, origin: ask.Origin, name: str, outcome: str, detail: str) -> bool:
        """Journal an attempt; False if the journal did not take it."""
        record = RequestRecord(self._core.utc_ms(), origin.user, origin.way, name, outcome, detail)
        try:
            await self._core.commit_request(record)
        except JournalError:
            log.error("journal did not take request %s by %s: %s", name, origin.user, outcome)
            return False
        return True

    def _tell_refused(self, request: ask.Request, origin: ask.Origin, name: str, reply: Refused) -> None:
        core = self._core
        line = int(origin.detail) if origin.way == "commands" and origin.detail.isdecimal() else None
        core.emit(
            RequestRefused(
                ts=core.ts(),
                request=name,
                by=origin.user,
                way=origin.way,
                reason=reply.reason.value,
                message=reply.message,
                hint=reply.hint,
                line=line,
            )
        )


def _refuse_empty(decision: Decision) -> None:
    if decision.used.any():
        return
    why = ", ".join(f"{count} {name}" for name, count in list(left_out(decision).items())[:4]) or "the fleet is empty"
    raise RefusalError(Refusal.NO_VEHICLES, f"no vehicle can take part: {why}", "see the fleet, or change signal, sign or scope")
