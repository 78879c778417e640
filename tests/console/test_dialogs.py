import pytest
from textual import events

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.console.deliberate import HELD_S
from v2g_console.console.options import ConsoleExit
from v2g_console.console.safe_text import line
from v2g_console.console.screens import choice
from v2g_console.console.screens.choice import Choice, ChoiceDialog
from v2g_console.console.screens.fleet import FleetScreen
from v2g_console.console.screens.note import NoteDialog, Pick
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.contract.requests import Cancel, Resume, Stop
from v2g_console.domain.units import counted


@pytest.fixture
def endless_dwell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "DWELL_S", 1e9)


async def test_quitting_with_dispatches_asks_and_stays_by_default(no_dwell: None) -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "Active: 2 dispatches, 59 vehicles, ▲ 1 800 kW." in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert app.return_value is None
        assert app.is_running


@pytest.mark.parametrize(("key", "ended"), [("r", ConsoleExit.QUIT_RELEASE), ("k", ConsoleExit.QUIT_KEEP_RUNNING)])
async def test_quitting_takes_the_answer(no_dwell: None, key: str, ended: ConsoleExit) -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press(key)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ended


async def test_quitting_without_dispatches_does_not_ask() -> None:
    async with running(FakePort(pictures.quiet())) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.QUIT_RELEASE


async def test_a_key_that_comes_too_soon_to_be_an_answer_is_told() -> None:
    async with running(FakePort()) as (app, pilot):
        await app.push_screen(ChoiceDialog("Sure?", [], Choice("no", "n", "No"), [Choice("yes", "y", "Yes")], monotonic_s=lambda: 0.0))
        assert "press again" not in text(app)
        await pilot.press("y")
        assert isinstance(app.screen, ChoiceDialog) and "held or doubled: press again in 2 s" in text(app)


async def test_what_is_told_of_a_key_that_came_too_soon_is_told_only_while_it_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "HELD_S", 0.05)
    assert HELD_S < 2.0  # after the time that is told the key is an answer
    async with running(FakePort()) as (app, pilot):
        await app.push_screen(ChoiceDialog("Sure?", [], Choice("no", "n", "No"), [Choice("yes", "y", "Yes")], monotonic_s=lambda: 0.0))
        await pilot.press("y")
        await until(pilot, lambda: "press again" not in text(app))
        assert isinstance(app.screen, ChoiceDialog)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5)])
async def test_no_size_hides_an_answer_and_a_long_question_is_turned(size: tuple[int, int]) -> None:
    question = [line(f"word{number:02d} of what is asked") for number in range(24)]
    answers = [Choice("take", "y", "New dispatch"), Choice("dismiss", "d", "Dismiss")]
    async with running(FakePort(), size) as (app, pilot):
        await app.push_screen(ChoiceDialog("Sure?", question, Choice("stay", "n", "Decide later"), answers))
        await until(pilot, lambda: all(said in text(app) for said in ("n Decide later", "y New dispatch", "d Dismiss")))
        if size != (20, 5):
            assert "word00" in text(app) and "word23" not in text(app)
            await pilot.press(*["pagedown"] * 8)
            await until(pilot, lambda: "word23" in text(app))


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 8), (20, 5)])
async def test_what_is_typed_into_a_note_is_read_at_every_size(size: tuple[int, int]) -> None:
    about = [line(f"word{number:02d} of what it is about") for number in range(12)]
    async with running(FakePort(), size) as (app, pilot):
        await app.push_screen(NoteDialog("Shelve the alarm", about, [Pick("for", ("10 min", "1 h"))]))
        await pilot.press(*"pump")
        await until(pilot, lambda: "pump" in text(app) and ("10 min" in text(app) or size == (80, 24)))


async def test_a_doubled_or_held_quit_key_never_ends_the_console() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press(*"qqqqqqqq")
        await pilot.pause()
        assert app.return_value is None
        assert isinstance(app.screen, ChoiceDialog)


async def test_stop_needs_another_key_than_its_own(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("f8", "f8", "f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert len(app.screen_stack) == 2
        assert port.asked(Stop) == []
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Stop)))
        await until(pilot, lambda: bool(app.notices))
        assert "463 vehicles are being sent back to their baseline" in app.notices[-1]


async def test_stop_is_not_taken_before_the_dialog_was_seen(endless_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y", "tab", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ChoiceDialog)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
    assert port.asked(Stop) == []


async def test_stop_works_inside_a_field_and_leaves_s_to_the_field(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: not isinstance(app.screen, OverviewScreen))
        await pilot.press("s")
        await pilot.pause()
        assert not isinstance(app.screen, ChoiceDialog)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Stop)))


async def test_stop_works_inside_another_dialog(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("f8")
        await until(pilot, lambda: app.screen.id == "ask-stop")
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Stop)))


async def test_s_stops_where_no_field_has_the_focus(no_dwell: None) -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: app.screen.id == "ask-stop")


async def test_cancel_asks_about_the_selected_dispatch(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("down", "c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "#81c0 NEBEF ▲ 300 kW, 51 vehicles" in text(app)
        await pilot.press("c", "enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert port.asked(Cancel) == []
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Cancel)))
        assert port.asked(Cancel) == [Cancel(dispatch_id=pictures.SECOND_ID)]


@pytest.mark.parametrize("key", ["c", "f8", "q"])
async def test_without_a_link_the_question_says_that_no_vehicle_is_told_yet(key: str, no_dwell: None) -> None:
    async with running(FakePort(pictures.cut())) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "The link is down: no vehicle is told before it is back." in text(app)


async def test_resume_is_an_act_of_its_own(no_dwell: None) -> None:
    port = FakePort(pictures.stopped())
    async with running(port) as (app, pilot):
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert "2 vehicles have not confirmed a release yet" in text(app)
        await pilot.press("y")
        await until(pilot, lambda: bool(port.asked(Resume)))


async def test_a_refusal_is_shown_with_its_hint(no_dwell: None) -> None:
    port = FakePort()
    port.answers[Stop] = lambda _: Refused(
        request="stop", reason=Refusal.FORBIDDEN, message="viewers can't [/] stop", hint="ask \x1b an operator"
    )
    async with running(port) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(app.notices))
        await pilot.pause()
        assert app.notices[-1] == "viewers can't [/] stop (ask \\x1b an operator)"


async def test_panes_go_on_under_a_dialog() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        port.show(pictures.cut())
        await until(pilot, lambda: "link ○ down" in text(app))


async def test_a_dialog_fits_a_tiny_terminal() -> None:
    async with running(FakePort(), (40, 10)) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.pause()
        for word in ("n Stay", "r Release", "k Keep"):
            assert word in text(app)


async def test_nothing_that_was_said_hides_the_answers_of_a_dialog(no_dwell: None) -> None:
    async with running(FakePort(), size=(80, 24)) as (app, pilot):
        for number in range(4):
            app.say(f"notice {number}, long enough to be as wide as it gets and to reach over the middle of the screen", "warning")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.pause()
        assert [answer for answer in ("n Stay", "r Release", "k Keep") if answer not in text(app)] == []


def test_one_dispatch_is_not_called_dispatches() -> None:
    assert [counted(number, "dispatch", "dispatches") for number in (0, 1, 1204)] == ["0 dispatches", "1 dispatch", "1 204 dispatches"]


async def test_a_burst_of_answers_is_one_answer(no_dwell: None) -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("2", "f8")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        for key in "nnyn":
            app.screen.post_message(events.Key(key, key))
        await until(pilot, lambda: not isinstance(app.screen, ChoiceDialog))
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        assert not port.asked(Stop)
