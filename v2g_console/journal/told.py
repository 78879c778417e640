"""Entries told to people: a page in words, newest first, or one entry in full. Bounded in size."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from v2g_console.domain.text import visible
from v2g_console.journal.chain import Entry
from v2g_console.journal.lines import json_line
from v2g_console.journal.words import entry_person, entry_words

MOST_ENTRIES: Final = 500
MOST_WORDS_CHARS: Final = 300
MOST_FULL_CHARS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Told:
    """An entry for people: its number, UTC ms, kind, dispatch and person ("" where there is none), and what happened."""

    number: int
    utc_ms: int
    kind: str
    dispatch_id: str
    person: str
    words: str


def told(entries: Iterable[Entry], limit: int) -> list[Told]:
    """The first `limit` entries in words."""
    return [
        Told(
            one.number,
            one.content.utc_ms,
            one.content.kind,
            one.content.dispatch_id,
            entry_person(one),
            visible(entry_words(one))[:MOST_WORDS_CHARS],
        )
        for one in islice(entries, max(0, min(limit, MOST_ENTRIES)))
    ]


def full(entries: Iterable[Entry], number: int) -> str:
    """The first of `entries`, if it is the one of that number, as JSON."""
    first = next(iter(entries), None)
    if first is None or first.number != number:
        return ""
    return json_line(first).decode().rstrip("\n")[:MOST_FULL_CHARS]
