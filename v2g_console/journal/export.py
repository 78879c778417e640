"""Feeding the export stream: entries follow into the JSON Lines file in the background; a restart goes on where it was left."""

import logging
import sqlite3
import time
from typing import Final

from v2g_console.journal.chain import Content, Entry
from v2g_console.journal.jsonl import JsonlFile, JsonlOptions
from v2g_console.journal.lines import json_line
from v2g_console.journal.store import Store

log = logging.getLogger(__name__)

_MOST_ENTRIES: Final = 20
_MOST_BYTES: Final = 1 << 20
_RETRY_S: Final = 10.0


class Export:
    """After a crash the last lines may come twice (their numbers say so); none is left out unless retention removed the entry before.

    A stream that can't be written never holds the journal up: it is logged and tried again.
    """

    def __init__(self, options: JsonlOptions) -> None:
        self._file = JsonlFile(options)
        self._path = options.path
        self._again_at = 0.0
        self._failing = False

    def step(self, store: Store) -> bool:
        """Write some entries; True if there may be more. Raises JournalError for the journal's own file."""
        if time.monotonic() < self._again_at:
            return False
        (done,) = store.connection.execute("SELECT exported_to FROM progress").fetchone()
        entries = _next_entries(store.connection, done)
        if not entries:
            return False
        try:
            self._file.write(b"".join(map(json_line, entries)), time.time())
        except OSError as error:
            if not self._failing:
                log.error("can't write the export %s: %s", self._path, error.strerror or error)
            self._failing, self._again_at = True, time.monotonic() + _RETRY_S
            self._file.close()
            return False
        self._failing = False
        last = entries[-1].number
        store.derived(lambda connection: connection.execute("UPDATE progress SET exported_to = ?", (last,)))
        return True

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            log.error("can't close the export %s: %s", self._path, error.strerror or error)


def _next_entries(connection: sqlite3.Connection, after: int) -> list[Entry]:
    rows = connection.execute(
        "SELECT number, utc_ms, kind, dispatch_id, link, body FROM entry WHERE number > ? ORDER BY number LIMIT ?", (after, _MOST_ENTRIES)
    )
    entries: list[Entry] = []
    size = 0
    for number, utc_ms, kind, dispatch_id, link, body in rows.fetchall():
        size += len(body)
        if entries and size > _MOST_BYTES:
            break
        entries.append(Entry(number, Content(utc_ms, kind, dispatch_id, body), link))
    return entries
