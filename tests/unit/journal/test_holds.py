"""Tags, the STOP latch and shelved alarms survive a restart, whatever became of older entries."""

import sqlite3
from pathlib import Path

from v2g_console.contract.alarms import ShelvedAlarm
from v2g_console.contract.ecowatt import EcowattDay, EcowattHour, Outcome
from v2g_console.contract.events import (
    AlarmShelved,
    AlarmUnshelved,
    ApprovalAsked,
    ApprovalEnded,
    EcowattDecided,
    EcowattForecast,
    Event,
    HoldsStanding,
    LocalOverride,
    OverrideBegun,
    OverrideEnded,
    StopLatched,
    StopLifted,
    TagAdded,
    TagRemoved,
)
from v2g_console.contract.tags import TagKind, TagScope, TagView
from v2g_console.journal.holds import Holds
from v2g_console.journal.port import RequestRecord
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions

TS = "2026-11-23T13:38:49.250Z"
MS = 1_795_441_129_250


def tag(tag_id: str, kind: TagKind = TagKind.INHIBIT) -> TagView:
    """A tag with hostile words."""
    return TagView(tag_id=tag_id, kind=kind, scope=TagScope.VEHICLE, name="veh000001", note="d\\x1b[2J 'works'; --", by="ines", at_ms=MS)


def added(tag_id: str) -> TagAdded:
    """It was hung up."""
    return TagAdded(ts=TS, placed=tag(tag_id), way="console", released=1)


def removed(tag_id: str) -> TagRemoved:
    """It was taken down."""
    return TagRemoved(ts=TS, placed=tag(tag_id), by="salma", way="cli", note="done")


LATCHED = StopLatched(ts=TS, by="ines", way="cli", reason="smoke", dispatches=2, vehicles=30)
LIFTED = StopLifted(ts=TS, by="salma", way="cli")


async def reopened(path: Path, *events: Event) -> Holds:
    """What a restart finds after these events."""
    journal = SqliteJournal.open(SqliteOptions(path))
    journal.note(list(events))
    await journal.commit_request(RequestRecord(MS, "ines", "cli", "tag", "accepted"))
    await journal.close()
    journal = SqliteJournal.open(SqliteOptions(path))
    await journal.close()
    return journal.recovered.holds


async def test_a_new_journal_holds_nothing(tmp_path: Path) -> None:
    assert await reopened(tmp_path / "journal.db") == Holds()


async def test_tags_that_still_hang_are_found(tmp_path: Path) -> None:
    found = await reopened(tmp_path / "journal.db", added("t1"), added("t2"), removed("t1"), added("t3"))
    assert found.tags == (tag("t2"), tag("t3"))
    assert not found.stopped


async def test_a_latched_stop_is_found_and_a_lifted_one_is_not(tmp_path: Path) -> None:
    found = await reopened(tmp_path / "journal.db", LATCHED)
    assert (found.stopped, found.stopped_by, found.stopped_at_ms, found.stop_reason) == (True, "ines", MS, "smoke")
    assert await reopened(tmp_path / "journal.db", LIFTED) == Holds()
    assert (await reopened(tmp_path / "journal.db", LATCHED, LIFTED, LATCHED)).stopped


async def test_what_was_said_to_stand_is_enough_when_older_entries_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    standing = HoldsStanding(ts=TS, tags=(tag("t1"), tag("t2")), stopped=True, stopped_by="ines", stopped_at_ms=MS - 5, stop_reason="smoke")
    await reopened(path, added("t0"), added("t1"), standing, removed("t2"), added("t4"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET kind = 'gone' WHERE number < (SELECT number FROM entry WHERE kind = 'holds.standing')")
    found = await reopened(path)
    assert [one.tag_id for one in found.tags] == ["t1", "t4"]
    assert (found.stopped, found.stopped_at_ms) == (True, MS - 5)


async def test_alarms_on_the_shelf_are_found_and_those_taken_back_are_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    shelved = [
        ShelvedAlarm(alarm_id=name, kind=name, text="d\x1b[2J", by="ines", until_ms=MS + 600_000, reason="known")
        for name in ("shortfall", "broker_untuned", "telemetry_stale")
    ]
    standing = HoldsStanding(ts=TS, tags=(), stopped=False, shelved=(shelved[0],))
    put = [AlarmShelved(ts=TS, shelved=one) for one in shelved[1:]]
    back = AlarmUnshelved(ts=TS, alarm_id="broker_untuned", kind="broker_untuned", by="salma")
    found = await reopened(path, standing, *put, back)
    assert found.shelved == (shelved[0], shelved[2])


async def test_local_overrides_that_have_begun_and_not_ended_are_found(tmp_path: Path) -> None:
    old = LocalOverride(vehicle_id="veh000001", until_ms=MS)
    standing = HoldsStanding(ts=TS, tags=(), stopped=False, overrides=(old, LocalOverride(vehicle_id="veh000002")))
    begun = OverrideBegun(ts=TS, vehicles=("FR-ZOE:0042", "veh000002"), until_ms=MS + 900_000)
    found = await reopened(tmp_path / "journal.db", standing, begun, OverrideEnded(ts=TS, vehicles=("veh000002",)))
    assert found.overrides == (old, LocalOverride(vehicle_id="FR-ZOE:0042", until_ms=MS + 900_000))


async def test_requests_that_wait_for_a_second_person_are_found_even_from_before_the_last_hour(tmp_path: Path) -> None:
    asked = [
        ApprovalAsked(
            ts=TS, approval_id=f"ap-{n}", request="dispatch", by="ana", way="cli", signal="FCR", power_kw=9.0, limit_kw=5.0, expires_s=60.0
        )
        for n in range(3)
    ]
    standing = HoldsStanding(ts=TS, tags=(), stopped=False)
    ended = ApprovalEnded(ts=TS, approval_id="ap-1", outcome="approved", by="ana", decided_by="sven")
    path = tmp_path / "journal.db"
    assert (await reopened(path, *asked, standing, ended)).asked == (asked[0], asked[2])
    forgotten = [ApprovalEnded(ts=TS, approval_id=one.approval_id, outcome="not carried over", by="ana") for one in asked]
    assert (await reopened(path, *forgotten)).asked == ()


async def test_the_newest_ecowatt_forecast_and_all_decisions_are_found(tmp_path: Path) -> None:
    old, new = (
        EcowattForecast(
            ts=TS, by="gateway", way="socket", received_ms=at_ms, signals=(EcowattDay(jour="2026-11-23", values=(EcowattHour(8, 3),)),)
        )
        for at_ms in (MS, MS + 1)
    )
    decided = [
        EcowattDecided(ts=TS, proposal_id=name, outcome=Outcome.DISMISSED, by="ines", reason="'away'; --", ends_ms=MS)
        for name in ("e1", "e2")
    ]
    found = await reopened(tmp_path / "journal.db", old, decided[0], new, decided[1])
    assert (found.forecast, found.decided) == (new, tuple(decided))
