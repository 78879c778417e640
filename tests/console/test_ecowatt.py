"""What EcoWatt proposes, on screen, in the plain console and on the command line: seen, taken into a new dispatch, or dismissed."""

import json
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from tests.console.plain_talk import talk
from tests.unit.cli.engine_in_a_thread import ScriptedEngine
from tests.unit.cli.test_cli_tags_and_stop import run
from v2g_console.console.actions import action_of
from v2g_console.console.commitments import commitments
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.note import NoteDialog
from v2g_console.contract.ecowatt import EcowattDay, EcowattHour, EcowattView, Outcome, ProposalView
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Ecowatt, EcowattDismiss, EcowattFeed, Operate, Plan

pytestmark = pytest.mark.usefixtures("no_dwell")

HOUR_MS = 3_600_000
BEGINS_MS = (round(time.time() * 1000) // HOUR_MS + 3) * HOUR_MS  # the composer refuses a start that has passed
PROPOSAL = ProposalView(proposal_id="e112317-2", begins_ms=BEGINS_MS, ends_ms=BEGINS_MS + 2 * HOUR_MS, suggested_kw=120.0)


def proposed(*proposals: ProposalView) -> FakePort:
    """An engine with proposals that wait."""
    port = FakePort(replace(pictures.normal(), proposals=proposals or (PROPOSAL,)))
    port.answers[EcowattDismiss] = lambda _: Accepted(request="ecowatt_dismiss", result=EcowattView())
    return port


def asked(port: FakePort, kind: type) -> list[object]:
    return [request for request in port.requests if isinstance(request, kind)]


async def test_a_proposal_is_taken_into_the_composer_filled_in_and_nothing_is_sent() -> None:
    port = proposed()
    async with running(port) as (app, pilot):
        assert [one.urgent for one in commitments(port.picture) if one.text == PROPOSAL.short_words] == [True]
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "New dispatch" in text(app))
        assert "of charging could be reduced now" in text(app)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen) and bool(asked(port, Plan)))
        plan = asked(port, Plan)[0]
        assert isinstance(plan, Plan)
        assert (plan.signal, plan.power_kw, plan.duration_s, plan.external_ref) == ("EcoWatt", 120.0, 7200.0, "ecowatt:e112317-2")
        assert app.screen.query_one("#composer-start", Input).value.endswith(":00:00Z")
        assert not asked(port, Operate) and not asked(port, EcowattDismiss)


async def test_a_proposal_is_dismissed_with_a_reason_after_a_question_or_left_for_later() -> None:
    port = proposed(PROPOSAL, msgspec.structs.replace(PROPOSAL, proposal_id="e112408-1"))
    async with running(port) as (app, pilot):
        await pilot.press("E")
        await until(pilot, lambda: "1 proposal waits." in text(app))
        assert "$" not in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press(*"away", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert not asked(port, EcowattDismiss)
        await pilot.press("y")
        await until(pilot, lambda: bool(asked(port, EcowattDismiss)))
        assert asked(port, EcowattDismiss) == [EcowattDismiss(proposal_id="e112317-2", reason="away")]
        port.picture = replace(port.picture, proposals=())
        await until(pilot, lambda: action_of("ecowatt.decide").blocked(app.model) is not None)


async def test_the_plain_console_lists_says_how_to_accept_and_dismisses() -> None:
    port = proposed()
    told = await talk("ecowatt", "ecowatt dismiss e112317-2 fleet is away", "ecowatt dismiss e112317-2", "status", port=port)
    assert PROPOSAL.words in told
    assert "To accept: dispatch EcoWatt 120 2h start=" in told and "ref=ecowatt:e112317-2" in told
    assert asked(port, EcowattDismiss) == [EcowattDismiss(proposal_id="e112317-2", reason="fleet is away")]
    assert "Say dismiss, which proposal, and why." in told
    assert f"Proposal {PROPOSAL.words}." in told


def test_the_command_line_feeds_the_publishers_file_and_lists_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = EcowattDay(jour="2026-11-23", dvalue=3, message="tense\x1b[2J", values=(EcowattHour(8, 1), EcowattHour(18, 3)))
    closed = msgspec.structs.replace(PROPOSAL, outcome=Outcome.DISMISSED, by="ines", reason="away")
    view = EcowattView(received_ms=pictures.NOW_MS, by="gateway", signals=(day,), proposals=(PROPOSAL, closed))
    engine = ScriptedEngine(lambda _: Accepted(request="ecowatt", result=view))
    file = tmp_path / "signals.json"
    published = {"signals": [{"GenerationFichier": "x", "jour": "2026-11-23", "dvalue": 3, "values": [{"pas": 18, "hvalue": 3}], "new": 1}]}
    file.write_text(json.dumps(published), "utf-8")
    assert run(["ecowatt", "feed", str(file)], engine, tmp_path) == ExitCode.DONE
    told = capsys.readouterr().out
    assert "2026-11-23  ........g.........R.....  tense\\x1b[2J" in told
    assert "--ref ecowatt:e112317-2" in told and "dismissed by ines: away" in told
    assert run(["ecowatt", "ls"], engine, tmp_path) == ExitCode.DONE
    assert run(["ecowatt", "dismiss", "e112317-2", "--reason", "away"], engine, tmp_path) == ExitCode.DONE
    fed = EcowattFeed(signals=(EcowattDay(jour="2026-11-23", dvalue=3, generated="x", values=(EcowattHour(18, 3),)),))
    assert engine.requests == [fed, Ecowatt(), EcowattDismiss(proposal_id="e112317-2", reason="away")]
    for hostile in (b"", b"{}", b'{"signals": 3}', b"\xff", b"[" * 5000, b" " * 70_000):
        file.write_bytes(hostile)
        assert run(["ecowatt", "feed", str(file)], engine, tmp_path) == ExitCode.USAGE
    assert len(engine.requests) == 3
