"""Plans waiting to be operated: select before operate, with 10 s between arming and sending."""

import secrets
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import Allocation
from v2g_console.contract.replies import PlanRow, PlanView, Refusal
from v2g_console.contract.requests import Arm, DispatchFields
from v2g_console.contract.tags import TagKind
from v2g_console.domain.reasons import Reason
from v2g_console.domain.units import counted, regulation_text
from v2g_console.domain.vehicle import VehicleColumns
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.core import Core
from v2g_console.engine.guard import pass_interlocks, warnings
from v2g_console.engine.hand_over import losses_kw
from v2g_console.engine.interlocks import Step
from v2g_console.engine.outlook import outlook
from v2g_console.engine.planning import SHORTFALL_KW, Decision, left_out
from v2g_console.engine.refusal import RefusalError
from v2g_console.engine.tag_refusals import refuse_unread

KEPT = 32
ROWS_SHOWN = 200
PLACES_SHOWN = 12
TAGS_SHOWN = 5
MATERIAL_SHARE = 0.02
MATERIAL_KW = 1.0


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A decision that was shown to somebody."""

    plan_id: str
    revision: int
    user: str
    fields: DispatchFields
    view: PlanView
    armed_until: float | None = None  # monotonic


class Plans:
    """The last plans shown, by id. Nothing is reserved by a plan."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._plans: dict[str, StoredPlan] = {}

    def store(self, fields: DispatchFields, user: str, decision: Decision, *, plan_id: str = "", revision: int = 1) -> StoredPlan:
        """Keep a decision as a plan (a new revision, if `plan_id` is given)."""
        plan_id = plan_id or secrets.token_hex(8)
        stored = StoredPlan(plan_id, revision, user, fields, plan_view(self._core, decision, plan_id, revision))
        self._plans[plan_id] = stored
        while len(self._plans) > KEPT:
            del self._plans[next(iter(self._plans))]
        return stored

    def arm(self, request: Arm, user: str) -> StoredPlan:
        """Select a plan: it may be operated within `arm_timeout_s`. Raises RefusalError."""
        plan_id, typed_kw = request.plan_id, request.typed_kw
        stored = self._known(plan_id, request.revision)
        pass_interlocks(self._core, Step.ARM, stored.view.requested_kw, later=self._begins_later(stored))
        accepted = request.accept_cautions or stored.fields.accept_cautions
        refuse_unread(stored.view.cautions, accepted=accepted)
        if stored.view.vehicles == 0:
            raise RefusalError(Refusal.NO_VEHICLES, "no vehicle can take part", "see who is left out and why")
        if stored.view.type_to_confirm and not _typed(typed_kw, stored.view.requested_kw):
            raise RefusalError(Refusal.TYPE_TO_CONFIRM, f"type the power to confirm: {abs(stored.view.requested_kw):g}")
        lapse_s = self._core.settings.dispatch.arm_timeout_s
        armed = replace(
            stored,
            user=user,
            fields=msgspec.structs.replace(stored.fields, accept_cautions=accepted),
            armed_until=self._core.clock.monotonic() + lapse_s,
            view=_with(stored.view, self._core.utc_ms() + int(lapse_s * 1000)),
        )
        self._plans[plan_id] = armed
        return armed

    def armed(self, plan_id: str, revision: int) -> StoredPlan:
        """The armed plan, or a refusal. It stays armed only within its time."""
        stored = self._known(plan_id, revision)
        if stored.armed_until is None:
            raise RefusalError(Refusal.NOT_ARMED, "the plan is not armed", "arm it first")
        if self._core.clock.monotonic() > stored.armed_until:
            self._plans[plan_id] = replace(stored, armed_until=None, view=_with(stored.view, None))
            raise RefusalError(Refusal.ARM_EXPIRED, "the plan was armed too long ago", "arm it again")
        return stored

    def about(self, plan_id: str) -> str:
        """What the journal says of a plan that is armed or sent; "" if it is not known."""
        stored = self._plans.get(plan_id)
        if stored is None:
            return ""
        view = stored.view
        kw = f"{regulation_text(view.allocated_kw)} of {regulation_text(view.requested_kw)} by {view.allocator}"
        return f"plan {plan_id}.{stored.revision}: {view.signal} {kw}, {counted(view.vehicles, 'vehicle', 'vehicles')}"

    def disarm(self) -> None:
        """No plan is armed any more: what was armed before a STOP must be read and armed again."""
        for plan_id, stored in self._plans.items():
            if stored.armed_until is not None:
                self._plans[plan_id] = replace(stored, armed_until=None, view=_with(stored.view, None))

    def drop(self, plan_id: str) -> bool:
        """Forget a plan; True if it was known."""
        return self._plans.pop(plan_id, None) is not None

    def _begins_later(self, stored: StoredPlan) -> bool:
        start_at = stored.fields.start_at
        return start_at is not None and parse_rfc3339(start_at) > self._core.clock.utc()

    def _known(self, plan_id: str, revision: int) -> StoredPlan:
        stored = self._plans.get(plan_id)
        if stored is None:
            raise RefusalError(Refusal.UNKNOWN_PLAN, "this plan is not known any more", "plan again")
        if stored.revision != revision:
            raise RefusalError(Refusal.PLAN_CHANGED, "the plan has a newer revision", "read it and arm it again")
        return stored


def _typed(typed_kw: float | None, requested_kw: float) -> bool:
    """True if the operator typed the size of the request. NaN equals nothing."""
    return typed_kw is not None and abs(abs(typed_kw) - abs(requested_kw)) <= 1e-6


def changed_materially(core: Core, shown: PlanView, decision: Decision) -> bool:
    """True if sending `decision` is not what the operator read.

    That is: the power differs by more than 2 % (at least 1 kW), one vehicle in ten, who loses vehicles to it, or a CAUTION nobody has read.
    """
    if {name for name, _ in shown.preempts} != set(losses_kw(core, decision.rows)):
        return True
    if not set(core.tags.cautions(core.fleet, decision.rows)) <= set(shown.cautions):
        return True
    allocated_kw = decision.allocation.allocated_kw
    tolerance_kw = max(MATERIAL_KW, MATERIAL_SHARE * abs(shown.allocated_kw))
    vehicles = int(np.count_nonzero(decision.used))
    return abs(allocated_kw - shown.allocated_kw) > tolerance_kw or abs(vehicles - shown.vehicles) > max(2, shown.vehicles // 10)


def _with(view: PlanView, armed_until_ms: int | None) -> PlanView:
    return msgspec.structs.replace(view, armed_until_ms=armed_until_ms)


def plan_view(core: Core, decision: Decision, plan_id: str, revision: int) -> PlanView:
    """A decision in the words of the contract."""
    allocation, vehicles, used = decision.allocation, decision.vehicles, decision.used
    eligible = decision.headroom_kw > 0
    taking_part = eligible & np.isin(decision.reason, _LIMITING) | used
    v1 = used & (core.fleet.protocol[: len(vehicles)] < 2)
    before, after = _soc(core, decision)
    rows = decision.rows
    ahead = outlook(core, vehicles.take(rows), allocation.setpoint_kw[rows], vehicles.baseline_kw[rows])
    confirm_kw = core.settings.dispatch.confirm_above_kw
    return PlanView(
        plan_id=plan_id,
        revision=revision,
        signal=decision.signal.value,
        note=decision.product.note,
        requested_kw=decision.target_kw,
        allocated_kw=allocation.allocated_kw,
        shortfall_kw=allocation.shortfall_kw,
        vehicles=int(np.count_nonzero(used)),
        eligible=int(np.count_nonzero(taking_part)),
        considered=len(vehicles),
        up_kw=float(np.sum(decision.capability.up_kw[taking_part])),
        down_kw=float(np.sum(decision.capability.down_kw[taking_part])),
        allocator=decision.allocator,
        duration_s=decision.duration_s,
        sustain_s=decision.tau_s,
        left_out=left_out(decision),
        limits=tuple((reason.name, kw) for reason, kw in allocation.limits),
        places=_places(decision),
        without_lease_kw=float(np.sum(np.abs(allocation.regulation_kw[v1]))),
        without_lease_vehicles=int(np.count_nonzero(v1)),
        soc_before=float(np.mean(before)) if len(before) else None,
        soc_after=float(np.mean(after)) if len(after) else None,
        soc_min_after=float(np.min(after)) if len(after) else None,
        departures_at_risk=int(np.count_nonzero(decision.reason[~used] == Reason.DEPARTURE)),
        holds_s=ahead.holds_s,
        rebound_kw=ahead.rebound_kw,
        preempts=tuple(losses_kw(core, decision.rows).items()),
        warnings=_warnings(core, decision),
        cautions=core.tags.cautions(core.fleet, decision.rows),
        type_to_confirm=bool(confirm_kw) and abs(decision.target_kw) > confirm_kw,
        rows=_rows(core, decision),
    )


_LIMITING = (Reason.NONE, Reason.MIN_POWER, Reason.SITE_LIMIT, Reason.NODE_LIMIT, Reason.RAMP)


def _places(decision: Decision) -> tuple[tuple[str, float], ...]:
    """Nodes and phases that are full, with the headroom in kW that each holds back."""
    allocation = decision.allocation
    if allocation.held_by is None:
        return ()
    held = np.flatnonzero(allocation.held_by >= 0)
    back_kw = np.nan_to_num(decision.headroom_kw[held]) - np.abs(allocation.regulation_kw[held])
    sums: dict[str, float] = {}  # a site with phases has two rows for each, and both mean the same
    for number, kw in enumerate(np.bincount(allocation.held_by[held], np.maximum(back_kw, 0.0), len(allocation.places)).tolist()):
        if kw > SHORTFALL_KW:
            sums[allocation.places[number]] = sums.get(allocation.places[number], 0.0) + kw
    return tuple(sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:PLACES_SHOWN])


def _place(allocation: Allocation, row: int) -> str:
    held_by = -1 if allocation.held_by is None else int(allocation.held_by[row])
    return allocation.places[held_by] if held_by >= 0 else ""


def _soc(core: Core, decision: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SoC of the participants before and after the duration at their setpoints."""
    rows, v = decision.rows, decision.vehicles
    power_kw = decision.allocation.setpoint_kw[rows]
    hours = decision.duration_s / 3600.0
    moved = np.where(power_kw < 0, -power_kw * core.rules.charge_efficiency, -power_kw / core.rules.discharge_efficiency) * hours
    capacity = np.maximum(v.battery_kwh[rows] * (1 - v.degradation[rows]), 1e-9)
    return v.soc[rows], np.clip(v.soc[rows] + moved / capacity, 0.0, 1.0)


def _warnings(core: Core, decision: Decision) -> tuple[str, ...]:
    said = []
    if not core.link_up():
        said.append("link is down: nothing can be sent now")
    if core.stop.stopped:
        said.append("STOP is latched: resume before sending")
    limit_kw = core.settings.access.four_eyes_above_kw
    if limit_kw and abs(decision.target_kw) > limit_kw:
        said.append(f"above {limit_kw:g} kW: another supervisor must approve it before it is sent")
    if decision.product.note:
        said.append(f"{decision.signal}: {decision.product.note}")
    said.extend(tag.words for tag in core.tags.cautions(core.fleet, decision.rows))
    said.extend(_inhibits(core, decision))
    return (*said, *warnings(core, decision.target_kw, later=begins_later(core, decision)))


def _inhibits(core: Core, decision: Decision) -> list[str]:
    """The INHIBIT tags, where they keep vehicles out of this plan."""
    if not (decision.reason[~decision.used] == Reason.TAGGED).any():
        return []
    tags = [tag for tag in core.tags.views() if tag.kind is TagKind.INHIBIT]
    return [tag.words for tag in tags[:TAGS_SHOWN]] + (
        [f"and {len(tags) - TAGS_SHOWN} more INHIBIT tags"] if len(tags) > TAGS_SHOWN else []
    )


def begins_later(core: Core, decision: Decision) -> bool:
    """True if the dispatch is to begin at another time than now."""
    return decision.start_utc_s is not None and decision.start_utc_s > core.clock.utc()


def _rows(core: Core, decision: Decision) -> tuple[PlanRow, ...]:
    """The participants with the most power first, then those left out."""
    order: list[int] = []
    rows = decision.rows
    order.extend(rows[np.argsort(-np.abs(decision.allocation.regulation_kw[rows]), kind="stable")][: ROWS_SHOWN // 2])
    order.extend(np.flatnonzero(~decision.used)[: ROWS_SHOWN - len(order)])
    return tuple(_row(core, decision, decision.vehicles, int(row)) for row in order)


def _row(core: Core, decision: Decision, vehicles: VehicleColumns, row: int) -> PlanRow:
    reason = Reason(int(decision.reason[row]))
    used = bool(decision.used[row])
    baseline_kw = float(vehicles.baseline_kw[row])
    return PlanRow(
        vehicle_id=core.fleet.ids[row],
        site=core.fleet.sites.name(int(vehicles.site[row])),
        soc=float(np.nan_to_num(vehicles.soc[row])),
        baseline_kw=None if np.isnan(baseline_kw) else baseline_kw,
        setpoint_kw=float(decision.allocation.setpoint_kw[row]) if used else None,
        regulation_kw=float(decision.allocation.regulation_kw[row]),
        up_kw=float(np.nan_to_num(decision.capability.up_kw[row])),
        down_kw=float(np.nan_to_num(decision.capability.down_kw[row])),
        score=float(decision.allocation.score[row]),
        reason="" if reason is Reason.NONE else reason.name,
        place=_place(decision.allocation, row),
        parts={name: round(float(column[row]), 4) for name, column in decision.allocation.parts.items()},
    )
