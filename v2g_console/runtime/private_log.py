"""A rotated log file that only its owner may read, and that outlives a full or read-only disk."""

import logging
import logging.handlers
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_AGAIN_AFTER_S: Final = 1.0


class PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """What the disk does not take is counted, never told on a terminal that may be a screen; the next line that fits says how much."""

    def __init__(self, path: Path, *, most_bytes: int, files: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=files, encoding="utf-8", errors="backslashreplace", delay=True)
        self.lost = 0
        self._again_at_s = 0.0

    def _open(self):  # type: ignore[no-untyped-def]  # the type in typeshed is a private alias
        path = Path(self.baseFilename)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                os.pwrite(descriptor, b"\n", size)  # the disk took half a line before it failed
        finally:
            os.close(descriptor)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after a word about those that were lost; a disk that failed is tried again a second later at the earliest."""
        if record.created < self._again_at_s <= record.created + _AGAIN_AFTER_S:
            self.lost += 1
            return
        if self.lost:
            lost, self.lost = self.lost, 0
            words = f"{lost} log lines are missing: the disk did not take them"
            super().emit(logging.makeLogRecord({"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": words}))
            if self.lost:
                self.lost += lost
                return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Count the record; begin with a fresh file handle next time, since a broken one keeps half a line in its buffer."""
        self.lost += 1
        if isinstance(sys.exc_info()[1], OSError):
            self._again_at_s = record.created + _AGAIN_AFTER_S
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()
