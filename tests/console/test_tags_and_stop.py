"""Tags and the silent list of STOP on screen: hung up with a note, shown where it matters, asked before arming."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.console.fleet_filter import parse_filter
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.note import NoteDialog
from v2g_console.console.screens.stop_list import StopListScreen, silent_rows
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Arm, Fleet, Plan, Request, StopList, Tag, Untag
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.stop import SilentVehicle, StopView
from v2g_console.contract.tags import InhibitedView, TagDone, TagKind, TagScope, TagView

pytestmark = pytest.mark.usefixtures("no_dwell")

VEHICLE = pictures.vehicle(pictures.normal(), "veh000001")
HOSTILE = "[red]roof[/] works\\x1b[2J"
TAG = TagView(
    tag_id="t7f3a", kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name="veh000001", note=HOSTILE, by="ines", at_ms=1_795_441_129_250
)
CAUTION = msgspec.structs.replace(TAG, tag_id="t0001", kind=TagKind.CAUTION, note="new inverter")
SILENT = SilentVehicle(
    vehicle_id="veh000007",
    site="lyon-2",
    dispatch="#7f3a",
    protocol=1,
    setpoint_kw=5.0,
    measured_kw=4.8,
    silent_s=12.0,
    lease_ends_ms=None,
    next_step="call site lyon-2: end its session at the charge point",
)
STOP = StopView(dispatches=2, vehicles=31, by="ines", reason="smoke", confirmed=30, silent=1, who=(SILENT,))


def with_vehicle(*tags: TagView, picture: Snapshot | None = None) -> FakePort:
    """An engine that knows the tags of the selected vehicle."""
    port = FakePort(picture)
    port.answers[Fleet] = lambda _: Accepted(request="fleet", result=msgspec.structs.replace(VEHICLE, tags=tags))
    return port


async def test_an_inhibit_is_chosen_noted_confirmed_and_told() -> None:
    port = with_vehicle()
    lost = (InhibitedView(short_id="#81c0", vehicles=1, power_kw=5.0),)
    port.answers[Tag] = lambda _: Accepted(request="tag", result=TagDone(tag=TAG, inhibited=lost, gap_closed=True))
    async with running(port) as (app, pilot):
        await pilot.press("tab", "g")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        assert "CAUTION: plans warn, arming asks" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "a note is needed" in text(app))
        await pilot.press("f2", *"roof")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "INHIBIT on vehicle veh000001" in text(app)
        assert "released at once" in text(app)
        await pilot.press("y")
        await until(pilot, lambda: bool(app.notices))
        assert port.asked(Tag) == [Tag(kind=TagKind.INHIBIT, scope=TagScope.VEHICLE, name="veh000001", note="roof")]
        assert "released at once: 1 vehicle (5.0 kW) of #81c0; others close the gap" in app.notices[-1]


@pytest.mark.parametrize(("presses", "scope"), [(1, TagScope.SITE), (2, TagScope.FLEET)])
async def test_a_tag_may_hang_on_the_site_or_the_fleet(presses: int, scope: TagScope) -> None:
    port = with_vehicle()
    async with running(port) as (app, pilot):
        await pilot.press("tab", "g")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press(*["f3"] * presses, "x", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Tag)))
        (asked,) = port.asked(Tag)
        assert asked == Tag(kind=TagKind.CAUTION, scope=scope, name=VEHICLE.site if scope is TagScope.SITE else "", note="x")


async def test_leaving_or_saying_no_tags_nothing() -> None:
    port = with_vehicle()
    async with running(port) as (app, pilot):
        await pilot.press("tab", "g")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, NoteDialog))
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        await pilot.press("x", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert port.asked(Tag) == []


async def test_a_tag_is_taken_down_with_a_note() -> None:
    port = with_vehicle(CAUTION, TAG)
    async with running(port) as (app, pilot):
        await pilot.press("tab", "G")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog))
        assert "[red]roof[/]" in text(app)
        await pilot.press("f2", "o", "k", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Untag)))
        assert port.asked(Untag) == [Untag(tag_id="t0001", note="ok")]


async def test_a_vehicle_without_tags_has_none_to_take_down() -> None:
    port = with_vehicle()
    async with running(port) as (app, pilot):
        await pilot.press("tab", "G")
        await until(pilot, lambda: bool(app.notices))
        assert "has no tag" in app.notices[-1]


def tagged(picture: Snapshot) -> Snapshot:
    """The picture with an INHIBIT on row 1 and a CAUTION on row 2."""
    marks = np.zeros(len(picture.fleet), np.uint8)
    marks[1], marks[2] = 2, 1
    return replace(picture, fleet=replace(picture.fleet, tag=marks), tags=(TAG, CAUTION))


async def test_the_fleet_table_marks_tagged_vehicles_only_when_there_are_some() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "veh000001" in text(app))
        assert " tag  " not in text(app)
        port.show(tagged(pictures.normal()))
        app.tick()
        await until(pilot, lambda: " tag  " in text(app))
        row = next(line for line in text(app).splitlines() if "veh000002" in line)
        assert " X " in row


def test_tagged_vehicles_can_be_filtered() -> None:
    fleet = tagged(pictures.normal()).fleet
    ids = tuple(name.lower() for name in fleet.ids)
    for word, rows in (("is:tagged", [1, 2]), ("is:inhibited", [1])):
        found = parse_filter(word)
        assert found.problems == ()
        passing = found.filter.mask(fleet, np.array(ids))
        assert passing is not None
        assert np.flatnonzero(passing).tolist() == rows


async def test_the_detail_of_a_vehicle_shows_its_tags_and_an_override() -> None:
    port = FakePort()
    shown = msgspec.structs.replace(VEHICLE, tags=(TAG,), override_s=float("inf"))
    port.answers[Fleet] = lambda _: Accepted(request="fleet", result=shown)
    async with running(port, (140, 50)) as (app, pilot):
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "INHIBIT t7f3a on vehicle veh000001 by ines: [red]roof[/] works" in text(app))
        assert "taken over on the spot: left alone until it follows again" in text(app)


async def test_arming_asks_for_a_caution_once() -> None:
    port = FakePort()

    def planned(asked: Request) -> Reply:
        assert isinstance(asked, Plan)
        return Accepted(
            request="plan", result=msgspec.structs.replace(pictures.plan(asked), cautions=(CAUTION,), warnings=(CAUTION.words,))
        )

    port.answers[Plan] = planned
    async with running(port) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: bool(port.asked(Plan)))
        await until(pilot, lambda: "new inverter" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.id == "ask-caution")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.id != "ask-caution")
        assert port.asked(Arm) == []
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.id == "ask-caution")
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Arm)))
        (armed,) = port.asked(Arm)
        assert isinstance(armed, Arm)
        assert armed.accept_cautions


async def test_the_banner_names_the_silent_and_f7_lists_them_with_what_to_do() -> None:
    picture = pictures.normal()
    stopped = replace(picture, engine=msgspec.structs.replace(picture.engine, stopped=True, stopped_by="ines"), stop=STOP)
    port = FakePort(stopped)
    port.answers[StopList] = lambda _: Accepted(request="stop_list", result=STOP)
    async with running(port) as (app, pilot):
        await until(pilot, lambda: "1 vehicles not back yet (F7)" in text(app))
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(app.screen, StopListScreen))
        await until(pilot, lambda: "30 of 31 vehicles confirmed, 0 waited for, 1 silent" in text(app))
        assert "veh000007" in text(app)
        assert "call site lyon-2: end its session at the charge point" in text(app)
        for size in ((40, 10), (20, 5)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: "1 silent" in text(app) and "veh000007" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, StopListScreen))


def test_the_next_step_by_hand_is_folded_and_never_cut() -> None:
    rows = silent_rows(STOP, UNICODE, 38)
    assert max(row.cell_length for row in rows) <= 38
    assert SILENT.next_step in " ".join(row.plain.strip() for row in rows)


async def test_without_a_stop_there_is_nothing_to_list() -> None:
    picture = pictures.normal()
    port = FakePort(replace(picture, summary=msgspec.structs.replace(picture.summary, owed=0)))
    async with running(port) as (app, pilot):
        await pilot.press("f7")
        await until(pilot, lambda: bool(app.notices))
        assert "STOP is not latched" in app.notices[-1]
