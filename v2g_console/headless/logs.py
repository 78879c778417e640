"""Logs as JSON Lines on standard error."""

import errno
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from v2g_console.headless.descriptor import DescriptorWriter

_MOST_BYTES: Final = 1024 * 1024
_FLUSH_S: Final = 1.0
_AGAIN_S: Final = 1.0
_OF_A_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


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
        self._descriptor = descriptor
        self._again_at_s = 0.0
        self._lost = 0
        self._was_full = False

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; if there is no room it is counted, and the count is told when there is room again."""
        if self._writer is None:
            return
        try:
            line = self.format(record).encode(errors="backslashreplace") + b"\n"
        except (TypeError, ValueError):  # arguments that don't fit the message: log it without them
            line = self.format(logging.makeLogRecord(record.__dict__ | {"args": None})).encode(errors="backslashreplace") + b"\n"
        self._try_the_disk_again(record.created)
        if self._lost and self._writer.broken is None and self._writer.offer(_lost_line(self._lost, full=self._was_full)):
            self._lost, self._was_full = 0, False
        if self._lost or not self._writer.offer(line):
            self._lost += 1

    def _try_the_disk_again(self, now_s: float) -> None:
        """A file whose disk was full is tried again each second; a reader who went away is gone for good."""
        broken = self._writer.broken if self._writer is not None else None
        if broken is None or broken.errno not in _OF_A_DISK or self._descriptor is None:
            return
        self._lost, self._was_full = max(1, self._lost), True
        if now_s >= self._again_at_s:
            self._again_at_s = now_s + _AGAIN_S
            self._writer = DescriptorWriter(self._descriptor, most_bytes=_MOST_BYTES)

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


def _lost_line(lost: int, *, full: bool) -> bytes:
    """Where a disk was full its last line may be half a line: this one begins anew."""
    text = (
        f"at least {lost} log lines are missing: the disk was full"
        if full
        else f"{lost} log lines are missing: standard error was not read"
    )
    words = {"level": "WARNING", "logger": __name__, "message": text}
    return (b"\n" if full else b"") + json.dumps({"ts": _utc_text(datetime.now(UTC).timestamp()), **words}).encode() + b"\n"


def _utc_text(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
