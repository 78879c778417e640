"""What the engine tells of trust and use: in the fleet's rows, in the snapshot's columns, and on both sides of a hand-over."""

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import FleetPage


@in_virtual_time
async def test_rows_and_columns_tell_who_is_on_hold_until_the_operator_trusts_him_again() -> None:
    fleet = cars(4, protocol=2)
    fleet[1].answer = Answer.REJECTED
    async with bench(fleet) as one:
        running = await one.active("MA", 20.0, 60.0)
        await one.run_for(5.0)
        page = (await one.accepted(ask.Fleet())).result
        assert isinstance(page, FleetPage)
        assert [row.failures for row in page.rows] == [0, 1, 0, 0]
        assert page.rows[1].hold_s > 0.0 and page.rows[0].hold_s == 0.0
        assert page.rows[0].throughput_kwh > 0.0
        shown = await one.engine.snapshot()
        assert shown.fleet.on_hold is not None
        assert shown.fleet.on_hold.tolist() == [False, True, False, False] and shown.summary.on_hold == 1
        await one.accepted(ask.ResetTrust(vehicle_id=fleet[1].vehicle_id))
        await one.run_for(2.0)
        again = await one.engine.snapshot()
        assert again.fleet.on_hold is not None and not again.fleet.on_hold.any()
        await one.over(running)


@pytest.mark.parametrize(("low", "high"), [("MA", "aFRR_DOWN"), ("MA", "aFRR_UP")])
@pytest.mark.parametrize("direction", [1, -1])
@in_virtual_time
async def test_what_was_taken_is_positive_and_what_was_lost_negative_in_both_directions(low: str, high: str, direction: int) -> None:
    fleet = cars(4)
    async with bench(fleet) as one:
        loser = await one.active(low, direction * 30.0, 120.0)
        winner = await one.active(high, 20.0, 60.0, preempt=True)
        assert one.view(winner).moved[0][1] > 0.0 > one.view(loser).moved[0][1]
        assert one.view(winner).moved[0][1] == -one.view(loser).moved[0][1]
