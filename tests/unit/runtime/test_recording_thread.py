"""The recorder beside a console: on a thread of its own, ended with its context, and harmless when it breaks."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.unit.attach.recordings import LivelyPort
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.attach.playback import Recording as Playback
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted
from v2g_console.contract.snapshot import Snapshot
from v2g_console.runtime.recording import Recording, of_port, of_socket


class WatchedPort(LivelyPort):
    """Says when it has been looked at, and from which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Event()
        self.threads: set[str] = set()

    async def snapshot(self) -> Snapshot:
        """The next picture."""
        self.threads.add(threading.current_thread().name)
        told = await super().snapshot()
        self.looked.set()
        return told


def test_it_records_on_a_thread_of_its_own_and_ends_with_its_context(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = WatchedPort()
    made = Recording(tmp_path / "a.rec")
    with made.of(of_port(port), ends_with_engine=True):
        assert port.looked.wait(10.0)
    assert port.threads == {"recorder"}
    opened = Playback(tmp_path / "a.rec")
    assert not opened.damage
    shown = opened.look(len(opened) - 1).snapshot
    assert shown is not None and shown.utc_ms == port.shown[-1].utc_ms  # a last look at the end
    opened.close()
    assert f"v2g-console replay {tmp_path / 'a.rec'}" in capsys.readouterr().err


def test_a_recorder_that_breaks_is_told_and_breaks_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[EnginePort]:
        yield cast(EnginePort, "no engine at all")

    made = Recording(tmp_path / "a.rec")
    with made.of(broken, ends_with_engine=True):
        pass
    assert "the recorder broke" in made.news.trouble
    assert "recording ended" in capsys.readouterr().err


class ShownEngine(ScriptedEngine):
    """An engine behind a socket whose picture moves."""

    def __init__(self) -> None:
        super().__init__(lambda request: Accepted(request=str(request.__struct_config__.tag)))
        self.port = WatchedPort()

    async def snapshot(self) -> Snapshot:
        """The next picture."""
        return await self.port.snapshot()


def test_an_engine_of_another_process_is_recorded_over_a_connection_of_its_own(tmp_path: Path) -> None:
    engine, socket = ShownEngine(), tmp_path / "engine.sock"
    made = Recording(tmp_path / "a.rec")
    with listening(engine, socket), made.of(of_socket(socket), ends_with_engine=False):
        assert engine.port.looked.wait(10.0)
    opened = Playback(tmp_path / "a.rec")
    shown = opened.look(len(opened) - 1).snapshot
    assert not opened.damage and shown is not None and len(shown.fleet) == 40
    assert not opened.look(0).problem
    opened.close()
