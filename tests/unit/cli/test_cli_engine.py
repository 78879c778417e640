"""Commands to a running engine, over a real socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.answers import DISPATCH, ID, plan, status, vehicle
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.attach import paths
from v2g_console.cli import dispatch_talk
from v2g_console.cli.entry import exit_code
from v2g_console.contract.events import DispatchActive, DispatchCompleted, DispatchFailed, DispatchSending, DispatchStopped, Event
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import (
    Accepted,
    FleetPage,
    FleetRow,
    Refusal,
    Refused,
)
from v2g_console.contract.requests import Dispatch, Fleet, Resume, Status, Stop
from v2g_console.contract.snapshot import FleetSummary
from v2g_console.contract.stop import StopView


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text("socket: {path: engine.sock}\n")
    return path


def step(kind: type[Any], dispatch_id: str = ID, acknowledged_kw: float = 300.0, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "ts": "2026-05-04T14:02:07.123Z",
        "dispatch_id": dispatch_id,
        "signal": "FCR",
        "state": kind.__struct_config__.tag.partition(".")[2],
        "requested_kw": 300.0,
        "allocated_kw": 300.0,
        "acknowledged_kw": acknowledged_kw,
        "delivered_kw": None,
        "delivered_coverage": 0.0,
        "uncertain_kw": 0.0,
        "shortfall_kw": 0.0,
        "vehicles": 60,
        "acked": 58,
        "limited": 0,
        "rejected": 0,
        "silent": 2,
        "pending": 0,
    }
    event: Event = kind(**(fields | changes))
    return event


def test_no_engine_is_exit_code_3_and_names_the_socket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("status", "stop", "resume", "fleet ls", "fleet show veh1", "fleet reset", "update 7f3a --power-kw 5"):
        assert exit_code(line.split()) == ExitCode.NO_LINK
        err = capsys.readouterr().err
        assert str(tmp_path / "engine.sock") in err
        assert "v2g-console run" in err
        assert err.count("\n") == 1
    assert exit_code(DISPATCH.split()) == ExitCode.NO_LINK
    assert "--standalone" in capsys.readouterr().err


def test_a_demo_that_runs_is_named_but_never_asked_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "SYSTEM_FOLDER", tmp_path / "none")
    demo = tmp_path / "v2g-console" / "demo-4711.sock"
    demo.parent.mkdir()
    engine = ScriptedEngine(lambda _request: Accepted(request="stop"))
    with listening(engine, demo):
        assert exit_code(["stop"]) == ExitCode.NO_LINK
        assert f"But a demo is running: to ask it, add --socket {demo}\n" in capsys.readouterr().err
        assert engine.requests == []
        assert exit_code(["stop", "--socket", str(demo)]) == ExitCode.DONE
        with listening(engine, demo.with_name("demo-4712.sock")):
            assert exit_code(["stop"]) == ExitCode.NO_LINK
            assert f"But 2 demos are running: to ask one, add --socket {demo} or --socket " in capsys.readouterr().err
    assert exit_code(["stop"]) == ExitCode.NO_LINK
    assert "But" not in capsys.readouterr().err


def test_status_for_people_and_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="status", result=status()))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["status"]) == ExitCode.DONE
        text = capsys.readouterr().out
        assert exit_code(["status", "--json"]) == ExitCode.DONE
        answer = json.loads(capsys.readouterr().out)
    assert engine.requests == [Status(), Status()]
    assert "paris-nord (version 0.1.0), ready" in text
    assert "TLSv1.3" in text
    assert "STOP is latched, by bob\\x1b[2J: `v2g-console resume` lifts it" in text
    assert "1 204 vehicles: 1 010 available" in text
    assert "#7f3a  FCR     active  ▲ 1 500 kW     1 431" in text
    assert "\x1b" not in text
    assert answer["result"]["link"]["state"] == "up"


def test_another_socket_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(ScriptedEngine(lambda _request: Accepted(request="resume")), tmp_path / "other.sock"):
        assert exit_code(["resume", "--socket", "other.sock"]) == ExitCode.DONE
    assert "resumed" in capsys.readouterr().out


def test_stop_works_beside_a_broken_configuration(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("mqtt: {brokr: 5}\nsocket: {path: engine.sock}\n")
    engine = ScriptedEngine(lambda _request: Accepted(request="stop", result=StopView(dispatches=1, vehicles=1204)))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["stop", "--reason", "fire drill"]) == ExitCode.DONE
        assert exit_code(["resume"]) == ExitCode.DONE
    assert engine.requests == [Stop(reason="fire drill"), Resume()]
    assert capsys.readouterr().out.splitlines()[0] == "stopped: 1 dispatch, 1 204 vehicles to release; `v2g-console resume` lifts it"


def test_a_stop_pressed_again_says_who_has_confirmed_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="stop", result=StopView(dispatches=1, vehicles=1204, confirmed=1203)))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["stop"]) == ExitCode.DONE
    assert "1 204 vehicles to release, 1 203 confirmed already; " in capsys.readouterr().out


def test_who_stops_waiting_is_told_how_to_end_the_dispatch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(dispatch_talk, "_followed", interrupted)
    engine = ScriptedEngine(lambda _request: Accepted(request="dispatch", dispatch_id=ID))
    with listening(engine, tmp_path / "engine.sock"), pytest.raises(asyncio.CancelledError):
        exit_code([*DISPATCH.split(), "--wait"])
    assert f"the dispatch goes on; `v2g-console cancel {ID}` ends it" in capsys.readouterr().err


def test_a_refusal_is_exit_code_5_with_reason_and_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refused(request="dispatch", reason=Refusal.STOPPED, message="STOP is latched\x1b[2J", hint="resume first")
    with listening(ScriptedEngine(lambda _request: refusal), tmp_path / "engine.sock"):
        assert exit_code(DISPATCH.split()) == ExitCode.REFUSED
        assert capsys.readouterr().err == "refused (STOPPED): STOP is latched\\x1b[2J; resume first\n"
        assert exit_code([*DISPATCH.split(), "--json", "--wait"]) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert json.loads(captured.out)["reason"] == "STOPPED"
    assert captured.err == ""


@pytest.mark.parametrize("line", ["status", "stop", "resume", "fleet ls", "fleet show veh1", "fleet reset", "update 7f3a --power-kw 5"])
def test_every_command_that_is_refused_ends_with_5(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refused(request="any", reason=Refusal.FORBIDDEN, message="your role may not")
    with listening(ScriptedEngine(lambda _request: refusal), tmp_path / "engine.sock"):
        assert exit_code(line.split()) == ExitCode.REFUSED
        assert exit_code([*line.split(), "--json"]) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert captured.err == "refused (FORBIDDEN): your role may not\n"
    assert json.loads(captured.out)["reason"] == "FORBIDDEN"


def test_the_fleet_as_a_table_with_hostile_text_made_visible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = FleetRow(
        vehicle_id="veh1",
        site="caf\u202e",
        segment="",
        state="idle",
        quality="fresh",
        soc=0.71,
        power_kw=-7.4,
        up_kw=7.4,
        down_kw=3.6,
        age_s=4.0,
    )
    other = FleetRow(
        vehicle_id="veh2", site="充電站", segment="x", state="lost", quality="lost", soc=None, power_kw=None, up_kw=0, down_kw=0, age_s=None
    )
    engine = ScriptedEngine(
        lambda _request: Accepted(request="fleet", result=FleetPage(summary=FleetSummary(vehicles=3), total=3, rows=(row, other)))
    )
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["fleet", "ls", "--site", "s1", "--limit", "2"]) == ExitCode.DONE
    assert engine.requests == [Fleet(site="s1", limit=2)]
    assert capsys.readouterr().out.splitlines() == [
        "VEHICLE  SITE       SEGMENT  STATE  QUALITY   SOC  POWER kW  UP kW  DOWN kW  SEEN",
        "veh1     caf\\u202e  -        idle   fresh    71 %      -7.4    7.4      3.6   4 s",
        "veh2     充電站     x        lost   lost        -         -    0.0      0.0     -",
        "2 vehicles of 3: --limit shows more",
    ]


def test_one_vehicle_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="fleet", result=vehicle()))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["fleet", "show", "veh1"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert engine.requests == [Fleet(vehicle_id="veh1")]
    assert "▲ 5.0 kW to grid" in text
    assert "▼ 7.4 kW charging (measured)" in text
    assert "UNKNOWN: grid\\x07 fault" in text
    assert "2026-05-04 14:02:07Z  ack" in text
    assert "unknown               odd" in text


def test_a_dry_run_shows_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="dispatch", result=plan()))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), "--dry-run"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert engine.requests == [Dispatch(signal="FCR", power_kw=300.0, duration_s=90.0, dry_run=True)]
    assert "FCR ▲ 1 300 kW (step, not frequency response) for 90 s" in text
    assert "▲ 1 200 kW by 60 vehicles, short 100 kW" in text
    assert "NOT_V2G 70, SOC_BELOW_MIN 50" in text
    assert "veh\\x1b[31m1" in text


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (step(DispatchCompleted), ExitCode.DONE),
        (step(DispatchCompleted, acknowledged_kw=285.0), ExitCode.DONE),
        (step(DispatchCompleted, acknowledged_kw=284.9), ExitCode.UNDER_ACKNOWLEDGED),
        (step(DispatchFailed, reason="PUBLISH_FAILED"), ExitCode.FAILED),
        (step(DispatchStopped), ExitCode.FAILED),
    ],
)
def test_wait_follows_the_dispatch_to_its_end(end: Event, code: ExitCode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = step(DispatchCompleted, dispatch_id="another")
    engine = ScriptedEngine(
        lambda _request: Accepted(request="dispatch", dispatch_id=ID),
        earlier=(other, step(DispatchFailed)),
        later=(step(DispatchSending), other, step(DispatchActive), step(DispatchActive, ts="2026-05-04T14:02:08.123Z"), end),
    )
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), "--wait"]) == code
        lines = capsys.readouterr().out.splitlines()
        engine_of_json = ScriptedEngine(lambda _request: Accepted(request="dispatch", dispatch_id=ID), later=(step(DispatchSending), end))
    assert lines[0] == f"dispatch {ID} accepted"
    assert [line.split()[2].rstrip(":") for line in lines[1:3]] == ["sending", "active"]
    assert len(lines) == 4
    with listening(engine_of_json, tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), "--wait", "--json"]) == code
    accepted, *events = map(json.loads, capsys.readouterr().out.splitlines())
    assert accepted["dispatch_id"] == ID
    assert [event["event"] for event in events] == ["dispatch.sending", type(end).__struct_config__.tag]


def test_the_share_that_counts_as_acknowledged_is_the_configured_one(tmp_path: Path, config: Path) -> None:
    config.write_text("socket: {path: engine.sock}\ndispatch: {min_ack_share: 0.5}\n")
    engine = ScriptedEngine(
        lambda _request: Accepted(request="dispatch", dispatch_id=ID), later=(step(DispatchCompleted, acknowledged_kw=150.0),)
    )
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), "--wait"]) == ExitCode.DONE
