"""So many log records a second and no more: whoever sends us rubbish by the thousand must not fill a disk with what we say about it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 10.0
ALIKE_PER_WINDOW = 20
ALL_PER_WINDOW = 500
_MOST_KINDS = 1000


@dataclass(slots=True)
class _Kind:
    """Records of one logger, level and message template within the present window."""

    passed: int = 0
    held_back: int = 0


class RateFilter(logging.Filter):
    """Lets a burst of records of one kind pass, then counts, and tells the count with the next one. First filter of a handler."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` in seconds."""
        super().__init__()
        self._monotonic = monotonic
        self._kinds: dict[tuple[str, int, object], _Kind] = {}
        self._window_ends = 0.0
        self._passed = 0
        self._lock = threading.RLock()  # as logging's own: what a signal interrupts may be a record of the same thread

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a record too many."""
        with self._lock:
            now = self._monotonic()
            if now >= self._window_ends:
                self._window_ends, self._passed = now + WINDOW_S, 0
                self._kinds = {key: _Kind(0, kind.held_back) for key, kind in self._kinds.items() if kind.held_back}
            kind = self._kind((record.name, record.levelno, str(record.msg)[:200]))
            if kind.passed >= ALIKE_PER_WINDOW or self._passed >= ALL_PER_WINDOW:
                kind.held_back += 1
                return False
            kind.passed += 1
            self._passed += 1
            held_back, kind.held_back = kind.held_back, 0
        if held_back:
            record.msg, record.args = f"{record.getMessage()} ({held_back} alike were not logged)", None
        return True

    def _kind(self, key: tuple[str, int, object]) -> _Kind:
        """The count of a kind; beyond a thousand kinds they share one."""
        if key not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            key = ("", 0, "")
        return self._kinds.setdefault(key, _Kind())
