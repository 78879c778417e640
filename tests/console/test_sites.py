"""One console over several engines: all are seen, one is acted on, and none waits for another."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from textual import events
from textual.screen import ModalScreen
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import SteppedClock, rows, running, text, until
from tests.console.site_harness import Held, at, ports, sites_running, strip, ticked, until_text
from v2g_console.console.actions import Scope, actions_of
from v2g_console.console.farewell import sites_rows
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.screens import choice
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.site_chooser import SiteChooser
from v2g_console.console.screens.update_target import UpdateTargetDialog
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.site_strip import SiteStrip
from v2g_console.console.widgets.site_tag import SiteTag
from v2g_console.contract.events import AlarmRaised
from v2g_console.contract.replies import Accepted
from v2g_console.contract.requests import Cancel, Fleet, Note, ResetTrust, Retry

TS = "2025-12-02T14:02:07.000Z"


async def test_a_console_over_one_engine_has_no_strip_and_no_keys_for_sites() -> None:
    async with running(FakePort()) as (app, _):
        assert not app.screen.query(SiteStrip)
        keys = {key for action in actions_of(Scope.SITES) for key in action.keys}
        assert keys and not keys & set(app._bindings.key_to_bindings)
        assert not keys & set(app.screen._bindings.key_to_bindings)


async def test_every_site_is_in_the_strip_whether_it_is_on_screen_or_not() -> None:
    clock = SteppedClock()
    three = ports(pictures.normal(), pictures.alarmed(), pictures.cut())
    async with sites_running(three, clock=clock) as (app, pilot):
        assert strip(app).split("  ")[0].strip().startswith("1")
        assert "1  paris  ● up 2 disp" in strip(app) and "2 lyon ● up 3H■ 2M▲" in strip(app) and "3 nice ○ down" in strip(app)
        three[1].show(pictures.stopped())
        three[2].show(pictures.normal())
        await ticked(pilot, app, clock)
        assert "2 lyon ● up STOPPED" in strip(app) and "3 nice ● up" in strip(app)
        assert " paris " in rows(app)[0] and "lyon" not in rows(app)[0]


async def test_a_site_that_is_gone_and_one_that_hangs_say_since_when_and_hold_up_nobody() -> None:
    clock = SteppedClock()
    three = ports()
    async with sites_running(three, clock=clock) as (app, pilot):
        three[1].gate = asyncio.Event()
        three[2].gone = "nobody listens at its socket, still trying"
        asked = three[0].snapshots_asked, three[1].snapshots_asked
        for _ in range(5):
            await ticked(pilot, app, clock)
        assert three[0].snapshots_asked >= asked[0] + 5
        assert three[1].snapshots_asked == asked[1] + 1, "one question is open, no second one is asked"
        assert app.sites[0].model.contact().age_s == 0.0
        assert "2 lyon ✗ silent since " in strip(app) and "3 nice ✗ gone since " in strip(app) and "2 disp~" in strip(app)
        assert "1  paris  ● up" in strip(app)
        three[1].gate.set()
        three[2].gone = ""
        await ticked(pilot, app, clock)
        assert "2 lyon ● up" in strip(app) and "3 nice ● up" in strip(app)
        assert three[1].most_snapshots_running == 1


async def test_sites_that_never_answer_leave_the_first_picture_of_the_others_alone() -> None:
    clock = SteppedClock()
    hung, gone, well = ports()
    hung.gate, gone.gone = asyncio.Event(), "no engine listens"
    async with sites_running([hung, gone, well], clock=clock) as (app, pilot):
        await pilot.press("]", "]")
        await at(pilot, app, "nice")
        await until_text(pilot, app, "200 vehicles")
        await pilot.press("[")
        await until_text(pilot, app, "ENGINE GONE: no engine listens")
        clock.now_s += 10.0
        await pilot.press("[")
        await until_text(pilot, app, "ENGINE SILENT")
        assert " paris " in rows(app)[0], "it is named before its engine has said anything"
        hung.gate.set()


async def test_keys_go_round_the_sites_and_a_click_goes_to_one() -> None:
    async with sites_running(ports()) as (app, pilot):
        for key, name in (("]", "lyon"), ("ctrl+right", "nice"), ("]", "paris"), ("[", "nice"), ("ctrl+left", "lyon")):
            await pilot.press(key)
            await at(pilot, app, name)
            assert f" {name} " in rows(app)[0]
            assert isinstance(app.screen, OverviewScreen)
        await pilot.click(offset=(strip(app).index("nice") + 1, 1))
        await at(pilot, app, "nice")


@pytest.mark.parametrize(("keys", "name"), [("3", "nice"), ("yo", "lyon")])
async def test_the_list_goes_to_a_site_by_number_by_name_or_nowhere(keys: str, name: str) -> None:
    async with sites_running(ports()) as (app, pilot):
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, SiteChooser))
        await pilot.press(*keys)
        if not keys.isdecimal():
            await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        await at(pilot, app, name)


async def test_a_doubled_number_chooses_once() -> None:
    async with sites_running(ports()) as (app, pilot):
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, SiteChooser))
        for _ in range(2):
            app.screen.post_message(events.Key("3", "3"))
        await at(pilot, app, "nice")
        assert isinstance(app.screen, OverviewScreen)


async def test_keys_of_the_configuration_go_to_sites_too() -> None:
    options = ConsoleOptions(attached="x", keys={"site.next": ("f10",)})
    async with sites_running(ports(), options=options) as (app, pilot):
        await pilot.press("]", "f10")
        await at(pilot, app, "lyon")
        await pilot.press("f10")
        await at(pilot, app, "nice")
        await pilot.press("[")
        await at(pilot, app, "lyon")


async def test_the_list_says_when_nothing_fits_and_stays_live() -> None:
    clock = SteppedClock()
    three = ports()
    async with sites_running(three, clock=clock) as (app, pilot):
        await pilot.press("f6", *"zz")
        await until_text(pilot, app, "no site has that name or number")
        await pilot.press("enter", "backspace", "backspace", "down")
        await until_text(pilot, app, "› 2 lyon ● up")
        three[2].gone = "it hung up"
        await ticked(pilot, app, clock)
        await until(pilot, lambda: any("3 nice ✗ gone since" in row and "it hung up" in row for row in rows(app)))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert app.shown.name == "paris"


async def test_screens_filters_and_selections_stay_with_their_site() -> None:
    async with sites_running(ports()) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await pilot.press("slash", *"veh000007", "enter", "down")
        await until(pilot, lambda: app.model.selected_vehicle_id == "veh000007")
        await pilot.press("]")
        await at(pilot, app, "lyon")
        assert app.screen.query("#dispatches") and app.model.selected_vehicle_id != "veh000007"
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert app.screen.query_one("#fleet-filter", Input).value == ""
        assert app.screen.query_one(FleetTable).shown == 200
        await pilot.press("[")
        await at(pilot, app, "paris")
        assert isinstance(app.screen, FleetScreen) and app.screen.query_one("#fleet-filter", Input).value == "veh000007"
        assert app.sites[1].model.selected_vehicle_id != "veh000007"


@pytest.mark.parametrize(
    ("key", "kind"),
    [("f8", ModalScreen), ("d", ComposerScreen), ("N", ModalScreen), ("u", UpdateTargetDialog)],
)
async def test_a_dialog_that_acts_names_its_site_and_keeps_the_operator_there(key: str, kind: type[object]) -> None:
    async with sites_running(ports()) as (app, pilot):
        app.model.selected_vehicle_id = "veh000007"
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, kind) and bool(app.screen.query(SiteTag)))
        await pilot.pause()
        dialog = app.screen
        assert " paris " in dialog.query_one(SiteTag).rows[0].plain
        await pilot.press("f6")
        await until_text(pilot, app, "belongs to this site: answer or leave it first")
        app._go_to(app.sites[1])
        await pilot.pause()
        assert app.screen is dialog and app.shown.name == "paris"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        await pilot.press("]")
        await at(pilot, app, "lyon")


async def test_what_is_done_is_done_at_the_site_on_screen_only_and_says_where() -> None:
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("]")
        await at(pilot, app, "lyon")
        await pilot.press("r")
        await until(pilot, lambda: bool(three[1].asked(Retry)))
        await until(pilot, lambda: bool(app.notices))
        assert app.notices[-1].startswith("lyon: ")
        assert not three[0].asked(Retry) and not three[2].asked(Retry)


async def test_what_is_under_way_at_one_site_ends_there_and_holds_up_nothing_elsewhere() -> None:
    three = ports()
    held = Held(three[0], Retry)
    async with sites_running(three) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: held.waiting)
        await pilot.press("]")
        await at(pilot, app, "lyon")
        await pilot.press("r")
        await until(pilot, lambda: bool(three[1].asked(Retry)))
        held.gate.set()
        await until(pilot, lambda: any(told.startswith("paris: ") for told in app.notices))
        assert len(three[0].asked(Retry)) == len(three[1].asked(Retry)) == 1


async def test_a_question_that_comes_up_too_late_is_not_asked_at_another_site() -> None:
    three = ports()
    failed = msgspec.structs.replace(pictures.vehicle(three[0].picture, "veh000007"), failures=3)
    three[0].answers[Fleet] = lambda _: Accepted(request="fleet", result=failed)
    held = Held(three[0], Fleet)
    async with sites_running(three) as (app, pilot):
        app.model.selected_vehicle_id = "veh000007"
        await pilot.press("T")
        await until(pilot, lambda: held.waiting)
        await pilot.press("]")
        await at(pilot, app, "lyon")
        held.gate.set()
        await until(pilot, lambda: any(told.startswith("paris: nothing more is asked there") for told in app.notices))
        await pilot.pause()
        assert isinstance(app.screen, OverviewScreen)
        assert not any(port.asked(ResetTrust) for port in three)
        await pilot.press("[")
        await at(pilot, app, "paris")
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, ModalScreen))


async def test_a_dialog_is_fed_by_its_own_site_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = SteppedClock(), []
    other = replace(pictures.normal(), number=5_000_000)
    monkeypatch.setattr(UpdateTargetDialog, "apply_snapshot", lambda _, snapshot: seen.append(snapshot.number))
    async with sites_running(ports(pictures.normal(), other), clock=clock) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        for _ in range(3):
            await ticked(pilot, app, clock)
        assert app.sites[1].model.snapshot is not None and app.sites[1].model.snapshot.number > 5_000_001
        assert seen and max(seen) < 5_000_000


async def test_a_note_goes_where_the_dialog_said_though_every_site_moves_on() -> None:
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("]", "N")
        await until(pilot, lambda: bool(app.screen.query(SiteTag)))
        await pilot.press(*"charger 4", "enter")
        await until(pilot, lambda: bool(three[1].asked(Note)))
        assert [len(port.asked(Note)) for port in three] == [0, 1, 0]


async def test_cancelling_asks_about_the_dispatch_of_the_site_on_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "DWELL_S", 0.0)
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("]", "]", "c")
        await until(pilot, lambda: bool(app.screen.query(SiteTag)))
        assert app.screen.query_one(SiteTag).rows[0].plain.strip() == "nice"
        await pilot.press("y")
        await until(pilot, lambda: bool(three[2].asked(Cancel)))
        assert not three[0].asked(Cancel) and not three[1].asked(Cancel)


async def test_an_alarm_elsewhere_rings_and_is_told_with_its_site() -> None:
    clock = SteppedClock()
    three = ports()
    async with sites_running(three, clock=clock) as (app, pilot):
        rung: list[float] = []
        app.bell = lambda: rung.append(clock.now_s)  # type: ignore[method-assign] # listens only
        three[2].event_log.append(AlarmRaised(ts=TS, alarm_id="a", kind="k", priority=1, text="[/]\x1b lost", response="look"))
        await ticked(pilot, app, clock)
        assert "nice: ALARM [/]\\x1b lost: look" in app.notices
        assert len(rung) == 1
        await until_text(pilot, app, "nice: ALARM")


async def test_events_that_were_dropped_are_counted_site_by_site() -> None:
    clock = SteppedClock()
    two = ports()[:2]
    async with sites_running(two, clock=clock) as (app, pilot):
        app.sites[1].model.events_dropped = 7
        await ticked(pilot, app, clock)
        assert any(told.startswith("lyon: 7 events were dropped") for told in app.notices)
        assert not any(told.startswith("paris: ") for told in app.notices)


async def test_who_works_at_one_site_keeps_the_others_from_locking() -> None:
    clock = SteppedClock()
    guarded = replace(pictures.normal(), engine=msgspec.structs.replace(pictures.normal().engine, lock_after_s=60.0))
    async with sites_running(ports(guarded, guarded), clock=clock) as (app, pilot):
        for _ in range(4):
            clock.now_s += 30.0
            await pilot.press("down")
            await ticked(pilot, app, clock, 0.0)
        assert not any(site.model.view_lock.locked for site in app.sites)
        clock.now_s += 61.0
        await ticked(pilot, app, clock, 0.0)
        assert all(site.model.view_lock.locked for site in app.sites)
        assert sum("is view-only now" in told for told in app.notices) == 2


async def test_q_leaves_every_engine_as_it_is() -> None:
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
        told = sites_rows([site.model for site in app.sites], "v2g-console attach --site 'a b=/x'")
    assert app.return_value is ConsoleExit.DETACHED
    assert not any(port.asked(Cancel) for port in three)
    assert told[0] == "paris: detached, the engine runs on, 2 active dispatches."
    assert told[-1] == "Come back with: v2g-console attach --site 'a b=/x'"


async def test_the_farewell_says_which_engine_was_not_there() -> None:
    clock = SteppedClock()
    two = ports()[:2]
    async with sites_running(two, clock=clock) as (app, pilot):
        two[1].gone = "it hung up"
        await ticked(pilot, app, clock)
        told = sites_rows([site.model for site in app.sites], "x")
    assert told[:2] == ["paris: detached, the engine runs on, 2 active dispatches.", "lyon: left, the engine was not heard."]


async def test_help_and_palette_know_the_keys_for_sites() -> None:
    async with sites_running(ports(), size=(120, 70)) as (app, pilot):
        assert {action.id for action in actions_of(Scope.SITES)} <= {action.id for action in app.offered_actions()}
        await pilot.press("question_mark")
        await until_text(pilot, app, "On to the next site")


SIZES = [(80, 24), (40, 10), (20, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_site_and_strip_are_on_every_screen_at_every_size(size: tuple[int, int]) -> None:
    clock = SteppedClock()
    three = ports(pictures.normal(), pictures.alarmed(), pictures.stopped())
    async with sites_running(three, size=size, clock=clock) as (app, pilot):
        await ticked(pilot, app, clock)
        for key in ("1", "2", "4", "0"):
            await pilot.press(key)
            await pilot.pause()
            assert " paris " in rows(app)[0], (key, rows(app)[0])
            assert "paris" in rows(app)[1] or size[1] < 7, (key, rows(app)[1])
            assert all(len(row) == size[0] for row in rows(app))
        if size[0] >= 40:
            assert "3H" in rows(app)[1] and "STOP" in rows(app)[1]


@pytest.mark.parametrize("width", [20, 40])
async def test_where_many_sites_are_too_many_the_urgent_ones_stay(width: int) -> None:
    clock = SteppedClock()
    names = [f"site-number-{number}" for number in range(1, 21)]
    many = [FakePort(replace(pictures.quiet(), alarms=())) for _ in names]
    many[13].picture = replace(pictures.alarmed())
    async with sites_running(many, names, (width, 24), clock) as (app, pilot):
        await ticked(pilot, app, clock)
        assert len(strip(app)) <= width
        assert strip(app).startswith(" 1 site-"), "the one on screen"
        if width > 20:
            assert "14 site-" in strip(app) and "3H" in strip(app)
        assert " +" in strip(app)
        await pilot.press("f6", *"14")
        await pilot.press("enter")
        await at(pilot, app, "site-number-14")


async def test_without_unicode_everything_is_ascii() -> None:
    options = ConsoleOptions(ascii=True, attached="x")
    three = ports(pictures.normal(), pictures.alarmed(), pictures.stopped())
    async with sites_running(three, options=options) as (app, _):
        assert strip(app).isascii(), strip(app)


@pytest.mark.parametrize("first", range(0, len(pictures.HOSTILE), 6))
async def test_hostile_names_are_drawn_harmless_everywhere(first: int) -> None:
    names = pictures.HOSTILE[first : first + 6]
    async with sites_running([FakePort() for _ in names], names, (80, 24)) as (app, pilot):
        for key in ("f8", "escape", "f6", "escape", "d", "escape", "]", "f8", "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert all(row.isprintable() for row in rows(app)), ascii(text(app))
        assert all(site.name and site.name.isprintable() for site in app.sites)
        with app.acting_for(app.sites[1]):
            app.say("something")
        assert all(told.isprintable() for told in app.notices)
        assert all(row.isprintable() for row in sites_rows([site.model for site in app.sites], f"--site {names[0]}"))
