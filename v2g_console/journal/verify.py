"""Proving that a journal is what was written: every link recomputed, numbers without gaps, both ends where they were signed off.

Found: an entry changed, added, removed or moved; the beginning removed other than by retention; the end cut off; an older copy put in its
place. Not found by the file alone: somebody with write access who computes every link anew and replaces the head and the file beside it
too. Against that, compare with a head kept elsewhere (`given`): verify prints it, the log names it, each exported line carries one.
What never was written (the machine died, too much waited) leaves no trace here but `journal.failed` and an unclean `journal.opened`.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2g_console.journal.chain import GENESIS, Entry, Head, next_link
from v2g_console.journal.encoding import UnreadableEntryError, decoded
from v2g_console.journal.head_file import head_path, read_head
from v2g_console.journal.marks import Pruned
from v2g_console.journal.port import JournalError
from v2g_console.journal.read import JournalReader, entry_of
from v2g_console.journal.schema import SQLITE_ERRORS

_MOST_FAULTS: Final = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was written; `number` of the entry it shows at (0: of the journal as a whole)."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`entries` were checked, `first` is the oldest; `head` is the last link found. `faults`: at most 20."""

    entries: int
    first: int
    head: Head
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """True if nothing was found."""
        return not self.faults


def verify(path: Path, given: Head | None = None) -> Verdict:
    """Check a journal, also one in use, and that `given`, a head noted earlier, is in it. Raises JournalError if it can't be opened."""
    with JournalReader(path) as reader:
        check = _Check(path, given)
        try:
            with reader.unchanging() as connection:
                check.run(connection)
        except SQLITE_ERRORS as error:
            check.fault(0, f"the file is damaged: {error}")
        return Verdict(check.entries, check.first, check.head, tuple(check.faults))


class _Check:
    def __init__(self, path: Path, given: Head | None) -> None:
        self.entries = self.first = 0
        self.head = Head()
        self.faults: list[Fault] = []
        self._noted: list[tuple[str, Head]] = [("the head given", given)] if given is not None else []
        try:
            signed = read_head(path)
        except (OSError, ValueError) as error:
            self.fault(0, f"{head_path(path)} can't be read: {error}")
        else:
            if signed is None:
                self.fault(0, f"{head_path(path)} is missing: the end can't be proved")
            else:
                self._noted.append((str(head_path(path)), signed))

    def fault(self, number: int, text: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(number, text))

    def run(self, connection: sqlite3.Connection) -> None:
        number, link = connection.execute("SELECT number, link FROM head").fetchone() or (0, GENESIS)
        start = _start(connection)
        self.head = start
        for entry in _entries(connection):
            self._take(entry, start)
            for name, head in self._noted:
                if head.number == entry.number and head.link != entry.link:
                    self.fault(entry.number, f"{name} names another entry {entry.number}: this is not the same journal")
        for name, head in self._noted:
            if head.number > self.head.number:
                self.fault(0, f"{name} knows entry {head.number}, the journal ends at {self.head.number}: its end is missing")
            elif head.number == start.number and head.link != start.link:
                self.fault(0, f"{name} names another entry {head.number}: this is not the same journal")
        if (number, link) != (self.head.number, self.head.link):
            self.fault(0, f"the journal says it ends at entry {number}, it ends at {self.head.number}")

    def _take(self, entry: Entry, start: Head) -> None:
        if not self.entries:
            self.first = entry.number
            if entry.number != start.number + 1:
                self.fault(entry.number, f"entries {start.number + 1} to {entry.number - 1} are missing, and not by retention")
        elif entry.number != self.head.number + 1:
            self.fault(entry.number, f"entries {self.head.number + 1} to {entry.number - 1} are missing")
        elif next_link(self.head.link, entry.number, entry.content) != entry.link:
            self.fault(entry.number, f"entry {entry.number} is not what was written, or not in its place")
        if not self.entries and entry.number == start.number + 1 and next_link(start.link, entry.number, entry.content) != entry.link:
            self.fault(entry.number, f"entry {entry.number} is not what was written, or not the one that followed what retention removed")
        self.entries += 1
        self.head = Head(entry.number, entry.link)


def _start(connection: sqlite3.Connection) -> Head:
    """Where the chain begins: after what the newest retention entry says was removed."""
    rows = connection.execute(
        "SELECT number, utc_ms, kind, dispatch_id, link, body FROM entry WHERE kind = 'journal.pruned' ORDER BY number DESC"
    )
    for row in rows:
        try:
            mark = decoded(entry_of(row).content)
            if isinstance(mark, Pruned):
                return Head(mark.to_id, bytes.fromhex(mark.to_hash))
        except (UnreadableEntryError, ValueError):
            continue  # its link will show that it was changed
    return Head()


def _entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    for row in connection.execute("SELECT number, utc_ms, kind, dispatch_id, link, body FROM entry ORDER BY number"):
        try:
            yield entry_of(row)
        except (TypeError, AttributeError) as error:
            raise JournalError(f"entry {row[0]} can't be read: {error}") from error
