"""The file of a recording: its format, and writing it.

A line that names the format, a framed header with its CRC, then records: length, CRC, milliseconds since the start, flags, body. A body is
a `Moment` in MessagePack; the bodies of a chapter are one deflate stream, flushed after each, so a file cut anywhere plays up to the cut.
The first record of a chapter has a whole picture, or none: playing can begin there.
"""

import os
import struct
import zlib
from enum import IntFlag
from pathlib import Path
from typing import Final

import msgspec

from v2g_console.attach.frames import encode, framed
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import Event
from v2g_console.contract.snapshot import EngineInfo
from v2g_console.version import program_version

MAGIC: Final = b"V2G-CONSOLE RECORDING 1\n"
RECORD: Final = struct.Struct(">IIQB")
"""length of the body in bytes, CRC-32 of what follows, milliseconds since the start, flags"""
TIMING: Final = struct.Struct(">QB")
LARGEST_HEADER_BYTES: Final = 4096
LARGEST_FILE_BYTES: Final = 8 * 1024**3
WBITS: Final = -15
"""a bare deflate stream: the records have CRCs of their own"""
_LEVEL: Final = 6


class RecordingError(Exception):
    """A recording that can't be made or read; the message names the file and says what to do."""


class RecordingFullError(OSError):
    """The file has reached LARGEST_FILE_BYTES."""


class Flag(IntFlag):
    """What a record holds; known without unpacking it."""

    CHAPTER = 1  # a new deflate stream begins, and nothing before is needed
    EVENT = 2  # something that a person may want to jump to
    ALARM = 4  # an alarm was raised
    GONE = 8  # the engine was not heard: `Moment.problem` says why
    END = 16  # the last record; `Moment.problem` says why it ended


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Who recorded, when (UTC ms), in which version of the contract. Its shape never changes."""

    program: str = "v2g-console"
    version: str
    contract: int
    started_ms: int


NO_PICTURE: Final = msgspec.Raw()


class Moment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at the engine: what has changed since the one before. `picture` is a `picture.Picture`.

    `engine` None: as before. `dropped`: events that came too fast to be kept.
    """

    engine: EngineInfo | None = None
    picture: msgspec.Raw = NO_PICTURE
    events: tuple[Event, ...] = ()
    dropped: int = 0
    problem: str = ""


def new_header(started_ms: int) -> Header:
    """The header of a recording that this program makes now."""
    return Header(version=program_version(), contract=CONTRACT_VERSION, started_ms=started_ms)


class RecordingFile:
    """A new file, for its owner only. Every record is handed to the system as soon as it is made, so a killed program loses none."""

    def __init__(self, path: Path, header: Header) -> None:
        """Make the file. Raises RecordingError: it exists already, or can't be made."""
        self.path = path
        self.header = header
        self.size_bytes = 0
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, WBITS)
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            raise RecordingError(f"--record {path}: there is a file already, and a recording never replaces one: name another") from None
        except OSError as error:
            raise RecordingError(f"--record {path}: can't be made: {error.strerror or error}") from error
        body = encode(header)
        try:
            self._write(MAGIC + framed(body) + zlib.crc32(body).to_bytes(4, "big"))
        except OSError as error:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise RecordingError(f"--record {path}: can't be written: {error.strerror or error}") from error

    def append(self, at_ms: int, flags: Flag, moment: bytes) -> int:
        """Add a record, `at_ms` milliseconds after the start; returns its size in bytes.

        Raises OSError if it does not fit; the file then ends with the record before, and the next one must begin a chapter.
        """
        if Flag.CHAPTER in flags:
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, WBITS)
        body = self._deflate.compress(moment) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        timed = TIMING.pack(at_ms, flags) + body
        record = RECORD.pack(len(body), zlib.crc32(timed), at_ms, flags) + body
        if self.size_bytes + len(record) > LARGEST_FILE_BYTES:
            raise RecordingFullError(f"it has reached {LARGEST_FILE_BYTES // 1024**3} GiB")
        self._write(record)
        return len(record)

    def sync(self) -> None:
        """Wait until the disk has it. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """No more records."""
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            if len(left) < len(data):
                os.ftruncate(self._descriptor, self.size_bytes)
                os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
            raise
        self.size_bytes += len(data)
