"""What is measured, recorded and alarmed: sections `metrics`, `journal` and `alarms`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from v2g_console.config.section import OR_EMPTY, NonNegative, Port, Positive, Section


class MetricsSettings(Section):
    """Prometheus metrics at http://host:port/metrics."""

    enabled: bool = True
    """whether to listen at all"""
    host: str = "127.0.0.1"
    """address to listen on"""
    port: Port = 2112
    """0: any free port, named in the log"""


class JournalExportSettings(Section):
    """The record of decisions as JSON Lines in rotated files, for other programs."""

    path: Path | None = None
    """file being written; empty: no export"""
    max_size_mib: Positive = 100.0
    """a new file is begun before this size"""
    max_backups: Annotated[int, Field(ge=0)] = 10
    """closed files kept; 0: all"""
    max_age_days: NonNegative = 90.0
    """closed files older than this are removed; 0: never"""


class JournalSettings(Section):
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


class AlarmDelaySettings(Section):
    """How long a condition must hold before one kind of alarm follows it."""

    kind: Annotated[str, Field(min_length=1, max_length=64)]
    """such as shortfall; `v2g-console config check` names those there are"""
    on_s: NonNegative = 0.0
    """before it is raised"""
    off_s: NonNegative = 0.0
    """before it is cleared"""


class AlarmSettings(Section):
    """How alarms behave."""

    longest_shelf_s: Positive = 28_800.0
    """nobody can shelve an alarm for longer"""
    flood_per_10_min: Annotated[int, Field(ge=1)] = 10
    """more alarms than this in ten minutes are a flood"""
    stale_after_s: Positive = 86_400.0
    """an alarm that is active for longer is stale: its cause should be mended, or its rule changed"""
    delays: Annotated[tuple[AlarmDelaySettings, ...], OR_EMPTY] = ()
    """kinds of alarms whose delays are not the built-in ones"""
