"""Lines of requests from a pipe, a file, a terminal or /dev/null, read by a daemon thread."""

import asyncio
import os
import select
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LONGEST_LINE_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_LINES_AHEAD: Final = 256


@dataclass(frozen=True, slots=True)
class InputLine:
    """A line that is not blank: its number, counted from 1, and its bytes; `text` is None for one above the limit."""

    number: int
    text: bytes | None


class LineSplitter:
    """Cuts a stream of bytes into lines, holding at most one line of the longest length."""

    def __init__(self, longest_bytes: int = LONGEST_LINE_BYTES) -> None:
        self._longest = longest_bytes
        self._number = 0
        self._rest = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[InputLine]:
        """The lines that end in `chunk`."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._keep(chunk[start:end])
            start = end + 1
            yield from self._finish()
        self._keep(chunk[start:])

    def close(self) -> Iterator[InputLine]:
        """The last line, if it does not end in a line feed."""
        if self._rest or self._too_long:
            yield from self._finish()

    def _keep(self, part: bytes) -> None:
        if self._too_long or len(self._rest) + len(part) > self._longest:
            self._too_long = True
            self._rest.clear()
        else:
            self._rest += part

    def _finish(self) -> Iterator[InputLine]:
        self._number += 1
        text: bytes | None = bytes(self._rest).strip()
        if self._number == 1 and text:
            text = text.removeprefix(b"\xef\xbb\xbf")  # editors on Windows begin files with a byte order mark
        if self._too_long:
            text = None
        self._rest.clear()
        self._too_long = False
        if text is None or text:
            yield InputLine(self._number, text)


class CommandSource:
    """The lines of one input. `open` it, then `next` until None; reading runs at most 256 lines ahead."""

    def __init__(self, descriptor: int | None, *, owns_descriptor: bool = False) -> None:
        """`descriptor` None is an input without lines."""
        self._descriptor = descriptor
        self._owns_descriptor = owns_descriptor
        self._lines: asyncio.Queue[InputLine | None] = asyncio.Queue()
        self._room = threading.Semaphore(_LINES_AHEAD)
        self._thread: threading.Thread | None = None
        self._ended = False

    @classmethod
    def open(cls, name: str) -> "CommandSource":
        """The file called `name`, or standard input for `-`. Raises OSError."""
        if name != "-":
            return cls(os.open(Path(name), os.O_RDONLY | os.O_CLOEXEC), owns_descriptor=True)
        # Started without standard input, its number may be anything's by now.
        return cls(None if sys.__stdin__ is None else sys.__stdin__.fileno())

    async def next(self) -> InputLine | None:
        """The next line, None at the end (and ever after). An input that breaks ends."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read, args=(loop,), name="commands", daemon=True)
            self._thread.start()
        if self._ended:
            return None
        line = await self._lines.get()
        self._room.release()
        self._ended = line is None
        return line

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        splitter = LineSplitter()
        try:
            while chunk := self._read_chunk():
                for line in splitter.feed(chunk):
                    self._pass_on(loop, line)
            for line in splitter.close():
                self._pass_on(loop, line)
            self._pass_on(loop, None)
        except RuntimeError:  # the loop was closed: nobody waits for lines any more
            return
        finally:
            if self._owns_descriptor and self._descriptor is not None:
                os.close(self._descriptor)

    def _read_chunk(self) -> bytes:
        """Bytes as they come, b"" at the end or when the input breaks. Reads below Python's buffers, which a blocked thread would lock."""
        if self._descriptor is None:
            return b""
        while True:
            try:
                return os.read(self._descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                select.select([self._descriptor], [], [])
            except OSError:
                return b""

    def _pass_on(self, loop: asyncio.AbstractEventLoop, line: InputLine | None) -> None:
        self._room.acquire()
        loop.call_soon_threadsafe(self._lines.put_nowait, line)
