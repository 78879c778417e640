"""One engine per journal: a lock file beside it, freed by the system however the process ends. The file itself stays."""

import fcntl
import os
from pathlib import Path
from typing import Final

from v2g_console.journal.port import JournalError

_MOST_PID_BYTES: Final = 20


class JournalLock:
    """Taken when made; raises JournalError naming the process that holds it."""

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"can't open {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, _MOST_PID_BYTES, 0).decode("ascii", "replace").strip()
            self.free()
            by = f"process {holder}" if holder.isdecimal() else "another process"
            raise JournalError(f"the journal {journal} is in use by {by}: stop it, or configure another journal.path") from error
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return  # a full disk: the lock holds, only its message will lack the pid

    def free(self) -> None:
        """Let others have the journal. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
