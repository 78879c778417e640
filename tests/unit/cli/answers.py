"""What a scripted engine answers: a plan, a status, a vehicle; hostile text in places."""

from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.contract.replies import PlanRow, PlanView, StatusView, VehicleView
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetSummary
from v2g_console.domain.states import DispatchState

ID = "7f3a0c1e-1111-4222-8333-444455556666"
DISPATCH = "dispatch --signal FCR --power-kw 300 --duration 90s"


def plan() -> PlanView:
    row = PlanRow(
        vehicle_id="veh\x1b[31m1",
        site="s1",
        soc=0.7,
        baseline_kw=0.0,
        setpoint_kw=5.0,
        regulation_kw=5.0,
        up_kw=5.0,
        down_kw=5.0,
        score=0.5,
        reason="",
    )
    return PlanView(
        plan_id="p",
        revision=1,
        signal="FCR",
        note="step, not frequency response",
        requested_kw=1300.0,
        allocated_kw=1200.0,
        shortfall_kw=100.0,
        vehicles=60,
        eligible=80,
        considered=200,
        up_kw=1200.0,
        down_kw=900.0,
        allocator="smart",
        duration_s=90.0,
        sustain_s=930.0,
        left_out={"NOT_V2G": 70, "SOC_BELOW_MIN": 50},
        limits=(("SITE_LIMIT", 80.0),),
        without_lease_kw=10.0,
        without_lease_vehicles=2,
        soc_before=0.7,
        soc_after=0.68,
        soc_min_after=0.4,
        departures_at_risk=1,
        rebound_kw=40.0,
        preempts=(),
        warnings=("telemetry of 3 vehicles is stale",),
        type_to_confirm=False,
        rows=(row,),
    )


def status() -> StatusView:
    engine = EngineInfo(
        version="0.1.0",
        name="paris-nord",
        ready=True,
        started_ms=0,
        user="ana",
        role="operator",
        read_only=False,
        demo=True,
        stopped=True,
        stopped_by="bob\x1b[2J",
    )
    dispatch = DispatchView(
        dispatch_id=ID,
        short_id="#7f3a",
        signal="FCR",
        state=DispatchState.ACTIVE,
        requested_kw=1500.0,
        acknowledged_kw=1431.0,
        vehicles=412,
        remaining_s=252.0,
    )
    link = LinkHealth(
        state=LinkState.UP, broker="ssl://broker:8883", protocol="MQTT 5", tls_version="TLSv1.3", rtt_ms=3.0, warnings=("untuned",)
    )
    return StatusView(engine=engine, link=link, fleet=FleetSummary(vehicles=1204, available=1010, soc_median=0.64), dispatches=(dispatch,))


def vehicle() -> VehicleView:
    return VehicleView(
        vehicle_id="veh1",
        site="s1",
        segment="",
        fleet="f",
        protocol=2,
        state="acked",
        quality="fresh",
        soc=0.71,
        power_kw=5.0,
        setpoint_kw=5.0,
        baseline_kw=-7.4,
        baseline_kind="measured",
        max_charge_kw=11.0,
        max_discharge_kw=11.0,
        battery_kwh=60.0,
        up_kw=12.4,
        down_kw=3.6,
        min_soc=0.3,
        reserve_soc=0.1,
        is_v2g=True,
        available=True,
        charging=False,
        consent=True,
        priority=False,
        departure_ms=1_777_903_327_000,
        availability_prob=0.9,
        degradation=0.1,
        owner="#7f3a",
        owed=False,
        reason="UNKNOWN",
        reason_text="grid\x07 fault",
        seen_ms=1,
        age_s=3.0,
        clock_offset_s=None,
        commands=3,
        acks=2,
        rejects=0,
        timeouts=1,
        recent=((1_777_903_327_000, "ack"), (10**18, "odd")),
    )
