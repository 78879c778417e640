"""Calls from one event loop to an engine on another."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.unit.attach.scripted_port import READY, ScriptedPort, until
from v2g_console.attach.errors import EngineGoneError
from v2g_console.attach.in_thread import InThreadPort
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Origin, Request, Status, Stop

CONSOLE = Origin(user="marie", way="console")


class EngineThread:
    """An event loop on a thread of its own, as the engine has."""

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)))
        self._thread.start()
        self.loop = started.result(10)

    async def _main(self, started: "Future[asyncio.AbstractEventLoop]") -> None:
        self._stop = asyncio.Event()
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()

    def end(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    @property
    def ident(self) -> int | None:
        return self._thread.ident


@pytest.fixture
def engine_thread() -> Iterator[EngineThread]:
    thread = EngineThread()
    yield thread
    thread.end()


async def test_a_request_runs_on_the_engines_thread_and_its_reply_comes_back(engine_thread: EngineThread) -> None:
    seen: list[int] = []

    async def handle(request: Request, origin: Origin) -> Reply:
        seen.append(threading.get_ident())
        return Accepted(request="stop", dispatch_id="d1")

    port = InThreadPort(ScriptedPort(handle), engine_thread.loop)
    assert await port.request(Stop(), CONSOLE) == Accepted(request="stop", dispatch_id="d1")
    assert seen == [engine_thread.ident]


async def test_events_emitted_on_the_engines_thread_wake_a_waiting_reader(engine_thread: EngineThread) -> None:
    engine = ScriptedPort()
    port = InThreadPort(engine, engine_thread.loop)
    reading = asyncio.create_task(port.events(0, 30.0))
    await until(lambda: engine.polls == 1)
    asyncio.run_coroutine_threadsafe(engine.emit(READY), engine_thread.loop)
    assert (await asyncio.wait_for(reading, 30)).events == (READY,)


async def test_a_cancelled_caller_does_not_cancel_a_request_that_has_begun(engine_thread: EngineThread) -> None:
    begun, finished, go_on = threading.Event(), threading.Event(), asyncio.Event()

    async def handle(request: Request, origin: Origin) -> Reply:
        begun.set()
        await go_on.wait()
        finished.set()
        return Accepted(request="stop")

    asking = asyncio.create_task(InThreadPort(ScriptedPort(handle), engine_thread.loop).request(Stop(), CONSOLE))
    await asyncio.to_thread(begun.wait, 5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not finished.is_set()
    engine_thread.loop.call_soon_threadsafe(go_on.set)
    assert await asyncio.to_thread(finished.wait, 5)


async def test_a_cancelled_reader_withdraws_its_long_poll(engine_thread: EngineThread) -> None:
    engine = ScriptedPort()
    reading = asyncio.create_task(InThreadPort(engine, engine_thread.loop).events(0, 60.0))
    await until(lambda: engine.polls == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await until(lambda: engine.withdrawn_polls == 1)


async def test_an_engine_that_has_ended_is_a_connection_error(engine_thread: EngineThread) -> None:
    port = InThreadPort(ScriptedPort(), engine_thread.loop)
    engine_thread.end()
    with pytest.raises(ConnectionError):
        await port.request(Status(), CONSOLE)
    with pytest.raises(ConnectionError):
        await port.events(0, 1.0)
    with pytest.raises(ConnectionError):
        await port.snapshot()


async def test_callers_that_wait_when_the_engine_ends_get_a_connection_error(engine_thread: EngineThread) -> None:
    begun = threading.Event()

    async def handle(request: Request, origin: Origin) -> Reply:
        begun.set()
        await asyncio.Event().wait()
        return Accepted(request="stop")

    engine = ScriptedPort(handle)
    port = InThreadPort(engine, engine_thread.loop)
    waiting = [asyncio.create_task(port.request(Stop(), CONSOLE)), asyncio.create_task(port.events(0, 60.0))]
    assert await asyncio.to_thread(begun.wait, 5)
    await until(lambda: engine.polls == 1)
    await asyncio.to_thread(engine_thread.end)
    for task in waiting:
        with pytest.raises(EngineGoneError):
            await asyncio.wait_for(task, 30)


async def test_a_loop_that_stops_without_cancelling_its_tasks_is_noticed() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    begun = threading.Event()
    tasks: list[asyncio.Task[object] | None] = []

    async def handle(request: Request, origin: Origin) -> Reply:
        tasks.append(asyncio.current_task())
        begun.set()
        await asyncio.Event().wait()
        return Accepted(request="stop")

    asking = asyncio.create_task(InThreadPort(ScriptedPort(handle), loop).request(Stop(), CONSOLE))
    assert await asyncio.to_thread(begun.wait, 5)
    loop.call_soon_threadsafe(loop.stop)
    await asyncio.to_thread(thread.join, 5)
    with pytest.raises(EngineGoneError):
        await asyncio.wait_for(asking, 30)
    assert tasks[0] is not None
    tasks[0].cancel()
    await asyncio.to_thread(loop.run_until_complete, asyncio.gather(tasks[0], return_exceptions=True))
    loop.close()


async def test_an_error_in_the_engine_reaches_the_caller(engine_thread: EngineThread) -> None:
    async def handle(request: Request, origin: Origin) -> Reply:
        raise ValueError("negative lease")

    with pytest.raises(ValueError, match="negative lease"):
        await InThreadPort(ScriptedPort(handle), engine_thread.loop).request(Stop(), CONSOLE)


async def test_it_works_from_the_engines_own_loop() -> None:
    port = InThreadPort(ScriptedPort(), asyncio.get_running_loop())
    assert await asyncio.wait_for(port.request(Stop(), CONSOLE), 30) == Accepted(request="stop")
