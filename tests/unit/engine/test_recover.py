"""After a crash: what may still be in force is owed its release, whatever is measured before it was sent."""

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract.events import AlarmRaised, ApprovalAsked, ApprovalEnded, EngineRecovered
from v2g_console.engine.recover import recover
from v2g_console.journal.holds import Holds
from v2g_console.journal.port import ReleasesRecord
from v2g_console.journal.recovery import OwedReleases, Recovered, Standing, UnfinishedDispatch


def standing(fleet: list[Car], setpoint_kw: float, valid_until_ms: int = 0) -> Standing:
    """One setpoint, for all of them, with -7.4 kW as baseline."""
    n = len(fleet)
    return Standing(
        vehicle_ids=tuple(car.vehicle_id for car in fleet),
        position=np.arange(n),
        seq=np.full(n, 7),
        setpoint_kw=np.full(n, setpoint_kw),
        baseline_kw=np.full(n, -7.4),
        protocol=np.array([car.protocol for car in fleet], np.uint8),
        valid_until_ms=np.full(n, valid_until_ms),
        release_seq=np.zeros(n, np.int64),
        release_kw=np.zeros(n),
    )


def left_behind(one: Bench, fleet: list[Car], setpoint_kw: float, *, twice: bool = False) -> None:
    """The engine finds, at its start, what an earlier run sent."""
    valid_ms = one.core.utc_ms() + 600_000
    broken = UnfinishedDispatch("a" * 32, "NEBEF", "active", 1, 2, None, standing(fleet, setpoint_kw, valid_ms))
    older = (OwedReleases("b" * 32, "MA", standing(fleet, setpoint_kw, valid_ms)),) if twice else ()
    recover(one.core, one.engine._owed, Recovered(clean=False, last_seq=7, unfinished=(broken,), owed=older))


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize("twice", [False, True])
@in_virtual_time
async def test_a_car_that_was_told_to_stop_charging_charges_again(protocol: int, twice: bool) -> None:
    fleet = cars(3, protocol, natural_kw=-7.4)
    for car in fleet:
        car.setpoint_kw = 0.0
    async with bench(fleet) as one:
        left_behind(one, fleet, 0.0, twice=twice)
        await one.run_for(30.0)
        assert len(one.engine._owed) == 0
        assert [car.power_kw(one.clock.utc() * 1000) for car in fleet] == pytest.approx([-7.4] * 3, abs=0.3)


@in_virtual_time
async def test_a_car_that_has_not_described_itself_goes_back_to_its_baseline() -> None:
    known, unknown = cars(1), cars(1, first=5, natural_kw=-7.4)
    async with bench(known) as one:
        left_behind(one, unknown, 0.0)
        one.link.cars[unknown[0].vehicle_id] = unknown[0]
        unknown[0].setpoint_kw = 0.0
        one.core.fleet.described[one.row(unknown[0].vehicle_id)] = False
        one.link.describe = lambda car: None  # type: ignore[method-assign]  # it never does
        await one.run_for(30.0)
        assert unknown[0].power_kw(0) == pytest.approx(-7.4, abs=0.01)
        assert len(one.engine._owed) == 0


@in_virtual_time
async def test_of_two_dispatches_that_left_a_car_behind_both_are_settled_in_the_journal() -> None:
    fleet = cars(2)
    for car in fleet:
        car.setpoint_kw = 5.0
    async with bench(fleet) as one:
        left_behind(one, fleet, 5.0, twice=True)
        await one.run_for(30.0)
        told = {record.dispatch_id for record in one.journal._records if isinstance(record, ReleasesRecord)}
        assert told == {"a" * 32, "b" * 32}


@in_virtual_time
async def test_vehicles_above_a_limit_that_is_lower_by_now_are_released_and_named() -> None:
    fleet = cars(5, 2)
    for car in fleet:
        car.setpoint_kw = 5.0
    found = Recovered(clean=False, last_seq=7, owed=(OwedReleases("b" * 32, "MA", standing(fleet, 5.0)),))
    async with bench(fleet, found=found, sections={"fleet": {"max_vehicles": 3}}) as one:
        await one.run_for(30.0)
        assert len(one.engine._owed) == 0
        assert all(car.received[-1].release for car in fleet)
        (told,) = [event for event in one.told if isinstance(event, EngineRecovered)]
        assert (told.owed, told.above_most) == (5, 2)
        assert "2 vehicles kept above fleet.max_vehicles" in told.text
        assert [alarm.text for alarm in one.told if isinstance(alarm, AlarmRaised) and alarm.kind == "recovered"] == [told.text]


@in_virtual_time
async def test_the_alarm_says_how_many_are_still_to_confirm() -> None:
    fleet = cars(4, 2)
    for car in fleet:
        car.setpoint_kw = 5.0
    fleet[0].answer = Answer.NEVER
    found = Recovered(clean=False, last_seq=7, owed=(OwedReleases("b" * 32, "MA", standing(fleet, 5.0)),))
    async with bench(fleet, found=found) as one:
        await one.run_for(10.0)
        texts = [alarm.text for alarm in (await one.engine.snapshot()).alarms if alarm.kind == "recovered"]
        assert texts == ["found at the restart: 4 vehicles being released; 1 still to confirm"]


@in_virtual_time
async def test_what_waited_for_a_second_person_is_told_as_not_carried_over_and_forgotten() -> None:
    asked = ApprovalAsked(
        ts="t",
        approval_id="ap-12ab34",
        request="dispatch",
        by="ana",
        way="cli",
        signal="FCR",
        power_kw=900.0,
        limit_kw=500.0,
        expires_s=600.0,
    )
    async with bench(cars(2), found=Recovered(holds=Holds(asked=(asked,)))) as one:
        await one.run_for(1.5)
        (ended,) = [event for event in one.told if isinstance(event, ApprovalEnded)]
        assert (ended.approval_id, ended.outcome, ended.by) == ("ap-12ab34", "not carried over", "ana")
        assert "ask for it again" in ended.reason
        assert ended in one.journal.records()
        (recovered,) = [event for event in one.told if isinstance(event, EngineRecovered)]
        assert recovered.approvals == 1
        assert "1 request that waited for approval not carried over" in recovered.text
