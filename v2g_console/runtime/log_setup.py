"""Where log records go: JSON on standard error without a screen, a rotated file (0600) with one."""

import logging
from pathlib import Path

from platformdirs import user_state_path

from v2g_console.config.redact import RedactingFilter, Redactor, secrets_of
from v2g_console.config.settings import Settings
from v2g_console.headless.logs import json_log_handler
from v2g_console.runtime.log_rate import RateFilter
from v2g_console.runtime.private_log import PrivateFileHandler

_BYTES = 2_000_000
_FILES = 3


def log_to_standard_error(settings: Settings) -> None:
    """JSON Lines on standard error, for machines."""
    _install(json_log_handler(), settings)


def log_to_file(settings: Settings, name: str) -> Path:
    """A rotated file of that name; Textual draws on standard error, so nothing may be written there. Returns the file."""
    folder = user_state_path("v2g-console", ensure_exists=True)
    path = folder / name
    handler = PrivateFileHandler(path, most_bytes=_BYTES, files=_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    _install(handler, settings)
    return path


def _install(handler: logging.Handler, settings: Settings) -> None:
    handler.addFilter(RateFilter())  # before the other, which makes every message one of a kind
    handler.addFilter(RedactingFilter(Redactor(secrets_of(settings))))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
