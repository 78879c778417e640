"""What a restart finds: dispatches without an end, releases that are still owed, and the last seq that was used."""

import sqlite3
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from v2g_console.journal.holds import Holds, read_holds
from v2g_console.journal.port import DispatchRecord


@dataclass(frozen=True, slots=True)
class Standing:
    """Setpoints that may still be in force, as columns of one length.

    `setpoint_kw` absolute and `baseline_kw` frozen, kW; `protocol` 0: unknown; `valid_until_ms` the latest of rounds and renewals, since a
    vehicle may have refused the last for a date that was set back; `release_seq` above 0: a release was journalled (`release_kw`), but no
    confirmation.
    """

    vehicle_ids: tuple[str, ...]
    position: NDArray[np.int64]
    seq: NDArray[np.int64]
    setpoint_kw: NDArray[np.float64]
    baseline_kw: NDArray[np.float64]
    protocol: NDArray[np.uint8]
    valid_until_ms: NDArray[np.int64]
    release_seq: NDArray[np.int64]
    release_kw: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnfinishedDispatch:
    """A dispatch whose rounds were committed and whose end was not. `about` is None if only its rounds are known."""

    dispatch_id: str
    signal: str
    state: str  # of its last event
    begun_ms: int
    ends_ms: int  # 0: unknown
    about: DispatchRecord | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class OwedReleases:
    """Vehicles of a dispatch that has ended, whose release nobody confirmed."""

    dispatch_id: str
    signal: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found in a journal. `clean`: its writer closed it. `waiting`: dispatches that had not begun to send."""

    clean: bool = True
    last_seq: int = 0
    unfinished: tuple[UnfinishedDispatch, ...] = ()
    owed: tuple[OwedReleases, ...] = ()
    waiting: tuple[DispatchRecord, ...] = ()
    holds: Holds = field(default_factory=Holds)  # tags, the STOP latch, shelved alarms


def recovered(connection: sqlite3.Connection) -> Recovered:
    """Read it from an indexed journal. Raises sqlite3.Error, also for cells that hold what they can't."""
    try:
        return _recovered(connection)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # a forged or damaged file: msgspec's and numpy's words
        raise sqlite3.DatabaseError(f"what was under way can't be read: {error}") from error


def _recovered(connection: sqlite3.Connection) -> Recovered:
    last = connection.execute("SELECT kind FROM entry ORDER BY number DESC LIMIT 1").fetchone()
    (last_seq,) = connection.execute("SELECT last_seq FROM progress").fetchone()
    return Recovered(
        clean=last is None or last[0] == "journal.closed",
        last_seq=last_seq,
        unfinished=tuple(_unfinished(connection)),
        owed=tuple(_owed(connection)),
        waiting=tuple(_waiting(connection)),
        holds=read_holds(connection),
    )


def _unfinished(connection: sqlite3.Connection) -> list[UnfinishedDispatch]:
    rows = connection.execute(
        "SELECT no, dispatch_id, signal, state, begun_ms, about FROM dispatch WHERE ended_ms IS NULL AND commanded ORDER BY no"
    )
    found = []
    for no, dispatch_id, signal, state, begun_ms, about_json in rows.fetchall():
        about = msgspec.json.decode(about_json, type=DispatchRecord) if about_json is not None else None
        ends_ms = about.ends_ms if about is not None else 0
        found.append(UnfinishedDispatch(dispatch_id, signal, state, begun_ms, ends_ms, about, _standing(connection, no)))
    return found


def _owed(connection: sqlite3.Connection) -> list[OwedReleases]:
    rows = connection.execute(
        "SELECT no, dispatch_id, signal FROM dispatch WHERE ended_ms IS NOT NULL AND no IN (SELECT dispatch_no FROM standing) ORDER BY no"
    )
    return [OwedReleases(dispatch_id, signal, _standing(connection, no)) for no, dispatch_id, signal in rows.fetchall()]


def _waiting(connection: sqlite3.Connection) -> list[DispatchRecord]:
    rows = connection.execute("SELECT about FROM dispatch WHERE ended_ms IS NULL AND NOT commanded AND about IS NOT NULL ORDER BY no")
    return [msgspec.json.decode(about, type=DispatchRecord) for (about,) in rows.fetchall()]


def _standing(connection: sqlite3.Connection, dispatch_no: int) -> Standing:
    rows = connection.execute(
        "SELECT vehicle_id, position, seq, setpoint_kw, baseline_kw, protocol, valid_until_ms, release_seq, release_kw "
        "FROM standing JOIN vehicle ON vehicle.no = vehicle_no WHERE dispatch_no = ? ORDER BY position",
        (dispatch_no,),
    ).fetchall()
    ids, position, seq, setpoint, baseline, protocol, valid_until, release_seq, release = zip(*rows, strict=True) if rows else ((),) * 9
    return Standing(
        vehicle_ids=ids,
        position=np.array(position, np.int64),
        seq=np.array(seq, np.int64),
        setpoint_kw=np.array(setpoint, np.float64),
        baseline_kw=np.array(baseline, np.float64),
        protocol=np.array(protocol, np.uint8),
        valid_until_ms=np.array(valid_until, np.int64),
        release_seq=np.array(release_seq, np.int64),
        release_kw=np.array(release, np.float64),
    )
