"""The handover report: what is open, what ended, what was noted, and nothing that could deceive the reader."""

import math

import numpy as np

from tests.unit.engine.bench import OPERATOR, Bench, bench
from tests.unit.engine.cars import cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import DispatchCompleted
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.handover_text import handover_lines
from v2g_console.contract.replies import Refusal
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.engine.clock import rfc3339
from v2g_console.journal.port import JournalError
from v2g_console.journal.told import Told
from v2g_console.journal.wanted import Wanted

HOSTILE = "\x1b[2J# not a heading <b>*x*</b>"


async def report(one: Bench, since_s: float = 28_800.0) -> HandoverView:
    reply = await one.accepted(ask.Handover(since_s=since_s))
    assert isinstance(reply.result, HandoverView)
    return reply.result


@in_virtual_time
async def test_open_and_ended_dispatches_alarms_tags_overrides_and_notes_are_in_it() -> None:
    async with bench(cars(6)) as one:
        ended = await one.active("MA", 5.0, 30.0)
        await one.over(ended)
        running = await one.active("MA", 10.0, 600.0, external_ref="RTE-42", note="dry run", test=True)
        one.link.receive_maximum = 20
        await one.run_for(1.5)
        await one.accepted(ask.ShelveAlarm(alarm_id="broker_untuned", for_s=600.0, reason="tuned tonight"))
        await one.accepted(ask.Tag(kind=TagKind.CAUTION, scope=TagScope.FLEET, note="storm"))
        await one.accepted(ask.Note(text="call RTE about the test at 15:00"))
        one.core.overrides.begin(np.array([2]), one.clock.monotonic(), math.inf)
        await one.run_for(0.5)
        found = await report(one)
        assert [view.dispatch_id for view in found.open_dispatches] == [running.dispatch_id]
        assert [view.dispatch_id for view in found.ended_dispatches] == [ended.dispatch_id]
        assert [(note.by, note.text) for note in found.notes] == [(OPERATOR.user, "call RTE about the test at 15:00")]
        assert [(one_.vehicle_id, one_.left_s) for one_ in found.overrides] == [(one.core.fleet.ids[2], None)]
        text = "\n".join(handover_lines(found))
        for words in ("reference RTE-42", "tuned tonight", "CAUTION", "storm", "until it follows again", "call RTE about the test", "MA"):
            assert words in text, words
        assert "noted: dry run; TEST" in text
        assert "operational, not settlement values" in text


@in_virtual_time
async def test_a_scheduled_dispatch_says_when_it_begins_and_events_say_what_their_figures_are() -> None:
    async with bench(cars(6)) as one:
        ended = await one.active("MA", 5.0, 30.0)
        await one.over(ended)
        begins = rfc3339(one.clock.utc() + 3600.0)
        await one.dispatch("MA", 10.0, 600.0, start_at=begins)
        await one.run_for(0.5)
        text = "\n".join(handover_lines(await report(one)))
        assert f"begins {begins[:19].replace('T', ' ')}Z" in text
        (completed,) = [event for event in one.told if isinstance(event, DispatchCompleted)]
        assert completed.figures == "operational, not settlement"


@in_virtual_time
async def test_only_what_ended_or_was_noted_in_the_time_asked_for_counts() -> None:
    async with bench(cars(4)) as one:
        await one.over(await one.active("MA", 5.0, 30.0))
        await one.accepted(ask.Note(text="early"))
        await one.run_for(600.0)
        await one.accepted(ask.Note(text="late"))
        await one.run_for(0.5)
        found = await report(one, since_s=300.0)
        assert found.ended_dispatches == () and [note.text for note in found.notes] == ["late"]
        assert [note.text for note in (await report(one)).notes] == ["early", "late"]


@in_virtual_time
async def test_a_journal_that_can_t_be_read_is_said_and_the_rest_is_there() -> None:
    async with bench(cars(2)) as one:

        async def broken(wanted: Wanted, before: int, limit: int) -> list[Told]:
            raise JournalError("the disk does not answer")

        one.core.journal.page = broken  # type: ignore[method-assign]  # a disk that fails
        found = await report(one)
        assert "the disk does not answer" in found.missing and "Not complete" in "\n".join(handover_lines(found))


@in_virtual_time
async def test_hostile_notes_neither_move_the_cursor_nor_make_markup() -> None:
    async with bench(cars(2)) as one:
        await one.accepted(ask.Note(text=HOSTILE))
        await one.run_for(0.5)
        (line,) = [row for row in handover_lines(await report(one)) if "heading" in row]
        assert "\x1b" not in line and "\\# not a heading \\<b\\>\\*x\\*\\</b\\>" in line


@in_virtual_time
async def test_what_is_no_note_and_no_shift_is_refused() -> None:
    async with bench(cars(1)) as one:
        for request in (ask.Note(text="   "), ask.Note(text="x" * 501), ask.Handover(since_s=0.0), ask.Handover(since_s=float("nan"))):
            assert (await one.refused(request)).reason is Refusal.INVALID


@in_virtual_time
async def test_a_latched_stop_comes_first() -> None:
    async with bench(cars(2)) as one:
        await one.accepted(ask.Stop(reason="smoke"))
        await one.run_for(1.0)
        lines = handover_lines(await report(one))
        assert "STOP is latched" in lines[4]
