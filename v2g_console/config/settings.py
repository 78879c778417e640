"""The settings as types: every key of the configuration file with its unit, range and default. Loading and errors: `config.load`.

The sections stand in the `*_settings` files; whoever uses them takes them from here.
"""

from typing import Annotated

from v2g_console.config.access_settings import AccessSettings, RoleSettings
from v2g_console.config.console_settings import ConsoleSettings, ConsoleSiteSettings, KeySettings, SocketSettings
from v2g_console.config.dispatch_settings import (
    DispatchSettings,
    EmphasisSettings,
    InterlockSettings,
    SegmentSettings,
    SocSettings,
    TrustSettings,
    WeightSettings,
)
from v2g_console.config.fleet_settings import (
    FleetSettings,
    GridSettings,
    NodeSettings,
    PredictionSettings,
    SiteVehiclesSettings,
    TelemetrySettings,
)
from v2g_console.config.mqtt_settings import AuthMethod, MqttSettings, QosSettings
from v2g_console.config.record_settings import AlarmDelaySettings, AlarmSettings, JournalExportSettings, JournalSettings, MetricsSettings
from v2g_console.config.section import OR_EMPTY, Section

__all__ = [
    "AccessSettings",
    "AlarmDelaySettings",
    "AlarmSettings",
    "AuthMethod",
    "ConsoleSettings",
    "ConsoleSiteSettings",
    "DispatchSettings",
    "EmphasisSettings",
    "FleetSettings",
    "GridSettings",
    "InterlockSettings",
    "JournalExportSettings",
    "JournalSettings",
    "KeySettings",
    "MetricsSettings",
    "MqttSettings",
    "NodeSettings",
    "PredictionSettings",
    "QosSettings",
    "RoleSettings",
    "SegmentSettings",
    "Settings",
    "SiteVehiclesSettings",
    "SocSettings",
    "SocketSettings",
    "TelemetrySettings",
    "TrustSettings",
    "WeightSettings",
]


class Settings(Section):
    """The whole configuration."""

    mqtt: MqttSettings = MqttSettings()
    dispatch: DispatchSettings = DispatchSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    fleet: FleetSettings = FleetSettings()
    grid: GridSettings = GridSettings()
    interlocks: InterlockSettings = InterlockSettings()
    segments: Annotated[tuple[SegmentSettings, ...], OR_EMPTY] = ()
    """fleet segments that share by other rules than the built-in ones"""
    metrics: MetricsSettings = MetricsSettings()
    prediction: PredictionSettings = PredictionSettings()
    journal: JournalSettings = JournalSettings()
    alarms: AlarmSettings = AlarmSettings()
    console: ConsoleSettings = ConsoleSettings()
    socket: SocketSettings = SocketSettings()
    access: AccessSettings = AccessSettings()
