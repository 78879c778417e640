"""Logs as JSON Lines on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from v2g_console.headless.descriptor import DescriptorWriter

_MOST_BYTES: Final = 1024 * 1024
_FLUSH_S: Final = 1.0


def json_log_handler() -> logging.Handler:
    """A handler for the root logger: JSON Lines on the process's standard error, written by a thread of its own."""
    return JsonLogHandler(None if sys.__stderr__ is None else sys.__stderr__.fileno())


class JsonLogHandler(logging.Handler):
    """One JSON object a record: ts, level, logger, message. A reader who does not read loses log lines; the engine never waits for him."""

    def __init__(self, descriptor: int | None, level: int = logging.NOTSET) -> None:
        """`descriptor` None: the process has no standard error, and records are thrown away."""
        super().__init__(level)
        self.setFormatter(
            _Formatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s",
                rename_fields={"asctime": "ts", "levelname": "level", "name": "logger", "exc_info": "exception"},
            )
        )
        self._writer = None if descriptor is None else DescriptorWriter(descriptor, most_bytes=_MOST_BYTES)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; if there is no room it is counted, and the count is told when there is room again."""
        if self._writer is None:
            return
        try:
            line = self.format(record).encode(errors="backslashreplace") + b"\n"
        except (TypeError, ValueError):  # arguments that don't fit the message: log it without them
            line = self.format(logging.makeLogRecord(record.__dict__ | {"args": None})).encode(errors="backslashreplace") + b"\n"
        if self._lost and self._writer.offer(_lost_line(self._lost)):
            self._lost = 0
        if self._lost or not self._writer.offer(line):
            self._lost += 1

    def flush(self) -> None:
        """Wait up to a second until all is written."""
        if self._writer is not None:
            self._writer.flush(_FLUSH_S)

    def close(self) -> None:
        """Flush and stop."""
        if self._writer is not None:
            self._writer.close(_FLUSH_S)
        super().close()


class _Formatter(JsonFormatter):
    """Times as in events: RFC 3339, UTC, milliseconds."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """When the record was made."""
        return _utc_text(record.created)


def _lost_line(lost: int) -> bytes:
    words = {"level": "WARNING", "logger": __name__, "message": f"{lost} log lines are missing: standard error was not read"}
    return json.dumps({"ts": _utc_text(datetime.now(UTC).timestamp()), **words}).encode() + b"\n"


def _utc_text(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
