"""What must not get lost on small terminals, and words that must not be taken for something else."""

import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import rows, running, text, until
from v2g_console.console import idle_imports
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.journal_filter import NOISE, journal_filter
from v2g_console.console.link_text import loss_text
from v2g_console.console.outlook_plot import Band, band_rows
from v2g_console.console.widgets.dispatches_pane import delivered_text
from v2g_console.contract.configuration import ConfigurationRow, ConfigurationView
from v2g_console.contract.link import LinkCause, LinkHealth, LinkState
from v2g_console.contract.record import JournalPage, JournalRow
from v2g_console.contract.replies import Accepted, Refusal, Refused
from v2g_console.contract.requests import Configuration, Journal
from v2g_console.domain.alarm_cycle import AlarmState

NOBODY_LISTENS = LinkHealth(
    state=LinkState.DOWN,
    cause=LinkCause.REFUSED,
    cause_text="nothing listens at tcp://127.0.0.1:41707: start the broker or correct mqtt.broker",
    attempt=3,
    next_attempt_s=0.0,
)


@pytest.mark.parametrize("size", [(80, 24), (60, 24), (34, 10), (30, 10)])
async def test_alarms_that_nobody_answered_are_told_at_every_width(size: tuple[int, int]) -> None:
    gone = msgspec.structs.replace(pictures.alarm(1), active=False, state=AlarmState.RETURNED)
    async with running(FakePort(replace(pictures.normal(), alarms=(gone, gone))), size) as (app, _):
        head = rows(app)[0]
        assert "2 gone" in head or "2gone" in head or "2g" in head


@pytest.mark.parametrize(("role", "letters"), [("supervisor", "SUP"), ("operator", "OPR"), ("auditor", "AUD"), ("viewer", "VIEW")])
async def test_the_control_point_stays_below_100_columns_and_roles_are_words_one_knows(role: str, letters: str) -> None:
    picture = pictures.quiet()
    picture = replace(picture, alarms=(), engine=msgspec.structs.replace(picture.engine, role=role, denied={}, user="ana"))
    async with running(FakePort(picture), (80, 24)) as (app, pilot):
        assert f"paris-nord  {letters} ana" in rows(app)[0]
        await pilot.press("2")
        await until(pilot, lambda: " Fleet " in rows(app)[0])
        assert f"Fleet  paris-nord  {letters} ana" in rows(app)[0]


def test_a_share_that_is_measured_is_not_taken_for_a_share_that_is_delivered() -> None:
    view = pictures.first_dispatch(delivered_kw=11.0, delivered_coverage=0.02)
    assert delivered_text(view, with_coverage=True) == "11~ (2% measured)"


def test_a_lost_link_says_the_address_whole_and_what_goes_on_meanwhile_where_there_is_room() -> None:
    assert loss_text(NOBODY_LISTENS, 76, "cars go on") == "MQTT link down: nothing listens at tcp://127.0.0.1:41707; attempt 4 in 0 s"
    told = loss_text(NOBODY_LISTENS, 200, "cars go on")
    assert "start the broker" in told and told.endswith("; attempt 4 in 0 s. cars go on")


async def test_the_banner_says_what_vehicles_do_without_a_link() -> None:
    down = msgspec.structs.replace(pictures.link_down(), cause_text=NOBODY_LISTENS.cause_text, next_attempt_s=2.0)
    async with running(FakePort(replace(pictures.cut(), link=down)), (200, 60)) as (app, _):
        assert "v1 keep their setpoint, v2 fall back when their lease ends" in text(app)
    async with running(FakePort(replace(pictures.cut(), link=down)), (80, 24)) as (app, _):
        assert "nothing listens at tcp://127.0.0.1:41707" in rows(app)[1]


def test_the_least_headroom_of_tomorrow_is_not_taken_for_that_of_today() -> None:
    bands = [Band(pictures.NOW_MS + hour * 3_600_000, 500.0, 500.0 - 10.0 * hour) for hour in range(25)]
    assert "least P90 260 kW in 24 h, " in band_rows("Headroom", " kW", bands, 80, 6, UNICODE)[0].plain


async def test_help_breaks_its_lines_and_cuts_none() -> None:
    async with running(FakePort(), (80, 24)) as (app, pilot):
        await pilot.press("?")
        await until(pilot, lambda: "Help" in rows(app)[0])
        told = " ".join(" ".join(row.plain for row in app.screen.query_one("#help-text").rows).split())  # type: ignore[attr-defined]  # our Lines
        assert "with 90 % probability" in told and "vehicles of the next day" in told
        assert all(row.cell_length <= 78 for row in app.screen.query_one("#help-text").rows)  # type: ignore[attr-defined]  # our Lines


def test_noise_is_left_out_of_the_journal_until_a_kind_is_asked_for() -> None:
    assert journal_filter("ana").request(0, 10) == Journal(limit=10, without=NOISE)
    assert journal_filter("kind:all").request(0, 10) == Journal(limit=10)
    assert journal_filter("kind:dispatch").request(0, 10) == Journal(limit=10, kind="dispatch")
    assert journal_filter("kind:request").request(0, 10) == Journal(limit=10, kind="request", without=NOISE)
    assert journal_filter("kind:request.refused").request(0, 10) == Journal(limit=10, kind="request.refused")


async def test_the_journal_keeps_its_warning_beside_the_filter() -> None:
    port = FakePort()
    row = JournalRow(number=1, utc_ms=pictures.NOW_MS, kind="note", dispatch_id="", by="ana", text="storm")
    port.answers[Journal] = lambda _: Accepted(request="journal", result=JournalPage(rows=(row,), more=False, durable=False))
    async with running(port, (80, 24)) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: "storm" in text(app))
        assert "1 entries" in rows(app)[1] and "in memory only" in rows(app)[1]


async def test_diagnostics_show_the_configuration_with_origins_and_the_queues() -> None:
    port = FakePort(replace(pictures.normal(), engine=pictures.engine(journal_queue=17)))
    found = ConfigurationView(rows=(ConfigurationRow(key="mqtt.password", value="***", origin="/etc/v2g/config.yaml:12"),))
    port.answers[Configuration] = lambda _: Accepted(request="configuration", result=found)
    async with running(port, (120, 60)) as (app, pilot):
        await pilot.press("0")
        await until(pilot, lambda: "mqtt.password" in text(app))
        assert "***  /etc/v2g/config.yaml:12" in text(app) and "journal 17" in text(app)


async def test_diagnostics_say_why_there_is_no_configuration_to_see() -> None:
    port = FakePort()
    port.answers[Configuration] = lambda _: Refused(request="configuration", reason=Refusal.FORBIDDEN, message="needs the role operator")
    async with running(port, (120, 60)) as (app, pilot):
        await pilot.press("0")
        await until(pilot, lambda: "needs the role operator" in text(app))


def test_every_screen_can_be_loaded_before_it_is_needed() -> None:
    code = (
        "import asyncio, sys; from v2g_console.console import idle_imports as i; i.PAUSE_S = 0; asyncio.run(i.import_all());"
        "assert 'v2g_console.console.screens.stop_list' in sys.modules and not [n for n in i.names() if n not in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_a_console_that_stands_loads_what_it_may_still_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(idle_imports, "PAUSE_S", 0.0)
    monkeypatch.setattr("v2g_console.console.idle_imports.importlib.import_module", loaded.append)
    async with running(FakePort()) as (_, pilot):
        await until(pilot, lambda: loaded == idle_imports.names())
