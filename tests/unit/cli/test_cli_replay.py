"""`replay`, `--record` and `--plain` on the command line: what is refused, and how it is said."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.attach.recordings import film
from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.runtime import replay as runtime_replay
from v2g_console.runtime.screen import no_terminal


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    asyncio.run(film(tmp_path / "a.rec", 3))
    return str(tmp_path / "a.rec")


def test_a_replay_needs_a_terminal(recorded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["replay", recorded]) == ExitCode.USAGE
    assert "no terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay"], "Missing argument 'FILE'"),
        (["replay", "nothing.rec"], "does not exist"),
        (["replay", "a.rec", "--speed", "fast"], "expected a number from 0.1 to 1000"),
        (["replay", "a.rec", "--seek", "soon"], "--seek: 'soon': expected a time after the start"),
    ],
)
def test_wrong_arguments_say_what_is_expected(
    recorded: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_replay, "no_terminal", lambda: "")
    assert exit_code(arguments) == ExitCode.USAGE
    assert words in capsys.readouterr().err


def test_what_is_no_recording_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_replay, "no_terminal", lambda: "")
    (tmp_path / "notes.txt").write_text("\x1b[31mhello", "utf-8")
    assert exit_code(["replay", str(tmp_path / "notes.txt")]) == ExitCode.FAILED
    told = capsys.readouterr().err
    assert "is no recording of this program: make one with --record FILE" in told and "\x1b" not in told


def test_a_terminal_that_is_dumb_is_sent_to_plain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM is dumb" in no_terminal()
    assert exit_code(["demo"]) == ExitCode.USAGE
    assert "--plain" in capsys.readouterr().err
    assert exit_code(["attach"]) == ExitCode.USAGE
    assert "--plain" in capsys.readouterr().err


def test_a_recording_never_replaces_a_file(recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(recorded).read_bytes()
    config = tmp_path / "config.yaml"
    sections = (
        "mqtt:\n  broker: mqtt://127.0.0.1:9",
        "metrics:\n  port: 0",
        "journal:\n  backend: memory",
        f"socket:\n  path: {tmp_path}/s",
    )
    config.write_text("\n".join(sections), "utf-8")
    assert exit_code(["run", "-c", str(config), "--no-ui", "--record", recorded]) == ExitCode.USAGE
    assert "a recording never replaces one: name another" in capsys.readouterr().err
    assert Path(recorded).read_bytes() == before
