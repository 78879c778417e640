"""Policy `resume`: after a crash at any step a dispatch goes on to its old end with its old baselines, and nothing old is replayed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.crash import crash, found_in
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.events import AlarmCleared, AlarmRaised, DispatchActive, DispatchFailed, EngineRecovered
from v2g_console.domain.states import CommandState, DispatchState
from v2g_console.engine.clock import rfc3339
from v2g_console.engine.dispatch import ReleaseState, Running
from v2g_console.journal.holds import Holds
from v2g_console.journal.port import RoundRecord
from v2g_console.transport.wire import CommandV2

Moment = Callable[[Bench], Awaitable[None]]


async def start(fleet: list[Car], **dispatch: object) -> Bench:
    """A bench that will be killed, so nothing closes it."""
    settings = Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none", **dispatch}})
    one = Bench(fleet, settings)
    await one.start()
    return one


def only(one: Bench) -> Running:
    """The only dispatch that runs."""
    (running,) = one.core.running.values()
    return running


def told(one: Bench, kind: type) -> list[object]:
    """Events of a kind."""
    return [event for event in one.told if isinstance(event, kind)]


@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_an_active_dispatch_goes_on_to_its_old_end_with_its_old_baselines(protocol: int, tmp_path: Path) -> None:
    fleet = cars(4, protocol, natural_kw=-3.0)
    first = await start(fleet)
    before = await first.active("MA", 8.0, 40.0)
    dispatch_id, ends_ms = before.dispatch_id, before.ends_ms
    await first.run_for(10.0)
    old = [received.payload for car in fleet for received in car.received]
    found = await crash(first, tmp_path)
    await asyncio.sleep(5.0)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        running = only(one)
        assert (running.dispatch_id, running.ends_ms, running.origin.user) == (dispatch_id, ends_ms, "ines")
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        assert running.baseline_kw.tolist() == [-3.0] * 4
        assert [car.setpoint_kw for car in fleet] == [-1.0] * 4
        new = [received for car in fleet for received in car.received[1:]]
        assert len(new) == 4
        assert not {received.payload for received in new} & set(old), "nothing old is sent again"
        assert min(received.seq for received in new) > found.last_seq
        (said,) = told(one, EngineRecovered)
        assert isinstance(said, EngineRecovered)
        assert (said.resumed, said.released, said.owed, said.clean) == ((dispatch_id,), (), 0, False)
        await one.run_for(2.0)
        assert [event.kind for event in told(one, AlarmRaised) if isinstance(event, AlarmRaised)] == ["recovered"]
        assert told(one, AlarmCleared), "everything found is settled"
        assert await one.over(running) is DispatchState.COMPLETED
        assert one.core.utc_ms() == pytest.approx(ends_ms, abs=2000)
        assert [car.power_kw(one.clock.utc() * 1000) for car in fleet] == pytest.approx([-3.0] * 4, abs=0.3)


@in_virtual_time
async def test_policy_release_releases_it_at_once(tmp_path: Path) -> None:
    fleet = cars(4, natural_kw=-3.0)
    first = await start(fleet)
    dispatch_id = (await first.active("MA", 8.0, 40.0)).dispatch_id
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found) as one:
        assert one.core.running == {}
        await one.run_for(20.0)
        assert [car.power_kw(0) for car in fleet] == pytest.approx([-3.0] * 4, abs=0.3)
        (said,) = told(one, EngineRecovered)
        assert isinstance(said, EngineRecovered)
        assert (said.resumed, said.released, said.owed) == ((), (dispatch_id,), 4)
        assert told(one, AlarmCleared)


@in_virtual_time
async def test_who_has_not_described_itself_since_the_restart_is_released_to_its_baseline(tmp_path: Path) -> None:
    fleet = cars(2, natural_kw=-3.0)
    first = await start(fleet)
    await first.active("MA", 4.0, 40.0)
    found = await crash(first, tmp_path)
    one = Bench([fleet[0]], Settings.model_validate({"dispatch": {"allocator": "equal", "on_recovery": "resume"}}), found=found)
    one.link.cars[fleet[1].vehicle_id] = fleet[1]
    describe = one.link.describe
    one.link.describe = lambda car: describe(car) if car is fleet[0] else None  # type: ignore[method-assign]  # the other never does
    await one.start()
    running = only(one)
    await one.until(lambda: running.state is DispatchState.ACTIVE)
    assert one.owned(running) == 1
    assert fleet[1].setpoint_kw == -3.0, "nothing is known of its battery: as it was before the dispatch"
    await one.close()


@in_virtual_time
async def test_who_can_no_longer_give_is_released_and_the_others_go_on(tmp_path: Path) -> None:
    fleet = cars(4, natural_kw=-3.0)
    first = await start(fleet)
    await first.active("MA", 8.0, 40.0)
    found = await crash(first, tmp_path)
    fleet[1].available = False
    present = [fleet[0], fleet[1], fleet[3]]  # the third never says a word again
    async with bench(present, found=found, on_recovery="resume") as one:
        running = only(one)
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        assert one.owned(running) == 2
        assert [car.setpoint_kw for car in fleet] == [-1.0, -3.0, -1.0, -1.0]
        await one.until(lambda: len(one.engine._owed) == 1)  # the silent one is owed its release
        one.link.cars[fleet[2].vehicle_id] = fleet[2]
        await one.run_for(20.0)
        assert len(one.engine._owed) == 0
        assert fleet[2].setpoint_kw == -3.0
        await one.over(running)


@in_virtual_time
async def test_the_newest_target_is_the_one_that_counts_and_lost_power_is_made_up(tmp_path: Path) -> None:
    fleet = cars(6)
    first = await start(fleet)
    before = await first.active("MA", 6.0, 40.0, vehicles=tuple(car.vehicle_id for car in fleet[:4]))
    await first.accepted(ask.Update(dispatch_id=before.dispatch_id, power_kw=12.0))
    await first.run_for(3.0)
    found = await crash(first, tmp_path)
    fleet[0].available = False
    async with bench(fleet, found=found, on_recovery="resume") as one:
        running = only(one)
        assert running.target_kw == 12.0
        await one.run_for(20.0)
        assert sum(car.setpoint_kw or 0.0 for car in fleet[1:]) == pytest.approx(12.0, abs=0.1)
        await one.over(running)


@in_virtual_time
async def test_who_took_vehicles_of_it_is_still_told_after_a_restart(tmp_path: Path) -> None:
    fleet = cars(6, 2)
    first = await start(fleet)
    low = await first.active("MA", 12.0, 60.0)
    high = await first.active("aFRR_UP", 11.0, 60.0, preempt=True)
    (taken,) = first.view(low).taken
    assert taken.vehicles >= 1
    await first.run_for(1.0)
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        views = {view.dispatch_id: view for view in map(one.view, one.core.running.values())}
        assert views[low.dispatch_id].taken == (taken,)
        assert views[high.dispatch_id].taken == ()
        assert views[low.dispatch_id].requested_kw == 12.0
        await one.run_for(20.0)


@in_virtual_time
async def test_leases_that_ended_meanwhile_are_not_renewed_but_the_target_is_reached_again(tmp_path: Path) -> None:
    fleet = cars(3, 2)
    first = await start(fleet, lease_s=60.0)
    await first.active("MA", 6.0, 120.0)
    found = await crash(first, tmp_path)
    await asyncio.sleep(90.0)
    assert [car.power_kw(first.clock.utc() * 1000) for car in fleet] == [0.0] * 3
    for car in fleet:
        car.natural_kw = -2.0  # since nobody has a hold on them any more, this is their baseline now
    async with bench(fleet, found=found, on_recovery="resume", lease_s=60.0) as one:
        running = only(one)
        await one.run_for(15.0)
        assert running.baseline_kw[running.held(one.core.fleet.owner)].tolist() == [-2.0] * 3
        assert [car.power_kw(one.clock.utc() * 1000) for car in fleet] == [0.0] * 3
        await one.run_for(15.0)
        assert await one.over(running) is DispatchState.COMPLETED


@in_virtual_time
async def test_a_dispatch_whose_end_passed_while_the_engine_was_down_is_released(tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    await first.active("MA", 6.0, 30.0)
    found = await crash(first, tmp_path)
    await asyncio.sleep(60.0)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        assert one.core.running == {}
        await one.run_for(20.0)
        assert [car.power_kw(0) for car in fleet] == pytest.approx([0.0] * 3, abs=0.3)


@in_virtual_time
async def test_one_that_was_ending_is_not_brought_back(tmp_path: Path) -> None:
    fleet = cars(3, answer_s=2.0)
    first = await start(fleet)
    before = await first.active("MA", 6.0, 300.0)
    await first.accepted(ask.Cancel(dispatch_id=before.dispatch_id))
    await first.run_for(0.5)
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        assert one.core.running == {}
        await one.run_for(20.0)
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3


@pytest.mark.parametrize("later", [False, True])
@in_virtual_time
async def test_a_cancelled_one_does_not_come_back_however_soon_after_its_answer_the_engine_dies(later: bool, tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    if later:
        before = await first.dispatch("MA", 6.0, 300.0, start_at=rfc3339(first.clock.utc() + 20.0))
    else:
        before = await first.active("MA", 6.0, 300.0)
    await first.accepted(ask.Cancel(dispatch_id=before.dispatch_id))
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        assert one.core.running == {}
        await one.run_for(30.0)
        assert not any(car.setpoint_kw for car in fleet)


@in_virtual_time
async def test_a_link_that_comes_too_late_ends_in_a_release_not_in_a_late_setpoint(tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    await first.active("MA", 6.0, 40.0)
    found = await crash(first, tmp_path)
    sent = [len(car.received) for car in fleet]
    async with bench(fleet, found=found, on_recovery="resume") as one:
        running = only(one)
        one.link.down()
        await one.until(lambda: running.state is DispatchState.RELEASING)
        one.link.up()
        await one.run_for(30.0)
        assert running.state is DispatchState.COMPLETED
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3
        assert all(received.command.power_kw == 0.0 for car, n in zip(fleet, sent, strict=True) for received in car.received[n:])


@in_virtual_time
async def test_a_journal_that_fails_at_the_restart_ends_it_in_a_release(tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    await first.active("MA", 6.0, 300.0)
    found = await crash(first, tmp_path)
    for car in fleet:
        car.reports = False
    async with bench(fleet, found=found, on_recovery="resume") as one:
        running = only(one)
        one.journal.fails = JournalError
        for car in fleet:
            car.reports = True
        assert await one.over(running) is DispatchState.FAILED
        assert "journal" in running.outcome_reason
        assert [car.setpoint_kw for car in fleet] == [0.0] * 3


@in_virtual_time
async def test_who_was_leaving_it_is_owed_the_release_and_acknowledges_it(tmp_path: Path) -> None:
    fleet = cars(4, 2)
    fleet[3].answer = Answer.NEVER
    first = await start(fleet, reallocation="balanced", ack_timeout_seconds=2.0)
    await first.active("MA", 8.0, 300.0)
    await first.until(lambda: len(first.engine._owed) == 1)
    await first.run_for(0.2)
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume", ack_timeout_seconds=2.0) as one:
        running = only(one)
        assert len(one.engine._owed) == 1
        fleet[3].answer = Answer.YES
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        await one.until(lambda: len(one.engine._owed) == 0)
        assert one.core.unknown_acks == one.core.mismatched_acks == 0
        assert fleet[3].setpoint_kw is None


async def sending(one: Bench) -> None:
    """The first round is journalled, and half of it is out."""
    running = await one.dispatch("MA", 12.0, 20.0)
    await one.until(lambda: int(running.out.sum()) >= 6)


async def committing(one: Bench) -> None:
    """The first round is on its way to the journal."""
    one.journal.round_s = 0.5
    await one.dispatch("MA", 12.0, 20.0)
    await one.run_for(0.1)
    one.journal.round_s = 0.0


async def being_answered(one: Bench) -> None:
    """Some have acknowledged."""
    for number, car in enumerate(one.fleet.values()):
        car.answer_s = 0.02 + number * 0.01
    running = await one.dispatch("MA", 12.0, 20.0)
    await one.until(lambda: running.counts[CommandState.ACKED] >= 4)


async def updating(one: Bench) -> None:
    """A new target is journalled, and half of it is out."""
    running = await one.active("MA", 12.0, 20.0)
    asked = asyncio.create_task(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=24.0)))
    await one.until(lambda: int(np.sum(running.command_state == CommandState.PUBLISHED)) >= 4)
    asked.cancel()


async def renewing(one: Bench) -> None:
    """Leases are being renewed: some vehicles have the new one."""
    running = await one.active("MA", 12.0, 60.0)
    await one.until(lambda: bool((running.renewal_until_ms > 0).any()))


async def releasing(one: Bench) -> None:
    """Half of the releases are confirmed."""
    running = await one.active("MA", 12.0, 20.0)
    await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
    await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] >= 4)


async def owing(one: Bench) -> None:
    """The dispatch is over, releases are owed and being sent again."""
    for car in one.fleet.values():
        car.answer, car.follows = Answer.NEVER, False
    running = await one.dispatch("MA", 12.0, 8.0)
    await one.over(running)
    await one.run_for(6.0)
    for car in one.fleet.values():
        car.answer, car.follows = Answer.YES, True


MOMENTS = [committing, sending, being_answered, updating, renewing, releasing, owing]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
@pytest.mark.parametrize("policy", ["release", "resume"])
@in_virtual_time
async def test_killed_at_any_step_every_vehicle_ends_as_it_began(policy: str, moment: Moment, tmp_path: Path) -> None:
    fleet = cars(6, natural_kw=-3.0) + cars(6, 2, first=6, natural_kw=-3.0)
    first = await start(fleet, lease_s=30.0, ack_timeout_seconds=2.0)
    await moment(first)
    sent = {received.payload for car in fleet for received in car.received}
    begun = {car.vehicle_id: len(car.received) for car in fleet}
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery=policy, lease_s=30.0, ack_timeout_seconds=2.0) as one:
        await asyncio.sleep(75.0)
        one.check()
        assert [car.power_kw(one.clock.utc() * 1000) for car in fleet] == pytest.approx([-3.0] * 12, abs=0.3)
        assert (one.core.running, len(one.engine._owed)) == ({}, 0)
        new = [received for car in fleet for received in car.received[begun[car.vehicle_id] :]]
        assert not {received.payload for received in new} & sent, "nothing old is sent again"
        if policy == "release":
            assert all(received.release in (True, None) and received.command.power_kw == pytest.approx(-3.0) for received in new)
        records = (*first.journal.records(), *one.journal.records())
    again = found_in(records, tmp_path / "again.db")
    assert (again.unfinished, again.waiting, again.owed) == ((), (), ()), "the journal knows that it is over"
    journalled = {record.seq for record in records if isinstance(record, RoundRecord)}
    assert {received.seq for car in fleet for received in car.received} <= journalled, "every round that went out is journalled"


@in_virtual_time
async def test_a_lease_is_renewed_after_the_restart_and_the_second_crash_too_is_survived(tmp_path: Path) -> None:
    fleet = cars(3, 2)
    first = await start(fleet, lease_s=60.0)
    dispatch_id = (await first.active("MA", 6.0, 130.0)).dispatch_id
    found = await crash(first, tmp_path)
    one = Bench(fleet, first.settings.model_copy(update={"dispatch": first.settings.dispatch.model_copy(update={"on_recovery": "resume"})}),
                found=found)  # fmt: skip
    await one.start()
    await one.run_for(70.0)
    records = one.journal.records()
    one.journal._records.clear()
    one.journal._records.extend((*first.journal.records(), *records))
    found = await crash(one, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume", lease_s=60.0) as last:
        running = only(last)
        assert running.dispatch_id == dispatch_id
        await last.run_for(50.0)
        assert await last.over(running) is DispatchState.COMPLETED
        seqs = [received.seq for received in fleet[0].received]
        assert seqs == sorted(set(seqs))
        commands = [received.command for received in fleet[0].received if not received.release]
        assert all(isinstance(command, CommandV2) and command.valid_until <= (running.ends_ms or 0) + 30_000 for command in commands)


@in_virtual_time
async def test_a_scheduled_dispatch_waits_on_and_begins_in_time(tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    start_at = rfc3339(first.clock.utc() + 60.0)
    dispatch_id = (await first.dispatch("MA", 6.0, 30.0, start_at=start_at)).dispatch_id
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume") as one:
        running = only(one)
        assert (running.dispatch_id, running.state) == (dispatch_id, DispatchState.ARMED)
        await one.run_for(55.0)
        assert all(car.received == [] for car in fleet)
        await one.until(lambda: running.state is DispatchState.ACTIVE)
        assert [car.setpoint_kw for car in fleet] == [2.0] * 3
        await one.over(running)


@pytest.mark.parametrize(("policy", "down_s", "why"), [("release", 1.0, "on_recovery"), ("resume", 90.0, "while the engine was down")])
@in_virtual_time
async def test_a_scheduled_dispatch_that_is_not_kept_is_reported(policy: str, down_s: float, why: str, tmp_path: Path) -> None:
    fleet = cars(3)
    first = await start(fleet)
    await first.dispatch("MA", 6.0, 30.0, start_at=rfc3339(first.clock.utc() + 60.0))
    found = await crash(first, tmp_path)
    await asyncio.sleep(down_s)
    async with bench(fleet, found=found, on_recovery=policy) as one:
        await asyncio.sleep(100.0)
        (failed,) = told(one, DispatchFailed)
        assert isinstance(failed, DispatchFailed)
        assert why in failed.reason
        assert all(car.received == [] for car in fleet)
        assert not told(one, DispatchActive)


@in_virtual_time
async def test_a_stop_that_was_latched_before_the_crash_lets_nothing_be_resumed(tmp_path: Path) -> None:
    fleet = cars(2)
    first = await start(fleet)
    await first.active("MA", 4.0, 100.0)
    found = await crash(first, tmp_path)
    stopped = replace(found, holds=Holds((), True, "ines", 1, "smoke"))
    async with bench(fleet, found=stopped, on_recovery="resume") as one:
        assert one.core.running == {}
        await one.run_for(10.0)
        assert [car.setpoint_kw for car in fleet] == [0.0] * 2


@in_virtual_time
async def test_a_read_only_engine_resumes_nothing(tmp_path: Path) -> None:
    fleet = cars(2)
    first = await start(fleet)
    await first.active("MA", 4.0, 100.0)
    found = await crash(first, tmp_path)
    async with bench(fleet, found=found, on_recovery="resume", read_only=True) as one:
        assert one.core.running == {}
        await one.run_for(20.0)
        assert [car.setpoint_kw for car in fleet] == [0.0] * 2
