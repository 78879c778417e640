import asyncio

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, rows, running, text, until
from v2g_console.console.model import EVENTS_KEPT, ConsoleModel
from v2g_console.console.options import ConsoleExit
from v2g_console.contract.events import AlarmRaised, DispatchCompleted, LinkChanged

TS = "2025-12-02T14:02:07.000Z"


async def test_an_engine_that_goes_away_is_said_and_the_console_stays() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        port.gone = "socket closed by \x1b[31m the engine"
        await refreshed(pilot, app)
        assert "ENGINE GONE: socket closed by \\x1b[31m the engine" in rows(app)[1]
        assert "link ● up~" in rows(app)[0]
        assert "Fleet  200 vehicles ~ old" in text(app)
        await pilot.press("d")
        await until(pilot, lambda: bool(app.notices))
        assert "the engine does not answer" in app.notices[-1]
        port.gone = ""
        await refreshed(pilot, app)
        assert "ENGINE GONE" not in text(app)
        assert "~ old" not in text(app)


async def test_an_engine_that_was_never_there_leaves_a_screen_that_says_so() -> None:
    port = FakePort()
    port.gone = "no engine listens"
    async with running(port) as (app, pilot):
        await pilot.pause()
        assert "ENGINE GONE: no engine listens" in text(app)
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.QUIT_RELEASE


async def test_a_stalled_engine_shows_the_age_and_questions_never_pile_up() -> None:
    port, clock = FakePort(), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        port.gate = asyncio.Event()
        before = port.snapshots_asked
        for _ in range(5):
            app.tick()
            await pilot.pause()
        assert port.snapshots_asked == before + 1
        clock.now_s += 65.0
        app.tick()
        await pilot.pause()
        assert "ENGINE SILENT for 01:05" in rows(app)[1]
        port.gate.set()
        await until(pilot, lambda: "ENGINE SILENT" not in text(app))
    assert port.most_snapshots_running == 1


async def test_an_engine_that_repeats_the_same_picture_is_old_too() -> None:
    port, clock = FakePort(), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        port.moving = False
        await refreshed(pilot, app)
        clock.now_s += 10.0
        await refreshed(pilot, app)
        assert "ENGINE SILENT for 00:10" in text(app)


async def test_events_are_kept_in_bounds_and_drops_are_counted() -> None:
    port = FakePort()
    model = ConsoleModel(port, ORIGIN)
    port.event_log = [LinkChanged(ts=TS, state="up", cause="", text=str(n), broker="b") for n in range(EVENTS_KEPT + 50)]
    await model.pull()
    assert len(model.events) == EVENTS_KEPT
    await model.pull()
    assert len(model.events) == EVENTS_KEPT
    assert model.newest_events == ()


async def test_an_alarm_rings_once_in_five_seconds_and_stays_in_the_notices() -> None:
    port, clock = FakePort(), SteppedClock()
    async with running(port, clock=clock) as (app, pilot):
        rung: list[float] = []
        app.bell = lambda: rung.append(clock.now_s)  # type: ignore[method-assign] # listens only
        for number, later_s in enumerate((0.0, 1.0, 4.5)):
            clock.now_s += later_s
            port.event_log.append(AlarmRaised(ts=TS, alarm_id=f"a{number}", kind="k", priority=1, text=f"[/]\x1b{number}", response="look"))
            await refreshed(pilot, app)
        assert rung == [1000.0, 1005.5]
        assert [note for note in app.notices if note.startswith("ALARM")] == [f"ALARM [/]\\x1b{n}: look" for n in range(3)]


async def test_the_end_of_a_dispatch_is_said() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        port.event_log.append(
            DispatchCompleted(
                ts=TS,
                dispatch_id=pictures.DISPATCH_ID,
                signal="FCR",
                state="completed",
                requested_kw=300.0,
                allocated_kw=300.0,
                acknowledged_kw=295.0,
                delivered_kw=290.0,
                delivered_coverage=1.0,
                uncertain_kw=0.0,
                shortfall_kw=5.0,
                vehicles=60,
                acked=57,
                limited=2,
                rejected=1,
                silent=0,
                pending=0,
            )
        )
        await refreshed(pilot, app)
        assert app.notices[-1] == "#7f3a FCR ran to its end 5 kW short: 57 of 60 acknowledged, 2 limited, 1 refused"
