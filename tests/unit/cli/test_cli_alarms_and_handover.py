"""`alarms`, `note` and `handover` on the command line: what is asked, what people and machines read, exit codes."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.engine_in_a_thread import ScriptedEngine
from tests.unit.cli.test_cli_tags_and_stop import run
from v2g_console.contract import requests as ask
from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.handover import HandoverView, NoteView
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.replies import Accepted, Refusal, Refused, StatusView
from v2g_console.contract.snapshot import EngineInfo, FleetSummary
from v2g_console.domain.alarm_cycle import AlarmState

MS = 1_795_441_129_250
ENGINE = EngineInfo(
    version="0.1.0",
    name="paris-nord",
    ready=True,
    started_ms=MS,
    user="ines",
    role="operator",
    read_only=False,
    demo=False,
    stopped=False,
)
SHELVED = AlarmView(
    alarm_id="broker_untuned",
    kind="broker_untuned",
    priority=3,
    text="Receive Maximum 20 \x1b[2J",
    response="apply tuning.conf",
    active=True,
    acknowledged=False,
    raised_ms=MS,
    state=AlarmState.SHELVED,
    shelved_by="bo",
    shelved_until_ms=MS + 600_000,
    shelf_reason="tonight",
)
STATUS = StatusView(
    engine=ENGINE,
    link=LinkHealth(),
    fleet=FleetSummary(),
    dispatches=(),
    alarms=(SHELVED,),
    alarm_rates=AlarmRates(last_10_min=12, flood=True),
)
REPORT = HandoverView(
    from_ms=MS,
    until_ms=MS + 1000,
    engine=ENGINE,
    link=LinkHealth(),
    fleet=FleetSummary(),
    open_dispatches=(),
    ended_dispatches=(),
    alarms=(SHELVED,),
    alarm_rates=AlarmRates(),
    tags=(),
    overrides=(),
    approvals=(),
    stop=None,
    notes=(NoteView(utc_ms=MS, by="bo", text="call RTE"),),
)


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (["alarms", "ack", "broker_untuned"], ask.AckAlarm(alarm_id="broker_untuned")),
        (
            ["alarms", "shelve", "broker_untuned", "--for", "30m", "--reason", "tonight"],
            ask.ShelveAlarm(alarm_id="broker_untuned", for_s=1800.0, reason="tonight"),
        ),
        (["alarms", "unshelve", "broker_untuned"], ask.UnshelveAlarm(alarm_id="broker_untuned")),
        (["note", "call RTE"], ask.Note(text="call RTE")),
    ],
)
def test_what_is_typed_is_asked(arguments: list[str], request_: ask.Request, tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda request: Accepted(request=str(request.__struct_config__.tag)))
    assert run(arguments, engine, tmp_path) == ExitCode.DONE
    assert engine.requests == [request_]


def test_alarms_are_listed_with_state_reason_and_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _: Accepted(request="status", result=STATUS))
    assert run(["alarms", "ls"], engine, tmp_path) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "broker_untuned" in out and "shelved until" in out and "tonight" in out and "FLOOD: 12 in 10 min" in out
    assert "\x1b" not in out


def test_a_critical_alarm_is_not_shelved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _: Refused(request="shelve_alarm", reason=Refusal.WRONG_STATE, message="link_lost is critical"))
    assert run(["alarms", "shelve", "link_lost", "--for", "1h", "--reason", "x"], engine, tmp_path) == ExitCode.REFUSED
    assert "critical" in capsys.readouterr().err


def test_the_handover_report_is_markdown_for_people_and_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ScriptedEngine(lambda _: Accepted(request="handover", result=REPORT))
    assert run(["handover", "--since", "12h"], engine, tmp_path) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("# Handover paris-nord") and "## Shelved alarms" in out and "call RTE" in out and "\x1b" not in out
    assert engine.requests == [ask.Handover(since_s=43_200.0)]
    assert run(["handover", "--format", "text"], engine, tmp_path) == ExitCode.DONE
    plain = capsys.readouterr().out
    assert plain.startswith("Handover paris-nord\n=====") and "#" not in plain and "**" not in plain and "broker\\_untuned" not in plain
    assert run(["handover", "--json"], engine, tmp_path) == ExitCode.DONE
    assert "call RTE" in json.dumps(json.loads(capsys.readouterr().out))
