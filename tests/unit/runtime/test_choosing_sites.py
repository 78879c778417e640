"""Which engines one console shows: as written, as configured, or all that run here."""

import socket
from pathlib import Path

import msgspec
import pytest

from tests.unit.cli.answers import status
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.attach import paths
from v2g_console.cli.entry import exit_code
from v2g_console.config.console_site_checks import LONGEST_NAME, MOST_SITES
from v2g_console.config.load import load
from v2g_console.config.problems import ConfigError
from v2g_console.config.settings import ConsoleSettings, ConsoleSiteSettings, Settings, SocketSettings
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import RunOptions
from v2g_console.contract.replies import Accepted
from v2g_console.runtime import sites as runtime_sites
from v2g_console.runtime.sites import SiteChoiceError, chosen_sites, running_sites

PARIS = ConsoleSiteSettings(name="paris", socket=Path("/run/v2g-console/paris.sock"))
LYON = ConsoleSiteSettings(name="lyon", socket=Path("/run/v2g-console/lyon.sock"))


def test_configured_sites_are_the_default_and_names_choose_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert chosen_sites((PARIS, LYON), ()) == (PARIS, LYON)
    assert chosen_sites((PARIS, LYON), ("lyon",)) == (LYON,)
    assert [(site.name, site.socket) for site in chosen_sites((PARIS,), ("nice=n.sock", "paris"))] == [
        ("nice", tmp_path / "n.sock"),
        ("paris", PARIS.socket),
    ]
    assert chosen_sites((), ()) == ()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (("nice",), "expected NAME=SOCKET, or a name of console.sites (paris, lyon), got 'nice'"),
        (("nice=",), "expected NAME=SOCKET"),
        (("=/x.sock",), "expected a name of 1 to 40 characters"),
        (("a=/x.sock", "A=/y.sock"), "stands twice"),
        (("a=/x.sock", "b=/x.sock"), "one engine is one site"),
        (("\x1b[31m=/x.sock",), "without invisible characters"),
        (("\u202eevil=/x.sock",), "without invisible characters"),
        ((" a=/x.sock",), "without spaces around it"),
        (("a" * (LONGEST_NAME + 1) + "=/x.sock",), "expected a name of 1 to 40 characters"),
        (("a=/" + "x" * 120,), "at most 107 bytes"),
        (tuple(f"s{number}=/{number}.sock" for number in range(MOST_SITES + 1)), "at most 32 sites"),
    ],
)
def test_names_and_sockets_that_can_not_be_told_apart_or_used_are_refused(written: tuple[str, ...], told: str) -> None:
    with pytest.raises(SiteChoiceError) as caught:
        chosen_sites((PARIS, LYON), written)
    assert told in str(caught.value) and str(caught.value).isprintable()


def test_the_configuration_is_checked_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "console:\n  sites:\n  - name: paris\n    socket: paris.sock\n  - name: Paris\n    socket: /run/b.sock\n"
        "  - name: a=b\n    socket: paris.sock\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    told = str(caught.value)
    assert "config.yaml:5 console.sites[1].name" in told and "stands twice" in told
    assert "console.sites[2].name: expected a name without =" in told
    assert "console.sites[2].socket" in told and "one engine is one site" in told
    file.write_text("console:\n  sites:\n  - name: paris\n    socket: paris.sock\n  - name: lyon\n    socket: /run/b.sock\n", "utf-8")
    assert [site.socket for site in load(file, {}).settings.console.sites] == [tmp_path / "paris.sock", Path("/run/b.sock")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's socket folder; nothing is in the system's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "SYSTEM_FOLDER", tmp_path / "none")
    (tmp_path / "v2g-console").mkdir(mode=0o700)
    return tmp_path / "v2g-console"


def an_engine(name: str, demo: bool = False) -> ScriptedEngine:
    said = status()
    said = msgspec.structs.replace(said, engine=msgspec.structs.replace(said.engine, name=name, demo=demo))
    return ScriptedEngine(lambda _: Accepted(request="status", result=said))


def test_all_finds_every_engine_that_runs_by_its_own_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_sites, "TOLD_WITHIN_S", 1.0)
    elsewhere = folder / "else"
    elsewhere.mkdir()
    hung = socket.socket(socket.AF_UNIX)
    hung.bind(str(folder / "hung.sock"))
    hung.listen(1)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "dead.sock"))
    dead.close()
    (folder / "no-socket.sock").write_text("")
    configured = ConsoleSettings(sites=(ConsoleSiteSettings(name="far", socket=elsewhere / "far.sock"),))
    with (
        listening(an_engine("paris"), folder / "a.sock"),
        listening(an_engine("PARIS"), folder / "b.sock"),
        listening(an_engine("x", demo=True), folder / "demo-7.sock"),
        listening(an_engine("\x1b[31m=" + "long" * 50), folder / "evil.sock"),
        listening(an_engine("unused"), elsewhere / "far.sock"),
    ):
        found = running_sites(Settings(console=configured, socket=SocketSettings()))
    hung.close()
    by_name = {site.name: site.socket.name for site in found}
    assert {by_name[name] for name in by_name} == {"a.sock", "b.sock", "demo-7.sock", "evil.sock", "far.sock", "hung.sock"}
    assert by_name["far"] == "far.sock" and by_name["hung"] == "hung.sock" and by_name["demo-7"] == "demo-7.sock"
    assert {name.casefold() for name in by_name} >= {"paris", "paris-2"}
    assert chosen_sites(found, ()) == found, "each name could be written too"


def test_all_without_any_engine_is_said(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert exit_code(["attach", "--all"]) == ExitCode.NO_LINK
    assert "no engine is running here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--all", "--site", "a=/x"), "use one of them"),
        (("--socket", "/x", "--all"), "use one of them"),
        (("--site", "a"), "expected NAME=SOCKET"),
        (("--site", "a=/x", "--site", "b=/y", "--plain"), "--plain is for one engine"),
        (("--site", "a=/x", "--site", "b=/y", "--record", "/nowhere/r"), "--record is for one engine"),
        (("--site", "a=/x", "--site", "b=/y"), "no terminal"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["attach", *arguments]) == ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_one_site_is_the_ordinary_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []

    def attach(_: Settings, path: Path, __: RunOptions) -> int:
        drawn.append(path)
        return 0

    monkeypatch.setattr("v2g_console.runtime.attach.attach", attach)
    assert exit_code(["attach", "--site", f"a={tmp_path / 'a.sock'}"]) == 0
    assert drawn == [tmp_path / "a.sock"]
