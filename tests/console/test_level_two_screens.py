"""The screens of the second level: dispatches, link, diagnostics; reached by one key, left by Esc, truthful at every size."""

from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import refreshed, rows, running, text, until
from v2g_console.console.screens.diagnostics import DiagnosticsScreen, event_rows
from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen
from v2g_console.console.screens.dispatches import DispatchesScreen
from v2g_console.console.screens.link import LinkScreen
from v2g_console.console.screens.overview import OverviewScreen
from v2g_console.console.widgets.dispatch_table import DispatchTable
from v2g_console.console.widgets.table_parts import Role
from v2g_console.contract.events import DispatchProgress, LinkChanged
from v2g_console.contract.link import LinkCause, LinkState, RefusedMessage
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.states import DispatchState

SIZES = [(200, 60), (120, 36), (80, 24), (40, 10)]
SCREENS: dict[str, type[object]] = {"3": DispatchesScreen, "5": LinkScreen, "0": DiagnosticsScreen}
HOSTILE = "\x1b[2J[bold]\u202eevil\x07"


def with_link(picture: Snapshot, **changes: object) -> Snapshot:
    return replace(picture, link=msgspec.structs.replace(picture.link, **changes))


def ended(view: DispatchView, **changes: object) -> DispatchView:
    return msgspec.structs.replace(view, state=DispatchState.FAILED, remaining_s=None, **changes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", SCREENS)
async def test_one_key_leads_there_and_escape_back(key: str, size: tuple[int, int]) -> None:
    async with running(FakePort(), size) as (app, pilot):
        await pilot.press(key)
        assert type(app.screen) is SCREENS[key]
        assert app.glyphs.dot_up in rows(app)[0] and "F8" in rows(app)[-1]
        await pilot.press("escape")
        assert type(app.screen) is OverviewScreen


async def test_going_between_the_screens_never_piles_them_up() -> None:
    async with running(FakePort()) as (app, pilot):
        for key in "35305353":
            await pilot.press(key)
        assert len(app.screen_stack) == 2


async def test_the_list_shows_the_running_and_the_failed_with_outcome_and_shortfall() -> None:
    picture = pictures.normal()
    gone = ended(picture.dispatches[0], dispatch_id="ab" * 16, short_id="#abab", outcome_reason="the broker refused")
    async with running(FakePort(replace(picture, dispatches=(*picture.dispatches, gone))), (200, 60)) as (app, pilot):
        await pilot.press("3")
        shown = text(app)
        assert "2 active" in shown and "#abab" in shown and "failed" in shown and "the broker refused" in shown
        first = next(row for row in rows(app) if "#7f3a" in row)
        assert "▲ 1 500 kW" in first and "388/412" in first and " 69 " in first


async def test_a_scheduled_test_dispatch_is_known_as_such_in_the_list_and_in_its_details() -> None:
    picture = pictures.normal()
    said = {"test": True, "external_ref": "RTE-117", "author_note": "dry run", "due_ms": 4_070_944_800_000}
    later = msgspec.structs.replace(
        picture.dispatches[0], state=DispatchState.ARMED, remaining_s=None, started_ms=None, ends_ms=None, note="", **said
    )
    async with running(FakePort(replace(picture, dispatches=(later,))), (200, 60)) as (app, pilot):
        await pilot.press("3")
        assert "TEST at 2099-01-01 10:00:00Z ref RTE-117 dry run" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen))
        shown = text(app)
        assert "at 2099-01-01 10:00:00Z" in shown and "TEST" in shown
        assert "ref RTE-117" in shown and "noted: dry run" in shown


async def test_what_is_below_the_list_is_about_the_row_under_the_cursor_and_so_are_the_actions() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("3", "down")
        second = app.model.active_dispatches()[1]
        assert app.model.selected_dispatch_id == second.dispatch_id
        assert second.short_id in rows(app)[-6]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DispatchDetailScreen))
        assert isinstance(app.screen, DispatchDetailScreen) and app.screen.dispatch_id == second.dispatch_id


async def test_a_new_dispatch_above_never_moves_the_cursor_to_another_one() -> None:
    port = FakePort()
    async with running(port) as (app, pilot):
        await pilot.press("3", "down")
        chosen = app.screen.query_one(DispatchTable).cursor_id
        newer = msgspec.structs.replace(port.picture.dispatches[0], dispatch_id="cd" * 16, short_id="#cdcd")
        port.show(replace(port.picture, dispatches=(newer, *port.picture.dispatches)))
        await refreshed(pilot, app)
        assert app.screen.query_one(DispatchTable).cursor_id == chosen
        assert app.model.selected_dispatch_id == chosen


@pytest.mark.parametrize(
    ("requested_kw", "missing_kw", "cell"), [(100.0, 19.0, "19"), (-100.0, 19.0, "19"), (-100.0, -19.0, "0"), (100.0, -19.0, "0")]
)
async def test_what_is_missing_is_told_in_both_directions(requested_kw: float, missing_kw: float, cell: str) -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("3")
        table = app.screen.query_one(DispatchTable)
        short = next(column for column in table.all_columns(200) if column.key == "short")
        view = pictures.first_dispatch(requested_kw=requested_kw, shortfall_kw=missing_kw, state=DispatchState.ACTIVE)
        assert table.text_of(view, short) == cell and (table.role_of(view, short) is Role.ALERT) == (cell == "19")


async def test_the_filter_narrows_and_escape_clears_it_before_it_leaves() -> None:
    async with running(FakePort()) as (app, pilot):
        await pilot.press("3", "slash", *"nebef", "enter")
        table = app.screen.query_one(DispatchTable)
        assert 0 < table.shown < table.total and "#7f3a" not in "\n".join(rows(app)[2:-6])
        await pilot.press("escape")
        assert isinstance(app.screen, DispatchesScreen) and table.shown == table.total


async def test_without_dispatches_the_list_says_what_to_do() -> None:
    async with running(FakePort(replace(pictures.normal(), dispatches=()))) as (app, pilot):
        await pilot.press("3")
        assert "Press d for a new one" in text(app)


async def test_a_lost_link_says_why_and_what_to_do() -> None:
    lost = with_link(
        pictures.normal(),
        state=LinkState.DOWN,
        cause=LinkCause.TLS,
        cause_text="certificate expired: renew ca.pem",
        attempt=3,
        next_attempt_s=4.0,
    )
    async with running(FakePort(lost)) as (app, pilot):
        await pilot.press("5")
        assert "certificate expired: renew ca.pem" in text(app) and "attempt 4 in 4 s" in text(app)


async def test_plaintext_an_untuned_broker_and_a_certificate_about_to_expire_stand_out() -> None:
    picture = with_link(
        pictures.normal(),
        tls_version="",
        receive_maximum=20,
        broker_certificate_days=3.0,
        credentials_fault="client.key does not fit client.pem",
    )
    async with running(FakePort(picture)) as (app, pilot):
        await pilot.press("5")
        shown = text(app)
        assert (
            "plaintext" in shown
            and "Receive Maximum 20" in shown
            and "tuning.conf" in shown
            and "3 days left" in shown
            and "renew" in shown
        )


async def test_refused_messages_are_shown_with_their_cause_and_never_obeyed() -> None:
    message = RefusedMessage(ts_ms=pictures.NOW_MS, topic="vehicle/veh1/ack", cause="bad json", excerpt=HOSTILE)
    async with running(FakePort(with_link(pictures.normal(), refused={"bad json": 7}, recent_refused=(message,)))) as (app, pilot):
        await pilot.press("5")
        shown = text(app)
        assert "vehicle/veh1/ack" in shown and "bad json" in shown and "\x1b" not in shown and "\u202e" not in shown and "[bold]" in shown


async def test_changes_of_the_link_are_listed_newest_first() -> None:
    port = FakePort()
    for ts, state in (("2026-11-23T14:00:01.000Z", "down"), ("2026-11-23T14:00:09.000Z", "up")):
        port.event_log.append(LinkChanged(ts=ts, state=state, cause="none", text="", broker="ssl://b:8883"))
    async with running(port) as (app, pilot):
        await pilot.press("5")
        shown = text(app)
        assert shown.index("14:00:09Z") < shown.index("14:00:01Z")


async def test_diagnostics_mark_a_slow_engine_loop() -> None:
    picture = pictures.normal()
    slow = replace(picture, engine=msgspec.structs.replace(picture.engine, loop_lag_ms=450.0))
    async with running(FakePort(slow)) as (app, pilot):
        await pilot.press("0")
        assert "450.0 ms" in text(app) and "deadlines may slip" in text(app)


async def test_diagnostics_list_what_was_told_and_every_event_but_progress() -> None:
    port = FakePort()
    port.event_log.append(LinkChanged(ts="2026-11-23T14:00:01.000Z", state="up", cause="none", text=HOSTILE, broker="ssl://b:8883"))
    async with running(port) as (app, pilot):
        app.say("the broker was restarted")
        await pilot.press("0")
        shown = text(app)
        assert "the broker was restarted" in shown and "link.changed" in shown and "broker=ssl://b:8883" in shown and "\x1b" not in shown
        view = pictures.first_dispatch()
        known = {name: getattr(view, name) for name in DispatchProgress.__struct_fields__ if hasattr(view, name)}
        counts = {"ts": "2026-11-23T14:00:02.000Z", "acked": 1, "limited": 0, "rejected": 0, "silent": 0, "pending": 0}
        app.model.events.append(DispatchProgress(**{**known, **counts, "state": "active"}))
        assert not any("dispatch.progress " in row.plain for row in event_rows(app.model)[1:])
