"""What comes from this machine: the socket from both sides, files, lines of requests, rows of a journal."""

import asyncio
import atexit
import contextlib
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.console import pictures
from tests.fuzz.target import Target, deep, require_told, require_visible
from tests.unit.journal.records import a_dispatch, a_round, journal_in, some_acks
from v2g_console.attach import frames, picture
from v2g_console.attach.errors import ContractMismatchError
from v2g_console.attach.fleet_patch import PatchError
from v2g_console.attach.frames import Answer, Call, EventsBody, Farewell, Hello, RequestBody, SnapshotBody, SnapshotHead
from v2g_console.config.load import load
from v2g_console.config.problems import ConfigError
from v2g_console.console.safe_text import safe_text
from v2g_console.console.theme_file import ThemeError
from v2g_console.console.themes import load_theme
from v2g_console.contract import CONTRACT_VERSION
from v2g_console.contract.events import EventBatch
from v2g_console.contract.replies import Refused
from v2g_console.contract.requests import Origin, Status
from v2g_console.domain.text import visible
from v2g_console.headless.parsing import BadLine, parse_line
from v2g_console.headless.source import LONGEST_LINE_BYTES, LineSplitter
from v2g_console.journal.chain import Content
from v2g_console.journal.encoding import UnreadableEntryError, contents_of, decoded
from v2g_console.journal.port import JournalError
from v2g_console.journal.read import JournalReader
from v2g_console.journal.verify import verify

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.yaml").read_bytes()
THEME = (ROOT / "themes" / "grey-dark.yaml").read_bytes()
SCRATCH = Path(tempfile.mkdtemp(prefix="v2g-fuzz-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


def config(data: bytes) -> None:
    """A configuration file: settings, or problems that can be read."""
    file = SCRATCH / "config.yaml"
    file.write_bytes(data)
    try:
        loaded = load(file, {})
    except ConfigError as error:
        require_told(str(error))
        assert error.problems
        return
    require_told(*map(str, loaded.warnings))


def environment(data: bytes) -> None:
    """`NAME=value` lines as V2G__ variables."""
    lines = [line.partition("=") for line in data.decode("utf-8", errors="surrogateescape").split("\n")]
    file = SCRATCH / "empty.yaml"
    file.touch()
    try:
        load(file, {f"V2G__{name}": value for name, _, value in lines})
    except ConfigError as error:
        require_told(str(error))


def theme(data: bytes) -> None:
    """A theme file."""
    file = SCRATCH / "fuzzed.yaml"
    file.write_bytes(data)
    with contextlib.suppress(ThemeError):
        load_theme(file)


def request_line(data: bytes) -> None:
    """A stream of JSON lines, in pieces of 7 bytes and at once: the same lines, and each becomes a request or a readable refusal."""
    whole = LineSplitter()
    lines = [*whole.feed(data), *whole.close()]
    if len(data) < 2000:
        pieces = LineSplitter()
        again = [line for start in range(0, len(data), 7) for line in pieces.feed(data[start : start + 7])]
        assert lines == [*again, *pieces.close()]
    for line in lines:
        assert line.text is None or len(line.text) <= LONGEST_LINE_BYTES
        told = parse_line(line)
        if isinstance(told, BadLine):
            require_visible(told.request, told.message, told.hint)
            assert len(told.message) <= 400


def text(data: bytes) -> None:
    """Any text on its way to the screen."""
    raw = data.decode("utf-8", errors="surrogateescape")
    require_visible(visible(raw))
    shown = safe_text(raw, 40)
    require_visible(shown)
    assert len(shown) <= 4 * 40


def served_call(data: bytes) -> None:
    """What a caller may send the engine: a frame's body. The session declares these errors and ends the connection with them."""
    declared = frames.UNREADABLE
    for kind in (Hello, Call, EventsBody, SnapshotBody, RequestBody):
        with contextlib.suppress(*declared):
            told = msgspec.msgpack.decode(data, type=kind)
            if isinstance(told, Call):
                msgspec.msgpack.decode(told.body, type=RequestBody)


def received_answer(data: bytes) -> None:
    """What an engine (or whoever sits at its path) may send: the client declares these errors."""
    declared = (*frames.UNREADABLE, ContractMismatchError)
    with contextlib.suppress(*declared):
        told = msgspec.msgpack.decode(data, type=Answer | Farewell | Hello)
        if isinstance(told, Answer):
            for read in (frames.unpack_accepted, _as(Refused), _as(EventBatch), _as(SnapshotHead), _as(frames.Fault)):
                with contextlib.suppress(*declared):
                    read(told.body)


def received_picture(data: bytes) -> None:
    """A snapshot as it comes over the socket, whole and as a change of the last one."""
    engine = pictures.normal().engine
    for base in (None, pictures.normal()):
        with contextlib.suppress(PatchError, *frames.UNREADABLE):
            told = picture.unpacked(data, engine, base)
            assert len(told.fleet.ids) == len(told.fleet.soc) == len(told.fleet.seen_ms)


def _as(kind: type) -> Callable[[msgspec.Raw], Any]:
    return lambda body: msgspec.msgpack.decode(body, type=kind)


async def _read_all(data: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    try:
        while (body := await frames.read_frame(reader, 1024)) is not None:
            assert len(body) <= 1024
    except frames.FrameError:
        return


def framing(data: bytes) -> None:
    """A stream of frames, as either side reads it."""
    asyncio.run(_read_all(data))


def journal_row(data: bytes) -> None:
    """`kind NUL body`: an entry's bytes as they may stand in a damaged or forged journal."""
    kind, _, body = data.partition(b"\0")
    try:
        decoded(Content(1_795_438_800_000, kind.decode("utf-8", errors="replace"), "6f1d", body))
    except UnreadableEntryError as error:
        str(error)


def journal_file(data: bytes) -> None:
    """A whole journal with damaged pages: it is read, or it is said in words that it can't be."""
    file = SCRATCH / "damaged.db"
    file.write_bytes(data)
    _read_journal(file)


def journal_cell(data: bytes) -> None:
    """A sound journal with one column that holds something else: which one say the first two bytes, its type the third."""
    _read_journal(_forged(data))


def journal_start(data: bytes) -> None:
    """The same under an engine that starts with it."""
    file = _forged(data)
    with contextlib.suppress(JournalError):
        asyncio.run(_open_and_close(file))


def _forged(data: bytes) -> Path:
    file = SCRATCH / "forged.db"
    file.write_bytes(_whole_journal())
    which, kind, rest = int.from_bytes(data[:2], "big"), data[2:3], data[3:]
    words = rest.decode("utf-8", errors="replace")
    values = (None, rest, words, len(rest), -(2**63), 2**63 - 1, float(len(rest)) / 3, 1e308)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        cells = [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
        table, column = cells[which % len(cells)]
        with contextlib.suppress(sqlite3.Error):  # a constraint keeps that one out
            connection.execute(f"UPDATE {table} SET {column} = ?", (values[(kind or b"0")[0] % len(values)],))
    return file


async def _open_and_close(file: Path) -> None:
    async with journal_in(file):
        pass


def _read_journal(file: Path) -> None:
    with contextlib.suppress(JournalError):
        verify(file)
    with contextlib.suppress(JournalError), JournalReader(file) as reader:
        with contextlib.suppress(JournalError):
            for entry in itertools.islice(reader.entries(), 100):
                with contextlib.suppress(UnreadableEntryError):
                    decoded(entry.content)
        reader.recovered()


async def _write_journal(file: Path) -> None:
    async with journal_in(file) as journal:
        await journal.commit_round(a_round(begun=a_dispatch()))
        journal.note([some_acks()])


def _whole_journal() -> bytes:
    file = SCRATCH / "whole.db"
    if not file.exists():
        asyncio.run(_write_journal(file))
    return file.read_bytes()


_packed = msgspec.msgpack.encode
_BODY = _packed(RequestBody(request=Status(), origin=Origin(user="ana", way="cli")))
_CALLS = (
    _packed(Hello(contract=CONTRACT_VERSION, version="1")),
    _packed(Call(number=1, method="request", body=msgspec.Raw(_BODY))),
    _BODY,
    _packed(EventsBody(after=0, wait_s=float("nan"))),
    _packed(SnapshotBody(base=2**62)),
    b"\x91" * 5000 + b"\xc0",
    b"\x81\xa4body" * 2000 + b"\xc0",
    b"\xdd\xff\xff\xff\xff",
)
_ANSWERS = (
    *_CALLS,
    frames.pack_events(EventBatch(next_number=1, dropped=0, events=()), 1),
    _packed(frames.fault_answer("busy", "later", 3)),
    _packed(Farewell(message="gone", contract=1, version="1")),
)
_LINES = (
    b'{"request":"dispatch","signal":"FCR","power_kw":500,"duration_s":30}\n{"request":"status"}\n',
    b'{"request":"update","dispatch_id":"6f","power_kw":-3}\n\n{"request":"stop","reason":"\\u001b[2J"}\n',
    b"\xef\xbb\xbf" + b'{"request":"fleet","limit":1e400}',
    b'{"request":"\x1b[31m"}\n{"request":' + deep(b"[", b"]") + b"}",
    b"x" * (LONGEST_LINE_BYTES + 5) + b"\n{}",
)
_ROWS = (
    *(
        content.kind.encode() + b"\0" + content.body
        for record in (a_round(begun=a_dispatch()), some_acks(), a_dispatch())
        for content in contents_of(record)
    ),
    b"dispatch\0" + b'{"a":' + deep(b"[", b"]") + b"}",
    b"acks\0" + b"\x91" * 5000,
    b"journal.opened\0{}",
    b"alarm.raised\0{}",
)
_CELLS = tuple(bytes((0, cell, kind)) + b'{"x":' for cell in range(60) for kind in (0, 2, 5))

TARGETS = (
    Target(
        "config",
        config,
        (EXAMPLE, b"mqtt: {broker: 'ssl://x', qos: {command: 3}}", deep(b"[", b"]", 500), b"a: &a [*a]", b"x: !!python/x"),
        50,
    ),
    Target(
        "environment",
        environment,
        (b"MQTT__BROKER=ssl://x\nDISPATCH__STRICT=FCR,FOO\nMQTT=1\n__=2", b"GRID__NODES__0__NAME=a\nMQTT__QOS__ACK=\xff"),
    ),
    Target(
        "theme",
        theme,
        (THEME, deep(b"[", b"]"), b"a: 2001-99-99", b"a: !!int x", b"&a [*a]", b"? {a: b}\n: c", b"name: [x]\ncolours: 3"),
        30,
    ),
    Target("request_line", request_line, _LINES),
    Target("text", text, ("é\u202e\x1b[2J\x9b\u200b\ufeff\U000e0041".encode(), b"\xff\x00", "a\u0301".encode() * 500)),
    Target("served_call", served_call, _CALLS),
    Target("received_answer", received_answer, _ANSWERS),
    Target("received_picture", received_picture, (picture.packed(None, pictures.normal()),), 50),
    Target("framing", framing, (frames.framed(_CALLS[0]) + frames.framed(_BODY), b"\x00\x00\x00\x00" * 10, b"\xff\xff\xff\xff")),
    Target("journal_row", journal_row, _ROWS),
    Target("journal_file", journal_file, (_whole_journal(),), 30),
    Target("journal_cell", journal_cell, _CELLS, 30),
    Target("journal_start", journal_start, _CELLS[3::16], 10),
)
