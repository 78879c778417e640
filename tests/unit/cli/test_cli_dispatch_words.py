"""What `dispatch` says beyond power and time: when it starts, for whom, where, whether it is a test, and where people read that."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.unit.cli.answers import DISPATCH, ID, plan, status
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.cli.entry import exit_code
from v2g_console.cli.status_text import status_lines
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Dispatch
from v2g_console.contract.snapshot import AckProgress

OPTIONS = [
    "--site",
    "s1",
    "--site",
    "s2",
    "--segment",
    "commuter",
    "--vehicle",
    "veh1",
    "--ref",
    "RTE-117 \x1b[2J",
    "--test",
    "--note",
    "first run",
]
START = "2099-05-04T18:30:00+02:00"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("socket: {path: engine.sock}\n")


def sent(tmp_path: Path, *words: str) -> Dispatch:
    result = plan() if "--dry-run" in words else None
    engine = ScriptedEngine(lambda _: Accepted(request="dispatch", dispatch_id=ID, result=result))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code([*DISPATCH.split(), *words]) == ExitCode.DONE
    (request,) = engine.requests
    assert isinstance(request, Dispatch)
    return request


def test_start_scope_reference_test_and_note_go_out_and_stand_in_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = sent(tmp_path, *OPTIONS, "--start-at", START, "--dry-run")
    assert (request.sites, request.segments, request.vehicles) == (("s1", "s2"), ("commuter",), ("veh1",))
    assert (request.start_at, request.test, request.note) == (START, True, "first run")
    assert request.external_ref == "RTE-117 \x1b[2J"
    text = capsys.readouterr().out
    assert "TEST        marked as a test; vehicles are sent real setpoints" in text
    assert "start       2099-05-04 18:30:00+02:00 (16:30:00Z)" in text
    assert "only        site s1, s2; segment commuter; vehicle veh1" in text
    assert "reference   RTE-117 \\x1b[2J" in text and "note        first run" in text
    assert "\x1b" not in text


def test_without_them_nothing_of_them_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = sent(tmp_path, "--dry-run")
    assert request == Dispatch(signal="FCR", power_kw=300.0, duration_s=90.0, dry_run=True)
    text = capsys.readouterr().out
    assert not {"TEST", "start", "only", "reference", "note"} & {row.split(" ")[0] for row in text.splitlines()}


def test_what_was_sent_says_when_it_starts_with_its_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent(tmp_path, "--start-at", START, "--test")
    assert capsys.readouterr().out == f"dispatch {ID} accepted, TEST: starts 2099-05-04 18:30:00+02:00 (16:30:00Z)\n"


def test_a_time_of_day_goes_out_with_day_and_zone(tmp_path: Path) -> None:
    start_at = sent(tmp_path, "--start-at", "18:30").start_at
    assert start_at is not None
    moment = datetime.fromisoformat(start_at)
    assert moment.tzinfo is not None and (moment.astimezone().hour, moment.astimezone().minute) == (18, 30)
    assert -60.0 <= (moment - datetime.now(UTC)).total_seconds() <= 90_000.0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("25:00", "expected 18:30"),
        ("soon", "expected 18:30"),
        ("2099-05-04T18:30:00", "names no zone"),
        ("2020-05-04T18:30:00Z", "2020-05-04 18:30:00Z has passed"),
    ],
)
def test_a_start_that_makes_no_sense_is_a_usage_error(written: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code([*DISPATCH.split(), "--start-at", written]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_status_lists_tests_starts_references_and_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = status()
    marked = msgspec.structs.replace(
        found.dispatches[0], test=True, external_ref="RTE-117", author_note="first run", due_ms=1_777_912_200_000, moved=(("#81c0", -22.0),)
    )
    engine = ScriptedEngine(lambda _: Accepted(request="status", result=msgspec.structs.replace(found, dispatches=(marked,))))
    with listening(engine, tmp_path / "engine.sock"):
        assert exit_code(["status"]) == ExitCode.DONE
        assert "TEST, begins 2026-05-04 16:30:00Z, lost 22 kW to #81c0, ref RTE-117, first run" in capsys.readouterr().out
        assert exit_code(["status", "--json"]) == ExitCode.DONE
        (told,) = json.loads(capsys.readouterr().out)["result"]["dispatches"]
    assert (told["test"], told["external_ref"], told["author_note"]) == (True, "RTE-117", "first run")


def test_status_tells_of_leases_that_ended_and_releases_that_nobody_confirmed() -> None:
    found = status()
    release = AckProgress(commanded=60, acked=7, lease_ended=50, silent=3)
    shown = status_lines(msgspec.structs.replace(found, dispatches=(msgspec.structs.replace(found.dispatches[0], release=release),)), 0)
    assert shown[-1].endswith("50 leases ended, 3 releases not confirmed")
