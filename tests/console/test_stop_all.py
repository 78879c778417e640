"""STOP at one site and at all of them: each has its own answer, and what is partial is never called done."""

from dataclasses import replace

import msgspec
import pytest
from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, text, until
from tests.console.site_harness import NAMES, Held, ports, sites_running, until_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit
from v2g_console.console.screens import choice
from v2g_console.console.screens.choice import ChoiceDialog
from v2g_console.console.screens.stop_all import StopAllScreen
from v2g_console.console.sites import Site
from v2g_console.console.sites_app import SitesApp
from v2g_console.console.stop_all import Outcome, StopAll
from v2g_console.console.widgets.site_tag import SiteTag
from v2g_console.contract.replies import Refusal, Refused, Reply
from v2g_console.contract.requests import Request, Resume, Stop

pytestmark = pytest.mark.usefixtures("no_dwell")


async def asked(pilot: Pilot[ConsoleExit], app: SitesApp) -> None:
    """F8, until the question is on screen."""
    await pilot.press("f8")
    await until(pilot, lambda: app.screen.id == "ask-stop" and bool(app.screen.query(SiteTag)))
    await pilot.pause()


def stopped(three: list[FakePort]) -> list[int]:
    return [len(port.asked(Stop)) for port in three]


async def test_stop_is_for_the_site_on_screen_unless_all_are_chosen() -> None:
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("]")
        await asked(pilot, app)
        assert "y stops lyon only" in text(app) and "A stops all 3: paris, lyon, nice" in text(app)
        await pilot.press("y")
        await until(pilot, lambda: bool(three[1].asked(Stop)))
        await until(pilot, lambda: any(told.startswith("lyon: STOP is latched") for told in app.notices))
        assert stopped(three) == [0, 1, 0]


async def test_no_is_the_default_and_a_doubled_key_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "DWELL_S", 3600.0)
    three = ports()
    async with sites_running(three) as (app, pilot):
        await pilot.press("f8", "A", "y")
        await until(pilot, lambda: app.screen.id == "ask-stop")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.id != "ask-stop")
        await pilot.press("f8", "f8")
        await until(pilot, lambda: app.screen.id == "ask-stop")
        assert sum(screen.id == "ask-stop" for screen in app.screen_stack) == 1
        assert stopped(three) == [0, 0, 0]


async def test_all_sites_are_asked_and_told_as_taken_only_if_each_has_taken_it() -> None:
    three = ports()
    async with sites_running(three) as (app, pilot):
        await asked(pilot, app)
        await pilot.press("A")
        await until_text(pilot, app, "STOP ALL: taken by all 3 sites")
        assert stopped(three) == [1, 1, 1]
        assert text(app).count("STOP is latched: ended 2 dispatches") == 3
        assert app.notices[-1] == "STOP ALL: taken by all 3 sites"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, StopAllScreen))


def hung(_: Request) -> Reply:
    raise TimeoutError("no answer within 10 s")


async def test_one_that_hangs_and_one_that_refuses_leave_it_partial_and_delay_nobody() -> None:
    three = ports()
    held = Held(three[0], Stop, hung)
    three[1].answers[Stop] = lambda _: Refused(request="stop", reason=Refusal.FORBIDDEN, message="needs the role operator", hint="ask ana")
    async with sites_running(three) as (app, pilot):
        await asked(pilot, app)
        await pilot.press("A")
        await until_text(pilot, app, "STOP ALL: taken by 1 of 3 sites; asked: paris; REFUSED: lyon")
        assert held.waiting and "STOP is latched: ended 2" in text(app), "the answers that are there are shown"
        held.gate.set()
        await until_text(pilot, app, "STOP ALL: taken by 1 of 3 sites; NOT KNOWN: paris; REFUSED: lyon")
        assert "NOT KNOWN: no answer within 10 s" in text(app)
        assert "REFUSED: needs the role operator (ask ana)" in text(app)
        await until(pilot, lambda: any(told.startswith("STOP ALL: taken by 1 of 3 sites") for told in app.notices))
        assert "taken by all" not in text(app) and not any("taken by all" in told for told in app.notices)


async def test_a_site_that_never_answers_is_given_up_as_not_known() -> None:
    three = ports()
    held = Held(three[1], Stop)
    models = [ConsoleModel(port, ORIGIN) for port in three]
    sites = tuple(Site(number, model, SteppedClock()) for number, model in enumerate(models, 1))
    for site, name in zip(sites, NAMES, strict=True):
        site.model.site_name = name
    stop, answered = StopAll(sites, answer_s=0.02), []
    await stop.ask(lambda: answered.append(stop.summary()))
    assert held.waiting and stop.finished and not stop.complete
    assert answered[-1] == "STOP ALL: taken by 2 of 3 sites; NOT KNOWN: lyon"
    assert [one.text for one in stop.outcomes if one.outcome is Outcome.UNKNOWN] == ["no answer within 0.02 s"]


async def test_all_can_be_stopped_from_a_site_that_is_gone_or_stopped_already() -> None:
    gone, well, latched = ports(pictures.normal(), pictures.normal(), pictures.stopped())
    gone.gone = "nobody listens"
    async with sites_running([gone, well, latched]) as (app, pilot):
        await asked(pilot, app)
        assert "stops paris only" not in text(app)
        await pilot.press("y")
        assert app.screen.id == "ask-stop"
        await pilot.press("A")
        await until_text(pilot, app, "STOP ALL: taken by 2 of 3 sites; NOT KNOWN: paris")
        assert "NOT KNOWN: nobody listens" in text(app)
        await pilot.press("escape", "]", "]")
        await until(pilot, lambda: app.shown.name == "nice")
        await asked(pilot, app)
        assert "nice: STOP is latched already" in text(app)


async def test_where_nothing_can_be_stopped_it_says_why() -> None:
    two = [FakePort(pictures.read_only()), FakePort(pictures.read_only())]
    async with sites_running(two) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: bool(app.notices))
        assert "read-only" in app.notices[-1] and app.screen.id != "ask-stop"


async def test_who_may_stop_only_elsewhere_can_from_here() -> None:
    engine = msgspec.structs.replace(pictures.normal().engine, role="viewer", denied={"stop": "operator"})
    two = [FakePort(replace(pictures.normal(), engine=engine)), FakePort()]
    clock = SteppedClock()
    async with sites_running(two, clock=clock) as (app, pilot):
        await asked(pilot, app)
        assert "stops paris only" not in text(app) and "paris: needs the role operator" in text(app)
        await pilot.press("escape", "2")
        two[1].show(replace(pictures.normal(), engine=engine))
        clock.now_s += 2.0
        app.tick()
        await until(pilot, lambda: "stop" in (app.sites[1].model.snapshot or pictures.normal()).engine.denied)
        await pilot.press("f8")
        await until(pilot, lambda: any("needs the role operator" in told for told in app.notices))
        assert app.screen.id != "ask-stop"


async def test_resuming_is_for_one_site_only() -> None:
    two = [FakePort(pictures.stopped()), FakePort(pictures.stopped())]
    async with sites_running(two) as (app, pilot):
        for site in app.sites:
            with app.acting_for(site):
                app.say("STOP is latched: ended 1 dispatch; no vehicle was following one", "warning")
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("y")
        await until(pilot, lambda: bool(two[0].asked(Resume)))
        assert not two[1].asked(Resume)
        await until(pilot, lambda: app.telling.live()[0].text == "paris: resumed: dispatches may start again")
        assert [one.text[:4] for one in app.telling.live()] == ["pari", "lyon"], "what is latched elsewhere is still told"


async def test_an_answer_that_comes_after_the_screen_was_closed_is_still_told() -> None:
    three = ports()
    held = Held(three[2], Stop)
    async with sites_running(three) as (app, pilot):
        await asked(pilot, app)
        await pilot.press("A")
        await until(pilot, lambda: held.waiting and isinstance(app.screen, StopAllScreen))
        await pilot.press("escape")
        held.gate.set()
        await until(pilot, lambda: "STOP ALL: taken by all 3 sites" in app.notices)


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
async def test_the_choices_and_the_outcome_are_readable_at_every_size(size: tuple[int, int]) -> None:
    three = ports()
    three[1].gone = "it hung up"
    async with sites_running(three, size=size) as (app, pilot):
        await asked(pilot, app)
        for wanted in (" paris ", "n No", "y Yes, STOP" if size[0] > 60 else "y STOP", "A STOP ALL 3"):
            assert wanted in text(app), text(app)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, StopAllScreen) and "NOT KNOWN" in text(app))
        assert "taken by 2 of 3" in text(app), text(app)
