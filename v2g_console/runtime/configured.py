"""What an engine was started with, for people to read on its console: every value with its origin, secrets redacted."""

from v2g_console.config.explain import keys_of, value_at, value_text
from v2g_console.config.load import LoadedSettings
from v2g_console.config.redact import redacted
from v2g_console.config.settings import Settings
from v2g_console.contract.configuration import ConfigurationRow, ConfigurationView


def configured(used: Settings, loaded: LoadedSettings | None) -> ConfigurationView:
    """Every key of `used`; what differs from `loaded` came by the command line, and without `loaded` (a demo) from the program."""
    before = Settings() if loaded is None else loaded.settings
    rows = []
    for key in keys_of(used):
        value = value_text(value_at(used, key.path))
        as_loaded = value == value_text(value_at(before, key.path))
        unchanged, changed = ("default", "demo") if loaded is None else (str(loaded.origins[key.path]), "command line")
        origin = unchanged if as_loaded else changed
        rows.append(ConfigurationRow(key=key.path, value=redacted(value), origin=redacted(origin)))
    return ConfigurationView(rows=tuple(rows))
