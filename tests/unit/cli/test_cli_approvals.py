"""`approvals`, `approve`, `reject`, and who you are, over a real socket."""

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.unit.cli.answers import ID, status
from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.cli.approvals_text import approval_lines, approval_table
from v2g_console.cli.entry import exit_code
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted, IdentityView, Refusal, Refused, Reply
from v2g_console.contract.requests import Approve, Cancel, Reject, Request, Status
from v2g_console.contract.snapshot import ApprovalView

USER = pwd.getpwuid(os.getuid()).pw_name
NEW = ApprovalView(
    approval_id="ap-3f2a9c",
    revision=2,
    request="dispatch",
    by="omar\x1b[2J",
    way="socket",
    asked_ms=1_000_000,
    expires_ms=1_300_000,
    limit_kw=400.0,
    signal="FCR",
    power_kw=500.0,
    duration_s=300.0,
    allocated_kw=480.0,
    shortfall_kw=20.0,
    vehicles=61,
    scope="depot-lyon",
    preempts=(("#7f3a", 35.0),),
)
CHANGE = msgspec.structs.replace(
    NEW, approval_id="ap-000001", request="update", before_kw=300.0, short_id="#7f3a", dispatch_id=ID, allocated_kw=None, vehicles=None
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text("socket: {path: engine.sock}\n")
    path.chmod(0o600)
    return path


def engine(decide: Callable[[Request], Reply]) -> ScriptedEngine:
    """Answers status with what waits, the rest by `decide`."""
    you = IdentityView(user=USER, role="supervisor", may=("approve",))
    view = msgspec.structs.replace(status(), approvals=(NEW, CHANGE), you=you)
    return ScriptedEngine(lambda request: Accepted(request="status", result=view) if isinstance(request, Status) else decide(request))


def approved(request: Request) -> Reply:
    view = msgspec.structs.replace(status().dispatches[0], by="omar", approved_by=USER)
    return Accepted(request="approve", result=view, dispatch_id=ID)


def test_what_waits_in_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(engine(approved), tmp_path / "engine.sock"):
        assert exit_code(["approvals"]) == ExitCode.DONE
        shown = capsys.readouterr().out
        assert "ap-3f2a9c" in shown
        assert "FCR ▲ 500 kW for 05:00" in shown
        assert "#7f3a FCR: target ▲ 300 kW -> ▲ 500 kW" in shown
        assert "\x1b" not in shown
        assert exit_code(["approvals", "--json"]) == ExitCode.DONE
        assert [one["approval_id"] for one in json.loads(capsys.readouterr().out)["result"]["approvals"]] == ["ap-3f2a9c", "ap-000001"]
        assert exit_code(["status"]) == ExitCode.DONE
        shown = capsys.readouterr().out
        assert f"{USER} as supervisor" in shown
        assert "`v2g-console approvals` shows" in shown
    assert approval_table(()) == ["no request waits for approval"]


def test_approving_shows_what_and_approves_just_that_revision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripted = engine(approved)
    with listening(scripted, tmp_path / "engine.sock"):
        assert exit_code(["approve", "ap-3f2a9c"]) == ExitCode.DONE
    assert scripted.requests == [Status(), Approve(approval_id="ap-3f2a9c", revision=2)]
    shown = capsys.readouterr().out
    for words in ("61 vehicles, short 20 kW", "depot-lyon", "takes 35 kW from #7f3a", "above 400 kW", f"asked by omar, approved by {USER}"):
        assert words in shown


def test_a_script_approves_only_the_revision_that_it_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = Refused(request="approve", reason=Refusal.PLAN_CHANGED, message="the fleet changed", hint="read it", approval=NEW)
    scripted = engine(lambda _: changed)
    with listening(scripted, tmp_path / "engine.sock"):
        assert exit_code(["approve", "ap-3f2a9c", "--revision", "1"]) == ExitCode.REFUSED
    assert scripted.requests[-1] == Approve(approval_id="ap-3f2a9c", revision=1)
    captured = capsys.readouterr()
    assert "now it is:" in captured.out
    assert "refused (PLAN_CHANGED): the fleet changed; read it" in captured.err


def test_an_unknown_id_is_left_to_the_engine_to_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripted = engine(lambda _: Refused(request="approve", reason=Refusal.UNKNOWN_APPROVAL, message="no request waits as 'x'"))
    with listening(scripted, tmp_path / "engine.sock"):
        assert exit_code(["approve", "x"]) == ExitCode.REFUSED
    assert scripted.requests[-1] == Approve(approval_id="x", revision=1)
    assert "no request waits as 'x'" in capsys.readouterr().err


def test_rejecting_gives_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripted = engine(lambda _: Accepted(request="reject"))
    with listening(scripted, tmp_path / "engine.sock"):
        assert exit_code(["reject", "ap-3f2a9c", "--reason", "not today"]) == ExitCode.DONE
    assert scripted.requests == [Reject(approval_id="ap-3f2a9c", reason="not today")]
    assert capsys.readouterr().out == "rejected ap-3f2a9c\n"


@pytest.mark.parametrize("command", ["approvals", "approve x", "reject x"])
def test_no_engine_is_exit_code_3(command: str) -> None:
    assert exit_code(command.split()) == ExitCode.NO_LINK


def test_the_lines_of_an_update_say_both_targets() -> None:
    shown = "\n".join(approval_lines(CHANGE, 1_200_000))
    assert "target ▲ 300 kW -> ▲ 500 kW" in shown
    assert "01:40" in shown
    assert "plan" not in shown


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ("", "role: whoever starts the engine is supervisor"),
        (f"access: {{roles: [{{role: supervisor, users: [{USER}]}}]}}", f"role: {USER} is supervisor (access.roles)"),
        ("access: {roles: [{role: supervisor, users: [no-such-user]}]}", f"role: {USER} is viewer (access.roles)"),
    ],
)
def test_config_show_says_the_role(config: Path, capsys: pytest.CaptureFixture[str], roles: str, said: str) -> None:
    config.write_text(f"socket: {{path: engine.sock}}\n{roles}\n")
    assert exit_code(["config", "show"]) == ExitCode.DONE
    assert said in capsys.readouterr().err


def test_cancel_ends_a_dispatch_or_takes_back_what_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = {"7f3a": status().dispatches[0], "ap-3f2a9c": None}
    scripted = engine(
        lambda request: Accepted(request="cancel", result=results[request.dispatch_id] if isinstance(request, Cancel) else None)
    )
    with listening(scripted, tmp_path / "engine.sock"):
        assert exit_code(["cancel", "7f3a"]) == ExitCode.DONE
        assert exit_code(["cancel", "ap-3f2a9c"]) == ExitCode.DONE
    assert scripted.requests == [Cancel(dispatch_id="7f3a"), Cancel(dispatch_id="ap-3f2a9c")]
    assert capsys.readouterr().out.splitlines() == [
        "#7f3a FCR cancelled: 412 vehicles are being released",
        "ap-3f2a9c taken back",
    ]
