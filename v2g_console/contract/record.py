"""The journal as screens see it: entries in words, and one in full."""

import msgspec


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: when (UTC ms), its kind, dispatch and person ("" where there is none), and what happened in words."""

    number: int
    utc_ms: int
    kind: str
    dispatch_id: str = ""
    by: str = ""
    text: str = ""


class JournalPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first. `more`: there may be older ones, below the last one's number. `durable`: they outlive the engine."""

    rows: tuple[JournalRow, ...]
    more: bool
    durable: bool


class JournalEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as JSON, cut at 60 000 characters."""

    number: int
    json: str
