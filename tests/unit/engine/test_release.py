"""Every vehicle that may have got a command is released; what stays unconfirmed is owed until it is settled."""

import itertools

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import START_UTC_S, in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.domain.states import DispatchState
from v2g_console.engine.dispatch import ReleaseState
from v2g_console.engine.totals import release_progress
from v2g_console.transport.port import PublishOutcome
from v2g_console.transport.wire import Ack


@in_virtual_time
async def test_silent_vehicles_are_released_too() -> None:
    fleet = [*cars(2), Car("veh000002", answer=Answer.NEVER), Car("veh000003", 2, answer=Answer.NEVER)]
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 10.0)
        assert await one.over(running) is DispatchState.COMPLETED
        assert all(len({received.seq for received in car.received}) == 2 for car in fleet)
        assert fleet[3].received[-1].release
        assert running.release_counts[ReleaseState.CONFIRMED] + running.release_counts[ReleaseState.OWED] == 4


@in_virtual_time
async def test_a_vehicle_that_got_nothing_is_not_released() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        one.link.broker_says = {"veh000000": PublishOutcome.REFUSED}
        running = await one.active("MA", 4.0, 10.0)
        one.link.broker_says = {}
        await one.over(running)
        assert fleet[0].received == []
        assert running.release_counts[ReleaseState.NOT_NEEDED] == 1
        assert one.owned(running) == 0


@in_virtual_time
async def test_a_publish_that_failed_but_may_have_arrived_is_released() -> None:
    fleet = cars(2, answer=Answer.NEVER)
    async with bench(fleet) as one:
        one.link.broker_says, one.link.failed_arrives = {"veh000000": PublishOutcome.FAILED}, True
        running = await one.active("MA", 4.0, 10.0)
        one.link.broker_says = {}
        await one.over(running)
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]


@pytest.mark.parametrize("outcome", [PublishOutcome.REFUSED, PublishOutcome.DROPPED, PublishOutcome.FAILED])
@in_virtual_time
async def test_a_vehicle_whose_update_failed_is_still_released_from_its_first_setpoint(outcome: PublishOutcome) -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 20.0)
        one.link.broker_says = dict.fromkeys(one.fleet, outcome)
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0))
        await one.run_for(1.0)
        one.link.broker_says = {}
        await one.over(running)
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]
        assert len(one.engine._owed) == 0


@pytest.mark.parametrize(
    ("natural_kw", "soc", "hours", "min_soc", "expected_kw"),
    [
        (0.0, 0.9, None, None, 0.0),  # nothing missing, nothing charged before
        (-7.4, 0.9, None, None, -7.4),  # back to its baseline
        (0.0, 0.3, 4.0, 0.5, -(0.2 * 60) / (0.94 * 4.0)),  # needs to charge for its departure
        (-1.0, 0.3, 4.0, 0.5, -(0.2 * 60) / (0.94 * 4.0)),  # more than its baseline
        (-7.4, 0.3, 4.0, 0.5, -7.4),
    ],
)
@in_virtual_time
async def test_the_release_setpoint_of_v1_leaves_nobody_uncharged(
    natural_kw: float, soc: float, hours: float | None, min_soc: float | None, expected_kw: float
) -> None:
    departure_s = None if hours is None else START_UTC_S + hours * 3600
    car = Car("veh000000", natural_kw=natural_kw, soc=soc, departure_s=departure_s, min_soc=min_soc)
    async with bench([car], departure_margin_s=0.0) as one:
        running = await one.active("aFRR_DOWN", 2.0, 10.0)
        await one.over(running)
        assert car.received[-1].command.power_kw == pytest.approx(expected_kw, rel=0.02, abs=0.001)


@in_virtual_time
async def test_v2_is_told_to_follow_its_own_plan() -> None:
    car = Car("veh000000", 2, natural_kw=-7.4)
    async with bench([car]) as one:
        running = await one.active("NEBEF", 5.0, 10.0)
        await one.over(running)
        assert car.received[-1].release is True
        assert car.setpoint_kw is None


@in_virtual_time
async def test_what_is_owed_is_sent_again_at_a_sign_of_life_and_settled_by_an_ack() -> None:
    car = Car("veh000000", answer=Answer.NEVER)
    async with bench([car]) as one:
        running = await one.active("MA", 5.0, 30.0)
        car.follows, car.natural_kw, car.reports = False, 5.0, False
        await one.over(running)
        assert len(one.engine._owed) == 1
        assert one.core.fleet.owed[0]
        await one.run_for(60.0)
        quiet = len(car.received)
        await one.run_for(60.0)
        assert len(car.received) == quiet
        assert any(alarm.kind == "release_owed" and alarm.active for alarm in (await one.engine.snapshot()).alarms)
        car.reports, car.answer = True, Answer.YES
        await one.run_for(10.0)
        assert len(car.received) > quiet
        assert len(one.engine._owed) == 0
        assert not one.core.fleet.owed[0]
        assert not any(alarm.kind == "release_owed" and alarm.active for alarm in (await one.engine.snapshot()).alarms)


@in_virtual_time
async def test_what_is_owed_is_settled_by_power_measured_at_the_release() -> None:
    car = Car("veh000000", answer=Answer.NEVER)
    async with bench([car]) as one:
        running = await one.active("MA", 5.0, 30.0)
        car.reports = False
        await one.over(running)
        assert len(one.engine._owed) == 1
        car.reports = True
        await one.run_for(4.0)
        assert len(one.engine._owed) == 0
        assert car.setpoint_kw == 0.0


@in_virtual_time
async def test_measured_power_proves_a_silent_release_without_owing_it() -> None:
    car = Car("veh000000", answer=Answer.NEVER)
    async with bench([car]) as one:
        running = await one.active("MA", 5.0, 30.0)
        await one.over(running)
        assert running.release_counts[ReleaseState.CONFIRMED] == 1
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_an_owed_v2_release_is_settled_by_the_end_of_the_lease() -> None:
    car = Car("veh000000", 2, answer=Answer.NEVER)
    async with bench([car], lease_s=60.0) as one:
        car.follows, car.natural_kw = True, 0.0
        running = await one.dispatch("MA", 5.0, 10.0)
        await one.until(lambda: len(car.received) > 0)
        car.reports = False
        await one.over(running)
        assert len(one.engine._owed) == 1
        lease_ends_ms = int(running.valid_until_ms[0])
        await one.until(lambda: len(one.engine._owed) == 0)
        latest_ms = lease_ends_ms + 5000 + 1000  # of a vehicle that got it at the ack deadline, and counts whole seconds
        assert one.core.utc_ms() == pytest.approx(latest_ms, abs=200)


@in_virtual_time
async def test_a_renewal_that_may_have_arrived_keeps_a_release_owed_until_its_own_end() -> None:
    car = Car("veh000000", 2)
    async with bench([car], lease_s=60.0) as one:
        running = await one.active("MA", 5.0, 600.0)
        first_end_ms = int(running.valid_until_ms[0])
        car.answer = Answer.NEVER
        await one.run_for(40.0)
        assert car.lease_ends_ms > first_end_ms  # it took a renewal, and did not say so
        car.reports = False
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        car.follows = True
        await one.over(running)
        owed = one.engine._owed._by_row[0]
        assert owed.lease_ends_ms >= max(received.command.valid_until for received in car.received if not received.release)  # type: ignore[union-attr]


@in_virtual_time
async def test_an_ack_of_an_earlier_release_settles_what_is_owed() -> None:
    car = Car("veh000000", answer=Answer.NEVER)
    async with bench([car]) as one:
        running = await one.active("MA", 5.0, 10.0)
        car.follows, car.natural_kw = False, 5.0
        await one.over(running)
        first_release = car.received[-1].command.command_id
        assert len(one.engine._owed) == 1
        await one.run_for(20.0)
        assert car.received[-1].command.command_id != first_release
        one.link.acknowledge(car, Ack(first_release))
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_pauses_between_owed_releases_grow() -> None:
    car = Car("veh000000", answer=Answer.NEVER)
    async with bench([car]) as one:
        running = await one.active("MA", 5.0, 10.0)
        car.follows, car.natural_kw = False, 5.0
        await one.over(running)
        before = len(car.received)
        await one.run_for(1200.0)
        times = [received.at_s for received in car.received[before:]]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert 4 <= len(times) <= 12
        assert gaps == sorted(gaps)


@in_virtual_time
async def test_a_normal_release_may_be_spread_over_time() -> None:
    fleet = cars(20)
    async with bench(fleet, release_ramp_s=10.0) as one:
        running = await one.active("MA", 40.0, 10.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        begun = one.clock.monotonic()
        assert await one.over(running) is DispatchState.COMPLETED
        times = sorted(car.received[-1].at_s - begun for car in fleet)
        assert times[-1] - times[0] > 4.0
        assert times[-1] <= 10.5
        answers = release_progress(one.core, running)
        assert answers.p50_ms and answers.p95_ms and answers.p99_ms and answers.p50_ms <= answers.p95_ms <= answers.p99_ms


@in_virtual_time
async def test_stop_hurries_a_spread_release() -> None:
    fleet = cars(20)
    async with bench(fleet, release_ramp_s=60.0) as one:
        running = await one.active("MA", 40.0, 10.0)
        await one.until(lambda: running.state is DispatchState.RELEASING)
        await one.run_for(3.0)
        await one.accepted(ask.Stop())
        await one.run_for(1.5)
        assert all(car.setpoint_kw == 0.0 for car in fleet)
