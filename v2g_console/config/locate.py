"""Where the configuration file is looked for."""

import os
from collections.abc import Mapping
from pathlib import Path

from v2g_console.config.problems import ConfigMissingError


def candidates(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The places, best first: this folder, the user's configuration folder, the machine's."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path("config.yaml"), home / "v2g-console" / "config.yaml", Path("/etc/v2g-console/config.yaml")


def find_config(environ: Mapping[str, str] = os.environ) -> Path:
    """The first configuration file that exists. Raises ConfigMissingError with the places that were looked in."""
    places = candidates(environ)
    for place in places:
        if place.is_file():
            return place
    raise ConfigMissingError(places)
