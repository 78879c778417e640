"""Arguments: what they become, and how a wrong one is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import DemoOptions, RunOptions
from v2g_console.contract.requests import Dispatch

COMMANDS = (
    "run",
    "demo",
    "attach",
    "serve",
    "replay",
    "simulate",
    "dispatch",
    "update",
    "cancel",
    "stop",
    "resume",
    "approvals",
    "approve",
    "reject",
    "status",
    "fleet",
    "tag",
    "alarms",
    "note",
    "handover",
    "forecast",
    "ecowatt",
    "journal",
    "themes",
    "keys",
    "config",
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("V2G__")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """What the run-time functions were called with, instead of running them."""
    calls: list[tuple[str, tuple[Any, ...]]] = []

    def recorder(name: str) -> Any:
        def record(*arguments: Any) -> int:
            calls.append((name, arguments))
            return ExitCode.UNDER_ACKNOWLEDGED

        return record

    for module, name in (
        ("runtime.run", "run"),
        ("runtime.run", "run_standalone"),
        ("runtime.demo", "demo"),
        ("simulator.run", "run_simulator"),
    ):
        monkeypatch.setattr(f"v2g_console.{module}.{name}", recorder(name))
    return calls


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["--help"]) == ExitCode.DONE
    out = capsys.readouterr().out
    listed = out.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines() if line[2:3].strip()] == list(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS,
        "fleet ls",
        "fleet show",
        "fleet export",
        "fleet reset",
        "tag add",
        "tag rm",
        "tag ls",
        "config check",
        "config show",
        "config schema",
        "config init",
    ],
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code([*command.split(), "-h"]) == ExitCode.DONE
    assert f"Usage: v2g-console {command}" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from v2g_console.cli.entry import exit_code; exit_code(['--help']); exit_code(['dispatch', '--help'])\n"
        "print(sorted({'asyncio', 'textual', 'rich', 'pydantic', 'numpy', 'msgspec', 'aiomqtt', 'paho', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_to_a_running_engine_loads_no_screen() -> None:
    script = (
        "import sys; from v2g_console.cli.entry import exit_code; exit_code(['status', '--socket', '/nonexistent/x.sock'])\n"
        "print(sorted({'textual', 'rich', 'aiomqtt', 'paho'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from v2g_console.version import program_version

    assert exit_code(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"v2g-console {program_version()}\n"


@pytest.mark.parametrize("head", [[], ["run"]])
def test_run_is_the_default_command(head: list[str], empty_folder: Path, started: list[tuple[str, tuple[Any, ...]]]) -> None:
    (empty_folder / "other.yaml").write_text("console: {name: lyon}\n")
    (empty_folder / "in.jsonl").touch()
    arguments = [
        *head,
        "-c",
        "other.yaml",
        "--no-ui",
        "--read-only",
        "--commands",
        "in.jsonl",
        "--theme",
        "light",
        "--low-bandwidth",
        "--ascii",
    ]
    assert exit_code(arguments) == ExitCode.UNDER_ACKNOWLEDGED
    ((name, (loaded, options)),) = started
    assert name == "run"
    assert loaded.settings.console.name == "lyon"
    assert options == RunOptions(no_ui=True, read_only=True, commands="in.jsonl", theme="light", low_bandwidth=True, ascii=True)


def test_no_arguments_run_with_the_configuration_that_is_found(empty_folder: Path, started: list[tuple[str, tuple[Any, ...]]]) -> None:
    (empty_folder / "config.yaml").write_text("console: {name: here}\n")
    exit_code([])
    ((name, (loaded, options)),) = started
    assert (name, loaded.settings.console.name, options) == ("run", "here", RunOptions())


def test_demo_without_options_is_the_default_demo(started: list[tuple[str, tuple[Any, ...]]]) -> None:
    exit_code(["demo"])
    assert started == [("demo", (DemoOptions(),))]


def test_demo_takes_every_option(started: list[tuple[str, tuple[Any, ...]]]) -> None:
    line = "demo --vehicles 9 --sites 2 --seed 7 --protocol 1 --drop-rate 0.1 --silent-rate 0.2 --reject-rate 0.3 --limit-rate 0.4 "
    exit_code(
        (
            line
            + "--latency 5 --reallocation balanced --broker tcp://h:1 --no-ui --commands - --read-only --theme x --low-bandwidth --ascii"
        ).split()
    )
    wanted = DemoOptions(
        vehicles=9,
        sites=2,
        seed=7,
        protocol="1",
        drop_rate=0.1,
        silent_rate=0.2,
        reject_rate=0.3,
        limit_rate=0.4,
        latency_ms=5.0,
        reallocation="balanced",
        broker="tcp://h:1",
        no_ui=True,
        commands="-",
        read_only=True,
        theme="x",
        low_bandwidth=True,
        ascii=True,
    )
    assert started == [("demo", (wanted,))]


def test_simulate_takes_its_options(started: list[tuple[str, tuple[Any, ...]]], empty_folder: Path) -> None:
    from v2g_console.simulator.options import ProtocolMix, SimulateOptions

    (empty_folder / "pw").touch()
    line = "simulate --broker ssl://h --vehicles 5 --protocol mixed --silent-rate 0.5 --telemetry-interval 2 --one-connection-each "
    exit_code((line + "--username u --password-file pw --prefix car").split())
    wanted = SimulateOptions(
        broker="ssl://h",
        vehicles=5,
        protocol=ProtocolMix.MIXED,
        silent_rate=0.5,
        telemetry_interval_s=2.0,
        one_connection_each=True,
        username="u",
        password_file=Path("pw"),
        prefix="car",
    )
    assert started == [("run_simulator", (wanted,))]


def test_simulate_offers_every_option_of_the_simulator_with_its_default() -> None:
    from dataclasses import fields

    from v2g_console.cli.simulate import command
    from v2g_console.simulator.options import SimulateOptions

    offered = {parameter.name: parameter.default for parameter in command.params}
    wanted = {field.name: field.default for field in fields(SimulateOptions) if field.name not in ("broker", "vehicles")}
    assert offered.keys() - {"broker", "vehicles"} == wanted.keys()
    for name, default in wanted.items():
        assert not default or offered[name] == default, name


def test_dispatch_standalone_starts_an_engine_for_the_request(empty_folder: Path, started: list[tuple[str, tuple[Any, ...]]]) -> None:
    (empty_folder / "config.yaml").touch()
    line = "dispatch --signal fcr --power-kw -50.5 --duration 1h30m --allocator equal --standalone --dry-run"
    assert exit_code(line.split()) == ExitCode.UNDER_ACKNOWLEDGED
    ((name, (_loaded, request)),) = started
    assert name == "run_standalone"
    assert request == Dispatch(signal="fcr", power_kw=-50.5, duration_s=5400.0, allocator="equal", dry_run=True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("statsu", "v2g-console: no such command 'statsu', did you mean 'status'?"),
        ("zzz", "v2g-console: no such command 'zzz', known are run, demo,"),
        ("--bogus", "v2g-console run: No such option '--bogus'"),
        ("-c x.yaml status", "v2g-console run: Got unexpected extra argument"),
        ("dispatch --signal FCR --power-kw 5", "v2g-console dispatch: Missing option '--duration'"),
        ("dispatch --signal FCX --power-kw 5 --duration 5m", "unknown signal 'FCX': known are FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF, EcoWatt"),
        ("dispatch --signal NEBEF --power-kw -5 --duration 5m", "NEBEF takes a positive power"),
        ("dispatch --signal FCR --power-kw nan --duration 5m", "'--power-kw': expected a number, got 'nan'"),
        ("dispatch --signal FCR --power-kw inf --duration 5m", "'--power-kw': expected a number, got 'inf'"),
        ("dispatch --signal FCR --power-kw 5 --duration 0", "'--duration': expected a duration such as 90s, 5m or 1h30m, got '0'"),
        ("dispatch --signal FCR --power-kw 5 --duration -5m", "'--duration': expected a duration such as 90s, 5m or 1h30m, got '-5m'"),
        (
            "dispatch --signal FCR --power-kw 5 --duration 1.2.3s",
            "'--duration': expected a duration such as 90s, 5m or 1h30m, got '1.2.3s'",
        ),
        ("dispatch --signal FCR --power-kw 5 --duration 5m --dry-run --wait", "--dry-run sends nothing"),
        ("dispatch --signal FCR --power-kw 5 --duration 5m --standalone --socket x", "uses no --socket"),
        ("demo --vehicles 0", "'--vehicles'"),
        ("demo --silent-rate nan", "'--silent-rate': expected a number from 0 to 1, got 'nan'"),
        ("demo --silent-rate 0.6 --reject-rate 0.6", "together at most 1"),
        ("demo --broker http://h", "--broker: expected tcp://, mqtt://, ssl:// or mqtts://, got http://"),
        ("run --no-ui --commands nowhere.jsonl", "nowhere.jsonl"),
        ("simulate --vehicles 5", "Missing option '--broker'"),
        ("simulate --broker tcp://h --vehicles 5 --prefix /x", "prefix: expected 1 to 40 letters"),
        ("update 7f3a", "Missing option '--power-kw'"),
        ("update 7f3a --power-kw nan", "'--power-kw': expected a number, got 'nan'"),
        ("fleet reset ../etc", "VEHICLE_ID: expected 1 to 64 letters"),
        ("demo --reallocation some", "'--reallocation'"),
        ("fleet show ../etc", "VEHICLE_ID: expected 1 to 64 letters"),
    ],
)
def test_bad_usage_is_one_clear_line_and_exit_code_2(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(line.split()) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["", "run --no-ui", "config check", "config show", "dispatch --signal FCR --power-kw 5 --duration 5m --standalone"]
)
def test_without_a_configuration_both_ways_on_are_named(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(line.split()) == ExitCode.USAGE
    first, second = capsys.readouterr().err.splitlines()
    assert "v2g-console demo" in first
    assert "v2g-console config init" in second


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["fleet"]) == ExitCode.USAGE
    assert "ls" in capsys.readouterr().err


def test_an_interruption_is_130(started: list[tuple[str, tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_options: DemoOptions) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("v2g_console.runtime.demo.demo", interrupted)
    assert exit_code(["demo"]) == ExitCode.INTERRUPTED


def test_config_check_show_schema_and_init(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["config", "init"]) == ExitCode.DONE
    assert exit_code(["config", "init"]) == ExitCode.USAGE
    assert "config.yaml exists already" in capsys.readouterr().err
    assert exit_code(["config", "check"]) == ExitCode.DONE
    assert capsys.readouterr().out == "config.yaml: ok\n"
    (empty_folder / "config.yaml").write_text("mqtt:\n  password: geheim\n  qos: {command: 3}\n  username: u\n")
    assert exit_code(["config", "check"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "config.yaml:3 mqtt.qos.command: expected 0, 1 or 2, got 3\n"
    (empty_folder / "config.yaml").write_text("mqtt:\n  password: geheim\n  username: u\n")
    assert exit_code(["config", "check"]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "config.yaml:3 mqtt.username: not used: mqtt.auth_method is none (warning)" in told and "say username_password" in told
    assert exit_code(["config", "show"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "geheim" not in out
    assert ["mqtt.password", "***", "config.yaml:2"] in [line.split() for line in out.splitlines()]
    assert exit_code(["config", "show", "--json"]) == ExitCode.DONE
    assert {"key": "mqtt.username", "value": "u"}.items() <= json.loads(capsys.readouterr().out)[2].items()
    assert exit_code(["config", "schema"]) == ExitCode.DONE
    assert "mqtt" in json.loads(capsys.readouterr().out)["properties"]
    assert exit_code(["config", "schema", "--events"]) == ExitCode.DONE
    events = json.loads(capsys.readouterr().out)["$defs"]
    assert events["DispatchCompleted"]["properties"]["event"]["enum"] == ["dispatch.completed"]


def test_a_file_that_cant_be_written_is_told(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_folder / "file").touch()
    assert exit_code(["config", "init", "file/config.yaml"]) == ExitCode.USAGE
    assert "can't write file/config.yaml" in capsys.readouterr().err


def test_a_reader_that_hangs_up_is_no_traceback(empty_folder: Path) -> None:
    command = f"{sys.executable} -m v2g_console config schema --events | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (len(done.stdout), done.stderr) == (10, "")


def test_dispatch_offers_every_allocator_there_is() -> None:
    from v2g_console.allocation import ALLOCATORS
    from v2g_console.cli.dispatch import command

    (offered,) = [parameter.type for parameter in command.params if parameter.name == "allocator"]
    assert tuple(getattr(offered, "choices", ())) == ALLOCATORS


@pytest.mark.parametrize("wanted", ["none", "balanced", "probabilistic"])
def test_the_demo_shares_again_as_it_is_told(wanted: Any) -> None:
    from v2g_console.runtime.demo import demo_settings

    assert demo_settings(DemoOptions(reallocation=wanted), "tcp://h:1", 2.0).dispatch.reallocation == wanted
    assert demo_settings(DemoOptions(), "tcp://h:1", 2.0).dispatch.reallocation == "none"
