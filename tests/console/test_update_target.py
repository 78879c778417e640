"""Giving a running dispatch a new target: nothing is sent by accident, and what became of it is told as the engine says it."""

import asyncio
from dataclasses import replace
from functools import partial

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, running, text, until
from v2g_console.console.app import ConsoleApp
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens import choice, update_target
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.screens.update_target import UpdateTargetDialog, check_target, preview_of, updated_text
from v2g_console.contract.replies import Accepted, Refusal, Refused, Reply
from v2g_console.contract.requests import Plan, Request, Update
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.states import DispatchState

VIEW = pictures.first_dispatch()


def changed(**changes: object) -> DispatchView:
    return msgspec.structs.replace(VIEW, **changes)


@pytest.mark.parametrize(
    ("view", "typed", "power_kw", "said"),
    [
        (VIEW, "1200", 1200.0, "▲ 1 200 kW, up: inject more / draw less"),
        (VIEW, "1 200,5", 1200.5, "up: inject more"),
        (VIEW, "-300", -300.0, "▼ 300 kW, down: inject less / draw more, the other direction: who can take part is decided anew"),
        (VIEW, "0", 0.0, "0 kW: its vehicles rest at their baseline until it ends; Cancel ends it now"),
        (changed(signal="aFRR_DOWN", requested_kw=-50.0), "80", -80.0, "▼ 80 kW"),
        (changed(signal="NEBEF"), "0", 0.0, "rest at their baseline"),
    ],
)
def test_a_target_is_read_as_it_is_meant(view: DispatchView, typed: str, power_kw: float, said: str) -> None:
    found, word = check_target(typed, view)
    assert found == power_kw and said in word.text and not word.wrong


@pytest.mark.parametrize(
    ("view", "typed", "said"),
    [
        (VIEW, "", "expected kW with its sign"),
        (VIEW, "1e999", "expected kW with its sign"),
        (VIEW, "nan", "expected kW with its sign"),
        (VIEW, "1500", "that is the target now"),
        (changed(requested_kw=0.0), "-0", "that is the target now"),
        (changed(signal="NEBEF"), "-10", "NEBEF takes a positive power"),
        (changed(state=DispatchState.COMPLETED), "1200", "this dispatch is completed"),
    ],
)
def test_what_is_no_new_target_says_why(view: DispatchView, typed: str, said: str) -> None:
    found, word = check_target(typed, view)
    assert found is None and said in word.text


SENT = "#7f3a: target ▲ 1 500 kW -> ▲ 1 200 kW, sent; the vehicles' answers are coming in"


def test_what_became_of_it_is_told_by_the_figures_of_the_engine() -> None:
    assert updated_text(VIEW, 1200.0, changed(requested_kw=1200.0, allocated_kw=1199.5)) == SENT
    ramped = updated_text(VIEW, 1200.0, changed(requested_kw=1200.0, allocated_kw=1450.0))
    assert ramped.endswith("accepted; asked of its vehicles so far: ▲ 1 450 kW")
    assert updated_text(VIEW, 1200.0, None).endswith("accepted; the vehicles' answers are coming in")


async def test_u_shows_the_present_target_and_sends_the_new_one_after_a_question(no_dwell: None) -> None:
    port = FakePort()
    port.answers[Plan] = previewed
    port.answers[Update] = lambda _: Accepted(request="update", result=changed(requested_kw=1200.0, allocated_kw=1200.0))
    async with running(port) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: "target ▲ 1 500 kW, acknowledged ▲ 1 431 kW" in text(app))
        assert app.screen.query_one(Input).value == "1500"
        await pilot.press(*"1200", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "target ▲ 1 500 kW -> ▲ 1 200 kW" in text(app)
        assert port.asked(Update) == []
        await pilot.press("y")
        await until(pilot, lambda: bool(app.notices))
        assert port.asked(Update) == [Update(dispatch_id=pictures.DISPATCH_ID, power_kw=1200.0)]
        assert app.notices[-1] == SENT


async def test_neither_its_own_key_nor_enter_held_down_sends_anything(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press(*"uuuuuu")
        assert isinstance(app.screen, UpdateTargetDialog) and app.screen.query_one(Input).value == "1500"
        await pilot.press(*["enter"] * 4)
        assert isinstance(app.screen, UpdateTargetDialog)
        await pilot.press(*"900", *["enter"] * 4)
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        assert port.asked(Update) == []


async def test_a_yes_before_the_question_was_seen_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "DWELL_S", 1e9)
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"900", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y", "y", "escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert port.asked(Update) == []


async def test_a_dispatch_that_ends_meanwhile_says_so_in_the_dialog() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"900")
        port.show(replace(port.picture, dispatches=(changed(state=DispatchState.COMPLETED), pictures.second_dispatch())))
        await refreshed(pilot, app)
        await until(pilot, lambda: "this dispatch is completed" in text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, UpdateTargetDialog)


def told_last(app: ConsoleApp, words: str) -> bool:
    return bool(app.notices) and words in app.notices[-1]


async def test_a_refusal_and_a_lost_answer_are_told_apart(no_dwell: None) -> None:
    def lost(_: Request) -> Reply:
        raise TimeoutError("no answer in 10 s")

    port = FakePort()
    port.answers[Plan] = previewed
    port.answers[Update] = lambda _: Refused(request="update", reason=Refusal.LINK_DOWN, message="no link", hint="see the link pane")
    async with running(port) as (app, pilot):
        for said in ("no link (see the link pane)", "it is not known whether this was done: no answer in 10 s"):
            await pilot.press("u")
            await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
            await pilot.press(*"900", "enter")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("y")
            await until(pilot, partial(told_last, app, said))
            port.answers[Update] = lost


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (pictures.quiet(), "no dispatch to update"),
        (pictures.read_only(), "read-only"),
        (pictures.stopped(), "STOP is latched"),
        (replace(pictures.normal(), dispatches=(changed(state=DispatchState.RELEASING),)), "#7f3a is releasing: only a running dispatch"),
        (replace(pictures.normal(), dispatches=(changed(state=DispatchState.PLANNED),)), "#7f3a is planned: only a running dispatch"),
    ],
)
async def test_where_there_is_nothing_to_update_the_key_says_why(picture: Snapshot, said: str) -> None:
    async with running(FakePort(picture)) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: bool(app.notices))
        assert said in app.notices[-1]


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10)])
async def test_the_dialog_fits(size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: "new target kW" in text(app))
        assert "1500" in text(app) and "Enter go on" in text(app)


async def test_in_the_smallest_terminal_what_is_typed_what_it_means_and_what_could_be_given_are_read() -> None:
    port = FakePort()
    port.answers[Plan] = previewed
    async with running(port, (20, 5)) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"1200")
        await until(pilot, lambda: all(word in text(app) for word in ("│ 1200", "▲ 1 200 kW", "can give")))


def previewed(request: Request) -> Reply:
    assert isinstance(request, Plan) and request.instead_of == VIEW.dispatch_id
    found = msgspec.structs.replace(
        pictures.plan(request), allocated_kw=1100.0, shortfall_kw=100.0, moved=37, eligible=405, limits=(("SITE_LIMIT", 100.0),)
    )
    return Accepted(request="plan", result=found)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_what_a_new_target_would_change_is_shown_before_it_is_confirmed_and_again_in_the_question(size: tuple[int, int]) -> None:
    port = FakePort()
    port.answers[Plan] = previewed
    async with running(port, size) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"1200")
        await until(pilot, lambda: "can give ▲ 1 100 kW, 100.0 kW short" in text(app))
        assert "37 vehicles get another setpoint; 405 can take part" in text(app)
        assert "limited by SITE_LIMIT 100 kW" in text(app)
        assert [request.power_kw for request in port.asked(Plan) if isinstance(request, Plan)][-1] == 1200.0
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await until(pilot, lambda: "37 vehicles get another setpoint" in text(app))
        assert not port.asked(Update)


async def test_a_preview_of_what_was_in_the_field_before_is_not_shown() -> None:
    port = FakePort()
    port.answers[Plan] = previewed
    async with running(port) as (app, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
        await pilot.press(*"1200")
        await until(pilot, lambda: "can give" in text(app))
        await pilot.press("backspace")
        await until(pilot, lambda: "can give" not in text(app))


def test_an_engine_that_gives_no_preview_is_quoted() -> None:
    refused = Refused(request="plan", reason=Refusal.FORBIDDEN, message="bob is observer", hint="plan needs the role operator")
    assert preview_of(refused).lines == ("no preview: bob is observer (plan needs the role operator)",)
    assert preview_of(ConnectionError("gone")).lines == ("no preview: the engine does not answer: gone",)
    assert preview_of(Accepted(request="plan")).lines == ("no preview: the engine says nothing about it",)


async def waiting_question(pilot: Pilot[ConsoleExit], app: ConsoleApp, power: str) -> None:
    await pilot.press("u")
    await until(pilot, lambda: isinstance(app.screen, UpdateTargetDialog))
    await pilot.press(*power, "enter")


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> FakePort:
    """A port that never answers a plan."""
    port = FakePort()
    ordinary = port.request

    async def held(request: Request, *args: object, **named: object) -> Reply:
        if isinstance(request, Plan):
            port.requests.append(request)
            await asyncio.Event().wait()
        return await ordinary(request, *args, **named)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(port, "request", held)
    return port


async def test_nothing_can_be_sent_while_its_preview_is_under_way(unanswered: FakePort, no_dwell: None) -> None:
    async with running(unanswered) as (app, pilot):
        await waiting_question(pilot, app, "900")
        await until(pilot, lambda: "asking the engine what it comes to, 5 s at most" in text(app))
        await pilot.press("enter", "y", "w")
        assert isinstance(app.screen, UpdateTargetDialog) and not unanswered.asked(Update)


async def test_without_an_answer_in_time_only_a_key_of_its_own_sends_it(
    unanswered: FakePort, no_dwell: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_target, "PREVIEW_WAIT_S", 0.05)
    async with running(unanswered) as (app, pilot):
        await waiting_question(pilot, app, "900")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "no preview: the engine has not answered" in text(app))
        await pilot.press("y")
        assert isinstance(app.screen, ChoiceDialog) and not unanswered.asked(Update)
        await pilot.press("w")
        await until(pilot, lambda: unanswered.asked(Update) == [Update(dispatch_id=VIEW.dispatch_id, power_kw=900.0)])


async def test_a_refused_preview_is_quoted_and_a_held_enter_goes_back(no_dwell: None) -> None:
    port = FakePort()
    port.answers[Plan] = lambda _: Refused(request="plan", reason=Refusal.BUSY, message="too much at once", hint="wait")
    async with running(port) as (app, pilot):
        await waiting_question(pilot, app, "900")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "no preview: too much at once (wait)" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert not port.asked(Update)
