"""Where the journal is and how it is kept, from the configuration."""

import os
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from v2g_console.config.settings import JournalSettings
from v2g_console.journal.jsonl import JsonlOptions
from v2g_console.journal.retention import Retention
from v2g_console.journal.sqlite import SqliteOptions

JOURNAL_NAME: Final = "journal.db"
SYSTEM_FOLDER: Final = Path("/var/lib/v2g-console")
_MIB: Final = 1 << 20


def journal_path(settings: JournalSettings) -> Path:
    """Where the engine of this user writes: as configured, else the system's folder if writable, else a folder of the user."""
    if settings.path is not None:
        return settings.path
    folder = SYSTEM_FOLDER if os.access(SYSTEM_FOLDER, os.W_OK | os.X_OK) else user_state_path("v2g-console")
    return folder / JOURNAL_NAME


def find_journal(settings: JournalSettings) -> Path:
    """Where a reader looks: as configured, else the system's journal if it can be seen, else the user's own."""
    system = SYSTEM_FOLDER / JOURNAL_NAME
    if settings.path is None and os.access(system, os.R_OK):
        return system
    return journal_path(settings)


def sqlite_options(settings: JournalSettings) -> SqliteOptions:
    """What `SqliteJournal.open` takes."""
    export = settings.export
    return SqliteOptions(
        path=journal_path(settings),
        retention=Retention(settings.retention_days, round(settings.max_size_mib * _MIB)),
        export=None if export.path is None else JsonlOptions(export.path, export.max_size_mib, export.max_backups, export.max_age_days),
    )
