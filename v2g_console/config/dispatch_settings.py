"""How dispatches are decided, sent, released and limited: sections `dispatch`, `interlocks` and `segments`."""

from typing import Annotated, Literal

from pydantic import Field

from v2g_console.config.section import NonNegative, Positive, Ratio, Section


class WeightSettings(Section):
    """Weights of the smart allocator's features; relative to each other."""

    soc: NonNegative = 0.35
    """full batteries give, empty ones take"""
    time: NonNegative = 0.15
    """those that stay longest"""
    priority: NonNegative = 0.10
    """spare the drivers with priority"""
    price: NonNegative = 0.0
    """cheap energy first"""
    wear: NonNegative = 0.10
    """spare worn batteries"""
    fairness: NonNegative = 0.15
    """spare those that gave lately"""
    availability: NonNegative = 0.15
    """those that are likely to stay"""


class SocSettings(Section):
    """State-of-charge rules, shares of 0..1."""

    fcr_min: Ratio = 0.6
    """FCR takes only vehicles at or above this"""
    safe_discharge_floor: Ratio = 0.1
    """no vehicle is discharged below this, whatever its own reserve"""
    soc_ceiling: Ratio = 1.0
    """no vehicle is charged above this or its own limit"""
    default_min_soc: Ratio = 0.3
    """minimum SoC at departure of vehicles that name none"""


class TrustSettings(Section):
    """When a vehicle that failed is left alone for a while. A failure: refused, silent, or delivered too little."""

    first_hold_s: Positive = 30.0
    """pause after the first failure; doubles with each further one"""
    longest_hold_s: Positive = 1800.0
    """no pause is longer"""
    least_ratio: Ratio = 0.5
    """delivering less than this share of what was asked is a failure"""
    least_kw: Positive = 1.0
    """nobody is judged by less than this"""


class DispatchSettings(Section):
    """How dispatches are decided, sent and released."""

    ack_timeout_seconds: Positive = 5.0
    """a vehicle that has not answered by then is silent"""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """commands sent again to a vehicle that stays silent, spread over ack_timeout_seconds"""
    allocator: Literal["equal", "smart", "merit", "lp", "segmented"] = "smart"
    """who gets how much: equal shares, by score, best score first (merit, also called lp), or by segment"""
    lp_first: tuple[str, ...] = ()
    """signals decided by the linear programme, with smart as fallback, unless a request names an allocator"""
    lp_time_limit_s: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    """longest time the solver may take for one decision; it is asked only where the phases of a site bind"""
    emphasis: bool = True
    """let each signal stress the weights that matter to it"""
    strict: tuple[str, ...] = ()
    """signals whose plan is refused if it can't meet the whole request, unless the request says accept_partial"""
    reallocation: Literal["none", "balanced", "probabilistic"] = "balanced"
    """how a shortfall after refusals, limits and silence is shared by the others and the reserve"""
    full_activation_s: NonNegative = 0.0
    """time in which a changed target is reached, in a straight line; 0: at once"""
    ramp_kw_per_s: NonNegative = 0.0
    """fastest change of a dispatch's target; 0: no limit"""
    vehicle_ramp_kw_per_s: NonNegative = 0.0
    """fastest change of one vehicle's setpoint, of vehicles that tell no ramp of their own; 0: no limit"""
    protect_below_min_soc: bool = True
    """a vehicle below its wanted SoC whose departure is not known is never made to charge less"""
    tuner: Literal["none", "acks"] = "none"
    """acks: move the availability weight with the ack rate of recent dispatches, within bounds, audited"""
    trust: TrustSettings = TrustSettings()
    weights: WeightSettings = WeightSettings()
    soc: SocSettings = SocSettings()
    sustain_s: Positive = 900.0
    """how long FCR and aFRR power must be sustainable"""
    lease_s: Annotated[float, Field(ge=30.0)] = 900.0
    """longest time a v2 vehicle keeps a setpoint without a renewal"""
    settle_s: NonNegative = 10.0
    """a baseline is measured this long after a confirmed release at the earliest"""
    response_s: NonNegative = 3.0
    """time a vehicle takes to follow a setpoint; telemetry is settled after it"""
    release_ramp_s: NonNegative = 0.0
    """a normal release is spread over this time, in random order"""
    departure_margin_s: NonNegative = 600.0
    """vehicles are charged for their departure this much early"""
    charge_efficiency: Annotated[float, Field(gt=0.0, le=1.0)] = 0.94
    """share of the charging power that reaches the battery"""
    discharge_efficiency: Annotated[float, Field(gt=0.0, le=1.0)] = 0.94
    """share of the battery's power that reaches the grid"""
    arm_timeout_s: Positive = 10.0
    """an armed plan lapses after this"""
    max_power_kw: NonNegative = 0.0
    """refuse a dispatch above this; 0: no limit"""
    confirm_above_kw: NonNegative = 0.0
    """the operator types the power above this; 0: never"""
    min_ack_share: Ratio = 0.95
    """exit code 4 below this share of the requested power"""
    accept_partial: bool = True
    """send a plan that can't meet the whole request"""
    v1_max_kw: NonNegative = 0.0
    """most power on vehicles without a lease (v1); 0: no limit"""
    v1_signals: tuple[str, ...] = ("FCR", "aFRR_UP", "aFRR_DOWN", "MA", "NEBEF", "EcoWatt")
    """signals that v1 vehicles may take part in"""
    on_exit: Literal["release", "drain"] = "release"
    """at SIGTERM or a closed terminal: release everything, or let active dispatches end first"""
    drain_timeout_s: Positive = 3600.0
    """on_exit drain: release what is still active after this"""
    on_recovery: Literal["release", "resume"] = "release"
    """after a crash: release what the journal says may still be in force, or go on with dispatches that are still inside their time"""


class InterlockSettings(Section):
    """Limits over all dispatches together. What they forbid is refused with their name; STOP, cancel and release pass them all."""

    total_up_kw: NonNegative = 0.0
    """most regulation up (feeding in more, drawing less) of all dispatches together, each vehicle at its worst; 0: no limit"""
    total_down_kw: NonNegative = 0.0
    """most regulation down of all dispatches together; 0: no limit"""
    change_kw_per_min: NonNegative = 0.0
    """most that decisions may change the total within a minute, releases not counted; 0: no limit"""
    most_dispatches: Annotated[int, Field(ge=0, le=10_000)] = 0
    """most dispatches under way at once, those that release included; 0: no limit"""
    requests_per_minute: Annotated[int, Field(ge=0, le=100_000)] = 0
    """most requests of one person within a minute, apart from STOP, cancel, INHIBIT tags and those that only look; 0: no limit"""
    reversal_pause_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """pause between dispatches in opposite directions; 0: none, and both at once are allowed"""
    link_suspect: Literal["allow", "refuse"] = "allow"
    """whether dispatches, updates and retries may be sent while the broker does not confirm what is published"""
    local_override_s: Annotated[float, Field(ge=0, le=604_800)] = 900.0
    """a vehicle taken over on the spot (it rejects with LOCAL_OVERRIDE) is left alone for this long; 0: until it is trusted again"""


class EmphasisSettings(WeightSettings):
    """Multipliers of dispatch.weights: 1 leaves a weight as it is, 2 doubles it, 0 takes it away."""

    soc: NonNegative = 1.0
    """of the weight of stored energy"""
    time: NonNegative = 1.0
    """of the weight of the time to the departure"""
    priority: NonNegative = 1.0
    """of the weight of the drivers' priority"""
    price: NonNegative = 1.0
    """of the weight of the price"""
    wear: NonNegative = 1.0
    """of the weight of battery wear"""
    fairness: NonNegative = 1.0
    """of the weight of fairness between vehicles"""
    availability: NonNegative = 1.0
    """of the weight of being likely to stay"""


class SegmentSettings(Section):
    """How the vehicles of one segment share what falls to them (allocator segmented)."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """as the vehicles say it; commuter, captive and opportunistic have rules of their own unless they are named here"""
    allocator: Literal["equal", "smart", "merit", "lp"] = "smart"
    """who gets how much of the segment's share"""
    emphasis: EmphasisSettings = EmphasisSettings()
