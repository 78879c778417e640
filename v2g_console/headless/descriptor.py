"""Bytes to a file descriptor from a thread, so that a reader who does not read never holds up an event loop."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

_CHUNK_BYTES: Final = 64 * 1024


class DescriptorWriter:
    """A bounded queue of lines before a descriptor and a daemon thread that writes them. Any thread may offer.

    Works below Python's own buffers: nothing is left for the interpreter to flush, and complain about, at its exit.
    """

    def __init__(self, descriptor: int, *, most_bytes: int, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called on the writing thread whenever room was made or the descriptor broke."""
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._on_change = on_change
        self._lines: deque[bytes] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._broken: OSError | None = None
        self._thread: threading.Thread | None = None

    @property
    def broken(self) -> OSError | None:
        """Why nothing can be written any more, or None."""
        return self._broken

    @property
    def queued_bytes(self) -> int:
        """Bytes offered and not written yet; 0 once broken."""
        return self._queued_bytes

    def offer(self, line: bytes) -> bool:
        """Queue `line`; False if there is no room now. What is offered to a broken descriptor is thrown away."""
        with self._changed:
            if self._broken is not None:
                return True
            if self._queued_bytes and self._queued_bytes + len(line) > self._most_bytes:
                return False
            self._lines.append(line)
            self._queued_bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"write-{self._descriptor}", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return True

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is written; False if it was not within `timeout_s`, or the descriptor broke."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queued_bytes or self._broken is not None, timeout_s) and self._broken is None

    def close(self, timeout_s: float) -> bool:
        """Flush and end the thread; the descriptor stays open. False as for `flush`."""
        flushed = self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        return flushed

    def _run(self) -> None:
        while (chunk := self._next_chunk()) is not None:
            try:
                _write_all(self._descriptor, chunk)
            except OSError as error:
                self._settle(len(chunk), error)
                return
            self._settle(len(chunk), None)

    def _next_chunk(self) -> bytes | None:
        """Lines that wait, together up to about 64 KiB; None when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing)
            if not self._lines:
                return None
            taken = [self._lines.popleft()]
            size = len(taken[0])
            while self._lines and size + len(self._lines[0]) <= _CHUNK_BYTES:
                taken.append(self._lines.popleft())
                size += len(taken[-1])
            return b"".join(taken)

    def _settle(self, written_bytes: int, error: OSError | None) -> None:
        with self._changed:
            self._queued_bytes -= written_bytes
            if error is not None:
                self._broken = error
                self._lines.clear()
                self._queued_bytes = 0
            self._changed.notify_all()
        self._on_change()


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # the other side of a shared terminal or pipe made it non-blocking
            select.select([], [descriptor], [])
