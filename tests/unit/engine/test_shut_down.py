"""The end of the engine: release, or let run out first."""

import asyncio

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import DispatchState
from v2g_console.engine.dispatch import ReleaseState, Running


@in_virtual_time
async def test_release_ends_everything_now() -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 600.0, vehicles=("veh000000", "veh000001"))
        later = await one.dispatch("MA", 4.0, 600.0, start_at="2026-11-23T15:00:00Z")
        begun = one.clock.monotonic()
        assert await one.engine.wind_down("release") == 0
        assert one.clock.monotonic() - begun < 1.0
        assert (running.state, later.state) == (DispatchState.CANCELLED, DispatchState.CANCELLED)
        assert [car.setpoint_kw for car in fleet[:2]] == [0.0, 0.0]
        assert (await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))).reason is Refusal.WRONG_STATE


@in_virtual_time
async def test_what_stays_owed_is_said() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        await one.active("MA", 6.0, 600.0)
        for car in fleet[:2]:
            car.answer, car.reports = Answer.NEVER, False
        assert await one.engine.wind_down("release") == 2


@pytest.mark.parametrize(("drain_timeout_s", "outcome"), [(60.0, DispatchState.COMPLETED), (5.0, DispatchState.CANCELLED)])
@in_virtual_time
async def test_drain_lets_a_dispatch_run_out_within_its_time(drain_timeout_s: float, outcome: DispatchState) -> None:
    fleet = cars(2)
    async with bench(fleet, drain_timeout_s=drain_timeout_s) as one:
        running = await one.active("MA", 4.0, 30.0)
        assert await one.engine.wind_down("drain") == 0
        assert running.state is outcome
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]


@in_virtual_time
async def test_whoever_is_impatient_ends_a_drain_and_leaves_within_a_second() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 600.0)
        fleet[0].answer, fleet[0].reports = Answer.NEVER, False
        ending = asyncio.create_task(one.engine.wind_down("drain"))
        await one.run_for(30.0)
        assert not ending.done()
        begun = one.clock.monotonic()
        one.engine.hurry()
        assert await ending == 1
        assert one.clock.monotonic() - begun <= 1.2
        assert running.state is DispatchState.CANCELLED
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3, "the silent one was told too"


@in_virtual_time
async def test_close_twice_does_no_harm_and_leaves_no_task() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        await one.active("MA", 4.0, 30.0)
        await one.close()
        await one.engine.close()
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def _overtaken(one: Bench, fleet: list[Car]) -> Running:
    """A dispatch whose setpoints arrived 0.3 s ago; their answers come in half a second, after those of releases sent now."""
    for car in fleet:
        car.answer_s = 0.8
    running = await one.dispatch("MA", 2.0 * len(fleet), 600.0)
    await one.run_for(0.3)
    for car in fleet:
        car.answer_s = 0.1
    return running


@in_virtual_time
async def test_releases_that_became_due_again_while_leaving_are_waited_for() -> None:
    fleet = [*cars(3), Car("veh000009", answer_s=0.9)]  # the last keeps the dispatch until the answers to the setpoints are there
    async with bench(fleet) as one:
        running = await _overtaken(one, fleet[:3])
        begun = one.clock.monotonic()
        fleet[3].answer_s = 0.55
        assert await one.engine.wind_down("release") == 0
        assert one.clock.monotonic() - begun < 1.5, "no longer than it takes"
        assert running.release_counts[ReleaseState.CONFIRMED] == 4
        assert [len(car.received) for car in fleet[:3]] == [3, 3, 3], "a setpoint, its release, and the release once more"


@in_virtual_time
async def test_whoever_leaves_waits_an_ack_timeout_at_most_for_what_is_owed() -> None:
    fleet = cars(3)
    async with bench(fleet, ack_timeout_seconds=4.0) as one:
        running = await one.active("MA", 6.0, 600.0)
        old = fleet[0].received[0].payload
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        one.link._deliver(fleet[0], old)
        fleet[0].received.pop()
        fleet[0].follows, fleet[0].answer, fleet[0].reports = False, Answer.NEVER, False
        await one.until(lambda: len(one.engine._owed) == 1)
        begun = one.clock.monotonic()
        assert await one.engine.wind_down("release") == 1
        assert 3.5 <= one.clock.monotonic() - begun <= 4.2
        assert await one.engine.wind_down("release") == 1
        assert one.clock.monotonic() - begun <= 4.2, "a second time nobody waits"


@pytest.mark.parametrize("ends", ["hurried", "link lost"])
@in_virtual_time
async def test_nobody_waits_for_what_is_owed_when_hurried_or_without_a_link(ends: str) -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 600.0)
        old = fleet[0].received[0].payload
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        one.link._deliver(fleet[0], old)
        fleet[0].received.pop()
        fleet[0].answer, fleet[0].reports = Answer.NEVER, False
        await one.until(lambda: len(one.engine._owed) == 1)
        leaving = asyncio.create_task(one.engine.wind_down("release"))
        await one.run_for(0.5)
        assert not leaving.done()
        begun = one.clock.monotonic()
        if ends == "hurried":
            one.engine.hurry()
        else:
            one.link.down()
        assert await leaving == 1
        assert one.clock.monotonic() - begun <= 1.1
