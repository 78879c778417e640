"""STOP tracks who confirmed the release and lists who is silent, with the next step by hand."""

import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import StopLatched, StopLifted
from v2g_console.contract.stop import StopView
from v2g_console.domain.states import DispatchState
from v2g_console.engine.stop import next_step
from v2g_console.journal.port import ReleaseOutcome, ReleasesRecord


async def listed(one: Bench) -> StopView:
    """How far STOP has come."""
    view = (await one.accepted(ask.StopList())).result
    assert isinstance(view, StopView)
    return view


@in_virtual_time
async def test_confirmations_are_counted_and_the_silent_are_listed_with_what_to_do() -> None:
    fleet = [*cars(3), *cars(1, 2, first=3, site="lyon-2")]
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 600.0)
        for car in (fleet[1], fleet[3]):
            car.answer, car.reports = Answer.NEVER, False
        view = (await one.accepted(ask.Stop(reason="smoke in hall 3"))).result
        assert isinstance(view, StopView)
        assert (view.dispatches, view.vehicles, view.waiting, view.confirmed, view.silent) == (1, 4, 4, 0, 0)
        assert (view.by, view.reason) == ("ines", "smoke in hall 3")
        await one.run_for(1.0)
        assert (await listed(one)).confirmed == 2
        assert await one.over(running) is DispatchState.STOPPED
        view = await listed(one)
        assert (view.vehicles, view.waiting, view.confirmed, view.silent) == (4, 0, 2, 2)
        holds, falls_back = view.who
        assert (holds.vehicle_id, holds.site, holds.protocol, holds.lease_ends_ms) == ("veh000001", "", 1, None)
        assert holds.setpoint_kw == 2.0
        assert holds.next_step == (
            "find out where it is (it told no site): end its session at the charge point, or have the driver unplug;"
            " it holds its setpoint until told"
        )
        assert (falls_back.vehicle_id, falls_back.site) == ("veh000003", "lyon-2")
        assert falls_back.lease_ends_ms is not None
        assert falls_back.next_step.startswith("wait until 13:")
        await one.run_for(0.3)
        snapshot = await one.engine.snapshot()
        assert snapshot.stop is not None
        assert snapshot.stop.silent == 2
        fleet[1].answer, fleet[1].reports = Answer.YES, True
        await one.run_for(30.0)
        assert [one_silent.vehicle_id for one_silent in (await listed(one)).who] == ["veh000003"]
        assert (await listed(one)).confirmed == 3
        await one.until(lambda: not len(one.engine._owed), 1000.0)
        view = await listed(one)
        assert (view.vehicles, view.confirmed, view.lease_ended, view.waiting, view.silent) == (4, 3, 1, 0, 0)
        shown = next(told.release for told in (await one.engine.snapshot()).dispatches if told.dispatch_id == running.dispatch_id)
        assert (shown.commanded, shown.acked, shown.lease_ended, shown.silent) == (4, 3, 1, 0)
        told = [int(code) for record in one.journal.records() if isinstance(record, ReleasesRecord) for code in record.outcome]
        assert sorted(told)[-1] == ReleaseOutcome.LEASE_ENDED and told.count(ReleaseOutcome.CONFIRMED) == 3


@in_virtual_time
async def test_stop_is_pressed_listed_and_told_while_the_journal_fails() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 600.0)
        one.journal.fails = JournalError
        await one.accepted(ask.Stop())
        assert await one.over(running, 15.0) is DispatchState.STOPPED
        view = await listed(one)
        assert (view.confirmed, view.silent) == (3, 0)
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3


@in_virtual_time
async def test_a_link_that_is_down_is_said() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 600.0)
        one.link.down()
        await one.accepted(ask.Stop())
        await one.over(running)
        view = await listed(one)
        assert view.link_down
        assert view.silent == 2
        assert all("get the link back" in silent.next_step for silent in view.who)
        one.link.up()
        await one.run_for(60.0)
        assert (await listed(one)).silent == 0


@in_virtual_time
async def test_pressing_twice_changes_nothing_and_the_first_stays_named() -> None:
    async with bench(cars(2)) as one:
        await one.active("MA", 4.0, 600.0)
        await one.accepted(ask.Stop(reason="first"))
        await one.say(ask.Stop(reason="second"), ask.Origin(user="ines", way="cli"))
        view = await listed(one)
        assert (view.reason, view.dispatches) == ("first", 1)
        await one.accepted(ask.Resume())
        await one.run_for(0.5)
        assert [type(event) for event in one.told if isinstance(event, StopLatched | StopLifted)] == [StopLatched, StopLifted]
        assert not (await listed(one)).stopped
        assert (await one.engine.snapshot()).stop is None


@pytest.mark.parametrize(
    ("site", "lease_ends_ms", "link_up", "words"),
    [
        ("paris-nord", 0, True, "call site paris-nord"),
        ("", 0, True, "it told no site"),
        ("paris-nord", 1_795_441_129_000, True, "wait until 13:38:49Z"),
        ("paris-nord", 1_795_441_128_000, True, "has just ended"),
        ("paris-nord", 0, False, "get the link back"),
    ],
)
def test_the_next_step_fits_the_vehicle(site: str, lease_ends_ms: int, link_up: bool, words: str) -> None:
    assert words in next_step(site, lease_ends_ms, 1_795_441_128_000, link_up=link_up)
