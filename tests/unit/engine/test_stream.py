"""The event stream: numbered, bounded, honest about what a reader missed."""

import asyncio
from typing import Any

import pytest

from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract.events import DispatchCompleted, DispatchProgress, LinkChanged
from v2g_console.engine.stream import EventStream

FIELDS: dict[str, Any] = {
    "ts": "2026-11-23T13:38:49.250Z",
    "signal": "FCR",
    "state": "active",
    "requested_kw": 10.0,
    "allocated_kw": 10.0,
    "acknowledged_kw": 10.0,
    "delivered_kw": None,
    "delivered_coverage": 0.0,
    "uncertain_kw": 0.0,
    "shortfall_kw": 0.0,
    "vehicles": 5,
    "acked": 5,
    "limited": 0,
    "rejected": 0,
    "silent": 0,
    "pending": 0,
}


def progress(dispatch_id: str) -> DispatchProgress:
    return DispatchProgress(dispatch_id=dispatch_id, **FIELDS)


def completed(dispatch_id: str) -> DispatchCompleted:
    return DispatchCompleted(dispatch_id=dispatch_id, **FIELDS)


def link(state: str) -> LinkChanged:
    return LinkChanged(ts="2026-11-23T13:38:49.250Z", state=state, cause="none", text="", broker="mqtt://b:1883")


@in_virtual_time
async def test_events_are_read_once_and_in_order() -> None:
    stream = EventStream()
    for number in range(1200):
        stream.emit(link(str(number)))
    after, states = 0, []
    while (batch := await stream.read(after, 0.0)).events:
        after = batch.next_number
        states += [event.state for event in batch.events if isinstance(event, LinkChanged)]
        assert batch.dropped == 0
    assert states == [str(number) for number in range(1200)]
    assert (await stream.read(after, 0.0)).next_number == after


@in_virtual_time
async def test_only_the_newest_progress_of_each_dispatch_is_kept() -> None:
    stream = EventStream(capacity=10)
    for _ in range(1000):
        stream.emit(progress("a" * 32))
        stream.emit(progress("b" * 32))
    stream.emit(link("up"))
    batch = await stream.read(0, 0.0)
    assert [event.__struct_config__.tag for event in batch.events] == ["dispatch.progress", "dispatch.progress", "link.changed"]
    assert stream.dropped == 0


@in_virtual_time
async def test_a_reader_that_is_too_slow_learns_how_much_it_missed_and_each_event_is_counted_once() -> None:
    stream = EventStream(capacity=100)
    for _ in range(10):
        stream.emit(link("up"))
    after = (await stream.read(0, 0.0)).next_number
    for _ in range(300):
        stream.emit(link("up"))
    dropped = seen = 0
    while (batch := await stream.read(after, 0.0)).events:
        after, dropped, seen = batch.next_number, dropped + batch.dropped, seen + len(batch.events)
    assert (dropped, seen) == (200, 100)
    assert stream.dropped == 200


@in_virtual_time
async def test_outcomes_are_never_lost() -> None:
    stream = EventStream(capacity=50)
    stream.emit(link("up"))
    after = (await stream.read(0, 0.0)).next_number
    for number in range(900):
        stream.emit(completed(f"{number:032d}"))
        stream.emit(link("up"))
    ended, dropped = [], 0
    while (batch := await stream.read(after, 0.0)).events:
        after, dropped = batch.next_number, dropped + batch.dropped
        ended += [event.dispatch_id for event in batch.events if isinstance(event, DispatchCompleted)]
    assert ended == [f"{number:032d}" for number in range(900)]
    assert dropped == 900 - 25


@in_virtual_time
async def test_a_finished_dispatch_leaves_no_progress_behind() -> None:
    stream = EventStream()
    for number in range(100):
        stream.emit(progress(f"{number:032d}"))
        stream.emit(completed(f"{number:032d}"))
    assert stream._progress == {}


@in_virtual_time
async def test_a_reader_waits_for_the_first_event_or_its_time() -> None:
    stream, loop = EventStream(), asyncio.get_running_loop()
    begun = loop.time()
    assert (await stream.read(0, 5.0)).events == ()
    assert loop.time() - begun == pytest.approx(5.0)
    readers = [asyncio.create_task(stream.read(0, 60.0)) for _ in range(3)]
    await asyncio.sleep(1.0)
    stream.emit(link("up"))
    assert [len((await reader).events) for reader in readers] == [1, 1, 1]


@in_virtual_time
async def test_a_reader_can_be_cancelled_even_as_an_event_arrives() -> None:
    stream = EventStream()
    reader = asyncio.create_task(stream.read(0, 60.0))
    await asyncio.sleep(0)
    stream.emit(link("up"))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
