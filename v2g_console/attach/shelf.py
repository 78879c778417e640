"""Snapshots packed for callers: each difference once, however many ask for it, and never on the engine's loop."""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from v2g_console.attach.picture import packed
from v2g_console.contract.port import EnginePort
from v2g_console.contract.snapshot import EngineInfo, Snapshot

MOST_BASES: Final = 8
"""So many snapshots are kept to tell differences from; a caller whose own is older gets a whole one. At 100 000 vehicles one is 6 MB."""
WRITTEN_AT_ONCE: Final = 8
"""So many callers are being sent a snapshot at a time; the others wait, and get a newer one."""


class Shelf:
    """Belongs to the loop of `port`. Keeps nothing while nobody looks."""

    def __init__(self, port: EnginePort) -> None:
        self._port = port
        self._bases: OrderedDict[int, Snapshot] = OrderedDict()
        self._packing: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self._worker: ThreadPoolExecutor | None = None
        self._readers: set[object] = set()
        self.turn = asyncio.Semaphore(WRITTEN_AT_ONCE)
        """held from asking for a snapshot until it is written"""

    def join(self, reader: object) -> None:
        """`reader` looks at snapshots from now on."""
        self._readers.add(reader)

    def leave(self, reader: object) -> None:
        """`reader` has gone; with the last one all snapshots are forgotten."""
        self._readers.discard(reader)
        if not self._readers:
            self.clear()

    async def newest(self, base: int) -> tuple[EngineInfo, bytes]:
        """The newest snapshot's EngineInfo, and the change to it from snapshot `base`; no bytes if `base` is the newest."""
        now = await self._port.snapshot()
        if now.number == base:
            return now.engine, b""
        before = self._bases.get(base)
        self._keep(now)
        key = (0 if before is None else base, now.number)
        packing = self._packing.get(key)
        if packing is None:
            packing = asyncio.get_running_loop().run_in_executor(self._thread(), packed, before, now)
            packing.add_done_callback(_take_note)
            self._packing = {known: one for known, one in self._packing.items() if known[1] == now.number} | {key: packing}
        # A caller who hangs up must not take it from the others.
        return now.engine, await asyncio.shield(packing)

    def __len__(self) -> int:
        """Snapshots kept."""
        return len(self._bases)

    def clear(self) -> None:
        """Forget everything and end the worker thread."""
        self._bases.clear()
        self._packing.clear()
        if self._worker is not None:
            self._worker.shutdown(wait=False)
            self._worker = None

    def _keep(self, snapshot: Snapshot) -> None:
        self._bases[snapshot.number] = snapshot
        while len(self._bases) > MOST_BASES:
            self._bases.popitem(last=False)

    def _thread(self) -> ThreadPoolExecutor:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        return self._worker


def _take_note(packing: asyncio.Future[bytes]) -> None:
    """Mark a failure as seen, also if whoever asked has hung up."""
    if not packing.cancelled():
        packing.exception()
