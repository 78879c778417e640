"""Where the socket is, and which folders are trusted."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from v2g_console.attach import paths
from v2g_console.attach.errors import SocketPathError
from v2g_console.attach.paths import check_before_connecting, find_console_socket, find_socket, make_folder, running_demos, socket_path
from v2g_console.config.settings import SocketSettings


@pytest.fixture(autouse=True)
def _bare_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No system folder, no run-time folder, a temporary folder of the test's own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(paths, "SYSTEM_FOLDER", tmp_path / "run" / "v2g-console")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def test_a_configured_path_is_used_as_it_is() -> None:
    assert socket_path(SocketSettings(path=Path("/srv/grid/v2g.sock"))) == Path("/srv/grid/v2g.sock")


def test_the_system_folder_is_used_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "run" / "v2g-console").mkdir(parents=True)
    assert socket_path(SocketSettings()) == tmp_path / "run" / "v2g-console" / "v2g-console.sock"


def test_else_the_users_run_time_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_path(SocketSettings()) == tmp_path / "v2g-console" / "v2g-console.sock"


@pytest.mark.parametrize("value", ["", "relative/folder", "/does/not/exist"])
def test_a_run_time_folder_that_is_none_is_passed_over(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    assert socket_path(SocketSettings()) == tmp_path / "tmp" / f"v2g-console-{os.getuid()}" / "v2g-console.sock"


def test_an_operator_finds_the_system_socket_though_he_may_not_write_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "run" / "v2g-console"
    system.mkdir(parents=True)
    (system / "v2g-console.sock").touch()
    # Tests may run as root, to whom no folder is closed.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != system)
    assert socket_path(SocketSettings()) != system / "v2g-console.sock"
    assert find_socket(SocketSettings()) == system / "v2g-console.sock"


def test_without_a_system_socket_the_users_own_is_looked_for() -> None:
    assert find_socket(SocketSettings()) == socket_path(SocketSettings())


def test_the_longest_path_is_what_the_kernel_takes() -> None:
    fits = Path("/" + "s" * 106)
    assert socket_path(SocketSettings(path=fits)) == fits
    with pytest.raises(SocketPathError, match=r"108 bytes; a Unix socket takes at most 107: set a shorter socket\.path"):
        socket_path(SocketSettings(path=Path("/" + "s" * 107)))


def test_the_length_counts_in_bytes_not_letters() -> None:
    with pytest.raises(SocketPathError, match="161 bytes"):
        socket_path(SocketSettings(path=Path("/" + "é" * 80)))


def test_the_folder_in_the_temporary_folder_is_private() -> None:
    path = socket_path(SocketSettings())
    make_folder(path)
    make_folder(path)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_open_to_others_is_refused() -> None:
    path = socket_path(SocketSettings())
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(SocketPathError, match="not a folder that is yours alone"):
        make_folder(path)
    with pytest.raises(SocketPathError, match="not a folder that is yours alone"):
        check_before_connecting(path)


def test_a_link_planted_in_the_temporary_folder_is_refused(tmp_path: Path) -> None:
    path = socket_path(SocketSettings())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    path.parent.symlink_to(elsewhere)
    with pytest.raises(SocketPathError, match="not a folder that is yours alone"):
        make_folder(path)


def test_a_folder_that_cannot_be_made_names_itself_and_the_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SocketPathError, match=r"can't make .*file.* for the socket: .*; set socket\.path"):
        make_folder(tmp_path / "file" / "v2g.sock")


def test_a_console_finds_the_one_demo_when_no_engine_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "SYSTEM_FOLDER", tmp_path / "none")
    folder = tmp_path / "v2g-console"
    folder.mkdir()
    usual, demo, other = (folder / name for name in ("v2g-console.sock", "demo-4711.sock", "demo-4712.sock"))
    assert find_console_socket(SocketSettings()) == usual
    left_over(folder / "demo-1.sock")
    with listener_at(demo):
        assert find_console_socket(SocketSettings()) == demo, "what a killed demo left is no demo"
        assert find_console_socket(SocketSettings(path=tmp_path / "mine.sock")) == tmp_path / "mine.sock"
        assert running_demos(SocketSettings()) == [demo]
        assert running_demos(SocketSettings(path=tmp_path / "mine.sock")) == []
        with listener_at(other), pytest.raises(SocketPathError, match=f"2 demos are: name one with --socket: {demo}, {other}"):
            find_console_socket(SocketSettings())
        usual.touch()
        assert find_console_socket(SocketSettings()) == usual


def listener_at(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(1)
    return listener


def left_over(path: Path) -> None:
    listener_at(path).close()
