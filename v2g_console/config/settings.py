"""The settings as types: every key of the configuration file with its unit, range and default. Loading and errors: `config.load`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from v2g_console.domain.roles import Role

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Qos = Literal[0, 1, 2]
Port = Annotated[int, Field(ge=0, le=65535)]
_OR_EMPTY = Field(json_schema_extra={"type": ["array", "null"]})  # `nodes:` with nothing below it, as in the example


class AuthMethod(StrEnum):
    """How the engine shows the broker who it is."""

    NONE = "none"
    USERNAME_PASSWORD = "username_password"  # noqa: S105 the name of a method
    TLS = "tls"
    BOTH = "both"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class QosSettings(_Section):
    """MQTT quality of service by kind of message."""

    command: Qos = 1
    """of commands to vehicles"""
    ack: Qos = 1
    """of the subscription to acks, descriptions and telemetry"""


class MqttSettings(_Section):
    """The connection to the broker."""

    broker: str = "tcp://127.0.0.1:1883"
    """tcp:// or mqtt:// (port 1883), ssl:// or mqtts:// (port 8883)"""
    client_id: Annotated[str, Field(min_length=1, max_length=64)] = "v2g-console"
    """one per running engine: a second client with the same id throws the first off the broker"""
    username: str = ""
    """for auth_method username_password and both"""
    password: SecretStr = SecretStr("")
    """better: password_file, or V2G__MQTT__PASSWORD"""
    password_file: Path | None = None
    """file with the password in one line"""
    auth_method: AuthMethod = AuthMethod.NONE
    """how the broker knows us: none, username_password, tls (client certificate) or both"""
    allow_plaintext_credentials: bool = False
    """send a user name over plaintext to a broker that is not on this machine"""
    use_tls: bool = False
    """implied by ssl:// and mqtts://; with tcp:// and mqtt:// it is a contradiction"""
    client_cert: Path | None = None
    """PEM file, for auth_method tls and both"""
    client_key: Path | None = None
    """PEM file with the private key of client_cert"""
    client_key_password: SecretStr = SecretStr("")
    """passphrase of client_key; better: client_key_password_file"""
    client_key_password_file: Path | None = None
    """file with the passphrase in one line"""
    ca_bundle: Path | None = None
    """default: the system's certificate authorities"""
    certificate_warn_days: Annotated[float, Field(ge=0, le=3650)] = 14.0
    """an alarm is raised when our certificate or the broker's has fewer days left than this; 0: only when it has expired"""
    qos: QosSettings = QosSettings()
    ack_topic: str = "vehicle/+/ack"
    """where vehicles acknowledge; `+` stands for the vehicle id here and below"""
    command_topic: str = "vehicle/+/command"
    """where vehicles take commands"""
    discovery_topic: str = "v2g/fleet/discovery"
    """where the engine says hello"""
    response_topic: str = "v2g/fleet/response/+"
    """where vehicles describe themselves"""
    lwt_topic: str = "v2g/lwt"
    """status of the engine: `online`, and the last will"""
    lwt_payload: str = "offline"
    """published by the broker when the engine is gone"""
    lwt_qos: Qos = 1
    """quality of service of the status"""
    lwt_retain: bool = True
    """whether the broker keeps the status for who subscribes later"""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """auto: MQTT 5, falling back to 3.1.1 if the broker refuses it"""
    keepalive_s: Annotated[int, Field(ge=1, le=3600)] = 5
    """a dead connection is found within two of these"""
    connect_timeout_s: Positive = 5.0
    """longest wait for a connection, TLS and CONNACK together"""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 5
    """publish attempts after the first, while the link is up"""
    backoff_ms: Annotated[float, Field(gt=0, le=60_000)] = 200.0
    """first pause before a reconnection or a repeated publish; doubles, with full jitter, up to 30 s"""
    publish_window: Annotated[int, Field(ge=1, le=1000)] = 100
    """publishes in flight at once: 20 to 100 on a LAN, rate times round trip on a WAN"""


class WeightSettings(_Section):
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


class SocSettings(_Section):
    """State-of-charge rules, shares of 0..1."""

    fcr_min: Ratio = 0.6
    """FCR takes only vehicles at or above this"""
    safe_discharge_floor: Ratio = 0.1
    """no vehicle is discharged below this, whatever its own reserve"""
    soc_ceiling: Ratio = 1.0
    """no vehicle is charged above this or its own limit"""
    default_min_soc: Ratio = 0.3
    """minimum SoC at departure of vehicles that name none"""


class TrustSettings(_Section):
    """When a vehicle that failed is left alone for a while. A failure: refused, silent, or delivered too little."""

    first_hold_s: Positive = 30.0
    """pause after the first failure; doubles with each further one"""
    longest_hold_s: Positive = 1800.0
    """no pause is longer"""
    least_ratio: Ratio = 0.5
    """delivering less than this share of what was asked is a failure"""
    least_kw: Positive = 1.0
    """nobody is judged by less than this"""


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


class DispatchSettings(_Section):
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


class TelemetrySettings(_Section):
    """How the fleet reports."""

    mode: Literal["push", "pull", "hybrid"] = "push"
    """push: vehicles report by themselves; pull: they are asked; hybrid: both"""
    interval_s: Positive = 10.0
    """expected interval of pushed telemetry, and the interval of polls; fresh up to 3, lost above 10"""
    state_topic: str = "v2g/vehicle/state/+"
    """where vehicles report"""
    request_topic: str = "v2g/telemetry/request"
    """where they are asked to"""
    response_topic: str = "v2g/telemetry/response/+"
    """where they answer"""
    max_clock_offset_s: Annotated[float, Field(ge=1.0)] = 5.0
    """v2 vehicles whose clock is further off are left out (CLOCK_SKEW): they could not tell a late command from a timely one"""
    max_per_s: Annotated[int, Field(ge=10)] = 20_000
    """telemetry messages taken in a second; what is above is shed and counted"""


class NodeSettings(_Section):
    """A site, or a feeder above sites, with limits on its net power."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """of a site: as the vehicles say it; of a feeder: any other name"""
    parent: str = ""
    """name of the node above; empty: none"""
    import_kw: NonNegative = 0.0
    """most it may draw from the grid; 0: no limit"""
    export_kw: NonNegative = 0.0
    """most it may feed into the grid; 0: no limit"""
    base_load_kw: NonNegative = 0.0
    """drawn there by everything that is no vehicle"""
    phase_import_a: NonNegative = 0.0
    """most current that each of the three phases may draw, such as its main fuse; of sites only; 0: no limit"""
    phase_export_a: NonNegative = 0.0
    """most current that each phase may feed in; of sites only; 0: no limit"""
    phase_base_load_kw: Annotated[tuple[NonNegative, ...], Field(max_length=3)] = ()
    """base_load_kw by phase, [L1, L2, L3]; empty: a third each"""


class SegmentSettings(_Section):
    """How the vehicles of one segment share what falls to them (allocator segmented)."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """as the vehicles say it; commuter, captive and opportunistic have rules of their own unless they are named here"""
    allocator: Literal["equal", "smart", "merit", "lp"] = "smart"
    """who gets how much of the segment's share"""
    emphasis: EmphasisSettings = EmphasisSettings()


class GridSettings(_Section):
    """Limits of sites and feeders: a tree."""

    nodes: Annotated[tuple[NodeSettings, ...], _OR_EMPTY] = ()
    """sites and the feeders above them, in any order"""
    fleet_import_kw: NonNegative = 0.0
    """most the whole fleet may draw; 0: no limit"""
    fleet_export_kw: NonNegative = 0.0
    """most the whole fleet may feed in; 0: no limit"""
    phase_voltage_v: Annotated[float, Field(ge=50.0, le=1000.0)] = 230.0
    """between a phase and neutral, the lowest to expect: turns the amperes of phase_import_a and phase_export_a into kW"""


class SiteVehiclesSettings(_Section):
    """Vehicles of one site that don't say themselves where they are; v1 vehicles never do."""

    site: Annotated[str, Field(min_length=1, max_length=64)]
    """name of the site, as in grid.nodes"""
    vehicles: tuple[str, ...] = ()
    """ids, or patterns with * ? and [...]; a whole id goes before patterns, an earlier pattern before a later one"""


class InterlockSettings(_Section):
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


class FleetSettings(_Section):
    """Who belongs to the fleet."""

    discovery_interval_s: Positive = 300.0
    """hello is said at every connect and this often"""
    max_vehicles: Annotated[int, Field(ge=1, le=2_000_000)] = 200_000
    """vehicles beyond are refused and counted"""
    sites: Annotated[tuple[SiteVehiclesSettings, ...], _OR_EMPTY] = ()
    """where vehicles are that tell no site; a vehicle that tells one is counted where it says"""


class MetricsSettings(_Section):
    """Prometheus metrics at http://host:port/metrics."""

    enabled: bool = True
    """whether to listen at all"""
    host: str = "127.0.0.1"
    """address to listen on"""
    port: Port = 2112
    """0: any free port, named in the log"""


class PredictionSettings(_Section):
    """Forecast of availability used in scoring."""

    engine: Literal["none", "mock", "history"] = "history"
    """history learns availability by hour of the week; mock is for tests"""
    half_life_days: Positive = 28.0
    """history: age at which an observation counts half"""


class JournalExportSettings(_Section):
    """The record of decisions as JSON Lines in rotated files, for other programs."""

    path: Path | None = None
    """file being written; empty: no export"""
    max_size_mib: Positive = 100.0
    """a new file is begun before this size"""
    max_backups: Annotated[int, Field(ge=0)] = 10
    """closed files kept; 0: all"""
    max_age_days: NonNegative = 90.0
    """closed files older than this are removed; 0: never"""


class JournalSettings(_Section):
    """The record of decisions."""

    backend: Literal["memory", "sqlite"] = "sqlite"
    """memory: lost at exit; sqlite: on disk before anything is sent"""
    max_entries: Annotated[int, Field(ge=1000)] = 100_000
    """memory: oldest entries go first"""
    path: Path | None = None
    """sqlite: the file; default: journal.db in /var/lib/v2g-console if writable, else in the state folder of the user"""
    retention_days: NonNegative = 90.0
    """sqlite: older entries are removed; 0: never"""
    max_size_mib: Annotated[float, Field(ge=0.0)] = 2048.0
    """sqlite: the oldest entries are removed above this; 0: no limit"""
    export: JournalExportSettings = JournalExportSettings()


class AlarmDelaySettings(_Section):
    """How long a condition must hold before one kind of alarm follows it."""

    kind: Annotated[str, Field(min_length=1, max_length=64)]
    """such as shortfall; `v2g-console config check` names those there are"""
    on_s: NonNegative = 0.0
    """before it is raised"""
    off_s: NonNegative = 0.0
    """before it is cleared"""


class AlarmSettings(_Section):
    """How alarms behave."""

    longest_shelf_s: Positive = 28_800.0
    """nobody can shelve an alarm for longer"""
    flood_per_10_min: Annotated[int, Field(ge=1)] = 10
    """more alarms than this in ten minutes are a flood"""
    stale_after_s: Positive = 86_400.0
    """an alarm that is active for longer is stale: its cause should be mended, or its rule changed"""
    delays: Annotated[tuple[AlarmDelaySettings, ...], _OR_EMPTY] = ()
    """kinds of alarms whose delays are not the built-in ones"""


class KeySettings(_Section):
    """Other keys for one action."""

    action: Annotated[str, Field(min_length=1, max_length=64)]
    """such as dispatch.compose; `v2g-console keys ls` names those there are"""
    keys: tuple[str, ...] = ()
    """such as D, f6, ctrl+n or alt+d; none: the action keeps its place in the palette only"""


class ConsoleSiteSettings(_Section):
    """One engine of several that `attach` shows in one console."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    """what the console calls it, such as paris"""
    socket: Path
    """where that engine listens: its socket.path"""


class ConsoleSettings(_Section):
    """The screen."""

    name: str = "v2g"
    """shown on every screen: the control point"""
    theme: str = "grey-dark"
    """name of a theme file"""
    refresh_hz: Annotated[float, Field(ge=1.0, le=4.0)] = 2.0
    """how often the screen takes a new picture; a lost link must show within a second"""
    timezone: str = "UTC"
    """added to UTC on schedules, such as Europe/Paris"""
    read_only: bool = False
    """look, but send nothing"""
    low_bandwidth: bool = False
    """at most one refresh a second, 16 colours, no animation"""
    ascii: bool = False
    """no box drawing and no arrows"""
    send_delay_s: Annotated[float, Field(ge=0.0, le=5.0)] = 0.0
    """a dispatch that was sent waits this long, counted down, and Esc calls it back; 0: it goes out at once"""
    keys: Annotated[tuple[KeySettings, ...], _OR_EMPTY] = ()
    """keys that are not the built-in ones; `v2g-console keys check` finds clashes"""
    sites: Annotated[tuple[ConsoleSiteSettings, ...], _OR_EMPTY] = ()
    """engines that `attach` shows together in one console; none: the engine of `socket` alone"""


class SocketSettings(_Section):
    """Where a running engine listens for `attach`, `dispatch`, `stop`, `status` and `fleet`."""

    enabled: bool = True
    """whether to listen at all"""
    path: Path | None = None
    """default: v2g-console.sock in /run/v2g-console/ if writable, else in the run-time folder of the user"""


class RoleSettings(_Section):
    """Who has a role: users and groups of the operating system."""

    role: Role
    """viewer (looks), auditor (looks, reads the record), operator (dispatches) or supervisor (also approves, and resumes after STOP)"""
    users: tuple[str, ...] = ()
    """names of users; what is written for a user counts more than his groups"""
    groups: tuple[str, ...] = ()
    """names of groups; who is in several gets the highest role"""


class AccessSettings(_Section):
    """Who may do what. The operating system says who somebody is, also at the socket."""

    roles: Annotated[tuple[RoleSettings, ...], _OR_EMPTY] = ()
    """who is not named views; without any entry who started the engine is supervisor"""
    four_eyes_above_kw: NonNegative = 0.0
    """a dispatch or update above this waits for another supervisor; 0: never"""
    approval_timeout_s: Annotated[float, Field(ge=10.0, le=86_400.0)] = 300.0
    """a request that waits for approval lapses after this"""
    lock_after_s: NonNegative = 0.0
    """a console nobody touches for this long becomes view-only until it is unlocked; 0: never"""


class Settings(_Section):
    """The whole configuration."""

    mqtt: MqttSettings = MqttSettings()
    dispatch: DispatchSettings = DispatchSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    fleet: FleetSettings = FleetSettings()
    grid: GridSettings = GridSettings()
    interlocks: InterlockSettings = InterlockSettings()
    segments: Annotated[tuple[SegmentSettings, ...], _OR_EMPTY] = ()
    """fleet segments that share by other rules than the built-in ones"""
    metrics: MetricsSettings = MetricsSettings()
    prediction: PredictionSettings = PredictionSettings()
    journal: JournalSettings = JournalSettings()
    alarms: AlarmSettings = AlarmSettings()
    console: ConsoleSettings = ConsoleSettings()
    socket: SocketSettings = SocketSettings()
    access: AccessSettings = AccessSettings()
