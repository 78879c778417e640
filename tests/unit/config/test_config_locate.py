"""Where a configuration is looked for, and what a command to a running engine makes of a bad one."""

from pathlib import Path

import pytest

from v2g_console.config.load import load, load_for_client
from v2g_console.config.locate import find_config
from v2g_console.config.problems import ConfigError, ConfigMissingError


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_this_folder_comes_before_the_users(tmp_path: Path, empty_folder: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}
    of_user = tmp_path / "xdg" / "v2g-console" / "config.yaml"
    of_user.parent.mkdir(parents=True)
    of_user.write_text("console: {name: user}\n")
    assert find_config(environ) == of_user
    (empty_folder / "config.yaml").write_text("console: {name: here}\n")
    assert find_config(environ) == Path("config.yaml")
    assert load(None, environ).settings.console.name == "here"


def test_without_xdg_the_users_folder_is_dot_config(tmp_path: Path, empty_folder: Path) -> None:
    of_user = tmp_path / ".config" / "v2g-console" / "config.yaml"
    of_user.parent.mkdir(parents=True)
    of_user.touch()
    assert find_config({"HOME": str(tmp_path)}) == of_user


@pytest.mark.usefixtures("empty_folder")
def test_no_configuration_is_told_in_two_lines_with_both_ways_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissingError) as caught:
        load(None, {"HOME": str(tmp_path)})
    first, second = str(caught.value).splitlines()
    assert "v2g-console demo" in first
    assert "config.yaml" in first
    assert "v2g-console config init" in second
    assert caught.value.looked_in[-1] == Path("/etc/v2g-console/config.yaml")


@pytest.mark.usefixtures("empty_folder")
def test_a_client_needs_no_configuration(tmp_path: Path) -> None:
    settings = load_for_client(None, {"HOME": str(tmp_path), "V2G__SOCKET__PATH": "/run/x.sock"})
    assert settings.socket.path == Path("/run/x.sock")


def test_a_client_works_beside_a_half_edited_file(empty_folder: Path) -> None:
    path = empty_folder / "config.yaml"
    path.write_text("mqtt: {brokr: x, keepalive_s: soon, password_file: gone}\nsocket: {path: s.sock}\ndispatch: {min_ack_share: 0.5}\n")
    settings = load_for_client(path, {})
    assert settings.socket.path == empty_folder / "s.sock"
    assert settings.dispatch.min_ack_share == 0.5
    path.write_text("mqtt: [\n")
    assert load_for_client(None, {}).socket.path is None


def test_a_client_refuses_a_wrong_socket_section_and_a_named_file_that_cant_be_read(empty_folder: Path) -> None:
    path = empty_folder / "config.yaml"
    path.write_text("socket: {pth: s.sock}\n")
    with pytest.raises(ConfigError, match=r"socket\.pth: unknown key; did you mean socket\.path\?"):
        load_for_client(path, {})
    with pytest.raises(ConfigError, match="can't be read"):
        load_for_client(empty_folder / "none.yaml", {})
