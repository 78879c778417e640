"""`attach`, and what `run` says when an engine runs already; real consoles are in tests/broker/test_attach.py."""

import io
from pathlib import Path

import pytest

from tests.unit.cli.answers import status
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.attach.paths import LONGEST_PATH_BYTES
from v2g_console.cli.entry import exit_code
from v2g_console.config.settings import Settings, SocketSettings
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.runtime import attach as runtime_attach
from v2g_console.runtime.attach import FoundEngine, find_engine, wants_to_attach


@pytest.fixture(autouse=True)
def no_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def at(path: Path) -> Settings:
    return Settings(socket=SocketSettings(path=path))


def test_attaching_without_a_terminal_is_exit_code_2_and_names_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["attach"]) == ExitCode.USAGE
    assert "no terminal" in (told := capsys.readouterr().err) and "v2g-console status" in told


def test_a_socket_path_that_no_socket_can_have_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_attach, "refuses_to_draw", lambda _: "")
    assert exit_code(["attach", "--socket", "/tmp/" + "x" * LONGEST_PATH_BYTES]) == ExitCode.NO_LINK
    assert "a Unix socket takes at most" in capsys.readouterr().err


def test_an_engine_that_runs_is_found_and_described(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listening(ScriptedEngine(lambda _: Accepted(request="status", result=status())), path):
        found = find_engine(at(path))
    assert found is not None and found.path == path
    assert found.words.startswith("version 0.1.0, a demo, ssl://broker:8883, 1 204 vehicles, 1 dispatch")
    assert "\x1b" not in found.words and " UTC" in found.words


def test_an_engine_that_may_not_be_asked_is_found_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listening(ScriptedEngine(lambda _: Refused(request="status", reason=Refusal.FORBIDDEN, message="no")), path):
        found = find_engine(at(path))
    assert found is not None and found.words.startswith("version ")


def test_no_engine_is_found_where_none_listens(tmp_path: Path) -> None:
    assert find_engine(at(tmp_path / "engine.sock")) is None
    assert find_engine(Settings(socket=SocketSettings(enabled=False, path=tmp_path / "engine.sock"))) is None
    assert find_engine(at(Path("/tmp") / ("x" * LONGEST_PATH_BYTES))) is None


@pytest.mark.parametrize(
    ("typed", "wants"), [("\n", True), ("y\n", True), ("YES\n", True), ("n\n", False), ("No\n", False), ("", False), ("hm\nn\n", False)]
)
def test_attaching_is_the_default_and_no_answer_is_a_no(
    typed: str, wants: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert wants_to_attach(FoundEngine(Path("/run/v2g-console/v2g-console.sock"), "version 0.1.0")) is wants
    told = capsys.readouterr().err
    assert "an engine is already running at /run/v2g-console/v2g-console.sock: version 0.1.0" in told
    assert told.count("Attach to it? [Y/n]") == max(1, typed.count("\n"))
