"""Old entries go, by age and size; what is left still proves itself, and what a restart needs stays."""

from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal.encoding import contents_of
from v2g_console.journal.port import ReleaseOutcome
from v2g_console.journal.projection import Projection
from v2g_console.journal.read import JournalReader
from v2g_console.journal.recovery import recovered
from v2g_console.journal.retention import Pruner, Retention
from v2g_console.journal.store import Store
from v2g_console.journal.verify import verify
from v2g_console.journal.wanted import Wanted

DAY_MS = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def indexed(store: Store) -> int:
    projection = Projection(store.connection)
    while projection.behind(store.head.number):
        store.derived(projection.step)
        projection.committed()
    return projection.indexed_to


def pruned(store: Store, retention: Retention, utc_ms: int = made.NOW_MS) -> int:
    """Prune until nothing is left to do; how many steps it took."""
    pruner, steps, to = Pruner(retention), 0, indexed(store)
    while pruner.step(store, to, utc_ms):
        steps += 1
        to = indexed(store)
    store.sign()
    return steps


def numbers(path: Path, wanted: Wanted | None = None) -> list[int]:
    with JournalReader(path) as reader:
        return [entry.number for entry in reader.entries(wanted)]


def test_what_is_too_old_goes_and_the_rest_proves_itself(path: Path) -> None:
    store = Store(path)
    for day in range(100):
        store.append(contents_of(made.a_round(day + 1, n=20, utc_ms=made.NOW_MS - (100 - day) * DAY_MS)))
    assert pruned(store, Retention(days=30)) == 1
    store.close()
    assert numbers(path) == list(range(71, 102))
    verdict = verify(path)
    assert verdict.ok, verdict.faults
    assert (verdict.first, verdict.head.number) == (71, 101)


def test_more_removed_than_retention_said_is_found(path: Path) -> None:
    store = Store(path)
    for day in range(20):
        store.append(contents_of(made.a_round(day + 1, utc_ms=made.NOW_MS - (20 - day) * DAY_MS)))
    pruned(store, Retention(days=10))
    store.connection.execute("DELETE FROM entry WHERE number = 11")
    store.close()
    assert "entries 11 to 11 are missing, and not by retention" in verify(path).faults[0].text


def test_a_forged_retention_is_found(path: Path) -> None:
    store = Store(path)
    for day in range(20):
        store.append(contents_of(made.a_round(day + 1, utc_ms=made.NOW_MS - (20 - day) * DAY_MS)))
    pruned(store, Retention(days=10))
    store.connection.execute("DELETE FROM entry WHERE number <= 15")
    store.connection.execute(
        "UPDATE entry SET body = CAST(json_set(CAST(body AS TEXT), '$.to_id', 15) AS BLOB) WHERE kind = 'journal.pruned'"
    )
    store.close()
    assert not verify(path).ok


def test_a_journal_above_its_size_gets_smaller_in_small_steps(path: Path) -> None:
    store = Store(path)
    for seq in range(1, 120):
        store.append(contents_of(made.a_round(seq, n=5000)))
    indexed(store)
    before = store.used_bytes()
    steps = pruned(store, Retention(most_bytes=before // 2))
    assert steps > 3
    assert before * 0.3 < store.used_bytes() <= before // 2
    store.finish()
    for _ in range(100):
        store.shrink()
    store.finish()
    assert store.disk_bytes() < before * 0.7, "the disk gets the room back"
    store.close()
    assert verify(path).ok
    mentioned = numbers(path, Wanted(vehicle_id="FR-LYO-00001"))
    assert mentioned == numbers(path, Wanted(kind="round"))


def test_within_its_limits_nothing_goes(path: Path) -> None:
    store = Store(path)
    store.append(contents_of(made.a_round(1, utc_ms=made.NOW_MS - 29 * DAY_MS)))
    assert pruned(store, Retention(days=30, most_bytes=10_000_000)) == 0
    assert pruned(store, Retention(), utc_ms=made.NOW_MS * 2) == 0
    store.close()


def test_what_is_owed_outlives_its_entries(path: Path) -> None:
    store = Store(path)
    store.append(contents_of(made.a_round(1, begun=made.a_dispatch())))
    store.append([*contents_of(made.a_round(2, kind="release")), *contents_of(made.some_releases(ReleaseOutcome.CONFIRMED, n=2))])
    store.append(contents_of(made.ended(owed=1)))
    store.append(contents_of(made.a_round(3, dispatch_id=made.OTHER, first=9, begun=made.a_dispatch(made.OTHER, "MA"))))
    store.append(contents_of(made.a_request()))
    assert pruned(store, Retention(days=1), made.NOW_MS + 40 * DAY_MS) >= 1
    found = recovered(store.connection)
    store.close()
    assert numbers(path, Wanted(dispatch_id=made.DISPATCH)) == []
    assert found.owed[0].standing.vehicle_ids == ("FR-LYO-00002",)
    assert found.unfinished[0].about == made.a_dispatch(made.OTHER, "MA")
    assert found.unfinished[0].standing.vehicle_ids == made.vehicles(3, first=9)
    assert found.last_seq == 3


async def test_the_running_journal_keeps_to_its_size(path: Path) -> None:
    async with made.journal_in(path, retention=Retention(most_bytes=1_500_000)) as journal:
        for seq in range(1, 30):
            await journal.commit_round(made.a_round(seq, n=5000))
        journal._writer._upkeep_at = 0.0
        await made.until(lambda: bool(numbers(path, Wanted(kind="journal.pruned"))))
    assert verify(path).ok
