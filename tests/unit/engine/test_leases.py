"""Leases of v2 vehicles: renewed at half-life, and what happens when they aren't."""

import itertools

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.domain.ids import command_id
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.expected import believe
from v2g_console.transport.port import PublishOutcome
from v2g_console.transport.wire import Ack, CommandV2


@in_virtual_time
async def test_a_lease_is_renewed_at_half_life_without_touching_the_dispatch() -> None:
    fleet = cars(3, 2)
    async with bench(fleet, lease_s=60.0) as one:
        running = await one.active("MA", 6.0, 200.0)
        await one.run_for(150.0)
        for car in fleet:
            times = [received.at_s for received in car.received]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert gaps == pytest.approx([30.0] * len(gaps), abs=1.0)
            assert len(gaps) >= 4
            assert {received.command.power_kw for received in car.received} == {2.0}
        assert running.counts[CommandState.ACKED] == 3
        assert one.events_of(running) == ["planned", "sending", "active"]
        assert one.core.duplicate_acks == 0
        await one.over(running)
        last = [received.command for received in fleet[0].received if not received.release][-1]
        assert isinstance(last, CommandV2)
        assert running.ends_ms is not None
        assert last.valid_until <= running.ends_ms + 30_000


@in_virtual_time
async def test_a_short_dispatch_needs_no_renewal() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=60.0) as one:
        running = await one.active("MA", 4.0, 25.0)
        await one.over(running)
        assert all(len(car.received) == 2 for car in fleet)


@in_virtual_time
async def test_v1_vehicles_get_no_renewal() -> None:
    fleet = cars(2, 1)
    async with bench(fleet, lease_s=60.0) as one:
        await one.active("MA", 4.0, 200.0)
        await one.run_for(150.0)
        assert all(len(car.received) == 1 for car in fleet)


@in_virtual_time
async def test_a_lease_that_nobody_confirms_expires_and_is_told() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=60.0) as one:
        running = await one.active("MA", 4.0, 300.0)
        fleet[0].answer = Answer.NEVER
        await one.run_for(80.0)
        assert running.command_state.tolist() == [CommandState.EXPIRED, CommandState.ACKED]
        assert one.view(running).acknowledged_kw == pytest.approx(2.0)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert fleet[0].received[-1].release


@in_virtual_time
async def test_an_ack_of_a_command_that_a_renewal_replaced_sends_the_newest_again() -> None:
    fleet = cars(1, 2)
    async with bench(fleet, lease_s=60.0, ack_timeout_seconds=4.0) as one:
        running = await one.active("MA", 2.0, 300.0)
        first_seq = int(running.seq[0])
        fleet[0].answer = Answer.NEVER
        await one.until(lambda: int(running.seq[0]) != first_seq)
        before = len(fleet[0].received)
        one.link.acknowledge(fleet[0], Ack(command_id(running.dispatch_id, first_seq, 0), "accepted", 2.0))
        await one.run_for(1.0)
        assert len(fleet[0].received) == before + 1
        assert fleet[0].received[-1].seq == int(running.seq[0])


@in_virtual_time
async def test_an_update_overtakes_a_renewal_that_waits_for_the_journal() -> None:
    fleet = cars(2, 2, answer_s=0.0)
    async with bench(fleet, lease_s=60.0) as one:
        running = await one.active("MA", 4.0, 300.0)
        await one.run_for(29.0)
        one.journal.round_s = 2.0
        await one.run_for(1.5)
        one.journal.round_s = 0.0
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        await one.run_for(5.0)
        assert [car.power_kw(0) for car in fleet] == [4.0, 4.0]
        assert running.counts[CommandState.ACKED] == 2


@in_virtual_time
async def test_a_slow_journal_gets_each_renewal_once() -> None:
    fleet = cars(2, 2)
    async with bench(fleet, lease_s=60.0) as one:
        await one.active("MA", 4.0, 300.0)
        one.journal.round_s = 1.0
        await one.run_for(45.0)
        renewals = [record for record in one.journal.rounds if record.kind == "renewal"]
        assert len(renewals) == 1


@in_virtual_time
async def test_every_v2_command_has_an_end_and_an_ack_deadline() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 20.0)
        await one.over(running)
        for received in [received for car in fleet for received in car.received]:
            command = received.command
            assert isinstance(command, CommandV2)
            assert command.accept_until == command.timestamp + 5000
            assert command.timestamp < command.valid_until <= command.timestamp + 900_000
            assert command.hold_s >= 1
        assert running.state is DispatchState.COMPLETED
        assert {outgoing.expiry_s for outgoing in one.link.published if "/command" in outgoing.topic} == {5.0}
        assert not any(outgoing.retain for outgoing in one.link.published)


@in_virtual_time
async def test_who_refuses_a_renewal_for_coming_late_still_follows_and_is_not_made_up_for() -> None:
    fleet = cars(6, 2)
    async with bench(fleet, lease_s=60.0, reallocation="balanced") as one:
        running = await one.active("MA", 12.0, 200.0)
        for car in fleet[:3]:
            car.answer = Answer.EXPIRED
        for _ in range(50):
            await one.run_for(1.0)
            assert sum(car.power_kw(one.clock.utc() * 1000) for car in fleet) == pytest.approx(12.0)
            assert one.view(running).acknowledged_kw == pytest.approx(12.0)
        for car in fleet[:3]:
            car.answer = Answer.YES
        await one.run_for(60.0)
        assert running.counts[CommandState.ACKED] == 6
        assert {car.power_kw(one.clock.utc() * 1000) for car in fleet} == {2.0}


@in_virtual_time
async def test_an_update_that_never_left_makes_no_lease_longer() -> None:
    fleet = cars(4, 2)
    async with bench(fleet, lease_s=30.0) as one:
        running = await one.active("MA", 20.0, 600.0)
        await one.run_for(5.0)
        one.link.broker_says[fleet[0].vehicle_id] = PublishOutcome.DROPPED
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        await one.run_for(20.0)
        assert believe(one.core, running).total_kw == pytest.approx(11.0), "it follows what it was told before"
        await one.run_for(10.0)
        assert fleet[0].power_kw(one.clock.utc() * 1000) == 0.0
        assert believe(one.core, running).total_kw == pytest.approx(6.0), "its lease has ended"
