"""`tag` and `stop` on the command line: what is asked, what people and machines read, exit codes."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.engine_in_a_thread import ScriptedEngine, listening
from v2g_console.cli.entry import exit_code
from v2g_console.cli.stop_text import stop_lines
from v2g_console.contract import requests as ask
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.stop import SilentVehicle, StopView
from v2g_console.contract.tags import InhibitedView, TagDone, TagKind, TagScope, TagsView, TagView

TAG = TagView(
    tag_id="t7f3a", kind=TagKind.INHIBIT, scope=TagScope.SITE, name="lyon-2", note="roof \x1b[2J works", by="ines", at_ms=1_795_441_129_250
)
SILENT = SilentVehicle(
    vehicle_id="veh000001",
    site="lyon-2",
    dispatch="#7f3a",
    protocol=1,
    setpoint_kw=5.0,
    measured_kw=4.8,
    silent_s=12.0,
    lease_ends_ms=None,
    next_step="call site lyon-2: end its session at the charge point",
)


def run(arguments: list[str], engine: ScriptedEngine, folder: Path) -> int:
    """The exit code of a command against a scripted engine."""
    path, config = folder / "engine.sock", folder / "config.yaml"
    config.write_text("mqtt:\n  broker: tcp://127.0.0.1:1883\n", "utf-8")
    with listening(engine, path):
        return exit_code([*arguments, "--socket", str(path), "-c", str(config)])


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (["--vehicle", "veh000001"], ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name="veh000001", note="works")),
        (["--site", "lyon-2"], ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.SITE, name="lyon-2", note="works")),
        (["--fleet"], ask.Tag(kind=TagKind.INHIBIT, scope=TagScope.FLEET, note="works")),
    ],
)
def test_a_tag_says_what_it_did(arguments: list[str], request_: ask.Tag, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = (InhibitedView(short_id="#81c0", vehicles=2, power_kw=11.0),)
    engine = ScriptedEngine(lambda _: Accepted(request="tag", result=TagDone(tag=TAG, inhibited=lost, gap_closed=True, durable=False)))
    assert run(["tag", "add", "inhibit", *arguments, "--note", "works"], engine, tmp_path) == ExitCode.DONE
    assert engine.requests == [request_]
    out = capsys.readouterr().out
    assert "INHIBIT t7f3a on site lyon-2 by ines: roof \\x1b[2J works" in out
    assert "released at once: 2 vehicles (11.0 kW) of #81c0; others close the gap" in out
    assert "the journal does not take it" in out


@pytest.mark.parametrize("arguments", [[], ["--fleet", "--site", "lyon-2"], ["--vehicle", "a", "--site", "b"]])
def test_a_tag_hangs_on_one_thing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["tag", "add", "CAUTION", *arguments, "--note", "x"]) == ExitCode.USAGE
    assert "one of --vehicle, --site and --fleet" in capsys.readouterr().err


def test_tags_are_listed_and_taken_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: ask.Request) -> Reply:
        if isinstance(request, ask.Tags):
            return Accepted(request="tags", result=TagsView(tags=(TAG,)))
        return Refused(request="untag", reason=Refusal.FORBIDDEN, message="this INHIBIT is ines's", hint="ask ines or a supervisor")

    engine = ScriptedEngine(answer)
    assert run(["tag", "ls"], engine, tmp_path) == ExitCode.DONE
    assert "t7f3a  INHIBIT  site lyon-2  ines  2026-11-23 13:38Z  roof \\x1b[2J works" in capsys.readouterr().out
    assert run(["tag", "rm", "t7f3a", "--note", "done"], engine, tmp_path) == ExitCode.REFUSED
    assert engine.requests[1] == ask.Untag(tag_id="t7f3a", note="done")
    assert "refused (FORBIDDEN): this INHIBIT is ines's; ask ines or a supervisor" in capsys.readouterr().err


def stopping(*views: StopView) -> ScriptedEngine:
    """An engine whose STOP comes on from view to view."""
    left = list(views)
    return ScriptedEngine(lambda request: Accepted(request=str(request.__struct_config__.tag), result=left.pop(0)))


def test_stop_waits_and_lists_who_is_silent_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = stopping(
        StopView(dispatches=2, vehicles=3, by="ines", waiting=3),
        StopView(dispatches=2, vehicles=3, by="ines", confirmed=1, waiting=2),
        StopView(dispatches=2, vehicles=3, by="ines", reason="smoke", confirmed=2, silent=1, who=(SILENT,)),
    )
    assert run(["stop", "--wait", "--reason", "smoke"], engine, tmp_path) == ExitCode.UNDER_ACKNOWLEDGED
    assert engine.requests == [ask.Stop(reason="smoke"), ask.StopList(), ask.StopList()]
    out = capsys.readouterr().out
    assert "stopped: 2 dispatches, 3 vehicles to release" in out
    assert "2 of 3 vehicles confirmed, 0 waited for, 1 silent" in out
    assert "veh000001  lyon-2  #7f3a" in out
    assert "call site lyon-2: end its session at the charge point" in out


def test_stop_with_everybody_back_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = stopping(StopView(dispatches=1, vehicles=1, waiting=1), StopView(dispatches=1, vehicles=1, confirmed=1))
    assert run(["stop", "--wait", "--json"], engine, tmp_path) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["result"]["confirmed"] == 1
    assert stop_lines(StopView(dispatches=1, vehicles=84, confirmed=34, lease_ended=50))[1] == (
        "34 of 84 vehicles confirmed, 50 lease ended, 0 waited for, 0 silent"
    )


def test_stop_does_not_wait_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _: Accepted(request="stop", result=StopView(dispatches=1, vehicles=1, waiting=1, link_down=True)))
    assert run(["stop", "--wait", "--timeout", "1s"], engine, tmp_path) == ExitCode.UNDER_ACKNOWLEDGED
    assert "the link is down" in capsys.readouterr().out


def test_the_list_alone_stops_nothing(tmp_path: Path) -> None:
    engine = stopping(StopView(dispatches=1, vehicles=1, confirmed=1))
    assert run(["stop", "--list"], engine, tmp_path) == ExitCode.DONE
    assert engine.requests == [ask.StopList()]
    assert exit_code(["stop", "--list", "--wait"]) == ExitCode.USAGE
