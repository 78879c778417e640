"""Two rounds about the same vehicles at once: a newer one decided while an older one waits for the journal or is being published."""

import asyncio

import numpy as np
import pytest

from tests.unit.engine.bench import JournalError, bench
from tests.unit.engine.cars import Answer, cars
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refused
from v2g_console.domain.states import CommandState


@in_virtual_time
async def test_who_is_asked_once_more_while_the_silent_are_let_go_is_not_released_by_the_older_round() -> None:
    fleet = cars(30, 2)
    async with bench(fleet, reallocation="balanced", ack_timeout_seconds=2.0) as one:
        one.link.puback_s = 0.2
        for car in fleet[15:]:
            car.answer, car.follows = Answer.NEVER, False
        running = await one.dispatch("MA", 60.0, 120.0)
        await one.until(lambda: running.counts[CommandState.TIMED_OUT] == 15)
        for car in fleet:
            car.answer, car.follows = Answer.YES, True
        one.journal.round_s = 0.02
        await one.until(lambda: running.reallocating)
        await asyncio.sleep(0.005)  # the journal is being told who is let go
        await one.accepted(ask.Retry(dispatch_id=running.dispatch_id))
        await one.run_for(5.0)
        one.link.everybody_reports()
        for car in fleet:
            if car.setpoint_kw is not None:
                assert one.core.fleet.owner[one.row(car.vehicle_id)] == running.slot, (
                    f"{car.vehicle_id} follows a setpoint and counts as free"
                )


@in_virtual_time
async def test_two_new_targets_that_the_journal_does_not_take_leave_everything_as_it_was() -> None:
    fleet = cars(4, 2)
    async with bench(fleet, lease_s=30.0) as one:
        running = await one.active("MA", 8.0, 120.0)
        one.journal.round_s = 0.5
        asked = [asyncio.ensure_future(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0)))]
        await one.run_for(0.2)
        asked.append(asyncio.ensure_future(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=24.0))))
        await one.run_for(0.1)
        one.journal.fails = JournalError
        await one.until(lambda: all(each.done() for each in asked))
        assert all(isinstance(each.result(), Refused) for each in asked)
        assert running.command_state.tolist() == [CommandState.ACKED] * 4
        assert running.setpoint_kw.tolist() == pytest.approx([2.0] * 4)
        assert (running.target_kw, running.commanded_kw) == (8.0, 8.0)
        one.journal.fails, one.journal.round_s = None, 0.0
        await one.run_for(60.0)
        assert [car.power_kw(one.clock.utc() * 1000) for car in fleet] == pytest.approx([2.0] * 4)


@in_virtual_time
async def test_a_round_that_a_stuck_journal_refuses_after_the_release_touches_nobody_who_is_free() -> None:
    fleet = cars(4, 2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 120.0)
        one.journal.round_s = 20.0
        asked = asyncio.ensure_future(one.say(ask.Update(dispatch_id=running.dispatch_id, power_kw=16.0)))
        await one.run_for(0.2)
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running, 15.0)
        one.journal.fails, one.journal.round_s = JournalError, 0.0
        await one.until(asked.done)
        assert isinstance(asked.result(), Refused)
        assert np.isnan(one.core.fleet.setpoint_kw[:4]).all()
        one.journal.fails = None
