"""A crash on the bench: the engine is gone in mid-step, its vehicles go on, and what its journal holds is what the next one finds."""

import asyncio
import contextlib
from pathlib import Path

from tests.unit.engine.bench import Bench
from v2g_console.contract.link import LinkState
from v2g_console.journal.encoding import contents_of
from v2g_console.journal.port import Record
from v2g_console.journal.projection import Projection
from v2g_console.journal.recovery import Recovered, recovered
from v2g_console.journal.store import Store


async def crash(one: Bench, folder: Path) -> Recovered:
    """Kill the engine at once, as `kill -9` would; what was not handed to the journal is lost. Returns what a restart finds."""
    one.link.state = LinkState.CLOSED
    doomed = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in doomed:
        task.cancel()
    records = one.journal.records()
    await asyncio.gather(*doomed, return_exceptions=True)
    return found_in(records, folder / f"crash-{one.clock.monotonic():.2f}.db")


def found_in(records: tuple[Record, ...], path: Path) -> Recovered:
    """What a restart would find in a journal of these records."""
    store = Store(path)
    with contextlib.closing(store.connection):
        for record in records:
            store.append(contents_of(record))
        projection = Projection(store.connection)
        while projection.behind(store.head.number):
            store.derived(projection.step)
            projection.committed()
        return recovered(store.connection)
