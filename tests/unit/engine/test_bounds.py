"""Bounds are checked again with the news of every held vehicle: a broken one is corrected at once, and explained."""

import numpy as np
import pytest

from tests.unit.engine.bench import Bench, JournalError, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.events import Strategy
from v2g_console.domain.reasons import Reason
from v2g_console.engine.dispatch import Running
from v2g_console.engine.views import dispatch_detail
from v2g_console.transport.port import PublishOutcome


def reason_of(one: Bench, running: Running, car: Car) -> str:
    """What the operator reads beside a vehicle."""
    return next(row.reason for row in dispatch_detail(one.core, running, 100).rows if row.vehicle_id == car.vehicle_id)


def corrections(one: Bench) -> list[str]:
    """What was told of corrections."""
    return [event.text for event in one.told if isinstance(event, Strategy) and event.kind == "correction"]


@pytest.mark.parametrize("protocol", [1, 2])
@in_virtual_time
async def test_a_battery_near_its_floor_gives_less_at_once_and_the_others_make_up_for_it(protocol: int) -> None:
    fleet = cars(8, protocol, min_soc=0.2)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 40.0, 3600.0)
        await one.run_for(10.0)
        fleet[0].soc = 0.21  # of 60 kWh: 0.6 kWh above what it needs; 5 kW for an hour are not there
        one.link.report(fleet[0])
        await one.run_for(0.5)
        assert 0.0 < fleet[0].power_kw(0) < 0.6
        assert reason_of(one, running, fleet[0]) == "SOC_FLOOR"
        (sent,) = (record for record in one.journal.rounds if record.kind == "correction")
        assert sent.vehicle_ids == (fleet[0].vehicle_id,)
        assert len(corrections(one)) == 1
        assert "1 SOC_FLOOR" in corrections(one)[0]
        await one.run_for(10.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(40.0, abs=1.0)
        await one.run_for(120.0)
        assert fleet[0].power_kw(0) < 0.6, "nobody asks it for more again"
        assert len(fleet[0].received) <= 3, "and it is not corrected again and again"


@in_virtual_time
async def test_an_update_does_not_raise_a_corrected_vehicle() -> None:
    fleet = cars(4, 2, min_soc=0.2)
    async with bench(fleet) as one:
        running = await one.active("MA", 12.0, 3600.0)
        fleet[0].soc = 0.23
        one.link.report(fleet[0])
        await one.run_for(1.0)
        corrected_kw = fleet[0].power_kw(0)
        assert corrected_kw < 2.0
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=44.0))
        await one.run_for(5.0)
        assert [car.power_kw(0) for car in fleet] == [corrected_kw, 11.0, 11.0, 11.0], "they are all at their limit"


@in_virtual_time
async def test_a_gap_that_nobody_can_close_does_not_raise_a_corrected_vehicle() -> None:
    fleet = cars(3, 2, min_soc=0.2)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 33.0, 1800.0)
        fleet[0].soc = 0.25
        one.link.report(fleet[0])
        await one.run_for(1.0)
        corrected_kw = fleet[0].power_kw(0)
        await one.run_for(30.0)
        assert fleet[0].power_kw(0) == corrected_kw < 6.0
        assert len(fleet[0].received) == 2
        assert one.view(running).limits, "what limits the dispatch by now is told"


@in_virtual_time
async def test_a_departure_moved_earlier_makes_a_vehicle_charge() -> None:
    fleet = cars(4, 2, soc=0.5, min_soc=0.5)
    async with bench(fleet, reallocation="balanced") as one:
        for car in fleet:
            car.departure_s = one.clock.utc() + 10 * 3600.0
            one.link.describe(car)
        running = await one.active("aFRR_UP", 20.0, 3600.0)
        await one.run_for(5.0)
        assert fleet[0].power_kw(0) == pytest.approx(5.0)
        fleet[0].departure_s, fleet[0].soc = one.clock.utc() + 0.9 * 3600.0, 0.4
        one.link.describe(fleet[0])
        one.link.report(fleet[0])
        await one.run_for(0.5)
        assert fleet[0].power_kw(one.clock.utc() * 1000) < -4.0
        assert reason_of(one, running, fleet[0]) == "DEPARTURE"
        await one.run_for(10.0)
        assert sum(car.power_kw(one.clock.utc() * 1000) for car in fleet) == pytest.approx(20.0, abs=1.0)


@in_virtual_time
async def test_who_takes_back_the_consent_is_not_discharged_any_longer() -> None:
    fleet = cars(4, 2)
    async with bench(fleet, reallocation="balanced") as one:
        running = await one.active("MA", 20.0, 600.0)
        fleet[1].consent = False
        one.link.describe(fleet[1])
        await one.run_for(0.5)
        assert fleet[1].power_kw(0) == 0.0
        assert reason_of(one, running, fleet[1]) == "NO_CONSENT"
        await one.run_for(10.0)
        assert sum(car.power_kw(0) for car in fleet) == pytest.approx(20.0, abs=1.0)


@in_virtual_time
async def test_a_full_battery_takes_no_more() -> None:
    fleet = cars(4, 2, soc=0.5)
    async with bench(fleet, reallocation="none") as one:
        running = await one.active("aFRR_DOWN", 20.0, 3600.0)
        fleet[2].soc = 1.0
        one.link.report(fleet[2])
        await one.run_for(0.5)
        assert fleet[2].power_kw(0) == 0.0
        assert reason_of(one, running, fleet[2]) == "SOC_CEILING"


@in_virtual_time
async def test_a_driver_who_asks_for_priority_charges_again() -> None:
    fleet = cars(4, 2, natural_kw=-7.4, soc=0.5)
    async with bench(fleet) as one:
        running = await one.active("NEBEF", 20.0, 600.0)
        assert fleet[3].power_kw(0) == pytest.approx(-2.4, abs=0.01)
        fleet[3].priority = True
        one.link.describe(fleet[3])
        await one.run_for(0.5)
        assert fleet[3].power_kw(one.clock.utc() * 1000) == pytest.approx(-7.4, abs=0.01)
        assert reason_of(one, running, fleet[3]) == "PRIORITY"


@in_virtual_time
async def test_a_smaller_charger_than_described_before_is_not_overloaded() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 20.0, 600.0)
        fleet[0].max_kw = 3.7
        one.link.describe(fleet[0])
        await one.run_for(0.5)
        assert fleet[0].power_kw(0) <= 3.7
        assert reason_of(one, running, fleet[0]) == "OVER_LIMIT"


@in_virtual_time
async def test_time_alone_breaks_a_bound_too() -> None:
    fleet = cars(2, 2, soc=0.5, min_soc=0.6)
    async with bench(fleet) as one:
        for car in fleet:
            car.departure_s = one.clock.utc() + 1.04 * 3600.0
            one.link.describe(car)
        await one.active("aFRR_UP", 2.0, 3600.0)
        assert [car.power_kw(0) for car in fleet] == [1.0, 1.0]
        fleet[0].reports = False
        await one.run_for(240.0)  # the departure comes nearer, and not a word was said
        assert fleet[0].power_kw(one.clock.utc() * 1000) < 0.0


@in_virtual_time
async def test_a_correction_the_journal_does_not_take_is_sent_as_soon_as_it_does() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 20.0, 600.0)
        one.journal.fails = JournalError
        fleet[1].consent = False
        one.link.describe(fleet[1])
        await one.run_for(5.0)
        assert fleet[1].power_kw(0) == 5.0
        assert running.setpoint_kw[1] == 5.0, "what was never sent is not what it has"
        one.journal.fails = None
        await one.run_for(2.5)
        assert fleet[1].power_kw(0) == 0.0


@in_virtual_time
async def test_who_refuses_the_correction_is_asked_again_but_not_with_every_telemetry() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 10.0, 600.0)
        fleet[0].answer = Answer.REJECTED
        fleet[0].consent = False
        one.link.describe(fleet[0])
        await one.run_for(60.0)
        assert running.applied_kw[0] == 5.0
        assert 3 <= len(fleet[0].received) <= 6


@in_virtual_time
async def test_nothing_is_corrected_after_stop_or_for_a_vehicle_nobody_holds() -> None:
    fleet = cars(2, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 10.0, 600.0)
        await one.accepted(ask.Stop())
        fleet[0].consent = False
        one.link.describe(fleet[0])
        await one.over(running)
        assert [record.kind for record in one.journal.rounds] == ["send", "release"]


@in_virtual_time
async def test_while_all_goes_as_decided_nothing_is_corrected() -> None:
    fleet = [Car(f"veh{n:06d}", 2, natural_kw=-7.4 if n % 2 else 0.0, soc=0.4 + 0.05 * n) for n in range(8)]
    async with bench(fleet, reallocation="balanced") as one:
        await one.active("MA", 30.0, 120.0)
        for _ in range(5):
            await one.run_for(20.0)
            for car in fleet:
                car.soc = round(
                    min(1.0, car.soc - car.power_kw(0) / 180.0 / car.battery_kwh * (0.94 if car.power_kw(0) < 0 else 1 / 0.94)), 4
                )
        assert corrections(one) == []
        assert not np.isin(one.core.fleet.reason[:8], (Reason.SOC_FLOOR, Reason.DEPARTURE)).any()


@pytest.mark.parametrize("outcome", [PublishOutcome.DROPPED, PublishOutcome.REFUSED])
@in_virtual_time
async def test_an_update_that_never_left_is_not_taken_for_what_the_vehicle_follows(outcome: PublishOutcome) -> None:
    fleet = cars(8, 2, min_soc=0.2)
    async with bench(fleet) as one:
        running = await one.active("MA", 40.0, 3600.0)
        lease_ends_at = float(running.lease_ends_at[0])
        await one.run_for(5.0)
        one.link.broker_says[fleet[0].vehicle_id] = outcome
        await one.accepted(ask.Update(dispatch_id=running.dispatch_id, power_kw=4.0))
        await one.run_for(1.0)
        one.link.broker_says.clear()
        assert (fleet[0].power_kw(0), fleet[1].power_kw(0)) == pytest.approx((5.0, 0.5))
        assert (running.sent_kw[0], running.lease_ends_at[0]) == (5.0, lease_ends_at)
        assert one.core.fleet.setpoint_kw[0] == 5.0
        fleet[0].soc = 0.21  # 0.5 kW for an hour are there, 5 kW are not
        one.link.report(fleet[0])
        await one.run_for(0.5)
        assert 0.0 < fleet[0].power_kw(0) < 0.6


@pytest.mark.parametrize(("import_kw", "least_kw", "most_kw", "why"), [(10.0, -3.001, -2.9, "SITE_LIMIT"), (0.0, -11.0, -4.0, "DEPARTURE")])
@in_virtual_time
async def test_a_vehicle_that_must_charge_takes_no_more_than_its_site_may_draw(
    import_kw: float, least_kw: float, most_kw: float, why: str
) -> None:
    fleet = [*cars(1, 2, soc=0.5, min_soc=0.5, site="lyon-2"), *cars(1, 2, first=1, natural_kw=-7.0, site="lyon-2")]
    grid = {"nodes": [{"name": "lyon-2", "import_kw": import_kw, "export_kw": 100.0}]}
    async with bench(fleet, sections={"grid": grid}) as one:
        fleet[0].departure_s = one.clock.utc() + 10 * 3600.0
        one.link.describe(fleet[0])
        running = await one.active("aFRR_UP", 5.0, 3600.0, vehicles=(fleet[0].vehicle_id,))
        await one.run_for(5.0)
        fleet[0].departure_s, fleet[0].soc = one.clock.utc() + 0.9 * 3600.0, 0.4
        one.link.describe(fleet[0])
        one.link.report(fleet[0])
        await one.run_for(0.5)
        assert least_kw <= fleet[0].power_kw(one.clock.utc() * 1000) <= most_kw
        assert reason_of(one, running, fleet[0]) == why
        await one.run_for(20.0)
        assert least_kw <= fleet[0].power_kw(one.clock.utc() * 1000) <= most_kw
        assert len(fleet[0].received) <= 4, "it is not told the same again and again"
