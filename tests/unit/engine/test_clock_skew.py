"""Vehicles whose clock is off can't tell a late command from a timely one; if all are off, it is our clock."""

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import PlanView, VehicleView
from v2g_console.engine.clock import parse_rfc3339
from v2g_console.engine.fleet import Fleet
from v2g_console.transport.codec import encode_telemetry
from v2g_console.transport.wire import Telemetry


class Astray(Car):
    """Its clock is ahead of ours by `ahead_s`."""

    ahead_s = 0.0

    def telemetry(self, utc_s: float) -> bytes:
        stamp_s = float(int(utc_s + self.ahead_s))
        return encode_telemetry(self.vehicle_id, Telemetry(self.soc, self.power_kw(utc_s * 1000), True, None, stamp_s, False))


def fleet_of(count: int, protocol: int, *ahead_s: float) -> list[Car]:
    fleet: list[Car] = []
    for number in range(count):
        car = Astray(f"veh{number:06d}", protocol)
        car.ahead_s = ahead_s[number] if number < len(ahead_s) else 0.0
        fleet.append(car)
    return fleet


async def plan(one: Bench) -> PlanView:
    await one.run_for(8.0)
    found = (await one.accepted(ask.Plan(signal="MA", power_kw=10.0, duration_s=60.0))).result
    assert isinstance(found, PlanView)
    return found


async def alarms(one: Bench) -> list[str]:
    await one.run_for(1.5)
    return [alarm.kind for alarm in (await one.engine.snapshot()).alarms if alarm.active]


@pytest.mark.parametrize("ahead_s", [-9.0, 9.0, 90.0])
@in_virtual_time
async def test_a_v2_vehicle_whose_clock_is_off_is_left_out_by_name(ahead_s: float) -> None:
    async with bench(fleet_of(6, 2, ahead_s)) as one:
        found = await plan(one)
        assert found.left_out == {"CLOCK_SKEW": 1}
        assert found.vehicles == 5
        assert await alarms(one) == []
        shown = (await one.accepted(ask.Fleet(vehicle_id="veh000000"))).result
        assert isinstance(shown, VehicleView)
        assert shown.clock_offset_s == pytest.approx(ahead_s, abs=1.5)


@in_virtual_time
async def test_seconds_without_fractions_and_a_little_drift_are_no_skew() -> None:
    async with bench(fleet_of(6, 2, 4.0, -3.5)) as one:
        assert (await plan(one)).left_out == {}


@in_virtual_time
async def test_a_v1_vehicle_judges_nothing_by_its_clock_and_takes_part() -> None:
    async with bench(fleet_of(6, 1, 9.0, 90.0)) as one:
        assert (await plan(one)).left_out == {}


@in_virtual_time
async def test_where_the_whole_fleet_differs_it_is_our_clock_and_nobody_is_left_out_for_it() -> None:
    fleet = fleet_of(6, 2, *[30.0] * 5)  # the sixth agrees with us, and not with the others
    async with bench(fleet) as one:
        assert (await plan(one)).left_out == {"CLOCK_SKEW": 1}
        assert await alarms(one) == ["clock_offset"]
        (alarm,) = (await one.engine.snapshot()).alarms
        assert "30 s ahead of ours" in alarm.text or "29 s ahead of ours" in alarm.text
        one.clock.step_s = 30.0  # somebody set our clock
        for car in fleet:
            assert isinstance(car, Astray)
            car.ahead_s = 0.0
        await one.run_for(60.0)
        assert await alarms(one) == []
        assert (await plan(one)).left_out == {}


@in_virtual_time
async def test_two_vehicles_are_too_few_to_doubt_our_clock() -> None:
    async with bench(fleet_of(2, 2, 30.0, 30.0)) as one:
        await one.run_for(8.0)
        refused = await one.refused(ask.Dispatch(signal="MA", power_kw=10.0, duration_s=60.0))
        assert "2 CLOCK_SKEW" in refused.message
        assert await alarms(one) == []


@in_virtual_time
async def test_one_message_that_was_long_on_its_way_makes_no_skew() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        await one.run_for(8.0)
        late = fleet[0].telemetry(one.clock.utc() - 25.0)
        one.link.inbound(one.link.topics.state(fleet[0].vehicle_id), late)
        assert abs(float(one.core.fleet.clock_offset_s[0])) <= 6.0
        one.link.report(fleet[0])
        assert abs(float(one.core.fleet.clock_offset_s[0])) <= 1.0
        assert (await plan(one)).left_out == {}


@in_virtual_time
async def test_the_limit_is_configured_and_a_vehicle_in_use_stays_in_use() -> None:
    fleet = fleet_of(4, 2, 9.0)
    async with bench(fleet, sections={"telemetry": {"max_clock_offset_s": 20.0}}) as one:
        running = await one.active("MA", 8.0, 60.0)
        assert len(running) == 4
        assert isinstance(fleet[1], Astray)
        fleet[1].ahead_s = 300.0
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=24.0))
        await one.run_for(5.0)
        assert [car.power_kw(0) for car in fleet] == pytest.approx([6.0] * 4)
        assert np.all(running.answered())


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-40T25:00:00Z", "2026-11-23T14:00:00"])
def test_a_time_that_is_none_is_told_how_to_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="2026-11-23T14:00:00Z"):
        parse_rfc3339(text)


@pytest.mark.parametrize("later_utc_s", [100.69999, 100.7, 100.70001])
def test_of_two_reports_within_one_stamp_the_later_one_counts_though_two_clocks_are_never_read_at_once(later_utc_s: float) -> None:
    fleet = Fleet(max_vehicles=1, default_min_soc=0.0, interval_s=2.0)
    row = fleet.row("veh000000")
    fleet.measure(row, Telemetry(0.5, 0.0, True, None, 100.0, False), 10.3, 100.3)
    fleet.measure(row, Telemetry(0.4, -7.0, True, None, 100.0, False), 10.7, later_utc_s)
    assert (fleet.soc[row], fleet.power_kw[row]) == (0.4, -7.0)
    assert fleet.measured_at[row] == pytest.approx(10.0, abs=1e-4)
    fleet.measure(row, Telemetry(0.9, 3.0, True, None, 99.0, False), 10.8, 100.8)
    assert fleet.soc[row] == 0.4, "an older one does not"
