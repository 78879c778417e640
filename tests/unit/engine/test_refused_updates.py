"""Who refuses a new setpoint may keep the old one; what the journal did not take is decided again; what comes late is answered."""

import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.domain.states import CommandState
from v2g_console.engine.expected import believe
from v2g_console.transport.wire import Ack


@in_virtual_time
async def test_who_refuses_an_update_is_believed_to_keep_what_it_had_and_is_uncertain() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        for car in fleet:
            car.reports = False
        fleet[0].answer = Answer.REJECTED
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        await one.run_for(1.0)
        assert fleet[0].power_kw(0) == 4.0
        assert believe(one.core, running).regulation_kw.tolist() == [4.0, 8.0]
        view = one.view(running)
        assert (view.acknowledged_kw, view.uncertain_kw) == (8.0, 4.0)


@in_virtual_time
async def test_telemetry_tells_what_a_refusing_vehicle_really_does() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        fleet[0].answer, fleet[0].follows = Answer.REJECTED, False  # it gave up the old setpoint too
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        await one.run_for(8.0)
        assert believe(one.core, running).regulation_kw.tolist() == [0.0, 8.0]
        assert one.view(running).uncertain_kw == 0.0


@in_virtual_time
async def test_the_others_make_up_for_what_a_refusing_vehicle_does_not_add() -> None:
    fleet = cars(4, 2)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 16.0, 120.0)
        fleet[0].answer = Answer.REJECTED
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=32.0))
        await one.run_for(15.0)
        assert [car.power_kw(0) for car in fleet] == pytest.approx([4.0, 28 / 3, 28 / 3, 28 / 3], abs=0.6)


@in_virtual_time
async def test_a_vehicle_that_leaves_its_setpoint_by_itself_gives_nothing() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        fleet[0].reports = False
        one.link.acknowledge(fleet[0], Ack(fleet[0].received[-1].command.command_id, "rejected", None, "LOCAL_OVERRIDE"))
        assert believe(one.core, running).regulation_kw.tolist() == [0.0, 4.0]


@in_virtual_time
async def test_who_says_in_his_refusal_what_he_does_is_believed() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        fleet[0].reports, fleet[0].answer = False, Answer.NEVER
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        one.link.acknowledge(fleet[0], Ack(fleet[0].received[-1].command.command_id, "rejected", 1.5, "FAULT"))
        assert believe(one.core, running).regulation_kw.tolist()[0] == 1.5


@in_virtual_time
async def test_a_first_refusal_is_worth_nothing() -> None:
    fleet = cars(2, 2)
    fleet[0].answer = Answer.REJECTED
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        assert believe(one.core, running).regulation_kw.tolist() == [0.0, 4.0]
        assert one.view(running).uncertain_kw == 0.0


@in_virtual_time
async def test_a_reallocation_the_journal_does_not_take_is_decided_again_with_new_vehicles() -> None:
    fleet = cars(10)
    for number, car in enumerate(fleet):
        car.soc = 0.9 - 0.03 * number  # merit uses two and leaves the rest
    async with bench(fleet, reallocation="balanced", allocator="merit") as one:
        running = await one.active("MA", 22.0, 120.0)
        fleet[0].follows = False
        one.journal.fails = JournalError
        await one.run_for(20.0)
        assert sum(len(car.received) for car in fleet) == 2
        assert running.counts[CommandState.PLANNED] == 0
        assert one.owned(running) == 2, "who was only meant to help is free"
        one.journal.fails = None
        await one.run_for(15.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(22.0, abs=1.0)
        one.check()
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert all(car.power_kw(0) <= 0.0 for car in fleet)


def taken_again(one: Bench, car: Car) -> int:
    """How many commands it got."""
    return len(one.fleet[car.vehicle_id].received)


@in_virtual_time
async def test_a_late_answer_from_an_earlier_stay_brings_the_newest_setpoint_again() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        first = await one.active("MA", 8.0, 5.0)
        old = fleet[0].received[0].command.command_id
        await one.over(first)
        await one.run_for(15.0)
        second = await one.active("MA", 16.0, 60.0)
        before = taken_again(one, fleet[0])
        fleet[0].setpoint_kw = 2.0  # a broker of MQTT 3.1.1 delivered the old one late
        one.link.acknowledge(fleet[0], Ack(old, "accepted", 2.0))
        await one.run_for(0.5)
        assert taken_again(one, fleet[0]) == before + 1
        assert fleet[0].power_kw(0) == 4.0
        assert [taken_again(one, car) for car in fleet[1:]] == [before] * 3
        assert second.counts[CommandState.ACKED] == 4


@in_virtual_time
async def test_the_same_within_one_dispatch_that_let_it_go_and_took_it_again() -> None:
    fleet = cars(3, 2)
    async with bench(fleet, reallocation="balanced", retries=0) as one:
        fleet[0].answer = Answer.NEVER
        running = await one.active("MA", 12.0, 300.0)
        fleet[0].answer = Answer.YES
        await one.run_for(60.0)  # let go, released, on hold, free
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=33.0))
        await one.run_for(3.0)
        assert running.row_list.count(one.row(fleet[0].vehicle_id)) == 2, "taken anew, in a row of its own"
        before, now_kw = taken_again(one, fleet[0]), fleet[0].power_kw(0)
        fleet[0].setpoint_kw = 4.0
        one.link.acknowledge(fleet[0], Ack(fleet[0].received[0].command.command_id, "accepted", 4.0))
        await one.run_for(0.5)
        assert taken_again(one, fleet[0]) == before + 1
        assert fleet[0].power_kw(0) == now_kw > 4.0


@in_virtual_time
async def test_an_unknown_answer_of_a_free_vehicle_brings_nothing() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        await one.active("MA", 4.0, 60.0, vehicles=(fleet[0].vehicle_id,))
        one.link.acknowledge(fleet[1], Ack("0" * 32 + "-1795441129000-0", "accepted", 4.0))
        await one.run_for(1.0)
        assert [taken_again(one, car) for car in fleet] == [1, 0]
