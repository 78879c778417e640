"""What a recording can answer: what its picture shows, and no more. Everything that acts is refused."""

import math
from typing import Final

import numpy as np

from v2g_console.attach.columns import Column
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.replies import (
    Accepted,
    CommandRow,
    DispatchDetailView,
    FleetPage,
    FleetRow,
    IdentityView,
    Refusal,
    Refused,
    Reply,
    Result,
    StatusView,
    VehicleView,
)
from v2g_console.contract.requests import (
    DispatchDetail,
    Fleet,
    Handover,
    Identity,
    Journal,
    JournalEntry,
    Request,
    Status,
    StopList,
    Tags,
)
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, TAG_MARKS, DispatchView, FleetColumns, Snapshot
from v2g_console.contract.stop import StopView
from v2g_console.contract.tags import TagKind, TagScope, TagsView, TagView
from v2g_console.domain.reasons import EXPLANATION, Reason
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.domain.vehicle import Quality

REPLAY_TEXT: Final = "this is a recording: nothing can be sent, and nothing is planned"
NOT_RECORDED: Final = "not in the recording"
_LATEST_MS: Final = 253_402_300_799_000
_TAG_NAMES: Final = {"": "", "c": TagKind.CAUTION.value, "X": TagKind.INHIBIT.value}
_WORST_FIRST: Final = {name: rank for rank, name in enumerate(("owed", "rejected", "silent", "lost", "limited", "sent", "releasing"))}
_HANDOVER_MISSING: Final = "a recording has no notes and no local overrides"


def answer(request: Request, snapshot: Snapshot | None) -> Reply:
    """The answer that `snapshot` gives; READ_ONLY for every request that acts, or that asks for more than a recording has."""
    name = str(request.__struct_config__.tag)
    if isinstance(request, Journal | JournalEntry):
        hint = "read it with `v2g-console journal ls` where the engine ran"
        return Refused(request=name, reason=Refusal.READ_ONLY, message="a recording has no journal", hint=hint)
    if not isinstance(request, Fleet | Status | DispatchDetail | Identity | StopList | Tags | Handover):
        return Refused(request=name, reason=Refusal.READ_ONLY, message=REPLAY_TEXT, hint="act at the console of the engine")
    if snapshot is None:
        return Refused(request=name, reason=Refusal.NOT_READY, message="the recording shows nothing yet")
    result = _result(request, snapshot)
    return result if isinstance(result, Refused) else Accepted(request=name, result=result)


def _result(request: Fleet | Status | DispatchDetail | Identity | StopList | Tags | Handover, snapshot: Snapshot) -> Result | Refused:
    match request:
        case Fleet():
            return _fleet(request, snapshot) if request.vehicle_id is None else _vehicle(request.vehicle_id, snapshot)
        case DispatchDetail():
            return _dispatch(request, snapshot)
        case Status():
            return StatusView(
                engine=snapshot.engine,
                link=snapshot.link,
                fleet=snapshot.summary,
                dispatches=snapshot.dispatches,
                approvals=snapshot.approvals,
                alarms=snapshot.alarms,
                alarm_rates=snapshot.alarm_rates,
            )
        case Identity():
            return IdentityView(user=snapshot.engine.user, role=snapshot.engine.role, may=(), denied=snapshot.engine.denied)
        case StopList():
            return snapshot.stop or StopView(dispatches=0, vehicles=0, stopped=snapshot.engine.stopped)
        case Tags():
            return TagsView(tags=snapshot.tags)
        case Handover():
            return _handover(request, snapshot)


def _handover(request: Handover, snapshot: Snapshot) -> HandoverView:
    since_ms = round(min(max(request.since_s, 0.0), 7 * 86_400.0) * 1000) if math.isfinite(request.since_s) else 0
    over = [view for view in snapshot.dispatches if view.state in TERMINAL_DISPATCH_STATES]
    from_ms = max(0, snapshot.utc_ms - since_ms)
    return HandoverView(
        from_ms=from_ms,
        until_ms=snapshot.utc_ms,
        engine=snapshot.engine,
        link=snapshot.link,
        fleet=snapshot.summary,
        open_dispatches=tuple(view for view in snapshot.dispatches if view.state not in TERMINAL_DISPATCH_STATES),
        ended_dispatches=tuple(view for view in over if (view.ended_ms or 0) >= from_ms),
        alarms=snapshot.alarms,
        alarm_rates=snapshot.alarm_rates,
        tags=snapshot.tags,
        overrides=(),
        approvals=snapshot.approvals,
        stop=snapshot.stop,
        notes=(),
        missing=_HANDOVER_MISSING,
    )


def _fleet(request: Fleet, snapshot: Snapshot) -> FleetPage:
    fleet = snapshot.fleet
    rows = [row for row in np.argsort(np.array(fleet.ids, dtype=object)).tolist() if _fits(request, fleet, row)]
    shown = tuple(_fleet_row(row, snapshot) for row in rows[: max(0, request.limit)])
    return FleetPage(summary=snapshot.summary, total=len(rows), rows=shown)


def _fits(request: Fleet, fleet: FleetColumns, row: int) -> bool:
    return (request.site is None or _name(fleet.sites, fleet.site, row) == request.site) and (
        request.segment is None or _name(fleet.segments, fleet.segment, row) == request.segment
    )


def _fleet_row(row: int, snapshot: Snapshot) -> FleetRow:
    fleet = snapshot.fleet
    return FleetRow(
        vehicle_id=fleet.ids[row],
        site=_name(fleet.sites, fleet.site, row),
        segment=_name(fleet.segments, fleet.segment, row),
        state=FLEET_STATE_NAMES[int(fleet.state[row])],
        quality=Quality(int(fleet.quality[row])).name.lower(),
        soc=_known(fleet.soc, row),
        power_kw=_known(fleet.power_kw, row),
        up_kw=_known(fleet.up_kw, row) or 0.0,
        down_kw=_known(fleet.down_kw, row) or 0.0,
        age_s=_age_s(row, snapshot),
        tag="" if fleet.tag is None else _TAG_NAMES[TAG_MARKS[int(fleet.tag[row])]],
    )


def _vehicle(vehicle_id: str, snapshot: Snapshot) -> VehicleView | Refused:
    fleet = snapshot.fleet
    if vehicle_id not in fleet.ids:
        message = f"the recording knows no vehicle {vehicle_id[:64]!r} at this time"
        return Refused(request="fleet", reason=Refusal.UNKNOWN_VEHICLE, message=message, hint="see the fleet screen")
    row = fleet.ids.index(vehicle_id)
    listed = _fleet_row(row, snapshot)
    reason = Reason(int(fleet.reason[row]))
    age_s = listed.age_s
    return VehicleView(
        vehicle_id=vehicle_id,
        site=listed.site,
        segment=listed.segment,
        fleet="",
        protocol=int(fleet.protocol[row]),
        state=listed.state,
        quality=listed.quality,
        soc=listed.soc,
        power_kw=listed.power_kw,
        setpoint_kw=_known(fleet.setpoint_kw, row),
        baseline_kw=None,
        baseline_kind=NOT_RECORDED,
        max_charge_kw=_known(fleet.max_charge_kw, row) or 0.0,
        max_discharge_kw=_known(fleet.max_discharge_kw, row) or 0.0,
        battery_kwh=math.nan,
        up_kw=listed.up_kw,
        down_kw=listed.down_kw,
        min_soc=math.nan,
        reserve_soc=math.nan,
        is_v2g=bool(fleet.is_v2g[row]),
        available=bool(fleet.available[row]),
        charging=None,
        consent=True,
        priority=False,
        departure_ms=None,
        availability_prob=math.nan,
        degradation=math.nan,
        owner=_owner(row, snapshot),
        owed=listed.state == "owed",
        reason="" if reason is Reason.NONE else reason.name,
        reason_text=EXPLANATION.get(reason, ""),
        seen_ms=int(fleet.seen_ms[row]) if age_s is not None else None,
        age_s=age_s,
        clock_offset_s=None,
        commands=0,
        acks=0,
        rejects=0,
        timeouts=0,
        tags=tuple(tag for tag in snapshot.tags if _hangs_on(tag, vehicle_id, listed.site)),
    )


def _dispatch(request: DispatchDetail, snapshot: Snapshot) -> DispatchDetailView | Refused:
    wanted = [view for view in snapshot.dispatches if request.dispatch_id in {view.dispatch_id, view.short_id}]
    if not wanted:
        message = f"the recording shows no dispatch {request.dispatch_id[:40]!r} at this time"
        return Refused(request="dispatch_detail", reason=Refusal.UNKNOWN_DISPATCH, message=message, hint="see the list")
    view, fleet = wanted[0], snapshot.fleet
    owner = fleet.owners.index(view.dispatch_id) if view.dispatch_id in fleet.owners else None
    rows = [] if owner is None else np.flatnonzero(fleet.owner == owner).tolist()
    rows.sort(key=lambda row: _WORST_FIRST.get(FLEET_STATE_NAMES[int(fleet.state[row])], len(_WORST_FIRST)))
    shown = tuple(_command(row, fleet) for row in rows[: max(0, request.limit)])
    return DispatchDetailView(dispatch=view, total=max(view.vehicles, len(rows)), rows=shown)


def _command(row: int, fleet: FleetColumns) -> CommandRow:
    reason = Reason(int(fleet.reason[row]))
    return CommandRow(
        vehicle_id=fleet.ids[row],
        state=FLEET_STATE_NAMES[int(fleet.state[row])],
        setpoint_kw=float(fleet.setpoint_kw[row]),
        baseline_kw=math.nan,
        regulation_kw=math.nan,
        applied_kw=None,
        measured_kw=_known(fleet.power_kw, row),
        attempt=0,
        latency_ms=None,
        score=math.nan,
        reason="" if reason is Reason.NONE else reason.name,
        reason_text=EXPLANATION.get(reason, ""),
        release="",
    )


def _owner(row: int, snapshot: Snapshot) -> str:
    owner_id = _name(snapshot.fleet.owners, snapshot.fleet.owner, row)
    owner: DispatchView | None = next((view for view in snapshot.dispatches if view.dispatch_id == owner_id), None)
    return owner_id[:8] if owner is None else owner.short_id


def _hangs_on(tag: TagView, vehicle_id: str, site: str) -> bool:
    return tag.scope is TagScope.FLEET or tag.name == (vehicle_id if tag.scope is TagScope.VEHICLE else site)


def _name(table: tuple[str, ...], column: Column, row: int) -> str:
    index = int(column[row])
    return table[index] if 0 <= index < len(table) else ""


def _known(column: Column, row: int) -> float | None:
    value = float(column[row])
    return value if math.isfinite(value) else None


def _age_s(row: int, snapshot: Snapshot) -> float | None:
    seen_ms = int(snapshot.fleet.seen_ms[row])
    return max(0.0, (snapshot.utc_ms - seen_ms) / 1000) if 0 < seen_ms <= _LATEST_MS else None
