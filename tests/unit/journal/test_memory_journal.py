"""The journal in memory keeps the newest records, in order, and never more than it may."""

import numpy as np

from v2g_console.contract.events import LinkChanged
from v2g_console.journal.memory import MemoryJournal
from v2g_console.journal.port import Journal, RequestRecord, RoundRecord


def event(state: str) -> LinkChanged:
    return LinkChanged(ts="2026-11-23T13:38:49.250Z", state=state, cause="none", text="", broker="mqtt://b:1883")


async def test_records_are_kept_in_order_and_the_oldest_go_first() -> None:
    memory = MemoryJournal(3)
    journal: Journal = memory
    journal.note([event("up"), event("down")])
    await journal.commit_request(RequestRecord(1, "ines", "console", "stop", "accepted"))
    await journal.commit_round(RoundRecord(2, "a" * 32, 7, "send", ("veh000001",), np.array([5.0]), np.array([0.0]), 0))
    kept = memory.records()
    assert [type(record).__name__ for record in kept] == ["LinkChanged", "RequestRecord", "RoundRecord"]
    assert memory.taken == 4
    await journal.close()


async def test_what_was_read_does_not_change_later() -> None:
    journal = MemoryJournal(10)
    journal.note([event("up")])
    before = journal.records()
    journal.note([event("down")])
    assert len(before) == 1
    assert len(journal.records()) == 2
