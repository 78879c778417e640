"""The engine's date jumps, or is wrong at a restart: leases last as the vehicles count, and nobody who holds a setpoint is forgotten."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.crash import crash
from tests.unit.engine.test_resume import start
from tests.unit.engine.virtual_time import VirtualClock, in_virtual_time
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.events import EngineRecovered
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.journal.port import ReleaseOutcome, ReleasesRecord
from v2g_console.journal.recovery import Recovered

LEASE_S = 60.0
SLACK_S = 5.0 + 1.0
"""A command may be an ack timeout on its way, and its hold is in whole seconds."""


def own_date(one: Bench) -> None:
    """The vehicles' clock stays right when the engine's jumps."""
    one.link._clock = VirtualClock(asyncio.get_running_loop())


def followed_kw(one: Bench, fleet: list[Car]) -> list[float]:
    """What the vehicles do, by their own clock."""
    return [car.power_kw(one.link._clock.utc() * 1000) for car in fleet]


def confirmed(one: Bench) -> set[str]:
    """Vehicles that are released for good, by the journal."""
    records = [record for record in one.journal.records() if isinstance(record, ReleasesRecord)]
    told = [pair for record in records for pair in zip(record.vehicle_ids, record.outcome.tolist(), strict=True)]
    return {vehicle_id for vehicle_id, outcome in told if outcome in {ReleaseOutcome.CONFIRMED, ReleaseOutcome.LEASE_ENDED}}


async def cut_off(fleet: list[Car], folder: Path) -> Recovered:
    """An engine is killed 10 s after each vehicle got 2 kW for 100 s."""
    first = await start(fleet, lease_s=LEASE_S)
    await first.active("MA", 2.0 * len(fleet), 100.0)
    await first.run_for(10.0)
    return await crash(first, folder)


@contextlib.asynccontextmanager
async def restarted(fleet: list[Car], found: Recovered, step_s: float, policy: str = "release") -> AsyncIterator[Bench]:
    """The next engine: its date is off by `step_s`, the vehicles' is right."""
    fields = {"allocator": "equal", "reallocation": "none", "lease_s": LEASE_S, "on_recovery": policy}
    one = Bench(fleet, Settings.model_validate({"dispatch": fields}), found=found, step_s=step_s)
    own_date(one)
    await one.start()
    try:
        yield one
    finally:
        await one.close()


@pytest.mark.parametrize("policy", ["release", "resume"])
@pytest.mark.parametrize("step_s", [55.0, 3600.0])
@in_virtual_time
async def test_a_restart_with_a_date_ahead_releases_who_still_holds_a_setpoint(step_s: float, policy: str, tmp_path: Path) -> None:
    fleet = cars(4, 2)
    found = await cut_off(fleet, tmp_path)
    async with restarted(fleet, found, step_s, policy) as one:
        await one.until(lambda: not len(one.engine._owed), 15.0)
        await one.run_for(0.5)
        (recovered,) = (event for event in one.told if isinstance(event, EngineRecovered))
        assert recovered.owed == 4
        assert [car.received[-1].release for car in fleet] == [True] * 4, "told, not waited for"
        assert confirmed(one) == {car.vehicle_id for car in fleet}


@in_virtual_time
async def test_after_a_restart_a_silent_vehicle_is_owed_its_release_for_as_long_as_it_may_hold(tmp_path: Path) -> None:
    fleet = cars(2, 2)
    found = await cut_off(fleet, tmp_path)
    began_s = asyncio.get_running_loop().time()
    async with restarted(fleet[1:], found, 55.0) as one:
        await one.until(lambda: len(one.engine._owed) == 1, 15.0)
        assert followed_kw(one, fleet) == [2.0, 0.0]
        await one.until(lambda: not len(one.engine._owed))
        assert one.clock.monotonic() - began_s == pytest.approx(LEASE_S + SLACK_S, abs=0.5)
        assert followed_kw(one, fleet) == [0.0, 0.0]


@pytest.mark.parametrize("step_s", [0.0, -30.0, 30.0])
@in_virtual_time
async def test_a_vehicle_whose_lease_is_over_by_its_own_date_needs_no_release(step_s: float, tmp_path: Path) -> None:
    fleet = cars(3, 2, natural_kw=-7.4)
    found = await cut_off(fleet, tmp_path)
    await asyncio.sleep(2 * LEASE_S)
    before = [len(car.received) for car in fleet]
    async with restarted(fleet, found, step_s) as one:
        await one.until(lambda: not len(one.engine._owed), 5.0)
        await one.run_for(0.5)
        assert confirmed(one) == {car.vehicle_id for car in fleet}
        await one.run_for(20.0)
        assert [len(car.received) for car in fleet] == before


@in_virtual_time
async def test_a_release_stays_owed_while_the_lease_lasts_even_if_the_date_jumps_beyond_it() -> None:
    fleet = cars(1, 2, answer=Answer.NEVER)
    async with bench(fleet, lease_s=LEASE_S) as one:
        own_date(one)
        running = await one.dispatch("MA", 2.0, 10.0)
        await one.until(lambda: len(fleet[0].received) > 0)
        fleet[0].reports = False
        fleet[0].follows = True
        await one.over(running)
        fleet[0].setpoint_kw, fleet[0].lease_ends_ms = 2.0, float(running.valid_until_ms[0])  # the release never reached it
        one.clock.step_s = 3600.0
        while followed_kw(one, fleet) == [2.0]:
            assert len(one.engine._owed) == 1
            await one.run_for(0.5)
        await one.until(lambda: not len(one.engine._owed), SLACK_S + 1.0)


@pytest.mark.parametrize("step_s", [-8.0, -3600.0])
@in_virtual_time
async def test_a_date_set_back_does_not_shorten_the_lease_that_a_vehicle_keeps(step_s: float) -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=LEASE_S) as one:
        own_date(one)
        running = await one.active("MA", 4.0, 1000.0)
        lease_ends_ms = fleet[0].lease_ends_ms
        one.clock.step_s = step_s
        for car in fleet:
            car.answer = Answer.EXPIRED  # by its own date every command comes too late from now on
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=2.0))
        await one.until(lambda: running.counts[CommandState.REJECTED] == 2)
        for car in fleet:
            car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        for car in fleet:
            car.setpoint_kw, car.lease_ends_ms, car.reports = 2.0, lease_ends_ms, True  # the release came too late as well
        while any(followed_kw(one, fleet)):
            assert len(one.engine._owed) == 2, "they still follow it"
            await one.run_for(0.5)
        await one.until(lambda: not len(one.engine._owed), 2 * SLACK_S)


@in_virtual_time
async def test_a_date_set_back_before_a_preemption_does_not_shorten_the_lease_that_a_vehicle_keeps_of_the_loser() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=LEASE_S) as one:
        own_date(one)
        await one.active("MA", 4.0, 1000.0)
        lease_ends_ms = fleet[0].lease_ends_ms
        one.clock.step_s = -3600.0
        for car in fleet:
            car.answer = Answer.EXPIRED  # by its own date every command comes too late from now on
        winner = await one.dispatch("aFRR_UP", 20.0, 1000.0, preempt=True)
        await one.until(lambda: winner.counts[CommandState.REJECTED] == 2)
        for car in fleet:
            car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Cancel(dispatch_id=winner.dispatch_id))
        await one.over(winner)
        for car in fleet:
            car.setpoint_kw, car.lease_ends_ms, car.reports = 2.0, lease_ends_ms, True  # the release came too late as well
        while any(followed_kw(one, fleet)):
            assert len(one.engine._owed) == 2, "they still follow it"
            await one.run_for(0.5)
        await one.until(lambda: not len(one.engine._owed), 2 * SLACK_S)


@pytest.mark.parametrize("step_s", [-3600.0, 45.0, 3600.0])
@in_virtual_time
async def test_leases_are_renewed_at_half_life_whatever_the_date_does(step_s: float) -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=LEASE_S) as one:
        running = await one.active("MA", 4.0, 1000.0)
        await one.run_for(10.0)
        one.clock.step_s = step_s
        before = [len(car.received) for car in fleet]
        await one.run_for(15.0)
        assert [len(car.received) for car in fleet] == before, "half a lease is not over yet"
        assert running.counts[CommandState.ACKED] == 2, "no lease has ended"
        await one.run_for(10.0)
        assert [len(car.received) for car in fleet] == [count + 1 for count in before]


@in_virtual_time
async def test_a_lease_that_nobody_renews_ends_in_time_though_the_date_was_set_back() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=LEASE_S) as one:
        own_date(one)
        running = await one.active("MA", 4.0, 1000.0)
        one.clock.step_s = -3600.0
        fleet[0].answer = Answer.NEVER
        await one.run_for(LEASE_S + 2.0)
        assert running.command_state[0] == CommandState.EXPIRED
        assert running.state is DispatchState.ACTIVE
