"""Rounds: how long a command may wait at the broker, nothing before its record, and numbers that only grow."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.test_date_steps import cut_off, restarted
from tests.unit.engine.virtual_time import START_UTC_S, in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.domain.ids import command_id, split_command_id
from v2g_console.domain.states import CommandState
from v2g_console.engine.rounds import resend
from v2g_console.journal.recovery import Recovered
from v2g_console.transport.codec import decode_command
from v2g_console.transport.port import Outgoing, PublishOutcome
from v2g_console.transport.wire import Ack

HOUR_S = 3600.0


def commands_to(one: Bench, car: Car) -> list[Outgoing]:
    """What was published for one vehicle."""
    return [message for message in one.link.published if message.topic == one.link.topics.command(car.vehicle_id)]


def seq_of(message: Outgoing, car: Car) -> int:
    """The number of a command."""
    parts = split_command_id(decode_command(message.payload, car.vehicle_id).command_id)
    assert parts is not None
    return parts[1]


@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_a_repeated_setpoint_may_wait_until_its_ack_deadline_and_a_release_for_a_whole_timeout(protocol: int) -> None:
    (car,) = fleet = cars(1, protocol, answer=Answer.NEVER)
    async with bench(fleet, ack_timeout_seconds=4.0, retries=3) as one:
        running = await one.dispatch("MA", 4.0, 60.0)
        await one.until(lambda: running.counts[CommandState.TIMED_OUT] == 1)
        setpoints = commands_to(one, car)
        await one.accepted(ask.Stop())
        await one.over(running)
        releases = commands_to(one, car)[len(setpoints) :]
        assert [message.expiry_s for message in setpoints] == pytest.approx([4.0, 3.0, 2.0, 1.0], abs=0.3)
        assert len({message.payload for message in setpoints}) == 1
        assert len(releases) >= 4
        assert {(message.expiry_s, message.expiry_anew) for message in releases} == {(4.0, True)}


@in_virtual_time
async def test_a_repetition_past_the_ack_deadline_is_counted_instead_of_sent_but_not_one_to_who_took_an_older_command() -> None:
    (car,) = fleet = cars(1, answer=Answer.NEVER)
    async with bench(fleet, retries=0) as one:
        running = await one.dispatch("MA", 4.0, 60.0)
        await one.until(lambda: running.counts[CommandState.PUBLISHED] == 1)
        running.sent_at[0] -= 5.0
        failed = one.core.metrics.publish_failed
        await resend(one.core, running, [0])
        assert len(commands_to(one, car)) == 1
        assert one.core.metrics.publish_failed == failed + 1
        await resend(one.core, running, [0], anew=True)
        assert [message.expiry_s for message in commands_to(one, car)] == [5.0, 5.0]


@in_virtual_time
async def test_who_acknowledges_an_older_command_gets_the_newest_with_a_whole_timeout() -> None:
    (car,) = fleet = cars(1)
    async with bench(fleet, retries=0) as one:
        running = await one.active("MA", 4.0, 60.0)
        await one.run_for(20.0)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=8.0))
        await one.run_for(20.0)
        first, newest = commands_to(one, car)
        one.link.acknowledge(car, Ack(command_id(running.dispatch_id, seq_of(first, car), 0)))
        await one.until(lambda: len(commands_to(one, car)) == 3, 1.0)
        again = commands_to(one, car)[2]
        assert (again.payload, again.expiry_s) == (newest.payload, 5.0)


@in_virtual_time
async def test_of_two_updates_on_their_way_to_a_slow_journal_none_leaves_before_its_record() -> None:
    fleet = cars(3)
    async with bench(fleet) as one:
        running = await one.active("MA", 6.0, 60.0)
        send, early = one.link._send, list[int]()

        def watched(message: Outgoing) -> PublishOutcome:
            if message.topic.endswith("/command"):
                seq = seq_of(message, next(car for car in fleet if car.vehicle_id in message.topic))
                early.extend([seq] if seq not in {record.seq for record in one.journal.rounds} else [])
            return send(message)

        one.link._send = watched  # type: ignore[method-assign]
        one.journal.round_s = 1.0
        older = asyncio.create_task(one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=12.0)))
        await one.run_for(0.4)
        assert running.seq.min() not in {record.seq for record in one.journal.rounds}, "decided, and not yet journalled"
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=18.0))
        await older
        await one.run_for(1.0)
        updates = [record for record in one.journal.rounds if record.kind == "update"]
        assert len(updates) == 2
        assert [car.power_kw(0) for car in fleet] == [6.0] * 3
        assert not early, "published, and not yet journalled"


@in_virtual_time
async def test_round_numbers_start_above_those_of_an_earlier_run_whatever_the_date() -> None:
    (car,) = fleet = cars(1)
    last_seq = int((START_UTC_S + HOUR_S) * 1000)
    async with bench(fleet, found=Recovered(last_seq=last_seq)) as one:
        running = await one.active("MA", 4.0, 10.0)
        await one.over(running)
        seqs = [seq_of(message, car) for message in commands_to(one, car)]
        assert len(seqs) == 2
        assert last_seq < seqs[0] < seqs[1]


@pytest.mark.parametrize("policy", ["release", "resume"])
@in_virtual_time
async def test_after_a_restart_with_the_date_set_back_every_number_is_above_those_of_before(policy: str, tmp_path: Path) -> None:
    fleet = cars(3)
    found = await cut_off(fleet, tmp_path)
    before = [len(car.received) for car in fleet]
    async with restarted(fleet, found, -HOUR_S, policy) as one:
        await one.until(lambda: all(len(car.received) > count for car, count in zip(fleet, before, strict=True)))
        await one.run_for(2.0)
        new = [received.seq for car, count in zip(fleet, before, strict=True) for received in car.received[count:]]
        assert min(new) > found.last_seq
