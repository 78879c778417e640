"""The link goes down and comes back in the middle of things."""

import asyncio

import pytest
from msgspec.structs import replace

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import LinkChanged
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import CommandState, DispatchState


@in_virtual_time
async def test_without_a_link_no_dispatch_starts() -> None:
    async with bench(cars(2)) as one:
        one.link.down()
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=4.0, duration_s=60.0))
        assert refused.reason is Refusal.LINK_DOWN
        one.link.up()
        await one.active("MA", 4.0)


@in_virtual_time
async def test_what_could_not_be_sent_is_decided_and_sent_anew_and_nothing_is_replayed() -> None:
    fleet = cars(40)
    async with bench(fleet) as one:
        one.link.puback_s = 0.2
        running = await one.dispatch("MA", 80.0, 120.0)
        await one.until(lambda: sum(len(car.received) for car in fleet) >= 20)
        first_seq = int(running.seq[0])
        one.link.down()
        await one.run_for(5.0)
        sent_before = sum(len(car.received) for car in fleet)
        assert running.counts[CommandState.DROPPED] > 0
        await one.run_for(10.0)
        assert sum(len(car.received) for car in fleet) == sent_before
        one.link.up()
        await one.run_for(5.0)
        assert running.counts[CommandState.ACKED] >= 39
        assert all(len(car.received) >= 1 for car in fleet)
        late = [received for car in fleet for received in car.received if received.at_s > one.clock.monotonic() - 5.0]
        assert late
        assert all(received.seq > first_seq for received in late)
        assert one.link.hellos == 2
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert all(car.setpoint_kw == 0.0 for car in fleet)


@in_virtual_time
async def test_a_release_that_finds_no_link_is_owed_and_sent_when_vehicles_are_heard_again() -> None:
    fleet = cars(3, natural_kw=0.0)
    async with bench(fleet) as one:
        running = await one.active("MA", 9.0, 20.0)
        one.link.down()
        assert await one.over(running) is DispatchState.COMPLETED
        assert len(one.engine._owed) == 3
        assert all(car.setpoint_kw != 0.0 for car in fleet)
        one.link.up()
        await one.run_for(20.0)
        assert len(one.engine._owed) == 0
        assert all(car.setpoint_kw == 0.0 for car in fleet)


@in_virtual_time
async def test_a_short_cut_during_the_release_is_repaired_within_it() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 9.0, 20.0)
        one.link.down()
        await one.until(lambda: running.state is DispatchState.RELEASING)
        one.link.up()
        await one.over(running)
        await one.run_for(10.0)
        assert all(car.setpoint_kw == 0.0 for car in fleet)
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_the_link_lost_is_told_and_is_an_alarm() -> None:
    async with bench(cars(1)) as one:
        one.link.down()
        await one.run_for(2.0)
        alarms = (await one.engine.snapshot()).alarms
        assert [(alarm.kind, alarm.priority, alarm.active) for alarm in alarms] == [("link_lost", 1, True)]
        assert alarms[0].response
        one.link.up()
        await one.run_for(5.0)
        assert not any(alarm.active for alarm in (await one.engine.snapshot()).alarms)
        states = [event.state for event in one.told if isinstance(event, LinkChanged)]
        assert states == ["up", "down", "up"]


@in_virtual_time
async def test_deadlines_go_on_while_the_link_is_down() -> None:
    fleet = cars(2, answer=Answer.NEVER)
    async with bench(fleet) as one:
        running = await one.dispatch("MA", 4.0, 60.0)
        await one.until(lambda: running.counts[CommandState.PUBLISHED] == 2)
        one.link.down()
        await one.until(lambda: running.state is DispatchState.ACTIVE, 7.0)
        assert running.counts[CommandState.TIMED_OUT] == 2
        assert all(len(car.received) == 1 for car in fleet)


@in_virtual_time
async def test_who_is_silent_because_the_link_went_has_not_failed() -> None:
    fleet = cars(4)
    async with bench(fleet, reallocation="balanced") as one:
        one.link.cars = {}  # what is sent is lost with the broker
        running = await one.dispatch("MA", 8.0, 120.0)
        await one.until(lambda: running.counts[CommandState.PUBLISHED] == 4)
        one.link.down()
        await one.until(lambda: running.counts[CommandState.TIMED_OUT] == 4, 30.0)
        await one.run_for(3.0)
        assert [one.core.standing.failures(row) for row in range(4)] == [0] * 4
        one.link.up()  # and they are silent still: that counts from the next command on
        await one.run_for(3.0)
        assert [one.core.standing.failures(row) for row in range(4)] == [0] * 4
        await one.run_for(20.0)
        one.link.cars = {car.vehicle_id: car for car in fleet}
        await one.until(lambda: running.counts[CommandState.ACKED] == 4, 60.0)


@in_virtual_time
async def test_a_wall_clock_step_moves_no_deadline_and_no_order() -> None:
    async with bench(cars(2)) as one:
        begun = one.clock.monotonic()
        running = await one.active("MA", 4.0, 30.0)
        one.clock.step_s = -3600.0
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        await one.over(running)
        assert 30.0 <= one.clock.monotonic() - begun < 38.0


@in_virtual_time
async def test_the_first_attempt_to_connect_is_no_alarm() -> None:
    async with bench(cars(1)) as one:
        one.link.down()
        reading = one.link.health
        one.link.health = lambda: replace(reading(), state=LinkState.CONNECTING, cause=LinkCause.NONE, cause_text="")  # type: ignore[method-assign]
        await one.run_for(2.0)
        assert (await one.engine.snapshot()).alarms == ()


@pytest.mark.parametrize("cut_after_s", [0.0, 0.06])
@in_virtual_time
async def test_who_applied_an_old_command_as_the_link_went_gets_the_newest_when_it_is_back(cut_after_s: float) -> None:
    fleet = cars(3, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 120.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=12.0))
        await one.run_for(2.0)
        one.link.puback_s = 1.0
        first = fleet[0].received[0].payload
        for ack in fleet[0].take(first, one.clock.monotonic(), one.clock.utc() * 1000):
            one.link.acknowledge(fleet[0], ack)
        fleet[0].received.pop()  # the broker kept it: the engine sent it once
        assert fleet[0].setpoint_kw == 2.0
        one.link.cars = {}
        await asyncio.sleep(cut_after_s)
        one.link.down()
        await one.run_for(3.0)
        one.link.cars = {car.vehicle_id: car for car in fleet}
        one.link.up()
        await one.run_for(3.0)
        assert [car.setpoint_kw for car in fleet] == [4.0] * 3
