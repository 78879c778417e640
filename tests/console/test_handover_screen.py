"""The handover report on screen, and notes for the next shift."""

from pathlib import Path

import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import rows, running, text, until
from v2g_console.console.screens import handover as screen_module
from v2g_console.console.screens.note import NoteDialog
from v2g_console.contract.alarms import AlarmRates
from v2g_console.contract.handover import HandoverView, NoteView
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Handover, Note


def report_port() -> FakePort:
    picture = pictures.normal()
    report = HandoverView(
        from_ms=picture.utc_ms - 28_800_000,
        until_ms=picture.utc_ms,
        engine=picture.engine,
        link=picture.link,
        fleet=picture.summary,
        open_dispatches=picture.dispatches[:2],
        ended_dispatches=picture.dispatches[2:],
        alarms=picture.alarms,
        alarm_rates=AlarmRates(),
        tags=(),
        overrides=(),
        approvals=(),
        stop=None,
        notes=(NoteView(utc_ms=picture.utc_ms, by="bo", text="call RTE at 15:00"),),
    )
    port = FakePort(picture)
    port.answers[Handover] = lambda _: Accepted(request="handover", result=report)
    return port


def endings(folder: Path) -> list[str]:
    return [path.suffix for path in folder.iterdir()]


async def test_lines_are_broken_and_not_cut_and_marks_for_a_file_are_left_to_the_file() -> None:
    async with running(report_port(), (60, 36)) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "Handover paris-nord" in text(app))
        shown = " ".join(row.strip() for row in rows(app))
        told = " ".join(shown.split())
        assert "releases owed" in told and "Headroom up" in told and "(P90 1 451)." in told
        assert "- #7f3a" in shown and "\\#" not in shown


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (40, 10)])
async def test_open_dispatches_are_on_it_and_the_rest_is_below(size: tuple[int, int]) -> None:
    async with running(report_port(), size) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "Handover paris-nord" in text(app))
        await pilot.press("end")
        await until(pilot, lambda: "call RTE" in text(app))


async def test_it_is_kept_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_module, "export_folder", lambda: tmp_path)
    async with running(report_port()) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "Handover paris-nord" in text(app))
        await pilot.press("x")
        await until(pilot, lambda: any("written to" in told for told in app.notices))
    assert endings(tmp_path) == [".md"]


async def test_a_refusal_says_why_there_is_no_report() -> None:
    port = report_port()
    port.answers[Handover] = lambda _: Refused(request="handover", reason=Refusal.FORBIDDEN, message="handover needs the role auditor")
    async with running(port) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: "needs the role auditor" in text(app))
        await pilot.press("x")
        await until(pilot, lambda: any("no report" in told for told in app.notices))


async def test_a_note_is_sent_and_an_empty_one_is_not() -> None:
    port = report_port()
    async with running(port) as (app, pilot):
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press("enter")
        assert not port.asked(Note)
        await pilot.press(*"storm", "enter")
        await until(pilot, lambda: port.asked(Note) == [Note(text="storm")])
