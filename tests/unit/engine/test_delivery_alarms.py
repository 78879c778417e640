"""Alarms about what is given: acknowledged and not delivered, and what can't be held to the end of a dispatch."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import AlarmRaised
from v2g_console.domain.alarm_kinds import ALARM_KINDS


def texts(one: Bench, kind: str) -> list[str]:
    return [alarm.text for alarm in one.engine._parts.alarms.views() if alarm.kind == kind and alarm.active]


def rung(one: Bench) -> list[str]:
    return [event.kind for event in one.told if isinstance(event, AlarmRaised)]


@in_virtual_time
async def test_a_fleet_that_acknowledges_and_does_not_move_rings_once_it_is_sure_and_clears_when_it_follows() -> None:
    fleet = cars(4, follows=False)
    async with bench(fleet) as one:
        running = await one.active("MA", 20.0, 300.0)
        await one.run_for(9.0)
        assert rung(one) == [], "telemetry of before the response time proves nothing, and it may yet come"
        await one.until(lambda: rung(one) == ["not_delivered"], 15.0)
        (text,) = texts(one, "not_delivered")
        assert text == f"{running.short_id} MA: 20 kW acknowledged, 0 kW measured, on 4 vehicles that can be told, of 4 that answered"
        for car in fleet:
            car.follows = True
        await one.run_for(15.0)
        assert texts(one, "not_delivered") == []
        assert rung(one) == ["not_delivered"]
        assert [event.dispatch_id for event in one.told if isinstance(event, AlarmRaised)] == [running.dispatch_id]


@in_virtual_time
async def test_a_target_that_moves_all_the_time_does_not_hide_that_nobody_follows() -> None:
    async with bench(cars(4, follows=False)) as one:
        running = await one.active("MA", 20.0, 300.0)
        for turn in range(5):
            await one.run_for(6.0)
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=24.0 - turn))
        assert rung(one).count("not_delivered") == 1 and texts(one, "not_delivered")


@in_virtual_time
async def test_a_target_that_moves_and_is_followed_rings_nobody() -> None:
    async with bench(cars(4), ramp_kw_per_s=2.0, reallocation="balanced") as one:
        running = await one.active("MA", 20.0, 300.0)
        for power_kw in (30.0, 8.0, -20.0, 36.0, 4.0):
            await one.run_for(12.0)
            await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=power_kw))
        await one.run_for(30.0)
        assert rung(one) == []


@in_virtual_time
async def test_a_dispatch_that_ends_takes_its_alarm_with_it() -> None:
    async with bench(cars(4, follows=False)) as one:
        running = await one.active("MA", 20.0, 300.0)
        await one.until(lambda: bool(texts(one, "not_delivered")), 30.0)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        await one.run_for(1.5)
        assert texts(one, "not_delivered") == []


@pytest.mark.parametrize(
    "fleet",
    [
        [*cars(19), Car("veh000090", follows=False)],
        cars(4, 2, ramp_kw_per_s=0.2),
        cars(40, follows=False, max_kw=0.9),
    ],
    ids=["one of twenty", "slow ramps", "too little to tell"],
)
@in_virtual_time
async def test_a_small_share_a_slow_ramp_and_what_nobody_can_tell_do_not_ring(fleet: list[Car]) -> None:
    async with bench(fleet) as one:
        await one.active("MA", 20.0, 60.0)
        await one.run_for(50.0)
        assert "not_delivered" not in rung(one)


@in_virtual_time
async def test_who_is_not_measured_since_its_command_is_not_judged() -> None:
    fleet = cars(4, follows=False)
    async with bench(fleet) as one:
        await one.active("MA", 20.0, 60.0)
        for car in fleet:
            car.reports = False
        await one.run_for(50.0)
        assert "not_delivered" not in rung(one)


@in_virtual_time
async def test_what_others_make_up_for_does_not_ring() -> None:
    fleet = [*cars(8), *cars(2, first=90, follows=False)]
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 30.0, 120.0)
        await one.run_for(60.0)
        assert rung(one) == []
        assert one.view(running).delivered_kw == pytest.approx(30.0, abs=1.0)


@in_virtual_time
async def test_batteries_that_drain_faster_than_planned_put_the_rest_of_a_dispatch_at_risk() -> None:
    fleet = cars(4, 2, soc=0.6, battery_kwh=40.0)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 36.0, 1800.0)
        await one.run_for(60.0)
        assert rung(one) == []
        for car in fleet:
            car.soc = 0.36  # 2.4 kWh above what it keeps, for half an hour
        await one.until(lambda: "reserve_at_risk" in rung(one), 40.0)
        (text,) = texts(one, "reserve_at_risk")
        assert text.startswith(f"{running.short_id} MA: vehicles can hold 1") and "kW of 36 kW for the 28:" in text
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=12.0))
        await one.run_for(20.0)
        assert texts(one, "reserve_at_risk") == []


@in_virtual_time
async def test_a_reserve_that_can_take_over_is_no_risk_and_one_that_leaves_is() -> None:
    fleet = cars(8, 2, soc=0.9, battery_kwh=60.0)
    async with bench(fleet, reallocation="balanced") as one:
        await one.active("MA", 30.0, 1200.0)
        for car in fleet[:3]:
            car.available = False
        await one.run_for(60.0)
        assert "reserve_at_risk" not in rung(one)
        for car in fleet[3:7]:
            car.available = False
        await one.until(lambda: "reserve_at_risk" in rung(one), 40.0)


@in_virtual_time
async def test_what_a_plan_never_had_is_no_risk() -> None:
    async with bench(cars(2, 2), reallocation="balanced") as one:
        await one.active("MA", 100.0, 600.0)
        await one.run_for(60.0)
        assert "reserve_at_risk" not in rung(one)


@in_virtual_time
async def test_a_release_that_is_confirmed_at_the_second_asking_rings_nobody() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 10.0, 60.0)
        fleet[0].answer, fleet[0].follows, fleet[0].natural_kw = Answer.NEVER, False, 5.0
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: len(one.engine._owed) == 1)
        fleet[0].answer = Answer.YES
        await one.until(lambda: not len(one.engine._owed), 30.0)
        assert "release_owed" not in rung(one)


@in_virtual_time
async def test_a_release_that_stays_owed_rings_after_its_delay() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 10.0, 60.0)
        fleet[0].answer, fleet[0].follows, fleet[0].natural_kw = Answer.NEVER, False, 5.0
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: len(one.engine._owed) == 1)
        owed_at = one.clock.monotonic()
        await one.until(lambda: "release_owed" in rung(one), 30.0)
        assert ALARM_KINDS["release_owed"].delays.on_s <= one.clock.monotonic() - owed_at < 8.0
