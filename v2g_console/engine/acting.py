"""Requests that change what vehicles do: each is carried out on the engine's loop, after the gate has let it through."""

import asyncio
import random

import msgspec
import numpy as np

from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, Refusal, Refused, Result
from v2g_console.contract.stop import StopView
from v2g_console.domain.states import DispatchState
from v2g_console.engine.approvals import Approvals, Held
from v2g_console.engine.core import Core
from v2g_console.engine.deliberate import deliberate
from v2g_console.engine.dispatch import Running
from v2g_console.engine.guard import pass_interlocks
from v2g_console.engine.interlocks import Step
from v2g_console.engine.lifecycle import IntoForce, accepts_partial, begin, live
from v2g_console.engine.override_record import end_overrides
from v2g_console.engine.owed import Owed
from v2g_console.engine.placing import rest_of
from v2g_console.engine.planning import SHORTFALL_KW, Decision
from v2g_console.engine.plans import Plans, changed_materially, plan_view
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.retarget import check_target, retarget, retry_silent, would_move
from v2g_console.engine.rounds import dispatch_record
from v2g_console.engine.stop import Stopping
from v2g_console.engine.tag_refusals import refuse_empty, refuse_unread
from v2g_console.engine.views import dispatch_view


class Acting:
    """What acts. Methods return `(result, dispatch id)` and raise RefusalError; `lives` are the tasks of running dispatches."""

    def __init__(self, core: Core, plans: Plans, owed: Owed, approvals: Approvals, stopping: Stopping) -> None:
        self._core, self._plans, self._owed, self._approvals = core, plans, owed, approvals
        self._stopping = stopping
        self._randomness = random.Random()  # noqa: S311  # order of release only
        self.lives: set[asyncio.Task[None]] = set()

    async def operate(self, request: ask.Operate, origin: ask.Origin) -> tuple[Result, str]:
        """Send an armed plan, decided anew."""
        stored = self._plans.armed(request.plan_id, request.revision)
        decision = await deliberate(self._core, stored.fields)
        stored = self._plans.armed(request.plan_id, request.revision)  # somebody else may have operated it meanwhile
        refuse_start(self._core)
        if changed_materially(self._core, stored.view, decision):
            raise RefusalError(Refusal.PLAN_CHANGED, "the fleet changed since this plan was shown", "read the new plan and arm it again")
        self._refuse_unsendable(decision, stored.fields)
        if self._approvals.needed(decision.target_kw):
            held = self._approvals.hold_dispatch(request, stored.fields, stored.view, origin)
            self._plans.drop(request.plan_id)
            raise held
        self._plans.drop(request.plan_id)
        return self._begin(decision, stored.fields, origin)

    async def replanned(self, request: ask.Operate, origin: ask.Origin, refused: Refused) -> Refused:
        """A refusal with the plan as it would be now, under the same id and a new revision."""
        try:
            decision = await deliberate(self._core, self._plans.armed(request.plan_id, request.revision).fields)
            stored = self._plans.armed(request.plan_id, request.revision)
        except RefusalError:
            return refused
        fresh = self._plans.store(stored.fields, origin.user, decision, plan_id=stored.plan_id, revision=stored.revision + 1)
        return Refused(request=refused.request, reason=refused.reason, message=refused.message, hint=refused.hint, plan=fresh.view)

    async def plan(self, request: ask.Plan | ask.Dispatch, origin: ask.Origin) -> tuple[Result, str]:
        """What a dispatch would do, or a new target of one under way; only the first can be armed."""
        if isinstance(request, ask.Plan) and request.instead_of:
            return await self._plan_update(request), ""
        return self._plans.store(request, origin.user, await deliberate(self._core, request)).view, ""

    async def _plan_update(self, request: ask.Plan) -> PlanView:
        running = self._holding(request.instead_of)
        power_kw = check_target(self._core, running, request.power_kw)
        decision = await deliberate(self._core, rest_of(self._core, running, power_kw), own_slot=running.slot)
        moved = would_move(self._core, running, decision, power_kw)
        return msgspec.structs.replace(plan_view(self._core, decision, "", 0), requested_kw=power_kw, moved=moved, type_to_confirm=False)

    async def dispatch(self, request: ask.Dispatch, origin: ask.Origin) -> tuple[Result, str]:
        """Plan and send in one go; with `dry_run` only plan."""
        if request.dry_run:
            return await self.plan(request, origin)
        decision = await deliberate(self._core, request)
        refuse_start(self._core)
        self._refuse_unsendable(decision, request)
        if self._approvals.needed(decision.target_kw):
            raise self._approvals.hold_dispatch(request, request, plan_view(self._core, decision, "", 1), origin)
        return self._begin(decision, request, origin)

    async def approve(self, request: ask.Approve, origin: ask.Origin) -> tuple[Result, str]:
        """Carry out what was held, if it still is what the second person read; else it is shown anew and waits on."""
        held = self._approvals.take(request, origin.user)
        try:
            if held.fields is None:
                done = await self._approved_update(held, origin.user)
            else:
                done = await self._approved_dispatch(held, held.fields, origin.user)
        finally:
            self._approvals.give_back(held)
        self._approvals.end(held, "approved", origin.user, dispatch_id=done[1])
        return done

    async def _approved_dispatch(self, held: Held, fields: ask.DispatchFields, approved_by: str) -> tuple[Result, str]:
        assert held.plan is not None
        decision = await deliberate(self._core, fields)
        self._approvals.still(held)
        refuse_start(self._core)
        self._refuse_unsendable(decision, fields)
        if changed_materially(self._core, held.plan, decision):
            self._approvals.revise(held, plan=plan_view(self._core, decision, held.plan.plan_id, held.plan.revision + 1))
            raise self._approvals.changed(held, "the fleet changed since this was shown")
        return self._begin(decision, fields, held.origin, approved_by)

    async def _approved_update(self, held: Held, approved_by: str) -> tuple[Result, str]:
        assert isinstance(held.request, ask.Update)
        running, power_kw = self._holding(held.view.dispatch_id), held.view.power_kw
        if running.target_kw != held.view.before_kw:
            self._approvals.revise(held, before_kw=running.target_kw)
            raise self._approvals.changed(held, f"{running.short_id} has another target since this was asked")
        change = running.approvals.begin((running.approved_by, running.approved_kw))
        running.approved_by, running.approved_kw = approved_by, power_kw  # before anything is journalled of it
        try:
            await retarget(self._core, running, power_kw)
        except RefusalError:
            running.approved_by, running.approved_kw = running.approvals.refused(change, (running.approved_by, running.approved_kw))
            raise
        running.approvals.carried_out(change)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def _refuse_unsendable(self, decision: Decision, fields: ask.DispatchFields) -> None:
        """Raises RefusalError for what can't be sent now as it was asked."""
        later = decision.start_utc_s is not None and decision.start_utc_s > self._core.clock.utc()
        pass_interlocks(self._core, Step.SEND, decision.target_kw, later=later)
        refuse_unread(self._core.tags.cautions(self._core.fleet, decision.rows), accepted=fields.accept_cautions)
        if not later:
            refuse_empty(self._core, decision)
            if not accepts_partial(self._core, fields) and decision.allocation.shortfall_kw > SHORTFALL_KW:
                raise RefusalError(
                    Refusal.SHORTFALL,
                    f"{decision.allocation.shortfall_kw:.1f} kW of {abs(decision.target_kw):.1f} kW can't be met",
                    "accept_partial sends it all the same",
                )

    def _begin(self, decision: Decision, fields: ask.DispatchFields, origin: ask.Origin, approved_by: str = "") -> tuple[Result, str]:
        running = begin(self._core, decision, fields, origin, approved_by)
        for row in running.row_list:
            self._owed.forget(row)
        self.enliven(running)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def enliven(self, running: Running, into_force: IntoForce | None = None) -> None:
        """Let a dispatch run its life as a task; `into_force` as for `lifecycle.live`."""
        life = live(self._core, running, self._owed, self._randomness, into_force)
        task = asyncio.create_task(life, name=f"dispatch {running.short_id}")
        self.lives.add(task)
        task.add_done_callback(self.lives.discard)

    async def update(self, request: ask.Update, origin: ask.Origin) -> tuple[Result, str]:
        """Give a running dispatch another target."""
        running = self._holding(request.dispatch_id)
        power_kw = check_target(self._core, running, request.power_kw)
        if self._approvals.needed_to_change(running, power_kw):
            raise self._approvals.hold_update(request, running, power_kw, origin)
        await retarget(self._core, running, power_kw)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    async def retry(self, request: ask.Retry) -> tuple[Result, str]:
        """Ask the silent once more."""
        running = self._holding(request.dispatch_id)
        await retry_silent(self._core, running)
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def _holding(self, name: str) -> Running:
        """A dispatch that may be changed, or RefusalError."""
        running = find(self._core, name)
        if not running.sends:
            raise RefusalError(
                Refusal.WRONG_STATE, f"{running.short_id} is {running.state.value}", "only a dispatch under way can be changed"
            )
        return running

    def cancel(self, request: ask.Cancel, origin: ask.Origin) -> tuple[Result, str]:
        """End a dispatch, or forget a plan, or what waits for approval and was asked by the same person."""
        if self._plans.drop(request.dispatch_id) or self._approvals.withdraw(request.dispatch_id, origin.user):
            return None, ""
        running = find(self._core, request.dispatch_id)
        if not running.end(DispatchState.CANCELLED, f"cancelled by {origin.user}"):
            raise RefusalError(Refusal.WRONG_STATE, f"{running.short_id} is already {running.state.value}")
        self._core.note(dispatch_record(running, self._core.utc_ms()))  # with the answer: a restart must not bring it back
        return dispatch_view(self._core, running, with_trace=False), running.dispatch_id

    def stop(self, request: ask.Stop, origin: ask.Origin) -> StopView:
        """Latch STOP and end every dispatch."""
        view = self._stopping.press(request, origin)
        self._approvals.stop(origin.user)
        self._plans.disarm()
        return view

    def resume(self, origin: ask.Origin) -> tuple[Result, str]:
        """Lift the latch."""
        self._stopping.lift(origin)
        return None, ""

    def reset_trust(self, request: ask.ResetTrust) -> None:
        """Forget the failures of one vehicle, or of all."""
        fleet = self._core.fleet
        if request.vehicle_id is not None and request.vehicle_id not in fleet.row_of:
            raise RefusalError(Refusal.UNKNOWN_VEHICLE, f"no vehicle {request.vehicle_id[:64]!r} in the fleet", "`fleet ls` lists them")
        rows = range(len(fleet)) if request.vehicle_id is None else [fleet.row_of[request.vehicle_id]]
        self._core.standing.reset(np.array(rows, np.intp))
        end_overrides(self._core, np.array(rows, np.intp))


def refuse_start(core: Core) -> None:
    """Raises RefusalError while nothing new may be sent; to be looked at again after anything was awaited."""
    if core.closing:
        raise RefusalError(Refusal.WRONG_STATE, "the engine is ending")
    if core.stop.stopped:
        raise RefusalError(Refusal.STOPPED, f"STOP is latched by {core.stop.by}", "resume first")
    if not core.link_up():
        raise RefusalError(
            Refusal.LINK_DOWN, "no link to the broker: " + (core.link.health().cause_text or "connecting"), "see the link pane"
        )


def find(core: Core, name: str) -> Running:
    """A dispatch by id, short id or unique prefix, or RefusalError."""
    running = core.find(name)
    if running is None:
        if core.fitting(name):
            raise RefusalError(Refusal.UNKNOWN_DISPATCH, f"more than one dispatch begins with {name[:40]!r}", "write more of the id")
        raise RefusalError(Refusal.UNKNOWN_DISPATCH, f"no dispatch {name[:40]!r}", "`v2g-console status` lists those under way")
    return running
