"""The alarm screen: what wants an answer is on top, acknowledging and shelving are about what was seen, floods stand out."""

from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, rows, running, text, until
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.journal import JournalScreen
from v2g_console.console.screens.note import NoteDialog
from v2g_console.console.widgets.alarm_table import AlarmTable
from v2g_console.console.widgets.critical_line import alarm_counts
from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import AckAlarm, Journal, ShelveAlarm, UnshelveAlarm
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.alarm_cycle import AlarmState

HOSTILE = "link to \x1b[2Jssl://b\u202e: [bold]refused"


def alarm(alarm_id: str, priority: int = 2, state: AlarmState = AlarmState.UNACKNOWLEDGED, **changes: object) -> AlarmView:
    fields: dict[str, object] = {
        "alarm_id": alarm_id,
        "kind": "shortfall",
        "priority": priority,
        "text": f"{alarm_id}: 69 kW short of 1 500 kW",
        "response": "add vehicles or lower the target",
        "active": state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SHELVED},
        "acknowledged": state is AlarmState.ACKNOWLEDGED,
        "raised_ms": pictures.NOW_MS - 754_000,
        "state": state,
    }
    return AlarmView(**(fields | changes))  # type: ignore[arg-type]  # the fields above, changed


def picture(*alarms: AlarmView, **rates: object) -> Snapshot:
    return replace(pictures.normal(), alarms=alarms, alarm_rates=AlarmRates(**rates))  # type: ignore[arg-type]  # figures of a test


FOUR = (
    alarm("link_lost", 1),
    alarm("one"),
    alarm("two", state=AlarmState.RETURNED, cleared_ms=pictures.NOW_MS - 60_000),
    alarm("three", 3, AlarmState.SHELVED, shelved_by="bo", shelved_until_ms=pictures.NOW_MS + 600_000, shelf_reason="broker maintenance"),
)


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (40, 10)])
async def test_state_and_priority_are_told_in_words_at_every_size(size: tuple[int, int]) -> None:
    async with running(FakePort(picture(*FOUR)), size) as (app, pilot):
        await pilot.press("4")
        table = [row for row in rows(app)[1:] if "NEW" in row]
        assert table and "H" in table[0]


async def test_ages_states_and_who_shelved_what_until_when_are_shown() -> None:
    async with running(FakePort(picture(*FOUR))) as (app, pilot):
        await pilot.press("4")
        shown = text(app)
        assert "12 m 34 s" in shown and "gone, unanswered" in shown and "shelved" in shown
        await pilot.press("end")
        assert "shelved by bo until" in text(app) and "broker maintenance" in text(app)


async def test_the_alarm_under_the_cursor_is_acknowledged_and_no_other() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (_, pilot):
        await pilot.press("4", "down", "a")
        await until(pilot, lambda: bool(port.asked(AckAlarm)))
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id="one")]


async def test_an_alarm_that_comes_in_above_never_takes_the_cursor() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (app, pilot):
        await pilot.press("4", "down")
        port.show(replace(port.picture, alarms=(alarm("newer", 1), *FOUR)))
        await refreshed(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: bool(port.asked(AckAlarm)))
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id="one")]


async def test_what_is_on_screen_is_acknowledged_after_a_question_and_nothing_that_is_not(no_dwell: None) -> None:
    many = tuple(alarm(f"alarm{n:03d}") for n in range(100))
    port = FakePort(picture(*many))
    async with running(port, (80, 24)) as (app, pilot):
        await pilot.press("4", "v")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert not port.asked(AckAlarm)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "Yes, acknowledge" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: any("acknowledged" in told for told in app.notices))
        seen = app.screen.query_one(AlarmTable).on_screen
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id=one.alarm_id) for one in seen]
        assert 0 < len(seen) < 100


async def test_shelving_asks_for_a_reason_and_a_time() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (app, pilot):
        await pilot.press("4", "down", "z")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press("enter")
        assert isinstance(app.screen, NoteDialog) and not port.asked(ShelveAlarm)
        await pilot.press("f2", *"works", "enter")
        await until(pilot, lambda: bool(port.asked(ShelveAlarm)))
        assert port.asked(ShelveAlarm) == [ShelveAlarm(alarm_id="one", for_s=1800.0, reason="works")]


async def test_no_time_is_offered_that_the_engine_would_refuse() -> None:
    shown = picture(*FOUR)
    port = FakePort(replace(shown, engine=msgspec.structs.replace(shown.engine, longest_shelf_s=900.0)))
    async with running(port) as (app, pilot):
        await pilot.press("4", "down", "z")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press("f2", "f2", *"works", "enter")
        await until(pilot, lambda: bool(port.asked(ShelveAlarm)))
        assert port.asked(ShelveAlarm) == [ShelveAlarm(alarm_id="one", for_s=600.0, reason="works")]


async def test_a_critical_alarm_is_not_shelved_and_it_is_said_why() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (app, pilot):
        await pilot.press("4", "z")
        await until(pilot, lambda: any("can't be shelved" in told for told in app.notices))
        assert not port.asked(ShelveAlarm)


async def test_a_shelved_alarm_comes_back_by_hand_and_one_that_is_not_shelved_does_not() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (app, pilot):
        await pilot.press("4", "Z")
        await until(pilot, lambda: any("it is not shelved" in told for told in app.notices))
        await pilot.press("end", "Z")
        await until(pilot, lambda: bool(port.asked(UnshelveAlarm)))
        assert port.asked(UnshelveAlarm) == [UnshelveAlarm(alarm_id="three")]


async def test_a_refusal_of_the_engine_is_told() -> None:
    port = FakePort(picture(*FOUR))
    port.answers[AckAlarm] = lambda _: Refused(request="ack_alarm", reason=Refusal.FORBIDDEN, message="ack_alarm needs the role operator")
    async with running(port) as (app, pilot):
        await pilot.press("4", "a")
        await until(pilot, lambda: any("needs the role operator" in told for told in app.notices))


async def test_a_flood_and_the_rates_are_shown() -> None:
    shown = picture(*FOUR, last_10_min=14, most_in_10_min=20, last_24_h=41, flood=True, top=(("shortfall", 20), ("link_lost", 9)), stale=2)
    async with running(FakePort(shown)) as (app, pilot):
        await pilot.press("4")
        assert "FLOOD 14 in 10 min" in text(app) and "2 stale" in text(app)
        assert "at most 20" in text(app) and "shortfall 20, link lost 9" in text(app)


async def test_the_history_is_the_journal_of_alarms() -> None:
    port = FakePort(picture(*FOUR))
    async with running(port) as (app, pilot):
        await pilot.press("4", "h")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen) and bool(port.asked(Journal)))
        asked = port.asked(Journal)[0]
        assert isinstance(asked, Journal) and asked.kind == "alarm"


async def test_without_alarms_the_screen_says_so() -> None:
    async with running(FakePort(picture())) as (app, pilot):
        await pilot.press("4")
        assert "No alarm." in text(app) and "0 active" in text(app)


async def test_hostile_alarm_texts_are_shown_as_text() -> None:
    async with running(FakePort(picture(alarm("x", text=HOSTILE, response=HOSTILE)))) as (app, pilot):
        await pilot.press("4")
        assert "[bold]" in text(app) and "\x1b" not in text(app) and "\u202e" not in text(app)


def test_shelved_alarms_are_not_counted_in_the_header() -> None:
    assert alarm_counts(FOUR) == (1, 1, 0)
