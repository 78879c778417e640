"""Snapshots like the field makes them: a normal evening, a broken link, alarms, nobody there, and one full of hostile text."""

from dataclasses import replace

import msgspec
import numpy as np

from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState, RefusedMessage
from v2g_console.contract.replies import CommandRow, PlanRow, PlanView, VehicleView
from v2g_console.contract.requests import DispatchFields
from v2g_console.contract.snapshot import (
    FLEET_STATE_NAMES,
    AckProgress,
    DispatchView,
    EngineInfo,
    FleetColumns,
    FleetSummary,
    Snapshot,
    TracePoint,
)
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import DispatchState
from v2g_console.domain.vehicle import Quality

NOW_MS = 1_764_684_127_000  # 2025-12-02T14:02:07Z
DISPATCH_ID = "7f3a9c41d2e84b6f8a10c3d5e7f90123"
SECOND_ID = "81c04e5512ab4cde9f00aa11bb22cc33"
SITES = ("paris-nord", "lyon-2", "lille-hub", "nantes-quai")
SEGMENTS = ("fleet", "home", "depot")
HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x9b31mred",
    "[/] [@click=app.quit]x[/]",
    "\u202egnp.exe",
    "zero\u200bwidth\u2066",
    "\x1bPq#0\x1b\\",
    "del\x7f\x08\x0d\n\x00",
    "\ud800lone",
    "日本語車両" * 20,
    "a" * 10_000,
    "[bold $error]not closed",
    "e" + "\u0301" * 500,
)


def fleet(vehicles: int = 200, revision: int = 1, seed: int = 7) -> FleetColumns:
    """`vehicles` rows with all states and qualities; the first ones are veh000001, veh000002, ..."""
    rng = np.random.default_rng(seed)
    n = vehicles
    state = rng.choice(len(FLEET_STATE_NAMES), n, p=[0.22, 0.2, 0.05, 0.02, 0.28, 0.06, 0.02, 0.03, 0.02, 0.02, 0.05, 0.03]).astype(
        np.uint8
    )
    quality = np.where(state == FLEET_STATE_NAMES.index("lost"), Quality.LOST, np.where(rng.random(n) < 0.04, Quality.STALE, Quality.FRESH))
    power = np.round(rng.normal(-2.0, 4.0, n), 1).astype(np.float32)
    return FleetColumns(
        revision=revision,
        layout_revision=1,
        ids=tuple(f"veh{row + 1:06d}" for row in range(n)),
        sites=SITES,
        segments=SEGMENTS,
        owners=(DISPATCH_ID, SECOND_ID),
        site=rng.integers(0, len(SITES), n).astype(np.int32),
        segment=rng.integers(-1, len(SEGMENTS), n).astype(np.int32),
        owner=np.where(state == FLEET_STATE_NAMES.index("acked"), 0, -1).astype(np.int32),
        soc=np.clip(rng.normal(0.62, 0.18, n), 0.03, 1.0).astype(np.float32),
        power_kw=power,
        setpoint_kw=np.where(state == FLEET_STATE_NAMES.index("acked"), power, np.nan).astype(np.float32),
        up_kw=np.clip(rng.normal(6, 2, n), 0, 11).astype(np.float32),
        down_kw=np.clip(rng.normal(8, 2, n), 0, 11).astype(np.float32),
        max_charge_kw=np.full(n, 11.0, np.float32),
        max_discharge_kw=np.full(n, 7.4, np.float32),
        state=state,
        quality=quality.astype(np.uint8),
        reason=rng.choice([Reason.NONE, Reason.SOC_FLOOR, Reason.IN_USE], n).astype(np.uint8),
        protocol=rng.choice([1, 2], n).astype(np.uint8),
        is_v2g=rng.random(n) < 0.7,
        available=state < FLEET_STATE_NAMES.index("away"),
        seen_ms=(NOW_MS - rng.integers(200, 25_000, n)).astype(np.int64),
    )


def summary(columns: FleetColumns) -> FleetSummary:
    """Numbers that fit the columns."""
    counts = np.histogram(columns.soc, bins=10, range=(0, 1))[0] if len(columns) else np.zeros(10, int)
    return FleetSummary(
        vehicles=len(columns),
        available=int(columns.available.sum()),
        dispatched=int((columns.owner >= 0).sum()),
        fresh=int((columns.quality == Quality.FRESH).sum()),
        stale=int((columns.quality == Quality.STALE).sum()),
        lost=int((columns.quality == Quality.LOST).sum()),
        v2g=int(columns.is_v2g.sum()),
        owed=2 if len(columns) else 0,
        up_kw=float(columns.up_kw.sum()),
        down_kw=float(columns.down_kw.sum()),
        up_p90_kw=float(columns.up_kw.sum()) * 0.88,
        down_p90_kw=float(columns.down_kw.sum()) * 0.9,
        net_kw=float(np.nansum(columns.power_kw)),
        soc_median=float(np.median(columns.soc)) if len(columns) else None,
        soc_histogram=tuple(int(count) for count in counts),
        excluded_from_sums=int((columns.quality != Quality.FRESH).sum()),
    )


def engine(**changes: object) -> EngineInfo:
    """The engine of a demo run by an operator."""
    info = EngineInfo(
        version="0.1.0",
        name="paris-nord",
        ready=True,
        started_ms=NOW_MS - 3_600_000,
        user="ana",
        role="operator",
        read_only=False,
        demo=True,
        stopped=False,
        memory_mib=84.0,
    )
    return msgspec.structs.replace(info, **changes)


def link_up(**changes: object) -> LinkHealth:
    """A healthy TLS link."""
    health = LinkHealth(
        state=LinkState.UP,
        since_ms=NOW_MS - 11_520_000,
        broker="ssl://broker.example:8883",
        client_id="v2g-console",
        protocol="MQTT 5",
        tls_version="TLSv1.3",
        certificate_days=41.4,
        receive_maximum=1000,
        rtt_ms=3.2,
        in_per_s=118.0,
        out_per_s=3.1,
        in_total=81_233,
        out_total=2_910,
        reconnects=1,
        refused={"bad json": 2},
    )
    return msgspec.structs.replace(health, **changes)


def link_down() -> LinkHealth:
    """Cut 12 seconds ago; the third attempt is due in 4 s."""
    return link_up(
        state=LinkState.DOWN,
        since_ms=NOW_MS - 12_000,
        cause=LinkCause.CUT,
        cause_text="connection cut: the network or the broker's host went away; trying again by itself",
        attempt=3,
        next_attempt_s=4.0,
        rtt_ms=None,
        in_per_s=0.0,
        out_per_s=0.0,
    )


def first_dispatch(**changes: object) -> DispatchView:
    """FCR +1 500 kW, active, 69 kW short."""
    trace = tuple(TracePoint(float(t), 1500.0, min(1431.0, 300.0 * t), min(1402.0, 250.0 * t) if t > 2 else None) for t in range(0, 90, 2))
    view = DispatchView(
        dispatch_id=DISPATCH_ID,
        short_id="#7f3a",
        signal="FCR",
        note="step, not frequency response",
        state=DispatchState.ACTIVE,
        requested_kw=1500.0,
        allocated_kw=1500.0,
        acknowledged_kw=1431.0,
        delivered_kw=1402.0,
        delivered_coverage=0.97,
        uncertain_kw=69.0,
        shortfall_kw=69.0,
        vehicles=412,
        progress=AckProgress(
            commanded=412,
            acked=371,
            limited=10,
            rejected=7,
            silent=24,
            attempt=1,
            attempts=2,
            retry_in_s=2.1,
            p50_ms=41.0,
            p95_ms=180.0,
            p99_ms=1200.0,
            histogram=(3, 40, 120, 150, 30, 12, 8, 4, 2, 1, 1),
        ),
        duration_s=300.0,
        created_ms=NOW_MS - 50_000,
        started_ms=NOW_MS - 48_000,
        ends_ms=NOW_MS + 252_000,
        remaining_s=252.0,
        allocator="smart",
        by="ana",
        origin="console",
        left_out={"SOC_FLOOR": 31, "NOT_V2G": 60, "IN_USE": 51},
        limits=(("SITE_LIMIT", 40.0), ("OVER_LIMIT", 29.0)),
        without_lease_kw=210.0,
        trace=trace,
    )
    return msgspec.structs.replace(view, **changes)


def second_dispatch(**changes: object) -> DispatchView:
    """NEBEF +300 kW, everybody acknowledged."""
    view = DispatchView(
        dispatch_id=SECOND_ID,
        short_id="#81c0",
        signal="NEBEF",
        state=DispatchState.ACTIVE,
        requested_kw=300.0,
        allocated_kw=300.0,
        acknowledged_kw=300.0,
        delivered_kw=296.0,
        delivered_coverage=1.0,
        vehicles=51,
        progress=AckProgress(commanded=51, acked=51, p50_ms=38.0, p95_ms=90.0, p99_ms=120.0, histogram=(0, 5, 20, 20, 6, 0, 0, 0, 0, 0, 0)),
        duration_s=1800.0,
        created_ms=NOW_MS - 20_000,
        started_ms=NOW_MS - 20_000,
        ends_ms=NOW_MS + 1_780_000,
        remaining_s=1780.0,
        allocator="equal",
        by="ana",
        origin="console",
    )
    return msgspec.structs.replace(view, **changes)


def past_dispatch(number: int) -> DispatchView:
    """One that completed earlier."""
    return second_dispatch(
        dispatch_id=f"{number:032x}",
        short_id=f"#{number:04x}",
        state=DispatchState.COMPLETED,
        remaining_s=None,
        ended_ms=NOW_MS - 600_000 * number,
    )


def alarm(number: int, priority: int = 2, text: str = "ack rate of #7f3a is 94 %", acknowledged: bool = False) -> AlarmView:
    """An active alarm."""
    return AlarmView(
        alarm_id=f"alarm-{number}",
        kind="ack rate low",
        priority=priority,
        text=text,
        response="retry (r) or cancel (c)",
        active=True,
        acknowledged=acknowledged,
        state=AlarmState.ACKNOWLEDGED if acknowledged else AlarmState.UNACKNOWLEDGED,
        raised_ms=NOW_MS - 30_000,
    )


def normal(vehicles: int = 200) -> Snapshot:
    """200 vehicles, two active dispatches, two past ones, one low alarm, link up."""
    columns = fleet(vehicles)
    return Snapshot(
        number=1,
        utc_ms=NOW_MS,
        engine=engine(),
        link=link_up(),
        summary=summary(columns),
        fleet=columns,
        dispatches=(first_dispatch(), second_dispatch(), past_dispatch(1), past_dispatch(2)),
        alarms=(alarm(1, priority=3),),
    )


def quiet() -> Snapshot:
    """A fleet and no dispatch."""
    return replace(normal(), dispatches=(), alarms=())


def empty() -> Snapshot:
    """Nobody has answered yet."""
    columns = fleet(0)
    return replace(
        normal(), fleet=columns, summary=summary(columns), dispatches=(), alarms=(), link=link_up(state=LinkState.CONNECTING, rtt_ms=None)
    )


def cut() -> Snapshot:
    """The link is down in the middle of a dispatch."""
    return replace(normal(), link=link_down(), alarms=(alarm(1, priority=1, text="link lost"), alarm(2, priority=3)))


def alarmed() -> Snapshot:
    """Several alarms of all priorities, a warning on the link."""
    alarms = tuple(alarm(n, priority=1 + n % 3, text=f"alarm text {n}", acknowledged=n > 4) for n in range(7))
    warned = link_up(warnings=("broker untuned: Receive Maximum 20, set max_inflight_messages",), certificate_days=6.0, receive_maximum=20)
    return replace(normal(), alarms=alarms, link=warned)


def stopped() -> Snapshot:
    """STOP is latched."""
    return replace(normal(), engine=engine(stopped=True, stopped_by="ana", stopped_at_ms=NOW_MS - 5_000), dispatches=(past_dispatch(1),))


def read_only() -> Snapshot:
    """Somebody may look only."""
    return replace(normal(), engine=engine(read_only=True, role="viewer"))


def hostile(text: str) -> Snapshot:
    """`text` in every place that can come from a network, a person or a file."""
    base = normal(24)
    columns = replace(
        base.fleet,
        ids=tuple(f"{text}{row}" for row in range(24)),
        sites=(text, text + "b", text + "c", text + "d"),
        segments=(text, text, text),
        owners=(text, text),
    )
    broken = AckProgress(commanded=3, acked=1, silent=2)
    views = tuple(
        msgspec.structs.replace(
            view,
            short_id=f"#{text}",
            signal=text,
            note=text,
            outcome_reason=text,
            by=text,
            origin=text,
            allocator=text,
            external_ref=text,
            progress=broken,
        )
        for view in base.dispatches
    )
    health = link_down()
    bad_link = msgspec.structs.replace(
        health,
        broker=text,
        client_id=text,
        protocol=text,
        tls_version=text,
        cause_text=text,
        refused={text: 3},
        warnings=(text, text),
        recent_refused=(RefusedMessage(ts_ms=NOW_MS, topic=text, cause=text, excerpt=text),),
    )
    return replace(
        base,
        engine=engine(name=text, user=text, role=text, version=text, stopped=True, stopped_by=text, stopped_at_ms=NOW_MS),
        link=bad_link,
        fleet=columns,
        dispatches=views,
        alarms=(alarm(1, priority=1, text=text), msgspec.structs.replace(alarm(2), kind=text, response=text)),
    )


def plan(fields: DispatchFields) -> PlanView:
    """A plan that meets the request, with a few vehicles left out."""
    share = fields.power_kw / 60
    return PlanView(
        plan_id="plan-1",
        revision=1,
        signal=fields.signal,
        note="step, not frequency response" if fields.signal == "FCR" else "",
        requested_kw=fields.power_kw,
        allocated_kw=fields.power_kw,
        shortfall_kw=0.0,
        vehicles=60,
        eligible=88,
        considered=200,
        up_kw=520.0,
        down_kw=610.0,
        allocator=fields.allocator or "smart",
        duration_s=fields.duration_s,
        sustain_s=930.0,
        left_out={"SOC_BELOW_MIN": 70, "NOT_V2G": 31, "NOT_AVAILABLE": 11},
        limits=(),
        without_lease_kw=80.0,
        without_lease_vehicles=16,
        soc_before=0.74,
        soc_after=0.70,
        soc_min_after=0.56,
        departures_at_risk=0,
        rebound_kw=210.0,
        preempts=(),
        warnings=(),
        type_to_confirm=False,
        rows=tuple(
            PlanRow(
                vehicle_id=f"veh{row + 1:06d}",
                site=SITES[row % 4],
                soc=0.7,
                baseline_kw=0.0,
                setpoint_kw=share,
                regulation_kw=share,
                up_kw=6.0,
                down_kw=8.0,
                score=0.8,
                reason="",
            )
            for row in range(20)
        ),
    )


def armed_plan(utc_ms: int) -> PlanView:
    """The plan of FCR +300 kW, armed for 10 s."""
    return msgspec.structs.replace(plan(DispatchFields(signal="FCR", power_kw=300.0, duration_s=60.0)), armed_until_ms=utc_ms + 10_000)


def command_rows(picture: Snapshot, view: DispatchView) -> tuple[CommandRow, ...]:
    """One row a vehicle of the dispatch, up to 40."""
    states = ("silent", "rejected", "limited", "acked")
    return tuple(
        CommandRow(
            vehicle_id=vehicle_id,
            state=states[min(3, row // 4)],
            setpoint_kw=5.0,
            baseline_kw=0.0,
            regulation_kw=5.0,
            applied_kw=5.0 if row >= 12 else None,
            measured_kw=4.9 if row >= 12 else None,
            attempt=2 if row < 4 else 1,
            latency_ms=40.0 + row if row >= 12 else None,
            score=0.8,
            reason="ACK_TIMEOUT" if row < 4 else "",
            reason_text="no acknowledgement" if row < 4 else "",
            release="",
        )
        for row, vehicle_id in enumerate(picture.fleet.ids[: min(40, view.vehicles)])
    )


def vehicle(picture: Snapshot, vehicle_id: str) -> VehicleView:
    """All of one vehicle of the picture's fleet."""
    columns = picture.fleet
    row = columns.ids.index(vehicle_id)
    return VehicleView(
        vehicle_id=vehicle_id,
        site=columns.sites[int(columns.site[row])],
        segment="fleet",
        fleet="demo",
        protocol=int(columns.protocol[row]),
        state=FLEET_STATE_NAMES[int(columns.state[row])],
        quality=Quality(int(columns.quality[row])).name.lower(),
        soc=float(columns.soc[row]),
        power_kw=float(columns.power_kw[row]),
        setpoint_kw=5.0,
        baseline_kw=0.0,
        baseline_kind="measured",
        max_charge_kw=11.0,
        max_discharge_kw=7.4,
        battery_kwh=52.0,
        up_kw=float(columns.up_kw[row]),
        down_kw=float(columns.down_kw[row]),
        min_soc=0.4,
        reserve_soc=0.2,
        is_v2g=True,
        available=True,
        charging=False,
        consent=True,
        priority=False,
        departure_ms=NOW_MS + 7_200_000,
        availability_prob=0.9,
        degradation=0.05,
        owner="#7f3a",
        owed=False,
        reason="",
        reason_text="",
        seen_ms=NOW_MS - 3_000,
        age_s=3.0,
        clock_offset_s=0.1,
        commands=4,
        acks=3,
        rejects=0,
        timeouts=1,
        recent=((NOW_MS - 3_000, "telemetry"), (NOW_MS - 48_000, "acked 5.0 kW")),
    )
