"""The parts of an engine, put together: what they share (`core`), and those that work on it."""

from dataclasses import dataclass

from v2g_console.allocation import Weights
from v2g_console.allocation.tuner import AckTuner, NoTuner, Tuner
from v2g_console.config.settings import DispatchSettings, Settings
from v2g_console.contract.configuration import ConfigurationView
from v2g_console.domain.capability import CapabilityRules
from v2g_console.engine.access import Access
from v2g_console.engine.acks import Acks
from v2g_console.engine.acting import Acting
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.approvals import Approvals
from v2g_console.engine.clock import Clock
from v2g_console.engine.core import Core
from v2g_console.engine.discovery import Discovery
from v2g_console.engine.ecowatt import Ecowatt
from v2g_console.engine.errands import Errands
from v2g_console.engine.fleet import Fleet
from v2g_console.engine.gate import Gate
from v2g_console.engine.grid import Grid
from v2g_console.engine.handover import Handover
from v2g_console.engine.headroom import Headroom
from v2g_console.engine.holds import StandingHolds
from v2g_console.engine.incoming import Incoming
from v2g_console.engine.inhibit import Inhibitor
from v2g_console.engine.leaving import Leaving
from v2g_console.engine.owed import Owed
from v2g_console.engine.plans import Plans
from v2g_console.engine.queries import Queries
from v2g_console.engine.recover import Recovery, recover
from v2g_console.engine.site_map import SiteMap
from v2g_console.engine.snapshots import Snapshots
from v2g_console.engine.standing import Standing
from v2g_console.engine.stop import Stopping
from v2g_console.engine.stream import EventStream
from v2g_console.engine.tagging import Tagging
from v2g_console.engine.watch import Watch
from v2g_console.journal.port import Journal
from v2g_console.journal.recovery import Recovered
from v2g_console.metrics import Metrics
from v2g_console.prediction import PredictionEngine
from v2g_console.transport.port import MqttLink
from v2g_console.transport.topics import Topics


@dataclass(frozen=True, slots=True)
class Parts:
    """One of each."""

    core: Core
    errands: Errands
    owed: Owed
    acks: Acks
    alarms: Alarms
    headroom: Headroom
    plans: Plans
    access: Access
    approvals: Approvals
    stopping: Stopping
    inhibitor: Inhibitor
    holds: StandingHolds
    snapshots: Snapshots
    acting: Acting
    gate: Gate
    leaving: Leaving
    watch: Watch
    discovery: Discovery
    incoming: Incoming
    recovery: Recovery
    ecowatt: Ecowatt


@dataclass(frozen=True, slots=True)
class Around:
    """What an engine is built with and does not make itself."""

    settings: Settings
    clock: Clock
    journal: Journal
    metrics: Metrics
    prediction: PredictionEngine
    read_only: bool


def build_core(around: Around, topics: Topics, link: MqttLink) -> Core:
    """What all parts share, as configured."""
    settings, dispatch, soc = around.settings, around.settings.dispatch, around.settings.dispatch.soc
    return Core(
        settings=settings,
        clock=around.clock,
        fleet=Fleet(
            max_vehicles=settings.fleet.max_vehicles,
            default_min_soc=soc.default_min_soc,
            interval_s=settings.telemetry.interval_s,
            site_map=SiteMap.from_settings(settings.fleet.sites),
        ),
        link=link,
        topics=topics,
        journal=around.journal,
        stream=EventStream(),
        metrics=around.metrics,
        prediction=around.prediction,
        rules=CapabilityRules(
            charge_efficiency=dispatch.charge_efficiency,
            discharge_efficiency=dispatch.discharge_efficiency,
            safe_discharge_floor=soc.safe_discharge_floor,
            soc_ceiling=soc.soc_ceiling,
            departure_margin_s=dispatch.departure_margin_s,
            protect_below_min_soc=dispatch.protect_below_min_soc,
        ),
        read_only=around.read_only,
        standing=Standing(dispatch.trust),
        grid=Grid.from_settings(settings.grid),
        weights=Weights(**dispatch.weights.model_dump()),
        tuner=_tuner(dispatch),
    )


def _tuner(dispatch: DispatchSettings) -> Tuner:
    """What may change weights: nothing, unless the configuration says so."""
    if dispatch.tuner == "none":
        return NoTuner()
    configured = dispatch.weights.availability
    return AckTuner(configured, most=max(0.5, configured))


def assemble(core: Core, found: Recovered, *, owner: str, demo: bool, configured: ConfigurationView) -> Parts:
    """The parts around `core`; what an earlier run left behind (`found`) is taken over. `owner` is who started the engine,

    `configured` what it was started with, for people to read.
    """
    errands, owed, plans, approvals, discovery = Errands(), Owed(core), Plans(core), Approvals(core), Discovery(core)
    alarms, headroom, access = Alarms(core, found.holds.shelved), Headroom(core), Access(core.settings.access, core.clock, owner)
    stopping, inhibitor = Stopping(core, owed), Inhibitor(core, owed)
    holds = StandingHolds(core, alarms)
    ecowatt = Ecowatt(core, alarms, found.holds)
    snapshots = Snapshots(core, alarms, headroom, access, approvals, stopping, ecowatt, demo=demo)
    acting = Acting(core, plans, owed, approvals, stopping)
    queries = Queries(core, owed, headroom, snapshots, approvals, stopping, configured)
    tagging, handover = Tagging(core, inhibitor, access), Handover(core, snapshots)
    recovery = recover(core, owed, found)
    alarms.set("recovered", "", bool(recovery.text), recovery.text)
    return Parts(
        core=core,
        errands=errands,
        owed=owed,
        acks=Acks(core, owed),
        alarms=alarms,
        headroom=headroom,
        plans=plans,
        access=access,
        approvals=approvals,
        stopping=stopping,
        inhibitor=inhibitor,
        holds=holds,
        snapshots=snapshots,
        acting=acting,
        gate=Gate(core, plans, alarms, acting, queries, access, approvals, tagging, handover, ecowatt),
        leaving=Leaving(core, acting, owed),
        watch=Watch(core, alarms, owed),
        discovery=discovery,
        incoming=Incoming(core, owed, discovery, errands),
        recovery=recovery,
        ecowatt=ecowatt,
    )
