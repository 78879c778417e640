"""What follows from the entries, brought up to date in the background in small steps: who is mentioned where, and what still stands.

Each step is a transaction of a few milliseconds, so that a round to commit never waits long. Applying an entry twice changes nothing.
The work per vehicle is done by single statements over JSON arrays: SQLite runs them without Python's lock.
"""

import sqlite3
import time
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from v2g_console.contract.events import DispatchCancelled, DispatchCompleted, DispatchEvent, DispatchFailed, DispatchStopped
from v2g_console.journal.chain import Content
from v2g_console.journal.encoding import UnreadableEntryError, decoded
from v2g_console.journal.port import AcksRecord, DispatchRecord, ReleaseOutcome, ReleasesRecord, RoundRecord

_STEP_S: Final = 0.003
_SLICE: Final = 1000
_BUCKET_MENTIONS: Final = 50_000
_ENDED: Final = (DispatchCompleted, DispatchFailed, DispatchCancelled, DispatchStopped)

_VEHICLES: Final = "INSERT INTO vehicle (vehicle_id) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING"
_MENTIONS: Final = """
INSERT INTO mention
SELECT ?, v.no, ? FROM json_each(?) j CROSS JOIN vehicle v ON v.vehicle_id = j.value WHERE true ON CONFLICT DO NOTHING"""
_SETPOINTS: Final = """
INSERT INTO standing (vehicle_no, dispatch_no, number, seq, valid_until_ms, position, setpoint_kw, baseline_kw, protocol)
SELECT v.no, ?, ?, ?, ?, json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]'),
    json_extract(j.value, '$[4]')
FROM json_each(?) j CROSS JOIN vehicle v ON v.vehicle_id = json_extract(j.value, '$[0]') WHERE true
ON CONFLICT DO UPDATE SET dispatch_no = excluded.dispatch_no, number = excluded.number, seq = excluded.seq, position = excluded.position,
    valid_until_ms = max(excluded.valid_until_ms, valid_until_ms), setpoint_kw = excluded.setpoint_kw, baseline_kw = excluded.baseline_kw,
    protocol = max(excluded.protocol, CASE WHEN dispatch_no = excluded.dispatch_no THEN protocol ELSE 0 END),
    release_seq = 0, release_kw = NULL
WHERE excluded.number >= number"""
# An upsert of rows that are all there: for UPDATE ... FROM SQLite would look through every standing row for each released vehicle.
_RELEASES: Final = """
INSERT INTO standing (vehicle_no, dispatch_no, number, seq, valid_until_ms, position, setpoint_kw, baseline_kw, protocol, release_seq,
    release_kw)
SELECT s.vehicle_no, s.dispatch_no, s.number, s.seq, s.valid_until_ms, s.position, s.setpoint_kw, s.baseline_kw, s.protocol, ?,
    json_extract(j.value, '$[1]')
FROM json_each(?) j CROSS JOIN vehicle v ON v.vehicle_id = json_extract(j.value, '$[0]')
    CROSS JOIN standing s ON s.vehicle_no = v.no WHERE s.dispatch_no = ? AND s.number <= ?
ON CONFLICT DO UPDATE SET release_seq = excluded.release_seq, release_kw = excluded.release_kw"""
_CONFIRMED: Final = """
DELETE FROM standing WHERE dispatch_no = ? AND number <= ?
    AND vehicle_no IN (SELECT v.no FROM json_each(?) j CROSS JOIN vehicle v ON v.vehicle_id = j.value)"""


class Projection:
    """Follows the entries of one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.indexed_to: int = connection.execute("SELECT indexed_to FROM progress").fetchone()[0]
        self._number = self._reached = self.indexed_to
        self._steps: Iterator[None] | None = None

    def behind(self, number: int) -> bool:
        """True if entries up to `number` are not all applied."""
        return self.indexed_to < number

    def step(self, connection: sqlite3.Connection) -> None:
        """Apply entries for a few milliseconds, within the caller's transaction. Raises sqlite3.Error."""
        until, done = time.monotonic() + _STEP_S, self.indexed_to
        while time.monotonic() < until:
            if self._steps is None:
                row = connection.execute(
                    "SELECT number, utc_ms, kind, dispatch_id, body FROM entry WHERE number > ? ORDER BY number LIMIT 1", (done,)
                ).fetchone()
                if row is None:
                    break
                self._number = row[0]
                self._steps = _apply(connection, self._number, Content(*row[1:]))
            try:
                next(self._steps)
            except StopIteration:
                done, self._steps = self._number, None
        connection.execute("UPDATE progress SET indexed_to = ?", (done,))
        self._reached = done

    def committed(self) -> None:
        """The transaction of the last step is in the file."""
        self.indexed_to = self._reached

    def rolled_back(self, connection: sqlite3.Connection) -> None:
        """It is not, or the connection is a new one: begin again where the file says. Raises sqlite3.Error."""
        self._steps = None
        (self.indexed_to,) = connection.execute("SELECT indexed_to FROM progress").fetchone()
        self._reached = self.indexed_to


def _apply(connection: sqlite3.Connection, number: int, content: Content) -> Iterator[None]:
    """Apply one entry; a step for each few thousand vehicles."""
    try:
        record = decoded(content)
    except UnreadableEntryError:
        return  # kept and chained all the same; `journal show` says that it can't be read
    match record:
        case DispatchRecord():
            _dispatch(connection, number, record.dispatch_id, record.utc_ms, record.signal)
            connection.execute("UPDATE dispatch SET about = ? WHERE dispatch_id = ?", (content.body, record.dispatch_id))
        case RoundRecord():
            yield from _round(connection, number, record)
        case AcksRecord():
            for at in range(0, len(record.vehicle_ids), _SLICE):
                _mention(connection, number, record.vehicle_ids[at : at + _SLICE])
                yield
        case ReleasesRecord():
            yield from _releases(connection, number, record)
        case _:
            if isinstance(record, DispatchEvent):
                _event(connection, number, content.utc_ms, record)
    yield


def _dispatch(connection: sqlite3.Connection, number: int, dispatch_id: str, utc_ms: int, signal: str = "", state: str = "") -> int:
    """The number of a dispatch, made if it is new."""
    connection.execute(
        "INSERT INTO dispatch (dispatch_id, begun_ms, last_number, signal, state) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "last_number = max(last_number, excluded.last_number), signal = CASE WHEN signal = '' THEN excluded.signal ELSE signal END, "
        "state = CASE WHEN excluded.state = '' OR ended_ms IS NOT NULL THEN state ELSE excluded.state END",
        (dispatch_id, utc_ms, number, signal, state),
    )
    (no,) = connection.execute("SELECT no FROM dispatch WHERE dispatch_id = ?", (dispatch_id,)).fetchone()
    return int(no)


def _mention(connection: sqlite3.Connection, number: int, vehicle_ids: tuple[str, ...]) -> None:
    ids = msgspec.json.encode(vehicle_ids).decode()
    connection.execute(_VEHICLES, (ids,))
    newest = connection.execute("SELECT no, mentions FROM bucket ORDER BY no DESC LIMIT 1").fetchone() or (0, _BUCKET_MENTIONS)
    bucket = newest[0] if newest[1] < _BUCKET_MENTIONS else newest[0] + 1
    connection.execute(
        "INSERT INTO bucket VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "mentions = mentions + excluded.mentions, last_number = excluded.last_number",
        (bucket, len(vehicle_ids), number),
    )
    connection.execute(_MENTIONS, (bucket, number, ids))


def _round(connection: sqlite3.Connection, number: int, record: RoundRecord) -> Iterator[None]:
    no = _dispatch(connection, number, record.dispatch_id, record.utc_ms)
    connection.execute("UPDATE dispatch SET commanded = 1 WHERE no = ?", (no,))
    connection.execute("UPDATE progress SET last_seq = max(last_seq, ?)", (record.seq,))
    n = len(record.vehicle_ids)
    position = np.arange(n) if record.position is None else record.position
    protocol = np.zeros(n, np.uint8) if record.protocol is None else record.protocol
    for at in range(0, n, _SLICE):
        part = slice(at, at + _SLICE)
        ids, setpoint_kw = record.vehicle_ids[part], record.setpoint_kw[part].tolist()
        _mention(connection, number, ids)
        if record.kind == "release":
            rows = msgspec.json.encode(list(zip(ids, setpoint_kw, strict=True))).decode()
            connection.execute(_RELEASES, (record.seq, rows, no, number))
        else:
            columns = (position[part].tolist(), setpoint_kw, record.baseline_kw[part].tolist(), protocol[part].tolist())
            rows = msgspec.json.encode(list(zip(ids, *columns, strict=True))).decode()
            connection.execute(_SETPOINTS, (no, number, record.seq, record.valid_until_ms, rows))
        yield


def _releases(connection: sqlite3.Connection, number: int, record: ReleasesRecord) -> Iterator[None]:
    no = _dispatch(connection, number, record.dispatch_id, record.utc_ms)
    for at in range(0, len(record.vehicle_ids), _SLICE):
        ids = record.vehicle_ids[at : at + _SLICE]
        _mention(connection, number, ids)
        settled = [name for name, code in zip(ids, record.outcome[at : at + _SLICE].tolist(), strict=True) if code != ReleaseOutcome.OWED]
        connection.execute(_CONFIRMED, (no, number, msgspec.json.encode(settled).decode()))
        yield


def _event(connection: sqlite3.Connection, number: int, utc_ms: int, event: DispatchEvent) -> None:
    no = _dispatch(connection, number, event.dispatch_id, utc_ms, event.signal, event.state)
    if isinstance(event, _ENDED):
        connection.execute("UPDATE dispatch SET ended_ms = ?, state = ? WHERE no = ?", (utc_ms, event.state, no))
        if not event.owed:
            connection.execute("DELETE FROM standing WHERE dispatch_no = ?", (no,))
