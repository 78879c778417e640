"""The export stream: every entry as a JSON line in a file that is rotated by size, and kept by count and age."""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final

_MIB: Final = 1 << 20
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class JsonlOptions:
    """Where to, and when a file is closed and removed. `max_backups` and `max_age_days` of closed files; 0: no limit."""

    path: Path
    max_size_mib: float
    max_backups: int
    max_age_days: float


class JsonlFile:
    """Appends lines to `journal.jsonl`; closed ones are `journal-20261123T130207.123456.jsonl`. Every method may raise OSError."""

    def __init__(self, options: JsonlOptions) -> None:
        self._options = options
        self._file: FileIO | None = None

    def write(self, lines: bytes, utc_s: float) -> None:
        """Append whole lines; rotate before the file would grow beyond its size."""
        file = self._opened()
        size = file.tell()
        if size and size + len(lines) > self._options.max_size_mib * _MIB:
            self._rotate(utc_s)
            file = self._opened()
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(size)  # half a line would spoil the next one
            raise

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def closed_files(self) -> list[Path]:
        """Closed files, newest first."""
        path = self._options.path
        return sorted(path.parent.glob(f"{path.stem}-[0-9]*T[0-9]*{path.suffix}"), reverse=True)

    def _opened(self) -> FileIO:
        if self._file is None:
            path = self._options.path
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(0o600)
            self._file = FileIO(path, "ab")
        return self._file

    def _rotate(self, utc_s: float) -> None:
        self.close()
        path = self._options.path
        moment = datetime.fromtimestamp(utc_s, UTC).strftime("%Y%m%dT%H%M%S.%f")
        path.rename(path.with_name(f"{path.stem}-{moment}{path.suffix}"))
        for rank, old in enumerate(self.closed_files(), 1):
            too_many = 0 < self._options.max_backups < rank
            too_old = 0 < self._options.max_age_days * _DAY_S < utc_s - old.stat().st_mtime
            if too_many or too_old:
                old.unlink()
