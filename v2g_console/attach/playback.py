"""Reading a recording: where its moments are, and what the console saw at each. Plays up to the first damage, and says what that is."""

import math
import os
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from v2g_console.attach.fleet_patch import PatchError
from v2g_console.attach.frames import LARGEST_PICTURE_BYTES, UNREADABLE
from v2g_console.attach.picture import unpacked
from v2g_console.attach.recording import LARGEST_HEADER_BYTES, MAGIC, RECORD, TIMING, WBITS, Flag, Header, Moment, RecordingError
from v2g_console.contract import CONTRACT_VERSION, OLDEST_RECORDED
from v2g_console.contract.events import Event
from v2g_console.contract.snapshot import EngineInfo, Snapshot

MOST_MOMENTS: Final = 4_000_000
"""Three weeks at two a second; an entry takes 25 bytes of memory."""
LARGEST_MOMENT_BYTES: Final = LARGEST_PICTURE_BYTES
_LONGEST_MS: Final = 10 * 366 * 86_400_000
_LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999, where Python's calendar ends
_LARGEST_NUMBER: Final = 2**53


class _DamageError(Exception):
    """A record that can't be played."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the console saw at moment `index`. `problem`: why it heard nothing of the engine, "" if it did."""

    index: int
    snapshot: Snapshot | None
    problem: str
    events: tuple[Event, ...]
    dropped: int


class Recording:
    """A recording, open for reading; belongs to one thread at a time. `damage` says why it ends before its end, "" if it does not.

    Moments are numbered from 0. Reading may find damage, which shortens the recording.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, find its moments and try the first. Raises RecordingError."""
        self.path = path
        self.damage = ""
        self._starts = array("Q")  # of the body in the file
        self._sizes = array("I")
        self._times = array("Q")
        self._flags = array("B")
        self._chapters = array("I")
        self._at = -1
        self._inflate = zlib.decompressobj(WBITS)
        self._snapshot: Snapshot | None = None
        self._engine: EngineInfo | None = None
        self._problem = ""
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise RecordingError(f"{path}: can't be opened: {error.strerror or error}") from error
        try:
            self.header = self._read_header()
            self._find_moments()
            if not len(self):
                raise RecordingError(f"{path}: holds no picture: {self.damage or 'it was ended at once'}")
            self.look(0)
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        """Moments that can be played."""
        return len(self._times)

    @property
    def length_ms(self) -> int:
        """Milliseconds from the start to the last moment."""
        return self._times[-1]

    def time_ms(self, index: int) -> int:
        """Milliseconds from the start to moment `index`."""
        return self._times[index]

    def index_at(self, at_ms: float) -> int:
        """The last moment that is not after `at_ms`; the first one if all are."""
        return max(0, bisect_right(self._times, max(0, math.floor(min(at_ms, self.length_ms)))) - 1)

    def next_with(self, flag: Flag, after: int) -> int | None:
        """The first moment behind `after` that has `flag`; None if there is none."""
        return next((index for index in range(after + 1, len(self)) if self._flags[index] & flag), None)

    def look(self, index: int) -> Shown:
        """What was seen at moment `index`, or at the last good one before it. Raises RecordingError if not even the first can be read."""
        while True:
            index = min(index, len(self) - 1)
            try:
                moment = self._go_to(index)
            except _DamageError as error:
                self._cut(self._at + 1, str(error))
                continue
            return Shown(index, self._snapshot, self._problem, moment.events, moment.dropped)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _go_to(self, index: int) -> Moment:
        """Read up to moment `index`, from the newest that was read or from the start of its chapter."""
        chapter = self._chapters[bisect_right(self._chapters, index) - 1]
        if index <= self._at or self._at < chapter:
            self._at = chapter - 1
        while True:
            moment = self._step(self._at + 1)
            self._at += 1
            if self._at == index:
                return moment

    def _step(self, index: int) -> Moment:
        """Read moment `index`; the one before it must be the newest that was read, unless it begins a chapter."""
        moment = self._moment(index)
        if moment.problem:
            self._problem = moment.problem if self._flags[index] & Flag.GONE else self._problem
            return moment
        if moment.engine is not None:
            self._engine = moment.engine
        if bytes(moment.picture) and self._engine is not None:
            try:
                self._snapshot = unpacked(bytes(moment.picture), self._engine, self._snapshot)
            except (PatchError, OverflowError, *UNREADABLE) as error:
                raise _DamageError(f"a picture does not fit: {error}"[:200]) from None
        self._problem = ""
        return moment

    def _moment(self, index: int) -> Moment:
        body = self._body(index)
        if self._flags[index] & Flag.CHAPTER:
            self._inflate = zlib.decompressobj(WBITS)
            self._snapshot, self._engine = None, None
        try:
            packed = self._inflate.decompress(body, LARGEST_MOMENT_BYTES)
            if self._inflate.unconsumed_tail or self._inflate.eof:
                raise _DamageError("a moment is too large or ends too early")
            _check(msgspec.msgpack.decode(packed), "")
            return msgspec.msgpack.decode(packed, type=Moment)
        except (zlib.error, *UNREADABLE) as error:
            raise _DamageError(f"a moment can't be unpacked: {error}"[:200]) from None

    def _body(self, index: int) -> bytes:
        try:
            self._file.seek(self._starts[index] - RECORD.size)
            head, body = self._file.read(RECORD.size), self._file.read(self._sizes[index])
        except OSError as error:
            raise _DamageError(f"the file can't be read: {error.strerror or error}") from None
        if len(head) < RECORD.size or len(body) < self._sizes[index]:
            raise _DamageError("the file has become shorter")
        _, crc, at_ms, flags = RECORD.unpack(head)
        if zlib.crc32(TIMING.pack(at_ms, flags) + body) != crc:
            raise _DamageError("a checksum is wrong")
        return body

    def _cut(self, index: int, why: str) -> None:
        """End the recording before moment `index`."""
        self.damage = f"damaged {_place(self._times[index])} after its start: {why}"
        self._at = -1
        if not index:
            raise RecordingError(f"{self.path}: nothing of it can be played: {why}")
        for column in (self._starts, self._sizes, self._times, self._flags):
            del column[index:]
        while self._chapters[-1] >= index:
            self._chapters.pop()

    def _read_header(self) -> Header:
        try:
            magic, length = self._file.read(len(MAGIC)), int.from_bytes(self._file.read(4), "big")
            body = self._file.read(length) if length <= LARGEST_HEADER_BYTES else b""
            crc = int.from_bytes(self._file.read(4), "big")
        except OSError as error:
            raise RecordingError(f"{self.path}: can't be read: {error.strerror or error}") from error
        if magic != MAGIC:
            raise RecordingError(f"{self.path}: is no recording of this program: make one with --record FILE")
        try:
            if zlib.crc32(body) != crc:
                raise RecordingError(f"{self.path}: is damaged at its very beginning")
            header = msgspec.msgpack.decode(body, type=Header)
        except UNREADABLE as error:
            raise RecordingError(f"{self.path}: is damaged at its very beginning: {error}"[:300]) from None
        if not OLDEST_RECORDED <= header.contract <= CONTRACT_VERSION:
            raise RecordingError(
                f"{self.path}: was recorded by version {header.version[:40]} (contract {header.contract}), "
                f"and this program reads contracts {OLDEST_RECORDED} to {CONTRACT_VERSION}: replay it with that version"
            )
        if not 0 <= header.started_ms <= _LATEST_MS:
            raise RecordingError(f"{self.path}: is damaged at its very beginning: it was recorded in no year")
        return header

    def _find_moments(self) -> None:
        """Note where each record is, by its head alone."""
        place, size = self._file.tell(), os.fstat(self._file.fileno()).st_size
        before_ms = 0
        while place + RECORD.size <= size:
            length, _, at_ms, flags = RECORD.unpack(self._file.read(RECORD.size))
            fault = self._fault(length, at_ms, flags, before_ms, size - place - RECORD.size)
            if fault:
                self.damage = f"{fault} {_place(before_ms)} after its start"
                return
            if flags & Flag.CHAPTER:
                self._chapters.append(len(self._times))
            self._starts.append(place + RECORD.size)
            for column, value in ((self._sizes, length), (self._times, at_ms), (self._flags, flags)):
                column.append(value)
            if flags & Flag.END:
                return
            before_ms = at_ms
            place += RECORD.size + length
            self._file.seek(place)
        self.damage = f"it breaks off {_place(before_ms)} after its start: it is being recorded still, or the program was killed"

    def _fault(self, length: int, at_ms: int, flags: int, before_ms: int, left: int) -> str:
        if length > left:
            return "cut off"
        if length > LARGEST_MOMENT_BYTES or not before_ms <= at_ms <= _LONGEST_MS or flags >= Flag.END << 1:
            return "damaged"
        if not len(self) and not flags & Flag.CHAPTER:
            return "damaged"
        return "too long: more moments than are taken" if len(self) >= MOST_MOMENTS else ""


def _check(value: Any, key: str) -> None:
    """Numbers that a screen could stumble over: no date, not finite, beyond all measure. Raises _DamageError."""
    match value:
        case bool() | str() | bytes() | None:
            return
        case int() | float():
            if not math.isfinite(value) or abs(value) > _LARGEST_NUMBER or (key.endswith("_ms") and not 0 <= value <= _LATEST_MS):
                raise _DamageError(f"{key[:40] or 'a number'} is {value!r}"[:100])
        case dict():
            for name, item in value.items():
                _check(item, str(name))
        case list():
            for item in value:
                _check(item, key)


def _place(at_ms: int) -> str:
    minutes, seconds = divmod(at_ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
