"""The alarm screen: what wants an answer is on top, acknowledging and shelving are about what was seen, floods stand out."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.actions import action_of
from v2g_console.console.alarm_subject import PLACES, Place, action_for, dispatch_of, place_of, written_for
from v2g_console.console.alarming import shelf_text
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.diagnostics import DiagnosticsScreen
from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.journal import JournalScreen
from v2g_console.console.screens.link import LinkScreen
from v2g_console.console.screens.note import NoteDialog
from v2g_console.console.widgets.alarm_table import AlarmTable
from v2g_console.console.widgets.critical_line import alarm_counts
from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import AckAlarm, Journal, Retry, ShelveAlarm, UnshelveAlarm
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.alarm_cycle import AlarmState
from v2g_console.domain.alarm_kinds import ALARM_KINDS

HOSTILE = "link to \x1b[2Jssl://b\u202e: [bold]refused"


def alarm(alarm_id: str, priority: int = 2, state: AlarmState = AlarmState.UNACKNOWLEDGED, **changes: Any) -> AlarmView:
    fields: dict[str, Any] = {
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
    return AlarmView(**(fields | changes))


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


def about(dispatch_id: str, kind: str = "shortfall") -> AlarmView:
    """An alarm about a dispatch, as the engine tells it."""
    return alarm(f"{kind}:{dispatch_id[:8]}", kind=kind, dispatch_id=dispatch_id)


def test_every_kind_of_alarm_has_a_place_with_its_details() -> None:
    assert PLACES.keys() == ALARM_KINDS.keys()
    assert all(action_of(action_for(place)) for place in Place)
    assert place_of(alarm("x", kind="of_a_newer_engine")) is Place.JOURNAL
    assert written_for(alarm("recovered", kind="recovered")) == "kind:engine"


def test_the_dispatch_of_an_alarm_is_the_one_it_names() -> None:
    shown = pictures.normal()
    first = shown.dispatches[0]
    assert dispatch_of(about(first.dispatch_id), shown) == first
    assert dispatch_of(about(first.dispatch_id), replace(shown, dispatches=shown.dispatches[1:])) is None
    unnamed = alarm(f"shortfall:{first.dispatch_id[:8]}", kind="shortfall")
    assert dispatch_of(alarm("link_lost"), shown) is None and dispatch_of(unnamed, shown) is None


async def test_the_neighbour_gets_the_cursor_of_an_alarm_that_is_over_but_not_the_key_that_was_on_its_way() -> None:
    port, clock = FakePort(picture(alarm("one"), alarm("two"), alarm("three"))), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        await pilot.press("4", "down")
        port.show(replace(port.picture, alarms=(alarm("one"), alarm("three"))))
        await refreshed(pilot, app)
        assert app.screen.query_one(AlarmTable).cursor_id == "three"
        for key in ("a", "z", "enter"):
            await pilot.press(key)
        assert not port.asked(AckAlarm) and not isinstance(app.screen, NoteDialog | JournalScreen | DispatchDetailScreen)
        assert any("this is another (shortfall)" in told for told in app.notices)
        clock.now_s += 2.0
        await pilot.press("a")
        await until(pilot, lambda: bool(port.asked(AckAlarm)))
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id="three")]


async def test_the_last_alarm_of_the_list_hands_its_cursor_to_the_one_before_and_the_very_last_to_none() -> None:
    port = FakePort(picture(alarm("one"), alarm("two")))
    async with running(port) as (app, pilot):
        await pilot.press("4", "end")
        port.show(replace(port.picture, alarms=(alarm("one"),)))
        await refreshed(pilot, app)
        assert app.screen.query_one(AlarmTable).cursor_id == "one"
        port.show(replace(port.picture, alarms=()))
        await refreshed(pilot, app)
        await pilot.press("a")
        assert app.screen.query_one(AlarmTable).cursor_id is None and any("no alarm is selected" in told for told in app.notices)


async def test_an_operator_who_moves_the_cursor_on_need_not_wait() -> None:
    port = FakePort(picture(alarm("one"), alarm("two"), alarm("three")))
    async with running(port) as (app, pilot):
        await pilot.press("4")
        port.show(replace(port.picture, alarms=(alarm("two"), alarm("three"))))
        await refreshed(pilot, app)
        await pilot.press("down", "a")
        await until(pilot, lambda: bool(port.asked(AckAlarm)))
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id="three")]


async def test_retry_is_about_the_dispatch_of_the_alarm_and_the_old_selection_comes_back() -> None:
    shown = pictures.normal()
    first, second = shown.dispatches[:2]
    waiting = tuple(msgspec.structs.replace(one, progress=msgspec.structs.replace(one.progress, silent=3)) for one in (first, second))
    listed = (about(second.dispatch_id), alarm("link_lost", 1))
    port = FakePort(replace(shown, dispatches=waiting, alarms=listed))
    async with running(port) as (app, pilot):
        app.model.selected_dispatch_id = first.dispatch_id
        await pilot.press("4", "r")
        await until(pilot, lambda: bool(port.asked(Retry)))
        assert port.asked(Retry) == [Retry(dispatch_id=second.dispatch_id)]
        await pilot.press("down", "r", "c", "u")
        await until(pilot, lambda: sum("is about no dispatch" in told for told in app.notices) == 3)
        await pilot.press("escape")
        await pilot.pause()
        assert app.model.selected_dispatch_id == first.dispatch_id and app.model.selected_dispatch() is not None
        assert len(port.asked(Retry)) == 1


async def test_the_alarm_under_a_dialog_turns_no_key_of_the_dialog() -> None:
    async with running(FakePort(picture(alarm("link_lost", 1)))) as (app, pilot):
        await pilot.press("4")
        await until(pilot, lambda: bool(app.model.no_dispatch_here))
        await app.push_screen(ChoiceDialog("Sure?", [], Choice("no", "n", "No"), []))
        await until(pilot, lambda: not app.model.no_dispatch_here)
        await refreshed(pilot, app)
        assert not app.model.no_dispatch_here


@pytest.mark.parametrize(
    ("kind", "screen"),
    [("refused_messages", LinkScreen), ("clock_offset", DiagnosticsScreen), ("telemetry_stale", FleetScreen), ("recovered", JournalScreen)],
)
async def test_enter_goes_to_what_an_alarm_is_about(kind: str, screen: type) -> None:
    async with running(FakePort(picture(alarm(kind, kind=kind)))) as (app, pilot):
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(app.screen, screen))
        if screen is FleetScreen:
            await until(pilot, lambda: app.model.fleet_view.filter_text == "!is:fresh")


async def test_enter_opens_the_dispatch_of_an_alarm_or_what_the_journal_has_of_it() -> None:
    view = pictures.normal().dispatches[1]
    port = FakePort(picture(about(view.dispatch_id), about("0123456789abcdef", "ack_rate_low")))
    async with running(port) as (app, pilot):
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen) and app.screen.dispatch_id == view.dispatch_id)
        await pilot.press("escape", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen) and bool(port.asked(Journal)))
        asked = port.asked(Journal)[0]
        assert isinstance(asked, Journal) and asked.dispatch_id == "01234567"


async def test_a_filter_that_an_alarm_asks_for_reaches_a_fleet_screen_that_is_open_already() -> None:
    async with running(FakePort(picture(alarm("telemetry_stale", kind="telemetry_stale")))) as (app, pilot):
        await pilot.press("2", "4", "enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and "!is:fresh" in text(app))


async def test_the_banner_names_no_key_where_that_key_answers_another_alarm() -> None:
    async with running(FakePort(picture(alarm("one")))) as (app, pilot):
        assert "a acknowledges" in rows(app)[1]
        await pilot.press("4")
        assert "69 kW short" in rows(app)[1] and "acknowledges" not in rows(app)[1]


async def test_the_key_of_the_banner_never_answers_an_alarm_that_came_in_its_place() -> None:
    port, clock = FakePort(picture(alarm("one"))), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 2.0
        port.show(replace(port.picture, alarms=(alarm("worse", 1), alarm("one"))))
        await refreshed(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: any("not in the banner long enough" in told for told in app.notices))
        assert not port.asked(AckAlarm)
        clock.now_s += 2.0
        await refreshed(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: bool(port.asked(AckAlarm)))
        assert port.asked(AckAlarm) == [AckAlarm(alarm_id="worse")]


async def test_an_alarm_that_the_banner_hides_behind_stop_is_not_answered_unseen() -> None:
    shown, clock = picture(alarm("one")), SteppedClock()
    port = FakePort(replace(shown, engine=msgspec.structs.replace(shown.engine, stopped=True, stopped_by="bo")))
    async with running(port, clock=clock) as (app, pilot):
        clock.now_s += 2.0
        await refreshed(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: any("nothing acknowledged" in told for told in app.notices))
        assert not port.asked(AckAlarm)


@pytest.mark.parametrize("size", [(40, 10), (20, 5)])
async def test_in_a_low_terminal_the_alarm_under_the_cursor_is_on_screen(size: tuple[int, int]) -> None:
    async with running(FakePort(picture(*FOUR)), size) as (app, pilot):
        await pilot.press("4", "end")
        await until(pilot, lambda: any(row.startswith("›") for row in rows(app)))
        await pilot.press("slash", *"three")
        await until(pilot, lambda: app.screen.query_one(AlarmTable).shown == 1)
        assert any("three" in row for row in rows(app)[1:])


@pytest.mark.parametrize(
    ("span_s", "said"), [(600.0, "10 min"), (1800.0, "30 min"), (7200.0, "2 h"), (5400.0, "90 min"), (90.0, "1 m 30 s")]
)
def test_the_time_on_the_shelf_is_said_without_noughts(span_s: float, said: str) -> None:
    assert shelf_text(span_s) == said


async def test_an_alarm_that_is_gone_is_not_shelved_and_it_is_said_why() -> None:
    port = FakePort(picture(FOUR[2]))
    async with running(port) as (app, pilot):
        await pilot.press("4", "z")
        await until(pilot, lambda: any("gone already" in told for told in app.notices))
        assert not isinstance(app.screen, NoteDialog)
