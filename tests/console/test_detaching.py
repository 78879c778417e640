"""Leaving an engine that is another process: no question, nothing released, and where to come back to."""

from dataclasses import replace

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, running, until
from v2g_console.console.farewell import farewell
from v2g_console.console.options import ConsoleExit, ConsoleOptions

SOCKET = "/run/v2g-console/v2g-console.sock"
ATTACHED = ConsoleOptions(attached=SOCKET)


async def test_q_leaves_at_once_with_dispatches_active_and_asks_the_engine_for_nothing() -> None:
    port = FakePort()
    async with running(port, options=ATTACHED) as (app, pilot):
        assert app.model.active_dispatches()
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.DETACHED
    assert not [request for request in port.requests if type(request).__name__ in {"Stop", "Cancel", "Resume"}]


async def test_q_leaves_an_engine_that_is_gone_too() -> None:
    port = FakePort()
    async with running(port, options=ATTACHED) as (app, pilot):
        port.gone = "nobody listens at its socket, still trying"
        await refreshed(pilot, app)
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is ConsoleExit.DETACHED


def test_it_says_what_goes_on_and_how_to_come_back() -> None:
    come_back = f"Come back with: v2g-console attach --socket {SOCKET}"
    assert farewell(ATTACHED, pictures.normal()) == ["Detached: the engine runs on, 2 active dispatches.", come_back]
    assert farewell(ATTACHED, replace(pictures.normal(), dispatches=())) == [
        "Detached: the engine runs on, 0 active dispatches.",
        come_back,
    ]
    assert farewell(ATTACHED, pictures.normal(), "it hung up") == ["Left. The engine was not there.", come_back]
    assert farewell(ATTACHED, None) == ["Left. The engine was not there.", come_back]
