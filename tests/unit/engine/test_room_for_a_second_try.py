"""Setpoints that nobody took are sent once more, and the room that their site had for them may be another dispatch's by now."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.domain.states import CommandState

EXPORT_KW = 30.0
GRID = {"grid": {"nodes": [{"name": "paris-nord", "export_kw": EXPORT_KW}]}}


def site_kw(one: Bench, fleet: list[Car]) -> float:
    return sum(car.power_kw(one.clock.utc() * 1000) for car in fleet)


def names(fleet: list[Car]) -> tuple[str, ...]:
    return tuple(car.vehicle_id for car in fleet)


@pytest.mark.parametrize(("second_kw", "asked"), [(30.0, 0), (26.0, 1), (20.0, 3)])
@in_virtual_time
async def test_the_silent_are_asked_once_more_only_where_their_site_has_room_left(second_kw: float, asked: int) -> None:
    fleet = cars(6, 2, site="paris-nord")
    silent, others = fleet[:3], fleet[3:]
    async with bench(fleet, sections=GRID) as one:
        for car in silent:
            car.answer, car.follows = Answer.NEVER, False
        first = await one.active("MA", 9.0, 120.0, vehicles=names(silent))
        await one.until(lambda: first.counts[CommandState.TIMED_OUT] == 3)
        await one.run_for(10.0)  # measured by now: they give nothing
        await one.active("MA", second_kw, 120.0, vehicles=names(others))
        for car in silent:
            car.answer, car.follows, car.setpoint_kw = Answer.YES, True, None
        reply = await one.say(ask.Retry(dispatch_id=first.dispatch_id))
        assert (isinstance(reply, Refused) and reply.reason is Refusal.LIMIT) == (asked == 0)
        await one.run_for(5.0)
        assert site_kw(one, fleet) == pytest.approx(second_kw + 3.0 * asked)
        assert site_kw(one, fleet) <= EXPORT_KW
