"""The configuration of a running engine, as people may read it."""

import msgspec


class ConfigurationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key: its value as it would be written (a secret as `***`), and where it comes from."""

    key: str
    value: str
    origin: str


class ConfigurationView(msgspec.Struct, frozen=True, kw_only=True):
    """Every key in the order of the sections; nothing where the engine was not started from a configuration."""

    rows: tuple[ConfigurationRow, ...]
