"""One engine per client id and broker on a machine."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_console.config.settings import MqttSettings
from v2g_console.runtime.locks import ClientIdInUseError, ClientIdLock

HOLD = "import sys\nfrom v2g_console.config.settings import MqttSettings\nfrom v2g_console.runtime.locks import ClientIdLock\n" + (
    "with ClientIdLock(MqttSettings(client_id='ana')):\n    print('held', flush=True)\n    sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def own_runtime_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locks of this test only."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_a_second_engine_with_the_same_id_on_the_same_broker_is_refused_until_the_first_ends() -> None:
    settings = MqttSettings(client_id="ana")
    with ClientIdLock(settings):
        with pytest.raises(ClientIdInUseError, match="'ana'"), ClientIdLock(settings):
            pass
        with ClientIdLock(MqttSettings(client_id="bea")), ClientIdLock(MqttSettings(client_id="ana", broker="tcp://other:1883")):
            pass
    with ClientIdLock(settings) as again:
        assert again is not None


def test_a_killed_engine_leaves_no_lock_behind() -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(ClientIdInUseError), ClientIdLock(MqttSettings(client_id="ana")):
        pass
    process.kill()
    process.communicate()
    with ClientIdLock(MqttSettings(client_id="ana")) as free:
        assert free is not None


def test_lock_files_do_not_pile_up(tmp_path: Path) -> None:
    with ClientIdLock(MqttSettings(client_id="ana")) as held:
        left = held._path.with_name("client-0123456789abcdef.lock")
        left.touch()
        with ClientIdLock(MqttSettings(client_id="bea")):
            assert not left.exists()
            assert len(list(tmp_path.rglob("client-*.lock"))) == 2
    assert list(tmp_path.rglob("client-*.lock")) == []


def test_a_lock_whose_file_was_removed_under_it_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, flock, going = MqttSettings(client_id="ana"), fcntl.flock, [True]
    lock = ClientIdLock(settings)

    def late(descriptor: int, how: int) -> None:
        if going:
            going.pop()
            lock._path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr("v2g_console.runtime.locks.fcntl.flock", late)
    with lock, pytest.raises(ClientIdInUseError), ClientIdLock(settings):
        pass
