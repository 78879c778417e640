"""Every way to change a journal behind its back is found."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.journal import records as made
from v2g_console.journal.chain import GENESIS, Content, Head, chained, next_link, parse_head
from v2g_console.journal.head_file import head_path
from v2g_console.journal.port import JournalError
from v2g_console.journal.read import JournalReader
from v2g_console.journal.sqlite import SqliteJournal, SqliteOptions
from v2g_console.journal.store import Store
from v2g_console.journal.verify import verify


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal of 13 entries: opened, 11 in between, closed."""
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_round(made.a_round(1, begun=made.a_dispatch()))
        for seq in range(2, 10):
            await journal.commit_request(made.a_request(user=f"user{seq}"))
        journal.note([made.ended()])
    return path


def tamper(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def relinked(path: Path, first: int) -> None:
    """Compute every link from entry `first` on anew, and the head, as somebody who knows how it works would."""
    with sqlite3.connect(path) as connection:
        (link,) = connection.execute("SELECT link FROM entry WHERE number < ? ORDER BY number DESC LIMIT 1", (first,)).fetchone()
        number = first
        rows = connection.execute(
            "SELECT number, utc_ms, kind, dispatch_id, body FROM entry WHERE number >= ? ORDER BY number", (first,)
        ).fetchall()
        for number, *content in rows:
            link = next_link(link, number, Content(*content))
            connection.execute("UPDATE entry SET link = ? WHERE number = ?", (link, number))
        connection.execute("UPDATE head SET number = ?, link = ?", (number, link))
    connection.close()


def test_an_untouched_journal_is_proved(path: Path) -> None:
    verdict = verify(path)
    assert verdict.ok
    assert (verdict.entries, verdict.first, verdict.head.number) == (13, 1, 13)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE entry SET body = CAST(replace(body, 'user4', 'user5') AS BLOB) WHERE number = 6"], "entry 6 is not what was written"),
        (["UPDATE entry SET utc_ms = utc_ms + 1 WHERE number = 3"], "entry 3 is not what was written"),
        (["UPDATE entry SET kind = 'round.renewal' WHERE number = 3"], "entry 3 is not what was written"),
        (["UPDATE entry SET dispatch_id = 'c0ffee' WHERE number = 3"], "entry 3 is not what was written"),
        (["UPDATE entry SET link = zeroblob(32) WHERE number = 5"], "entry 5 is not what was written"),
        (["UPDATE entry SET utc_ms = 0 WHERE number = 1"], "entry 1 is not what was written"),
        (["DELETE FROM entry WHERE number = 6"], "entries 6 to 6 are missing"),
        (["DELETE FROM entry WHERE number <= 4"], "entries 1 to 4 are missing, and not by retention"),
        (["DELETE FROM entry WHERE number >= 12"], "it ends at 11"),
        (
            [
                "UPDATE entry SET number = -7 WHERE number = 7",
                "UPDATE entry SET number = 7 WHERE number = 8",
                "UPDATE entry SET number = 8 WHERE number = -7",
            ],
            "entry 7 is not what was written, or not in its place",
        ),
        (
            ["DELETE FROM entry WHERE number = 6", "UPDATE entry SET number = number - 1 WHERE number > 6"],
            "entry 6 is not what was written",
        ),
        (["INSERT INTO entry SELECT 14, utc_ms, kind, dispatch_id, link, body FROM entry WHERE number = 4"], "it ends at 14"),
        (["DELETE FROM entry"], "it ends at 0"),
        (["DELETE FROM head"], "says it ends at entry 0"),
    ],
)
def test_a_change_is_found(path: Path, statements: list[str], message: str) -> None:
    if "number - 1" in statements[-1]:
        statements = [statements[0], *(f"UPDATE entry SET number = {n - 1} WHERE number = {n}" for n in range(7, 14))]
    tamper(path, *statements)
    verdict = verify(path)
    assert not verdict.ok
    assert any(message in fault.text for fault in verdict.faults), verdict.faults


def test_a_cut_end_is_found_even_with_the_head_changed_to_match(path: Path) -> None:
    tamper(
        path,
        "DELETE FROM entry WHERE number >= 9",
        "UPDATE head SET number = 8, link = (SELECT link FROM entry WHERE number = 8)",
    )
    assert [fault.text for fault in verify(path).faults] == [f"{head_path(path)} knows entry 13, the journal ends at 8: its end is missing"]


def test_links_computed_anew_are_found_by_the_head_beside_the_journal(path: Path) -> None:
    tamper(path, "UPDATE entry SET body = CAST(replace(body, 'user4', 'nobody') AS BLOB) WHERE number = 6")
    relinked(path, 6)
    (fault,) = verify(path).faults
    assert fault.number == 13
    assert "names another entry 13: this is not the same journal" in fault.text


def test_a_forger_of_both_is_found_by_a_head_kept_elsewhere(path: Path) -> None:
    kept = verify(path).head
    tamper(path, "UPDATE entry SET body = CAST(replace(body, 'user4', 'nobody') AS BLOB) WHERE number = 6")
    relinked(path, 6)
    head_path(path).unlink()
    with sqlite3.connect(path) as connection:
        number, link = connection.execute("SELECT number, link FROM head").fetchone()
    connection.close()
    head_path(path).write_text(f"{Head(number, link)}\n")
    assert verify(path).ok  # what the file alone can't show
    assert "the head given names another entry 13" in verify(path, kept).faults[0].text


def test_an_older_copy_put_in_its_place_is_found(path: Path, tmp_path: Path) -> None:
    older = path.read_bytes()
    journal = SqliteJournal.open(SqliteOptions(path))
    journal.note([made.active()])
    journal._writer.waiting.close()
    journal._writer.join(10)
    journal._lock.free()
    path.write_bytes(older)
    assert "its end is missing" in verify(path).faults[0].text


@pytest.mark.parametrize("spoil", [lambda head: head.unlink(), lambda head: head.write_text("garbage")])
def test_a_head_file_that_is_gone_or_spoilt_is_told(path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(head_path(path))
    assert len(verify(path).faults) == 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_damaged_pages_are_found_or_do_no_harm(path: Path, share: float) -> None:
    """Whatever a page held: if all entries can still be proved it held none of them."""
    kept = verify(path)
    content = bytearray(path.read_bytes())
    page = int(len(content) / 4096 * share)
    content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    try:
        verdict = verify(path)
    except JournalError:
        return
    assert not verdict.ok or (verdict.entries, verdict.head) == (kept.entries, kept.head)


def test_a_damaged_entry_page_is_found(path: Path) -> None:
    content = path.read_bytes()
    at = content.index(b'"user":"user4"')
    path.write_bytes(content[:at] + b'"user":"user9"' + content[at + 14 :])
    assert [fault.number for fault in verify(path).faults] == [6]


def test_the_engine_refuses_a_journal_whose_end_is_cut(path: Path) -> None:
    tamper(path, "DELETE FROM entry WHERE number >= 12")
    with pytest.raises(JournalError, match="does not end where it says: look with `v2g-console journal verify`"):
        SqliteJournal.open(SqliteOptions(path))


def cut_at_8(path: Path) -> None:
    tamper(
        path,
        "DELETE FROM entry WHERE number >= 9",
        "UPDATE head SET number = 8, link = (SELECT link FROM entry WHERE number = 8)",
    )


@pytest.mark.parametrize("lose", [cut_at_8, lambda path: path.unlink(), lambda path: relinked(path, 6)])
def test_the_engine_never_goes_on_after_less_than_the_head_beside_its_journal_knows(path: Path, lose: Callable[[Path], None]) -> None:
    """It would forget what is owed, and its own signature would cover the loss up."""
    tamper(path, "UPDATE entry SET body = CAST(replace(body, 'user4', 'nobody') AS BLOB) WHERE number = 6")
    lose(path)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"journal.db.head knows entry 13.*Vehicles may be owed a release"):
            SqliteJournal.open(SqliteOptions(path))
    assert head_path(path).read_text().startswith("13:")
    head_path(path).rename(path.with_name("kept"))  # the way on that it names
    journal = SqliteJournal.open(SqliteOptions(path))
    journal._writer.waiting.close()
    journal._writer.join(10)
    journal._lock.free()


async def test_what_was_cut_off_after_a_kill_shows_though_nobody_signed_at_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2g_console.journal.writer._SIGN_S", 0.0)
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        await journal.commit_request(made.a_request())
        await made.until(lambda: head_path(path).read_text().startswith("2:"))


async def test_a_head_that_can_not_be_signed_fails_no_commit_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2g_console.journal.writer._SIGN_S", 0.0)
    tried: list[Head] = []

    def full(_: Path, head: Head) -> None:
        tried.append(head)
        raise OSError(28, "No space left on device")

    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        with monkeypatch.context() as disk:
            disk.setattr("v2g_console.journal.store.write_head", full)
            await journal.commit_request(made.a_request())
            await made.until(lambda: len(tried) > 1)
            assert journal.state().ok
            await journal.commit_request(made.a_request())
            await made.until(lambda: tried[-1].number == 3)
            assert journal.state().ok
        await journal.commit_request(made.a_request())
        await made.until(lambda: head_path(path).read_text().startswith("4:"))
    assert verify(path).ok


def test_the_file_beside_another_journal_is_not_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "journal.db")
    (tmp_path / "journal.db").rename(tmp_path / "moved.db")
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalError, match="moved, removed or replaced"):
        store.sign()
    assert not head_path(tmp_path / "journal.db").exists()
    store.close()


async def test_a_journal_in_use_can_be_proved(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with made.journal_in(path) as journal:
        for seq in range(1, 30):
            await journal.commit_round(made.a_round(seq))
            assert verify(path).ok


def test_a_head_is_read_as_it_is_written() -> None:
    (entry,) = chained(Head(), [Content(0, "request", "", b"{}")])
    head = Head(1, entry.link)
    assert parse_head(f" {head}\n") == head
    for text in ("", "1", "x:" + GENESIS.hex(), "1:abcd", "-1:" + GENESIS.hex(), "1:" + "z" * 64):
        with pytest.raises(ValueError, match=r"expected a head|non-hexadecimal"):
            parse_head(text)


def test_there_is_no_journal_to_read(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        JournalReader(tmp_path / "journal.db")
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalError, match="is empty, no journal yet"):
        JournalReader(tmp_path / "journal.db")
