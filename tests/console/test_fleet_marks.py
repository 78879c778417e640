"""Marks: bound to vehicles, shown and counted, the scope of a dispatch and of tags; a partial result is never called a success."""

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, rows, running, text, until
from v2g_console.console import marks as marks_module
from v2g_console.console.app import ConsoleApp
from v2g_console.console.marks import MOST_MARKS, Marks
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.composer import ComposerScreen
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.note import NoteDialog
from v2g_console.console.screens.results import Came, Results, ResultsDialog
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.requests import Plan, Request, Tag, Untag
from v2g_console.contract.tags import TagDone, TagKind, TagScope, TagView

pytestmark = pytest.mark.usefixtures("no_dwell")


def marked_rows(app: ConsoleApp) -> list[str]:
    """The ids that are drawn with a mark."""
    return [row[2:].split()[0] for row in rows(app) if row[1:2] == "*"]


async def at_the_fleet(app: ConsoleApp, pilot: Pilot[Any]) -> FleetTable:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(app.screen, FleetScreen))
    await pilot.press("home")
    return app.screen.query_one(FleetTable)


async def decided(app: ConsoleApp, pilot: Pilot[Any], key: str) -> None:
    """Answer the question that comes."""
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    await pilot.press(key)


def tag(number: int, name: str, scope: TagScope = TagScope.VEHICLE) -> TagView:
    return TagView(tag_id=f"t{number}", kind=TagKind.CAUTION, scope=scope, name=name, note="cable", by="ines", at_ms=pictures.NOW_MS)


def test_marks_refuse_more_than_a_request_can_name_and_then_change_nothing() -> None:
    marks = Marks()
    assert marks.add([f"v{n}" for n in range(MOST_MARKS)])
    revision = marks.revision
    assert not marks.add(["one-more"]) and not marks.turn("one-more")
    assert (len(marks), marks.revision, "one-more" in marks) == (MOST_MARKS, revision, False)
    assert marks.add(["v1", "v2"]), "those that are marked already take no room"


def test_the_mask_of_marks_follows_marks_and_fleet() -> None:
    marks, ids = Marks(), ("a", "b", "c")
    marks.add(["b", "gone"])
    assert marks.mask(ids).tolist() == [False, True, False]
    marks.turn("b")
    assert marks.mask(ids).tolist() == [False, False, False]
    marks.turn("c")
    assert marks.mask(("c", "a")).tolist() == [True, False]


async def test_space_marks_and_goes_on_and_marks_stay_with_their_vehicles() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("space", "space", "down", "space")
        assert app.model.fleet_view.marks.ids == ("veh000001", "veh000002", "veh000004")
        assert "3 marked" in text(app) and marked_rows(app) == ["veh000001", "veh000002", "veh000004"]
        await pilot.press("o", "O", *"O")
        port.show(pictures.normal(260))
        await refreshed(pilot, app)
        await pilot.press("slash", *"is:marked", "enter")
        assert sorted(marked_rows(app)) == ["veh000001", "veh000002", "veh000004"]
        assert "3 of 260 vehicles" in text(app)


async def test_marks_are_still_there_after_another_screen() -> None:
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("space", "1")
        await until(pilot, lambda: not isinstance(app.screen, FleetScreen))
        await at_the_fleet(app, pilot)
        await until(pilot, lambda: "1 marked" in text(app))


async def test_unmarking_in_a_list_of_marked_ones_keeps_the_cursor_at_its_line() -> None:
    async with running(FakePort()) as (app, pilot):
        table = await at_the_fleet(app, pilot)
        await pilot.press("space", "space", "space", "slash", *"is:marked", "enter", "home", "space")
        assert app.model.fleet_view.marks.ids == ("veh000002", "veh000003")
        assert table.cursor_id == "veh000002"


async def test_m_marks_what_the_filter_lets_through_and_capital_m_takes_all_away() -> None:
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("slash", *"veh00001", "enter", "m")
        await until(pilot, lambda: len(app.model.fleet_view.marks) == 10)
        await pilot.press("escape")
        assert "10 marked" in text(app)
        await pilot.press("M")
        assert not app.model.fleet_view.marks and "marked" not in rows(app)[1]


@pytest.mark.parametrize(("answer", "expected"), [("y", 1500), ("n", 0)])
async def test_marking_more_than_a_thousand_is_asked(answer: str, expected: int) -> None:
    async with running(FakePort(pictures.normal(1500))) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("m")
        await until(pilot, lambda: "1 500 vehicles that the filter lets through" in text(app))
        await decided(app, pilot, answer)
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await pilot.pause()
        assert len(app.model.fleet_view.marks) == expected


async def test_more_marks_than_there_may_be_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks_module, "MOST_MARKS", 50)
    monkeypatch.setattr("v2g_console.console.fleet_acts.MOST_MARKS", 50)
    async with running(FakePort()) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("m")
        await until(pilot, lambda: any("200 more would be above 50 marks" in one for one in app.notices))
        assert not app.model.fleet_view.marks


async def test_a_dispatch_from_the_fleet_is_for_the_marked_vehicles_and_says_so() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("space", "space", "d")
        await until(pilot, lambda: isinstance(app.screen, ComposerScreen))
        await until(pilot, lambda: bool(port.asked(Plan)))
        assert "New dispatch to 2 marked vehicles" in text(app)
        assert "2 marked vehicles: veh000001, veh000002" in text(app)
        plan = port.asked(Plan)[-1]
        assert isinstance(plan, Plan) and plan.vehicles == ("veh000001", "veh000002")
        await pilot.press("enter")
        await until(pilot, lambda: "of 2 marked" in text(app))


async def test_marks_limit_no_dispatch_that_is_begun_elsewhere() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("space", "1")
        await until(pilot, lambda: not isinstance(app.screen, FleetScreen))
        await pilot.press("d")
        await until(pilot, lambda: bool(port.asked(Plan)))
        plan = port.asked(Plan)[-1]
        assert isinstance(plan, Plan) and plan.vehicles == ()
        assert "marked" not in text(app)


async def hang(app: ConsoleApp, pilot: Pilot[Any], *marked: str) -> None:
    await at_the_fleet(app, pilot)
    app.model.fleet_view.marks.add(marked)
    await pilot.press("g")
    await until(pilot, lambda: isinstance(app.screen, NoteDialog) and isinstance(app.focused, Input))
    await pilot.press(*"roof", "enter")
    await decided(app, pilot, "y")


async def test_tags_on_marked_vehicles_list_each_result_and_a_partial_one_is_no_success() -> None:
    port = FakePort()

    def answer(request: Request) -> Reply:
        assert isinstance(request, Tag)
        if request.name == "veh000002":
            return Refused(request="tag", reason=Refusal.LIMIT, message="there are 500 tags already", hint="")
        return Accepted(request="tag", result=TagDone(tag=tag(1, request.name)))

    port.answers[Tag] = answer
    async with running(port) as (app, pilot):
        await hang(app, pilot, "veh000001", "veh000002", "veh000003")
        await until(pilot, lambda: "PARTIAL: tagged 2 of 3; 1 refused" in text(app))
        assert isinstance(app.screen, ResultsDialog)
        assert "LIMIT: there are 500 tags already" in text(app)
        asked = port.asked(Tag)
        assert [one.name for one in asked if isinstance(one, Tag)] == ["veh000001", "veh000002", "veh000003"]
        assert {one.note for one in asked if isinstance(one, Tag)} == {"roof"}
        listed = [row for row in rows(app) if "veh00000" in row and ("refused" in row or "done" in row)]
        assert "refused" in listed[0], "what went wrong comes first"
        assert any("PARTIAL" in one for one in app.notices)


async def test_an_engine_that_goes_away_leaves_one_unknown_and_the_rest_not_asked() -> None:
    port = FakePort()

    def answer(request: Request) -> Reply:
        assert isinstance(request, Tag)
        if request.name == "veh000002":
            raise ConnectionError("engine gone")
        return Accepted(request="tag", result=TagDone(tag=tag(1, request.name)))

    port.answers[Tag] = answer
    async with running(port) as (app, pilot):
        await hang(app, pilot, "veh000001", "veh000002", "veh000003", "veh000004")
        await until(pilot, lambda: "PARTIAL: tagged 1 of 4; 1 not known, 2 not asked" in text(app))
        assert len(port.asked(Tag)) == 2


async def test_too_many_marked_vehicles_are_not_tagged() -> None:
    port = FakePort(pictures.normal(300))
    async with running(port) as (app, pilot):
        await at_the_fleet(app, pilot)
        app.model.fleet_view.marks.add([f"veh{n:06d}" for n in range(1, 252)])
        await pilot.press("g")
        await until(pilot, lambda: any("at most 200 at once" in one for one in app.notices))
        assert isinstance(app.screen, FleetScreen) and not port.asked(Tag)


async def test_only_tags_of_the_marked_vehicles_themselves_are_taken_down() -> None:
    hanging = (tag(1, "veh000001"), tag(2, "veh000009"), tag(3, "paris-nord", TagScope.SITE))
    port = FakePort(replace(pictures.normal(), tags=hanging))
    async with running(port) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("space", "G")
        await until(pilot, lambda: isinstance(app.screen, NoteDialog) and isinstance(app.focused, Input))
        await pilot.press(*"mended", "enter")
        await decided(app, pilot, "y")
        await until(pilot, lambda: isinstance(app.screen, ResultsDialog))
        await until(pilot, lambda: "taken down 1" in text(app))
        assert [one.tag_id for one in port.asked(Untag) if isinstance(one, Untag)] == ["t1"]


@pytest.mark.parametrize(
    ("came", "told"),
    [
        ((Came.DONE, Came.DONE), "tagged 2"),
        ((Came.DONE, Came.REFUSED), "PARTIAL: tagged 1 of 2; 1 refused"),
        ((Came.REFUSED, Came.REFUSED), "tagged 0 of 2; 2 refused"),
        ((Came.DONE, Came.UNKNOWN), "PARTIAL: tagged 1 of 2; 1 not known"),
        ((Came.DONE, Came.WAITS), "PARTIAL: tagged 1 of 2; 1 waits"),
    ],
)
def test_results_are_told_as_they_are(came: tuple[Came, Came], told: str) -> None:
    results = Results([("a", "veh1"), ("b", "veh2")])
    for key, one in zip("ab", came, strict=True):
        results.put(key, one)
    assert results.told("tagged")[0] == told
    assert (results.told("tagged")[1] == "information") == (told == "tagged 2")


@pytest.mark.parametrize("hostile", [pictures.HOSTILE[0]])
async def test_hostile_ids_in_marks_draw_nothing_but_text(hostile: str) -> None:
    async with running(FakePort(pictures.hostile(hostile))) as (app, pilot):
        await at_the_fleet(app, pilot)
        await pilot.press("m")
        await until(pilot, lambda: len(app.model.fleet_view.marks) > 0)
        for key in ("g", "escape", "l", "escape", "v", "escape"):
            await pilot.press(key)
            assert all(char.isprintable() for row in rows(app) for char in row)
