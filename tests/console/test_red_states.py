"""Everything wrong at once: the worst is read first and whole, in header and banner, at every width."""

from dataclasses import replace

import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, refreshed, rows, running
from v2g_console.attach.errors import ContractMismatchError
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.model import ConsoleModel
from v2g_console.console.widgets.banner import banner_line
from v2g_console.contract.snapshot import Snapshot

WIDTHS = (200, 120, 80, 60, 40, 34, 20)
DIFFERS = "engine 0.1.0 (contract 3), console 0.1.0 (contract 4): restart the engine"


def everything_wrong() -> Snapshot:
    """STOP is latched, the link is down, the journal fails, alarms of all priorities."""
    failing = pictures.alarm(9, priority=1, text="the journal fails: disk full")
    alarms = (failing, *pictures.alarmed().alarms)
    return replace(pictures.cut(), alarms=alarms, engine=pictures.stopped().engine)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("screen", ["", "2"])
async def test_the_header_shows_link_worst_alarms_and_stop_whole(width: int, screen: str) -> None:
    async with running(FakePort(everything_wrong()), (width, 24)) as (app, pilot):
        await pilot.press(*screen)
        app.model.view_lock.locked = True
        await refreshed(pilot, app)
        header = rows(app)[0].replace("■", "")
        assert "down" in header and "4H" in header and "STOP" in header
        assert width < 80 or "LOCKED" in header
        assert header.rstrip().endswith(("STOP", "STOPPED"))


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_banner_of_stop_says_who_is_not_back_and_what_else_is_wrong(width: int) -> None:
    model = ConsoleModel(FakePort(everything_wrong()), ORIGIN)
    await model.pull()
    shown = banner_line(model, UNICODE, width, "a")
    assert shown is not None and shown.cell_length <= width
    assert shown.plain.startswith(" ■ STOP") and "2 " in shown.plain and "not back" in shown.plain
    assert ("link down" in shown.plain) == (width >= 40)
    assert ("F9 resumes" in shown.plain) == (width >= 60)


class AnotherContract(FakePort):
    """An engine of another version came in the place of the one before."""

    async def snapshot(self) -> Snapshot:
        raise ContractMismatchError("long", DIFFERS)


@pytest.mark.parametrize(("width", "told"), [(200, DIFFERS), (120, DIFFERS), (80, DIFFERS), (60, "DIFFER: restart the engine")])
async def test_the_banner_says_that_console_and_engine_differ_and_which_to_restart(width: int, told: str) -> None:
    model = ConsoleModel(AnotherContract(), ORIGIN)
    await model.pull()
    shown = banner_line(model, UNICODE, width, "a")
    assert shown is not None and shown.cell_length <= width and told in shown.plain
    assert ("CONSOLE AND ENGINE DIFFER" in shown.plain) == (width != 80)
