"""New targets, trust, and the use of vehicles, over a real socket."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.cli.answers import DISPATCH, ID, plan, status, vehicle
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted, FleetPage, FleetRow, Refusal, Refused
from v2g_console.contract.requests import Dispatch, Fleet, ResetTrust, Update
from v2g_console.contract.snapshot import FleetSummary


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text("socket: {path: engine.sock}\n")
    return path


def test_update_gives_the_new_target_and_tells_what_was_asked_of_the_vehicles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = msgspec.structs.replace(status().dispatches[0], requested_kw=-200.0, allocated_kw=-180.0, acknowledged_kw=0.0)
    engine = ScriptedEngine(lambda _request: Accepted(request="update", dispatch_id=ID, result=view))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["update", "7f3a", "--power-kw", "-200"]) == ExitCode.DONE
        text = capsys.readouterr().out
        assert exit_code(["update", "7f3a", "--power-kw", "0", "--json"]) == ExitCode.DONE
    assert engine.requests == [Update(dispatch_id="7f3a", power_kw=-200.0), Update(dispatch_id="7f3a", power_kw=0.0)]
    assert text == "#7f3a FCR: target ▼ 200 kW, asked of its vehicles ▼ 180 kW, acknowledged ▲ 0 kW\n"
    assert json.loads(capsys.readouterr().out)["dispatch_id"] == ID


@pytest.mark.parametrize(
    ("line", "request_", "told"),
    [
        ("fleet reset veh1", ResetTrust(vehicle_id="veh1"), "veh1 is trusted again: its failures are forgotten\n"),
        ("fleet reset", ResetTrust(), "all vehicles are trusted again\n"),
    ],
)
def test_fleet_reset_trusts_one_vehicle_or_all(
    line: str, request_: ResetTrust, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="reset_trust"))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(line.split()) == ExitCode.DONE
    assert engine.requests == [request_]
    assert capsys.readouterr().out == told


def used(vehicle_id: str, **changes: Any) -> FleetRow:
    fields: dict[str, Any] = {
        "site": "s1",
        "segment": "home",
        "state": "idle",
        "quality": "fresh",
        "soc": 0.71,
        "power_kw": None,
        "up_kw": 7.4,
        "down_kw": 3.6,
        "age_s": 4.0,
        "failures": 2,
        "hold_s": 12.5,
        "participation": 0.25,
        "reversals": 3,
        "throughput_kwh": 8.125,
    }
    return FleetRow(vehicle_id=vehicle_id, **(fields | changes))


def test_fleet_export_writes_every_vehicle_with_its_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = FleetPage(summary=FleetSummary(vehicles=2), total=2, rows=(used("veh1"), used("veh2", site='=HYPERLINK("x")\x1b', soc=None)))
    engine = ScriptedEngine(lambda _request: Accepted(request="fleet", result=page))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["fleet", "export", "--site", "s1"]) == ExitCode.DONE
        header, *rows = csv.reader(capsys.readouterr().out.splitlines())
        assert exit_code(["fleet", "export", "--json", "-o", "fleet.jsonl"]) == ExitCode.DONE
        assert capsys.readouterr().out == ""
    assert [(request.site, request.limit > 200_000) for request in engine.requests if isinstance(request, Fleet)] == [
        ("s1", True),
        (None, True),
    ]
    told = [dict(zip(header, row, strict=True)) for row in rows]
    wanted = {"vehicle_id": "veh1", "participation": "0.25", "reversals": "3", "throughput_kwh": "8.125", "failures": "2", "hold_s": "12.5"}
    assert wanted.items() <= told[0].items()
    assert (told[1]["site"], told[1]["soc"]) == ('\'=HYPERLINK("x")\\x1b', "")
    exported = [json.loads(line) for line in (tmp_path / "fleet.jsonl").read_text().splitlines()]
    assert [(row["vehicle_id"], row["throughput_kwh"], row["soc"]) for row in exported] == [("veh1", 8.125, 0.71), ("veh2", 8.125, None)]


def test_a_refused_export_is_told_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refused(request="fleet", reason=Refusal.BUSY, message="later")
    with listening(ScriptedEngine(lambda _request: refusal), tmp_path / "engine.sock"):
        assert exit_code(["fleet", "export", "-o", "fleet.csv"]) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "refused (BUSY): later\n")
    assert not (tmp_path / "fleet.csv").exists()


def test_a_vehicle_shows_its_failures_and_its_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shown(**changes: Any) -> str:
        view = msgspec.structs.replace(vehicle(), participation=0.0834, reversals=1, throughput_kwh=12.34, **changes)
        with listening(ScriptedEngine(lambda _request: Accepted(request="fleet", result=view)), tmp_path / "engine.sock"):
            assert exit_code(["fleet", "show", "veh1"]) == ExitCode.DONE
        return capsys.readouterr().out

    assert "3 failures in a row, on hold for 42 s more; `fleet reset veh1` forgets them" in shown(failures=3, hold_s=42.0)
    assert "1 failure in a row, its next command is a probe" in shown(failures=1)
    calm = shown()
    assert "no failures" in calm and "participation 8.3 %, 1 reversal, 12.3 kWh while dispatched" in calm


def test_dispatch_asks_for_what_its_options_say(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda _request: Accepted(request="dispatch", dispatch_id=ID))
    with listening(engine, tmp_path / "engine.sock"):
        for options in ("", "--preempt --accept-partial --allocator segmented", "--strict --allocator lp"):
            assert exit_code([*DISPATCH.split(), *options.split()]) == ExitCode.DONE
    said = [(one.preempt, one.accept_partial, one.allocator) for one in engine.requests if isinstance(one, Dispatch)]
    assert said == [(False, None, None), (True, True, "segmented"), (False, False, "lp")]


def test_the_plan_says_from_whom_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taking = msgspec.structs.replace(plan(), preempts=(("#7f3a", 22.4),))
    with listening(ScriptedEngine(lambda _request: Accepted(request="dispatch", result=taking)), tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), "--preempt", "--dry-run"]) == ExitCode.DONE
    assert "takes 22 kW from #7f3a" in capsys.readouterr().out
