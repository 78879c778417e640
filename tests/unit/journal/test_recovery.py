"""What a restart finds of dispatches and releases."""

import sqlite3
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal.port import Record, ReleaseOutcome, RoundRecord
from v2g_console.journal.read import JournalReader
from v2g_console.journal.recovery import Recovered
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions


async def after(path: Path, *records: Record) -> Recovered:
    """What is found after these records and a crash."""
    async with made.journal_in(path) as journal:
        for record in records:
            if isinstance(record, RoundRecord):
                await journal.commit_round(record)
            else:
                journal.note([record])
        await journal.commit_request(made.a_request())
        crashed = path.with_name("crashed.db")
        with sqlite3.connect(path) as live, sqlite3.connect(crashed) as copy:
            live.backup(copy)
        live.close()
        copy.close()
    async with made.journal_in(crashed) as again:
        return again.recovered


async def test_a_dispatch_without_an_end_is_found_with_all_its_vehicles_hold(tmp_path: Path) -> None:
    begun = made.a_dispatch()
    found = await after(tmp_path / "journal.db", made.a_round(41, n=3, begun=begun), made.active(), made.some_acks(41))
    (one,) = found.unfinished
    assert (one.dispatch_id, one.signal, one.state, one.ends_ms) == (made.DISPATCH, "FCR", "active", begun.ends_ms)
    assert one.about == begun
    assert one.standing.vehicle_ids == made.vehicles(3)
    assert one.standing.seq.tolist() == [41] * 3
    assert one.standing.setpoint_kw.tolist() == [7.4] * 3
    assert one.standing.baseline_kw.tolist() == [-7.4, -3.7, 0.0]
    assert one.standing.position.tolist() == [0, 1, 2]
    assert one.standing.protocol.tolist() == [2] * 3
    assert one.standing.valid_until_ms.tolist() == [made.NOW_MS + 900_000] * 3
    assert one.standing.release_seq.tolist() == [0] * 3
    assert (found.last_seq, found.clean, found.owed) == (41, False, ())


async def test_the_newest_round_of_each_vehicle_counts(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db",
        made.a_round(41, n=4, begun=made.a_dispatch()),
        made.a_round(42, n=2, kind="update", setpoint_kw=3.0),
        made.a_round(43, n=1, first=3, kind="renewal", valid_until_ms=made.NOW_MS + 1_350_000),
    )
    (one,) = found.unfinished
    assert one.standing.setpoint_kw.tolist() == [3.0, 3.0, 7.4, 7.4]
    assert one.standing.seq.tolist() == [42, 42, 41, 43]
    assert one.standing.valid_until_ms.tolist() == [made.NOW_MS + 900_000] * 3 + [made.NOW_MS + 1_350_000]
    assert found.last_seq == 43


async def test_a_date_that_was_set_back_shortens_no_lease(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db",
        made.a_round(41, n=2, begun=made.a_dispatch()),
        made.a_round(42, n=2, kind="renewal", valid_until_ms=made.NOW_MS - 3_600_000),
    )
    (one,) = found.unfinished
    assert one.standing.seq.tolist() == [42] * 2
    assert one.standing.valid_until_ms.tolist() == [made.NOW_MS + 900_000] * 2


async def test_a_dispatch_that_ended_with_all_released_is_over(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db", made.a_round(41, begun=made.a_dispatch()), made.a_round(42, kind="release", setpoint_kw=0.0), made.ended()
    )
    assert (found.unfinished, found.owed, found.last_seq) == ((), (), 42)


async def test_a_dispatch_killed_while_releasing_is_unfinished(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db",
        made.a_round(41, begun=made.a_dispatch()),
        made.a_round(42, kind="release", setpoint_kw=0.5),
        made.some_releases(ReleaseOutcome.CONFIRMED, n=1),
    )
    (one,) = found.unfinished
    assert one.standing.vehicle_ids == made.vehicles(2, first=1)
    assert one.standing.release_seq.tolist() == [42, 42]
    assert one.standing.release_kw.tolist() == [0.5, 0.5]
    assert one.standing.setpoint_kw.tolist() == [7.4, 7.4]


async def test_owed_releases_outlive_their_dispatch(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db",
        made.a_round(41, begun=made.a_dispatch()),
        made.a_round(42, kind="release"),
        made.some_releases(ReleaseOutcome.CONFIRMED, n=2),
        made.some_releases(ReleaseOutcome.OWED, n=1, first=2),
        made.ended(owed=1),
    )
    assert found.unfinished == ()
    (owed,) = found.owed
    assert (owed.dispatch_id, owed.signal, owed.standing.vehicle_ids) == (made.DISPATCH, "FCR", ("FR-LYO-00002",))


@pytest.mark.parametrize("settles", [made.some_releases(ReleaseOutcome.CONFIRMED), made.some_releases(ReleaseOutcome.NOT_NEEDED)])
async def test_a_settled_release_is_no_longer_owed(tmp_path: Path, settles: Record) -> None:
    found = await after(
        tmp_path / "journal.db", made.a_round(41, begun=made.a_dispatch()), made.a_round(42, kind="release"), made.ended(owed=3), settles
    )
    assert found.owed == ()


async def test_a_vehicle_commanded_anew_is_owed_nothing_by_the_old_dispatch(tmp_path: Path) -> None:
    found = await after(
        tmp_path / "journal.db",
        made.a_round(41, begun=made.a_dispatch()),
        made.a_round(42, kind="release"),
        made.ended(owed=3),
        made.a_round(43, n=1, dispatch_id=made.OTHER, begun=made.a_dispatch(made.OTHER, "MA")),
        made.some_releases(ReleaseOutcome.CONFIRMED, n=1),  # late news of the old one
    )
    assert found.owed[0].standing.vehicle_ids == made.vehicles(2, first=1)
    (one,) = found.unfinished
    assert (one.dispatch_id, one.signal, one.standing.vehicle_ids) == (made.OTHER, "MA", ("FR-LYO-00000",))
    assert one.standing.release_seq.tolist() == [0]


async def test_a_dispatch_whose_round_never_was_committed_did_not_begin(tmp_path: Path) -> None:
    found = await after(tmp_path / "journal.db", made.active())
    assert found.unfinished == ()


async def test_a_dispatch_that_waits_for_its_start_is_found_as_waiting(tmp_path: Path) -> None:
    found = await after(tmp_path / "journal.db", made.a_dispatch())
    assert (found.unfinished, found.waiting) == ((), (made.a_dispatch(),))


async def test_rounds_without_any_word_about_their_dispatch_are_found(tmp_path: Path) -> None:
    found = await after(tmp_path / "journal.db", made.a_round(41))
    (one,) = found.unfinished
    assert (one.about, one.ends_ms, one.standing.vehicle_ids) == (None, 0, made.vehicles(3))


async def test_a_large_round_is_found_whole_though_the_crash_came_before_it_was_indexed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(41, n=7001))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE progress SET indexed_to = 1, last_seq = 0")  # some of it applied, but not told
        connection.execute("DELETE FROM standing WHERE position > 2500")
    connection.close()
    journal = SqliteJournal.open(SqliteOptions(path))
    await journal.close()
    assert journal.recovered.unfinished[0].standing.vehicle_ids == made.vehicles(7001)
    assert journal.recovered.last_seq == 41
    with JournalReader(path) as reader:
        assert len(reader.recovered().unfinished[0].standing.vehicle_ids) == 7001
