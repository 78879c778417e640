"""Which vehicles there are, where, how they report and what is forecast: sections `telemetry`, `fleet`, `grid` and `prediction`."""

from typing import Annotated, Literal

from pydantic import Field

from v2g_console.config.section import OR_EMPTY, NonNegative, Positive, Section


class TelemetrySettings(Section):
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


class SiteVehiclesSettings(Section):
    """Vehicles of one site that don't say themselves where they are; v1 vehicles never do."""

    site: Annotated[str, Field(min_length=1, max_length=64)]
    """name of the site, as in grid.nodes"""
    vehicles: tuple[str, ...] = ()
    """ids, or patterns with * ? and [...]; a whole id goes before patterns, an earlier pattern before a later one"""


class FleetSettings(Section):
    """Who belongs to the fleet."""

    discovery_interval_s: Positive = 300.0
    """hello is said at every connect and this often"""
    max_vehicles: Annotated[int, Field(ge=1, le=2_000_000)] = 200_000
    """vehicles beyond are refused and counted"""
    sites: Annotated[tuple[SiteVehiclesSettings, ...], OR_EMPTY] = ()
    """where vehicles are that tell no site; a vehicle that tells one is counted where it says"""


class NodeSettings(Section):
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


class GridSettings(Section):
    """Limits of sites and feeders: a tree."""

    nodes: Annotated[tuple[NodeSettings, ...], OR_EMPTY] = ()
    """sites and the feeders above them, in any order"""
    fleet_import_kw: NonNegative = 0.0
    """most the whole fleet may draw; 0: no limit"""
    fleet_export_kw: NonNegative = 0.0
    """most the whole fleet may feed in; 0: no limit"""
    phase_voltage_v: Annotated[float, Field(ge=50.0, le=1000.0)] = 230.0
    """between a phase and neutral, the lowest to expect: turns the amperes of phase_import_a and phase_export_a into kW"""


class PredictionSettings(Section):
    """Forecast of availability used in scoring."""

    engine: Literal["none", "mock", "history"] = "history"
    """history learns availability by hour of the week; mock is for tests"""
    half_life_days: Positive = 28.0
    """history: age at which an observation counts half"""
