"""One console over two engines on two brokers, all of them real processes: a broker and an engine are killed under it."""

import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.brokers import Broker, start_nats
from tests.broker.test_attach import EngineProcess, Window, wait_for, window
from v2g_console.console.deliberate import HELD_S
from v2g_console.contract.link import LinkState

F8, F9 = "\x1b[19~", "\x1b[20~"


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    folders = tmp_path / "broker-a", tmp_path / "broker-b"
    for folder in folders:
        folder.mkdir()
    first, second = start_nats(folders[0]), start_nats(folders[1])
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture
def engines(tmp_path: Path, brokers: tuple[Broker, Broker]) -> Iterator[tuple[EngineProcess, EngineProcess]]:
    started = []
    for name, broker in zip(("paris", "lyon"), brokers, strict=True):
        (tmp_path / name).mkdir()
        started.append(EngineProcess(tmp_path / name, broker))
    yield started[0], started[1]
    for engine in started:
        if engine.process.poll() is None:
            engine.end()


def answer(console: Window, key: str, question: str, choice: str, told: str) -> None:
    """Press a key, then the answer; again if it came so early that it could have been a held key."""
    console.press(key)
    console.until_drawn(question)

    def answered() -> bool:
        if told.encode() not in console.drawn:
            select.select([], [], [], HELD_S + 0.2)
            console.type(choice)
            select.select([], [], [], 0.3)
        return told.encode() in console.drawn

    wait_for(answered)


def test_a_dead_broker_and_a_dead_engine_are_shown_and_hold_up_nobody(
    engines: tuple[EngineProcess, EngineProcess], brokers: tuple[Broker, Broker], tmp_path: Path
) -> None:
    paris, lyon = engines
    with window(tmp_path, "attach", "--site", f"paris={paris.socket}", "--site", f"lyon={lyon.socket}") as console:
        console.until_drawn("READ/WRITE")
        wait_for(lambda: console.log().count("attached to /") == 2)
        answer(console, F8, " stops all 2: paris, lyon", "A", "taken by all 2 sites")
        assert paris.status().engine.stopped and lyon.status().engine.stopped
        console.press("\x1b")
        brokers[1].kill()
        console.until_drawn("○ down")
        answer(console, F9, "New dispatches become possible again", "y", "resumed")
        assert not paris.status().engine.stopped and lyon.status().engine.stopped
        assert paris.status().link.state is LinkState.UP
        lyon.end(signal.SIGKILL)
        console.until_drawn("gone since")
        console.press("]")
        console.until_drawn("ENGINE GONE")
        console.press("q")
        console.until_drawn("paris: detached, the engine runs on")
        console.until_drawn("lyon: left, the engine was not heard.")
        assert console.ended() == 0
    assert paris.status().engine.stopped is False, "leaving changed nothing"


def test_sites_of_which_none_answers_are_each_told_of(tmp_path: Path) -> None:
    with window(tmp_path, "attach", "--site", f"a={tmp_path / 'a.sock'}", "--site", f"b={tmp_path / 'b.sock'}") as console:
        console.until_drawn(f"no engine is running at {tmp_path / 'a.sock'}")
        console.until_drawn(f"no engine is running at {tmp_path / 'b.sock'}")
        assert console.ended() == 3
