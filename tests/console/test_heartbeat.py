"""When the engine hangs the console goes on drawing, and everything on it says so."""

import asyncio

import pytest

from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.widgets import header

TIMES = [f" 14:02:{second:02}Z" for second in range(60)]


@pytest.fixture
def stepped_time(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The time of day, moved by the test; the first entry is now."""
    left = list(TIMES)
    monkeypatch.setattr(header, "clock_text", lambda: left[0])
    return left


async def test_the_clock_and_its_beat_stop_with_the_engine(stepped_time: list[str]) -> None:
    port, clock = FakePort(), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        beats = []
        for _ in range(4):
            stepped_time.pop(0)
            await refreshed(pilot, app)
            at = rows(app)[0].index(stepped_time[0])
            beats.append(rows(app)[0][at + 10])
        assert set(beats) == {"·", " "}
        port.gate = asyncio.Event()
        app.tick()
        clock.now_s += 2.0
        stepped_time.pop(0)
        app.tick()
        await until(pilot, lambda: stepped_time[0] in rows(app)[0])
        last = stepped_time[0]
        clock.now_s += 2.0
        stepped_time.pop(0)
        app.tick()
        await until(pilot, lambda: f"{last}✗" in rows(app)[0])
        await until(pilot, lambda: "ENGINE SILENT for" in text(app) and "the clock stands" in text(app))
        port.gate.set()
        await until(pilot, lambda: stepped_time[0] in rows(app)[0] and "ENGINE SILENT" not in text(app))


async def test_a_beat_without_a_new_picture_does_not_move(stepped_time: list[str]) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        port.moving = False
        await refreshed(pilot, app)
        seen = []
        for _ in range(5):
            stepped_time.pop(0)
            await refreshed(pilot, app)
            top = rows(app)[0]
            seen.append(top[top.index(stepped_time[0]) + 10])
        assert len(set(seen[1:])) == 1


async def test_dropped_events_are_said_once_each_time_more_are_missing() -> None:
    async with running(FakePort()) as (app, pilot):
        app.model.events_dropped = 3
        await refreshed(pilot, app)
        await refreshed(pilot, app)
        assert [notice for notice in app.notices if "dropped" in notice] == [
            "3 events were dropped before this console saw them: the journal has them"
        ]
        app.model.events_dropped = 4
        await refreshed(pilot, app)
        assert app.notices[-1].startswith("1 event was dropped")
