"""Requests above the four-eyes limit: held, bounded and for a limited time, until a second person decides."""

import math
import secrets
from dataclasses import dataclass
from typing import Final

import msgspec

from v2g_console.contract.events import ApprovalAsked, ApprovalEnded
from v2g_console.contract.replies import PlanView, Refusal
from v2g_console.contract.requests import Approve, Dispatch, DispatchFields, Operate, Origin, Update
from v2g_console.contract.snapshot import ApprovalView
from v2g_console.domain.units import duration_text, regulation_text
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.refusal import RefusalError

MOST: Final = 16
MOST_OF_ONE: Final = 4
"""Nobody fills the list alone."""
_ROUNDING_KW: Final = 1e-9


@dataclass(slots=True)
class Held:
    """One request that waits. `fields` are those of a new dispatch, None for an update; `plan` is what was shown of it, without rows."""

    view: ApprovalView
    request: Operate | Dispatch | Update
    origin: Origin
    expires_at: float  # monotonic
    fields: DispatchFields | None = None
    plan: PlanView | None = None
    deciding: bool = False


class Approvals:
    """What waits for a second person. Belongs to the engine's loop; a restart forgets it, since nothing old is sent."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._held: dict[str, Held] = {}

    def needed(self, power_kw: float) -> bool:
        """True if one person may not ask for this alone."""
        limit_kw = self._core.settings.access.four_eyes_above_kw
        return limit_kw > 0 and math.isfinite(power_kw) and abs(power_kw) > limit_kw + _ROUNDING_KW

    def needed_to_change(self, running: Running, power_kw: float) -> bool:
        """True if a dispatch may not be given this target by one person. What was approved for it covers less of the same."""
        covered = power_kw * running.approved_kw > 0 and abs(power_kw) <= abs(running.approved_kw) + _ROUNDING_KW
        return self.needed(power_kw) and not covered

    def views(self) -> tuple[ApprovalView, ...]:
        """All that wait, soonest to expire first."""
        return tuple(held.view for held in self._held.values())

    def find(self, approval_id: str) -> Held | None:
        """What waits under this id."""
        return self._held.get(approval_id)

    def hold_dispatch(self, request: Operate | Dispatch, fields: DispatchFields, plan: PlanView, origin: Origin) -> RefusalError:
        """Keep a new dispatch; the refusal that says so. Raises RefusalError if too many wait already."""
        chosen = (*fields.sites, *fields.segments, *fields.vehicles)
        scope = ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")
        view = self._view(request, origin, plan.signal, plan.requested_kw, fields.duration_s)
        view = msgspec.structs.replace(view, start_at=fields.start_at, scope=scope, note=fields.note)
        return self._keep(Held(_with_plan(view, plan), request, origin, self._expires_at(), fields, _without_rows(plan)))

    def hold_update(self, request: Update, running: Running, power_kw: float, origin: Origin) -> RefusalError:
        """Keep a new target; the refusal that says so. Raises RefusalError if too many wait already."""
        view = self._view(request, origin, running.signal.value, power_kw, running.duration_s)
        view = msgspec.structs.replace(
            view, before_kw=running.target_kw, dispatch_id=running.dispatch_id, short_id=running.short_id, note=running.request.note
        )
        return self._keep(Held(view, request, origin, self._expires_at()))

    def take(self, request: Approve, user: str) -> Held:
        """What is approved, marked as being decided until `end` or `give_back`. Raises RefusalError."""
        held = self._known(request.approval_id, user, "approve")
        if held.deciding:
            raise RefusalError(Refusal.WRONG_STATE, f"{request.approval_id} is being decided by somebody else")
        if held.view.revision != request.revision:
            raise self.changed(held, "this approval has a newer revision")
        held.deciding = True
        return held

    def give_back(self, held: Held) -> None:
        """It could not be carried out: it waits on, until its time is over."""
        held.deciding = False

    def still(self, held: Held) -> None:
        """Raises RefusalError if it was taken away while it was being decided (STOP)."""
        if self._held.get(held.view.approval_id) is not held:
            raise RefusalError(Refusal.UNKNOWN_APPROVAL, f"{held.view.approval_id} waits no more", "ask for it again")

    def revise(self, held: Held, *, plan: PlanView | None = None, before_kw: float | None = None) -> None:
        """What it would do has changed: a new revision."""
        view = msgspec.structs.replace(held.view, revision=held.view.revision + 1)
        if plan is not None:
            view, held.plan = _with_plan(view, plan), _without_rows(plan)
        if before_kw is not None:
            view = msgspec.structs.replace(view, before_kw=before_kw)
        held.view = view

    def changed(self, held: Held, message: str) -> RefusalError:
        """The refusal of an approval of something else than what would be done now."""
        hint = "read what it would do now, and decide again"
        return RefusalError(Refusal.PLAN_CHANGED, message, hint, plan=held.plan, approval=held.view)

    def reject(self, approval_id: str, user: str, reason: str) -> None:
        """Drop what somebody else asked. Raises RefusalError."""
        held = self._known(approval_id, user, "reject")
        _refuse_under_way(held)
        self.end(held, "rejected", user, reason=reason[:200])

    def withdraw(self, approval_id: str, user: str) -> bool:
        """Drop what `user` asked; False if nothing waits under this id. Raises RefusalError if somebody else asked it."""
        held = self._held.get(approval_id)
        if held is None:
            return False
        if held.origin.user != user:
            raise RefusalError(Refusal.FORBIDDEN, f"{approval_id} was asked by {held.origin.user}", "a supervisor may reject it")
        _refuse_under_way(held)
        self.end(held, "withdrawn", user)
        return True

    def end(self, held: Held, outcome: str, decided_by: str, *, dispatch_id: str = "", reason: str = "") -> None:
        """It waits no more; told to everybody. Does nothing the second time."""
        if self._held.get(held.view.approval_id) is not held:
            return
        del self._held[held.view.approval_id]
        self._core.emit(
            ApprovalEnded(
                ts=self._core.ts(),
                approval_id=held.view.approval_id,
                outcome=outcome,
                by=held.origin.user,
                decided_by=decided_by,
                dispatch_id=dispatch_id or held.view.dispatch_id,
                reason=reason,
            )
        )

    def expire(self) -> None:
        """Drop what has waited too long, and updates of dispatches that are over."""
        now = self._core.clock.monotonic()
        for held in list(self._held.values()):
            if held.deciding:
                continue
            if now >= held.expires_at:
                self.end(held, "expired", "", reason=f"nobody decided within {duration_text(self._timeout_s)}")
            elif held.view.dispatch_id and held.view.dispatch_id not in self._core.running:
                self.end(held, "expired", "", reason=f"{held.view.short_id} is over")

    def stop(self, user: str) -> None:
        """STOP: what waits is dropped, also what is being decided at this moment."""
        for held in list(self._held.values()):
            self.end(held, "stopped", user)

    def about(self, approval_id: str) -> str:
        """What waits and who asked, for the record; empty if nothing waits under this id."""
        held = self._held.get(approval_id)
        if held is None:
            return ""
        return f"{approval_id} {held.view.request} {held.view.signal} {regulation_text(held.view.power_kw)} asked by {held.origin.user}"

    @property
    def _timeout_s(self) -> float:
        return self._core.settings.access.approval_timeout_s

    def _expires_at(self) -> float:
        return self._core.clock.monotonic() + self._timeout_s

    def _view(self, request: Operate | Dispatch | Update, origin: Origin, signal: str, power_kw: float, duration_s: float) -> ApprovalView:
        now_ms = self._core.utc_ms()
        return ApprovalView(
            approval_id=f"ap-{secrets.token_hex(3)}",
            revision=1,
            request=str(request.__struct_config__.tag),
            by=origin.user,
            way=origin.way,
            asked_ms=now_ms,
            expires_ms=now_ms + int(self._timeout_s * 1000),
            limit_kw=self._core.settings.access.four_eyes_above_kw,
            signal=signal,
            power_kw=power_kw,
            duration_s=duration_s,
        )

    def _keep(self, held: Held) -> RefusalError:
        of_one = sum(other.origin.user == held.origin.user for other in self._held.values())
        if len(self._held) >= MOST or of_one >= MOST_OF_ONE:
            waiting = f"{of_one} requests of {held.origin.user}" if of_one >= MOST_OF_ONE else f"{len(self._held)} requests"
            raise RefusalError(Refusal.BUSY, f"{waiting} wait for approval already", "have them decided first, or cancel one")
        view = held.view
        self._held[view.approval_id] = held
        core = self._core
        core.emit(
            ApprovalAsked(
                ts=core.ts(),
                approval_id=view.approval_id,
                request=view.request,
                by=view.by,
                way=view.way,
                signal=view.signal,
                power_kw=view.power_kw,
                limit_kw=view.limit_kw,
                expires_s=self._timeout_s,
                dispatch_id=view.dispatch_id,
            )
        )
        message = f"{view.approval_id}: {abs(view.power_kw):g} kW is above {view.limit_kw:g} kW and waits for another supervisor"
        hint = f"`v2g-console approve {view.approval_id}` by somebody else within {duration_text(self._timeout_s)}"
        return RefusalError(Refusal.NEEDS_APPROVAL, message, hint, approval=view)

    def _known(self, approval_id: str, user: str, what: str) -> Held:
        held = self._held.get(approval_id)
        if held is None:
            known = ", ".join(self._held) or "none"
            message = f"no request waits as {approval_id[:40]!r}: it was decided, expired or never asked"
            raise RefusalError(Refusal.UNKNOWN_APPROVAL, message, f"waiting now: {known}")
        if held.origin.user == user:
            hint = f"another supervisor decides; cancel {approval_id} takes it back"
            raise RefusalError(Refusal.FORBIDDEN, f"{user} asked this and can't {what} it too", hint)
        return held


def _refuse_under_way(held: Held) -> None:
    """Raises RefusalError for a new target that is being carried out: unlike a new dispatch it can't be taken away any more."""
    if held.deciding and held.fields is None:
        message = f"{held.view.approval_id} is approved and being carried out"
        raise RefusalError(Refusal.WRONG_STATE, message, f"update or cancel {held.view.short_id}")


def _with_plan(view: ApprovalView, plan: PlanView) -> ApprovalView:
    return msgspec.structs.replace(
        view, allocated_kw=plan.allocated_kw, shortfall_kw=plan.shortfall_kw, vehicles=plan.vehicles, preempts=plan.preempts
    )


def _without_rows(plan: PlanView) -> PlanView:
    return msgspec.structs.replace(plan, rows=())
