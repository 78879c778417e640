"""The engine with its surroundings, where one of them can't be had."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from v2g_console.attach.errors import EngineAlreadyRunningError
from v2g_console.attach.server import SocketServer
from v2g_console.config.settings import JournalSettings, MetricsSettings, Settings, SocketSettings
from v2g_console.metrics.server import MetricsPortError
from v2g_console.runtime.services import Services, open_journal


def settings(tmp_path: Path, metrics: MetricsSettings) -> Settings:
    return Settings(journal=JournalSettings(path=tmp_path / "journal.db"), metrics=metrics, socket=SocketSettings(path=tmp_path / "e.sock"))


async def closed_in_order(wanted: Settings) -> bool:
    """What the next start finds in the journal, which must be free again."""
    journal, found = open_journal(wanted)
    await journal.close()
    assert found is not None
    return found.clean


async def test_a_start_that_fails_for_the_metrics_port_leaves_a_closed_journal(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        wanted = settings(tmp_path, MetricsSettings(host="127.0.0.1", port=taken.getsockname()[1]))
        services = Services(wanted, read_only=False, demo=False)
        with pytest.raises(MetricsPortError):
            await services.start()
    assert await closed_in_order(wanted)


async def test_a_start_that_fails_for_another_engines_socket_leaves_a_closed_journal(tmp_path: Path) -> None:
    other = Services(settings(tmp_path / "other", MetricsSettings(enabled=False)), read_only=False, demo=False)
    wanted = settings(tmp_path, MetricsSettings(host="127.0.0.1", port=0))
    listening = SocketServer(other.engine, tmp_path / "e.sock")
    await listening.start()
    try:
        services = Services(wanted, read_only=False, demo=False)
        with pytest.raises(EngineAlreadyRunningError):
            await services.start()
        assert await closed_in_order(wanted)
    finally:
        await listening.close()
        await other.close()
