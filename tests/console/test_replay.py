"""A recording as an engine: its clock, what it answers, what it refuses, and the same screens as when it was made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest
from textual.pilot import Pilot

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import ORIGIN, SteppedClock, refreshed, rows, running, text, until
from tests.unit.attach.recordings import ALARM, Film, film
from v2g_console.attach.playback import Recording
from v2g_console.attach.recorder import RecordingNews
from v2g_console.attach.recording import Flag
from v2g_console.console.actions import ACTIONS, Danger, Scope, actions_of
from v2g_console.console.glyphs import glyphs_for
from v2g_console.console.options import ConsoleExit, ConsoleOptions
from v2g_console.console.replay import SPEEDS, ReplayPort
from v2g_console.console.replay_answers import answer
from v2g_console.console.replay_seek import seek_ms
from v2g_console.console.replaying import ReplayApp
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.widgets.replay_bar import replay_line
from v2g_console.contract.events import DispatchActive
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.replies import (
    Accepted,
    DispatchDetailView,
    FleetPage,
    IdentityView,
    Refusal,
    Refused,
    StatusView,
    VehicleView,
)
from v2g_console.contract.requests import (
    DispatchDetail,
    Fleet,
    Handover,
    Identity,
    Request,
    Status,
    StopList,
    Tags,
)
from v2g_console.contract.snapshot import FLEET_STATE_NAMES


@asynccontextmanager
async def replaying(path: Path, speed: float = 1.0) -> AsyncIterator[tuple[ReplayPort, SteppedClock]]:
    """The recording of `film` on a clock that moves when told."""
    await film(path / "a.rec")
    clock = SteppedClock()
    port = ReplayPort(Recording(path / "a.rec"), speed, clock)
    try:
        yield port, clock
    finally:
        port.close()


async def at_ms(port: ReplayPort) -> int:
    """Which recorded time is on show, in ms after the first picture."""
    return (await port.snapshot()).utc_ms - pictures.NOW_MS - 500


async def test_it_plays_at_the_pace_of_the_clock(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock):
        assert await at_ms(port) == 0
        clock.now_s += 3.4
        assert await at_ms(port) == 3000
        clock.now_s += 0.1
        assert await at_ms(port) == 3500
        port.pause(True)
        clock.now_s += 60.0
        assert await at_ms(port) == 3500 and port.status().paused
        port.pause(False)
        assert port.change_speed(1) == 2.0
        clock.now_s += 1.0
        assert await at_ms(port) == 5500
        assert port.change_speed(-3) == 0.25
        clock.now_s += 4.0
        assert await at_ms(port) == 6500
        assert [port.change_speed(99), port.change_speed(-99)] == [SPEEDS[-1], SPEEDS[0]]


async def test_it_ends_and_plays_again_from_the_start(tmp_path: Path) -> None:
    async with replaying(tmp_path, speed=10.0) as (port, clock):
        clock.now_s += 60.0
        assert await at_ms(port) == 19_500
        assert port.status().ended and port.status().at_ms == port.status().length_ms == 20_000
        port.pause(False)
        assert await at_ms(port) == 0 and not port.status().ended


async def test_it_goes_anywhere_and_numbers_always_grow(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, _):
        seen = []
        for delta_s, wanted in ((10.0, 10_000), (-4.0, 6_000), (-60.0, 0), (60.0, 19_500), (-1.0, 19_000)):
            port.seek_by(delta_s)
            assert await at_ms(port) == wanted
            seen.append(await port.snapshot())
        numbers = [one.number for one in seen]
        revisions = [one.fleet.revision for one in seen]
        assert numbers == sorted(set(numbers)) and revisions == sorted(set(revisions))
        assert len({one.fleet.layout_revision for one in seen}) == 1  # the same vehicles: nothing to sort anew


async def test_events_come_with_their_moment_and_a_jump_leaves_out_what_it_passes(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock):
        await port.snapshot()
        assert (await port.events(0, 0.0)).events == ()
        clock.now_s += 2.0  # the 5th look
        await port.snapshot()
        told = await port.events(0, 0.0)
        assert [type(event) for event in told.events][-1] is DispatchActive
        assert port.next_event(Flag.ALARM)
        await port.snapshot()
        after = await port.events(told.next_number, 0.0)
        assert after.events == (ALARM,) and after.dropped == 0
        port.seek(19_000.0)
        await port.snapshot()
        assert (await port.events(after.next_number, 0.0)).events == ()
        assert not port.next_event(Flag.ALARM)
        port.seek(0.0)
        assert port.next_event(Flag.EVENT)
        await port.snapshot()
        again = await port.events(after.next_number, 0.0)
        assert [type(event) for event in again.events] == [DispatchActive]


async def test_the_answers_come_from_the_picture(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, _):
        refused = await port.request(Status(), ORIGIN)
        assert isinstance(refused, Refused) and refused.reason is Refusal.NOT_READY
        shown = await port.snapshot()
        assert shown.engine.read_only and shown.engine.lock_after_s == 0
        answers: dict[Request, type] = {
            Status(): StatusView,
            Identity(): IdentityView,
            Fleet(limit=7): FleetPage,
            Handover(): HandoverView,
        }
        for request, kind in answers.items():
            reply = await port.request(request, ORIGIN)
            assert isinstance(reply, Accepted) and isinstance(reply.result, kind), request
        for request in (StopList(), Tags()):
            assert isinstance(await port.request(request, ORIGIN), Accepted)
        vehicle = await port.request(Fleet(vehicle_id="veh000003"), ORIGIN)
        assert isinstance(vehicle, Accepted) and isinstance(vehicle.result, VehicleView)
        assert vehicle.result.soc == pytest.approx(float(shown.fleet.soc[2])) and vehicle.result.baseline_kind == "not in the recording"
        detail = await port.request(DispatchDetail(dispatch_id="#7f3a"), ORIGIN)
        assert isinstance(detail, Accepted) and isinstance(detail.result, DispatchDetailView)
        owned = [name for name, owner in zip(shown.fleet.ids, shown.fleet.owner.tolist(), strict=True) if owner == 0]
        assert [row.vehicle_id for row in detail.result.rows] == owned
        troubled = replace(shown, fleet=replace(shown.fleet, state=np.where(np.arange(40) == 30, 7, 4).astype(np.uint8)))
        troubled = replace(troubled, fleet=replace(troubled.fleet, owner=np.zeros(40, np.int32)))
        worst = answer(DispatchDetail(dispatch_id="#7f3a", limit=1), troubled)
        assert isinstance(worst, Accepted) and isinstance(worst.result, DispatchDetailView)
        assert FLEET_STATE_NAMES[7] == worst.result.rows[0].state == "silent"
        for asked in (Fleet(vehicle_id="nobody"), DispatchDetail(dispatch_id="nothing")):
            reply = await port.request(asked, ORIGIN)
            assert isinstance(reply, Refused) and "recording" in reply.message


LOOKS = (Fleet, Status, DispatchDetail, Identity, StopList, Tags, Handover)


async def test_every_request_that_acts_is_refused(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, _):
        await port.snapshot()
        for kind in (kind for kind in get_args(Request) if kind not in LOOKS):
            required = {field.name: None for field in msgspec.structs.fields(kind) if field.required}
            reply = await port.request(kind(**required), ORIGIN)
            assert isinstance(reply, Refused) and reply.reason is Refusal.READ_ONLY, kind


async def test_where_the_engine_was_gone_the_replay_says_so(tmp_path: Path) -> None:
    made = Film(tmp_path / "a.rec", ends_with_engine=False)
    await made.take(3)
    made.port.gone = "it hung up, still trying"
    await made.take(4)
    made.port.gone = ""
    await made.take(2)
    await made.end()
    clock = SteppedClock()
    port = ReplayPort(Recording(made.path), 1.0, clock)
    await port.snapshot()
    clock.now_s += 2.0
    with pytest.raises(ConnectionError, match="so it was when this was recorded: it hung up"):
        await port.snapshot()
    clock.now_s += 2.0
    assert (await port.snapshot()).utc_ms == made.port.shown[4].utc_ms
    port.close()


async def test_a_damaged_file_plays_up_to_the_damage_and_says_so(tmp_path: Path) -> None:
    await film(tmp_path / "a.rec")
    opened = Recording(tmp_path / "a.rec")
    at = opened._starts[20] + 9
    opened.close()
    data = bytearray((tmp_path / "a.rec").read_bytes())
    data[at] ^= 0xFF
    (tmp_path / "a.rec").write_bytes(data)
    clock = SteppedClock()
    port = ReplayPort(Recording(tmp_path / "a.rec"), 1.0, clock)
    for _ in range(30):
        clock.now_s += 0.5
        shown = await port.snapshot()
    status = port.status()
    assert status.ended and "damaged 0:00:10 after its start" in status.damage
    assert shown.utc_ms == pictures.NOW_MS + 10_000  # the 20th look
    assert "END: damaged 0:00:10" in replay_line(status, 200, glyphs_for(False)).plain
    port.seek(15_000.0)
    assert await at_ms(port) == 9_500
    port.close()


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("14:02:17", 10_000),
        ("14:03Z", 53_000),
        ("14:02:06", 86_399_000),
        ("2025-12-02T14:02:09Z", 2000),
    ],
)
def test_where_to_begin_is_written_in_three_ways(written: str, wanted: int) -> None:
    assert seek_ms(written, pictures.NOW_MS) == wanted


@pytest.mark.parametrize("written", ["", "soon", "25:99", "-5s", "2025-13-41T00:00", "1e999h", "9" * 320])
def test_what_is_no_time_says_what_is_expected(written: str) -> None:
    with pytest.raises(ValueError, match="expected a time after the start"):
        seek_ms(written, pictures.NOW_MS)


@asynccontextmanager
async def screen_of(port: ReplayPort, clock: SteppedClock) -> AsyncIterator[tuple[ReplayApp, Pilot[ConsoleExit]]]:
    """The console over a recording."""
    app = ReplayApp(port, ORIGIN, ConsoleOptions(refresh_hz=0.001), clock)
    async with app.run_test(size=(120, 37), notifications=True) as pilot:
        await until(pilot, lambda: app.model.snapshot is not None)
        await pilot.pause()
        yield app, pilot


async def drawn(app: ReplayApp, pilot: Pilot[ConsoleExit]) -> list[str]:
    """The rows after a tick."""
    app.tick()
    await until(pilot, lambda: not app.pulling)
    await pilot.pause()
    return rows(app)


async def test_the_screens_are_those_of_the_time_of_the_recording(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock):
        made = (await film(tmp_path / "b.rec")).shown
        live = FakePort(made[20])
        live.moving = False
        async with running(live) as (app, _):
            wanted = rows(app)
        port.pause(True)
        port.seek(10_000.0)
        async with screen_of(port, clock) as (app, pilot):
            shown = await drawn(app, pilot)
        assert "REPLAY" in shown[0] and "READ/WRITE" not in shown[0] and "14:02:17Z" in shown[0]
        assert "REPLAY" in shown[1] and "0:00:10 of 0:00:20" in shown[1] and "paused" in shown[1]
        assert shown[2:] == wanted[1:]  # one line is the replay's own; everything else is the same, cell for cell


def stands_at(port: ReplayPort, at_ms: int) -> bool:
    return port.status().at_ms == at_ms


async def test_the_keys_move_through_it(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock), screen_of(port, clock) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: port.status().paused)
        for key, wanted in (("full_stop", 10_000), ("comma", 0), ("greater_than_sign", 20_000), ("less_than_sign", 0)):
            await pilot.press(key)
            await until(pilot, partial(stands_at, port, wanted))
        await pilot.press("n")
        await until(pilot, lambda: port.status().at_ms == 2_000)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: port.status().at_ms == 4_500)
        await until(pilot, lambda: any("ALARM" in notice for notice in app.notices))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: any("no alarm follows" in notice for notice in app.notices))
        await pilot.press("plus", "plus", "minus")
        await until(pilot, lambda: port.status().speed == 2.0)
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: any("end of the recording" in notice for notice in app.notices))
        assert "END" in (await drawn(app, pilot))[1]
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
        assert app.return_value is ConsoleExit.DETACHED


async def test_nothing_in_the_registry_acts_on_a_recording(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock), screen_of(port, clock) as (app, _):
        for action in ACTIONS:
            if action.danger is not Danger.NONE:
                assert "recording" in (action.blocked(app.model) or ""), action.id
        assert {action.scope for action in app.offered_actions()} >= {Scope.REPLAY, Scope.GLOBAL}
        taken = {key for action in actions_of(Scope.GLOBAL) for key in action.keys}
        assert not taken.intersection(key for action in actions_of(Scope.REPLAY) for key in action.keys)


async def test_details_and_help_work_in_a_replay(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (port, clock), screen_of(port, clock) as (app, pilot):
        app.model.selected_vehicle_id = "veh000002"
        await app.action_invoke("vehicle.open")
        await until(pilot, lambda: isinstance(app.screen, VehicleDetailScreen))
        await until(pilot, lambda: "not in the recording" in text(app))
        assert "nan" not in text(app)
        await pilot.press("escape")
        await app.action_invoke("overview.open")
        await until(pilot, lambda: "Vehicles" in text(app) and "asked kW" in text(app))
        assert "nan" not in text(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: "Replay faster" in text(app))


async def test_a_console_that_is_being_recorded_says_so_and_tells_trouble() -> None:
    news = RecordingNews("shift.rec")
    async with running(FakePort(), options=ConsoleOptions(recording=news)) as (app, pilot):
        assert " REC " in rows(app)[0]
        news.trouble = "No space left on device"
        news.say("nothing is recorded now: shift.rec can't be written")
        await refreshed(pilot, app)
        await until(pilot, lambda: "REC LOST" in rows(app)[0])
        assert "nothing is recorded now: shift.rec can't be written" in app.notices
