"""Where log records go: JSON on standard error without a screen, a rotated file (0600) with one."""

import logging
import logging.handlers
import os
from pathlib import Path

from platformdirs import user_state_path

from v2g_console.config.redact import RedactingFilter, Redactor, secrets_of
from v2g_console.config.settings import Settings
from v2g_console.headless.logs import json_log_handler

_BYTES = 2_000_000
_FILES = 3


class _PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read."""

    def _open(self):  # type: ignore[no-untyped-def]  # the type in typeshed is a private alias
        stream = super()._open()
        os.chmod(self.baseFilename, 0o600)  # noqa: PTH101  (baseFilename is a str)
        return stream


def log_to_standard_error(settings: Settings) -> None:
    """JSON Lines on standard error, for machines."""
    _install(json_log_handler(), settings)


def log_to_file(settings: Settings) -> Path:
    """A rotated file; Textual draws on standard error, so nothing may be written there. Returns the file."""
    folder = user_state_path("v2g-console", ensure_exists=True)
    path = folder / "console.log"
    handler = _PrivateFileHandler(path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    _install(handler, settings)
    return path


def _install(handler: logging.Handler, settings: Settings) -> None:
    handler.addFilter(RedactingFilter(Redactor(secrets_of(settings))))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
