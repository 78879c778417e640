"""What is told of one vehicle: what it was asked and answered lately, and that it is lost before what it answered once."""

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import VehicleView
from v2g_console.domain.states import CommandState
from v2g_console.domain.vehicle import Quality


async def looked_at(one: Bench, vehicle_id: str) -> VehicleView:
    reply = await one.accepted(ask.Fleet(vehicle_id=vehicle_id))
    assert isinstance(reply.result, VehicleView)
    return reply.result


@in_virtual_time
async def test_a_vehicle_tells_what_it_was_asked_and_answered_newest_first() -> None:
    fleet = cars(3, 2, answer_s=0.25)
    fleet[1].answer, fleet[1].reason = Answer.REJECTED, "LOCAL_OVERRIDE"
    fleet[2].answer = Answer.NEVER
    async with bench(fleet, reallocation="none") as one:
        assert (await looked_at(one, fleet[0].vehicle_id)).recent == ()
        running = await one.active("MA", 6.0, 10.0)
        told_ms = int(running.sent_ms[0])
        name = f"{running.short_id} MA"
        took = (await looked_at(one, fleet[0].vehicle_id)).recent
        assert took == ((told_ms + 250, f"{name}: took it"), (told_ms, f"{name}: told ▲ 2.0 kW to grid"))
        assert (await looked_at(one, fleet[1].vehicle_id)).recent[0][1].startswith(f"{name}: rejected: ")
        assert (await looked_at(one, fleet[2].vehicle_id)).recent[0][1] == f"{name}: silent"
        await one.over(running)
        words = [what for _, what in (await looked_at(one, fleet[0].vehicle_id)).recent]
        assert words[:2] == [f"{name}: confirmed its release", f"{name}: told to go back to its baseline"]
        again = await one.active("FCR", 2.0, 10.0)
        assert (await looked_at(one, fleet[0].vehicle_id)).recent[0][1] == f"{again.short_id} FCR: took it"


@pytest.mark.parametrize(("answer", "shown"), [(Answer.YES, "lost"), (Answer.REJECTED, "rejected")])
@in_virtual_time
async def test_a_lost_vehicle_is_no_longer_shown_by_what_it_answered(answer: Answer, shown: str) -> None:
    fleet = cars(2, 2)
    fleet[0].answer = answer
    async with bench(fleet, reallocation="none", trust={"first_hold_s": 1000.0}) as one:
        running = await one.active("MA", 4.0, 1000.0)
        assert running.command_state[0] in (CommandState.ACKED, CommandState.REJECTED)
        fleet[0].reports = False
        await one.until(lambda: one.view(running).delivered_coverage < 1.0, 900.0)
        await one.until(lambda: one.core.fleet.quality[0] == Quality.LOST, 900.0)
        assert (await looked_at(one, fleet[0].vehicle_id)).state == shown
        assert (await looked_at(one, fleet[1].vehicle_id)).state == "acked"
