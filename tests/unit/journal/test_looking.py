"""A look into the journal from a running engine: pages newest first, one entry in full, the same from disk and from memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal.memory import MemoryJournal
from v2g_console.journal.port import Journal, JournalError, ReleaseOutcome
from v2g_console.journal.told import MOST_ENTRIES, MOST_FULL_CHARS
from v2g_console.journal.wanted import Wanted


async def fill(journal: Journal) -> None:
    await journal.commit_request(made.a_request())
    await journal.commit_round(made.a_round(1, begun=made.a_dispatch()))
    journal.note([made.active(), made.some_acks(1, n=2), made.some_releases(ReleaseOutcome.CONFIRMED), made.ended()])
    await journal.commit_round(made.a_round(3, first=2, n=4, dispatch_id=made.OTHER, begun=made.a_dispatch(made.OTHER, "MA")))
    await journal.commit_request(made.a_request(user="ana", outcome="stopped", detail="\x1b[31mred\u202e"))


def move_away(folder: Path) -> None:
    for file in list(folder.iterdir()):
        file.rename(file.with_name(f"moved-{file.name}"))


async def searchable(journal: Journal) -> None:
    """Search by vehicle and signal follows in the background."""
    async with asyncio.timeout(30.0):
        # The writer's thread has no event to wait for.
        while not (await journal.page(Wanted(signal="MA"), 0, 1) and await journal.page(Wanted(vehicle_id="FR-LYO-00000"), 0, 1)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    if request.param == "memory":
        kept = MemoryJournal(1000)
        await fill(kept)
        yield kept
        return
    async with made.journal_in(tmp_path / "journal.db") as durable:
        await fill(durable)
        await searchable(durable)
        yield durable


async def test_the_newest_come_first_and_pages_follow_without_gap_or_overlap(journal: Journal) -> None:
    everything = await journal.page(Wanted(), 0, 100)
    numbers = [one.number for one in everything]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) >= 7
    paged: list[int] = []
    while page := await journal.page(Wanted(), paged[-1] if paged else 0, 2):
        assert len(page) <= 2
        paged += [one.number for one in page]
    assert paged == numbers


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (Wanted(kind="round"), ["round.send", "round.send"]),
        (Wanted(kind="round.send"), ["round.send", "round.send"]),
        (Wanted(kind="rou"), []),
        (Wanted(dispatch_id=made.OTHER, kind="round"), ["round.send"]),
        (Wanted(dispatch_id=made.OTHER[:8], kind="round"), ["round.send"]),
        (Wanted(signal="ma", kind="round"), ["round.send"]),
        (Wanted(vehicle_id="FR-LYO-00000"), ["releases", "acks", "round.send"]),
        (Wanted(until_ms=made.NOW_MS - 1000), []),
        (Wanted(from_ms=2**50), []),
    ],
)
async def test_only_what_is_wanted_is_told(journal: Journal, wanted: Wanted, kinds: list[str]) -> None:
    assert [one.kind for one in await journal.page(wanted, 0, 100)] == kinds


async def test_a_request_is_told_with_its_person_and_hostile_text_is_made_visible(journal: Journal) -> None:
    newest = (await journal.page(Wanted(kind="request"), 0, 1))[0]
    assert newest.person == "ana" and "stopped" in newest.words
    assert "\x1b" not in newest.words and "\u202e" not in newest.words


async def test_an_entry_in_full_is_json(journal: Journal) -> None:
    newest = (await journal.page(Wanted(kind="round"), 0, 1))[0]
    whole = json.loads(await journal.whole(newest.number))
    assert whole["number"] == newest.number and whole["record"]["vehicle_ids"]


async def test_no_entry_of_that_number_is_no_error(journal: Journal) -> None:
    assert await journal.whole(10**9) == "" and await journal.whole(0) == ""


async def test_a_page_is_bounded_whatever_is_asked_for() -> None:
    journal = MemoryJournal(10_000)
    journal.note([made.a_request() for _ in range(MOST_ENTRIES + 50)])
    assert len(await journal.page(Wanted(), 0, 10**9)) == MOST_ENTRIES
    assert await journal.page(Wanted(), 0, -5) == []


async def test_a_large_round_in_full_is_cut() -> None:
    journal = MemoryJournal(10)
    await journal.commit_round(made.a_round(1, n=20_000))
    assert len(await journal.whole(1)) == MOST_FULL_CHARS


async def test_memory_keeps_counting_when_old_entries_are_gone() -> None:
    journal = MemoryJournal(1000)
    journal.note([made.a_request(user=f"user{n}") for n in range(1500)])
    newest = await journal.page(Wanted(), 0, 2)
    assert [one.number for one in newest] == [1500, 1499] and newest[0].person == "user1499"
    assert await journal.page(Wanted(), 501, 10) == []


async def test_a_journal_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    async with made.journal_in(tmp_path / "journal.db") as journal:
        move_away(tmp_path)
        with pytest.raises(JournalError, match="no journal"):
            await journal.page(Wanted(), 0, 10)
