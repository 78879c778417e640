"""A look into the durable journal while it is written."""

import asyncio
from dataclasses import replace
from pathlib import Path

from v2g_console.journal.read import JournalReader
from v2g_console.journal.told import Told, full, told
from v2g_console.journal.wanted import Wanted


class SqliteLook:
    """Reads the file beside its writer, in a worker thread, with a connection of its own for each look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def page(self, wanted: Wanted, before: int, limit: int) -> list[Told]:
        """See `port.Journal`."""
        return await asyncio.to_thread(self._page, wanted, before, limit)

    async def whole(self, number: int) -> str:
        """See `port.Journal`."""
        return await asyncio.to_thread(self._whole, number)

    def _page(self, wanted: Wanted, before: int, limit: int) -> list[Told]:
        with JournalReader(self._path) as reader:
            if wanted.dispatch_id:
                wanted = replace(wanted, dispatch_id=reader.find_dispatch(wanted.dispatch_id))
            return told(reader.entries(wanted, newest_first=True, before=before or None), limit)

    def _whole(self, number: int) -> str:
        with JournalReader(self._path) as reader:
            return full(reader.entries(newest_first=True, before=number + 1), number)
