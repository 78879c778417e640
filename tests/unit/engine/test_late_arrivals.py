"""Commands that come too late, or again: a refused release is none, and a v1 vehicle that goes back to an old setpoint is released again.

All of these were found by the chaos harness.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car, cars
from tests.unit.engine.crash import crash, found_in
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.config.settings import Settings
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal
from v2g_console.domain.states import DispatchState
from v2g_console.engine.dispatch import ReleaseState
from v2g_console.journal.port import RoundRecord
from v2g_console.transport.wire import Ack, CommandV1, CommandV2


def arrives_again(one: Bench, car: Car, payload: bytes) -> None:
    """The network delivers a command once more, out of order."""
    one.link._deliver(car, payload)
    car.received.pop()  # not of the engine's doing: the bench checks the order that it sends in


@dataclass
class Slow(Car):
    """A v2 vehicle whose releases come late as long as `late`: it refuses them and keeps its setpoint."""

    late: bool = True
    refused: list[str] = field(default_factory=list)

    def _ack(self, command: CommandV1 | CommandV2) -> Ack:
        if self.late and isinstance(command, CommandV2) and command.release:
            self.refused.append(command.command_id)
            return Ack(command.command_id, "expired", self.setpoint_kw, "EXPIRED")
        return super()._ack(command)


@in_virtual_time
async def test_a_release_that_is_refused_for_coming_late_stays_owed_and_comes_again() -> None:
    car = Slow("veh000000", 2)
    async with bench([car]) as one:
        running = await one.active("MA", 4.0, 10.0)
        assert await one.over(running) is DispatchState.COMPLETED
        assert car.refused
        assert [car.setpoint_kw] == [4.0]
        assert running.release_counts[ReleaseState.OWED] == 1
        car.late = False
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 1)
        assert car.setpoint_kw is None
        assert car.received[-1].command.command_id not in car.refused  # a new one, with a new deadline


@in_virtual_time
async def test_a_repeated_release_that_is_refused_stays_owed_too() -> None:
    car = Slow("veh000000", 2)
    async with bench([car]) as one:
        running = await one.active("MA", 4.0, 10.0)
        await one.over(running)
        await one.until(lambda: len(set(car.refused)) > 1)
        await one.run_for(1.0)
        assert running.release_counts[ReleaseState.OWED] == 1


@in_virtual_time
async def test_a_v1_vehicle_that_gets_an_old_setpoint_after_its_release_is_released_again() -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 10.0)
        old = fleet[0].received[0].payload
        await one.over(running)
        assert [car.setpoint_kw for car in fleet] == [0.0, 0.0]
        arrives_again(one, fleet[0], old)
        assert fleet[0].setpoint_kw == 4.0
        await one.until(lambda: fleet[0].setpoint_kw == 0.0)
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 2)
        assert len(fleet[1].received) == 2


@in_virtual_time
async def test_a_v1_vehicle_that_gets_it_while_others_are_still_released_is_released_again_too() -> None:
    fleet = [*cars(1), Car("veh000009", follows=False)]
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 60.0)
        old = fleet[0].received[0].payload
        fleet[1].answer_s = 2.0
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: fleet[0].setpoint_kw == 0.0)
        await one.run_for(0.5)
        assert running.dispatch_id in one.core.running
        arrives_again(one, fleet[0], old)
        await one.run_for(20.0)
        assert fleet[0].setpoint_kw == 0.0
        assert running.release_counts[ReleaseState.CONFIRMED] == 2


@in_virtual_time
async def test_a_v1_vehicle_that_answers_a_setpoint_while_its_release_is_on_its_way_gets_the_release_once_more() -> None:
    (car,) = fleet = cars(1)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 60.0)
        old = car.received[0].payload
        car.answer_s = 0.5
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: car.setpoint_kw == 0.0)
        car.answer_s = 0.1  # the answer to the old setpoint comes first
        arrives_again(one, car, old)
        assert await one.over(running) is DispatchState.CANCELLED
        await one.until(lambda: car.setpoint_kw == 0.0)
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 1)


@dataclass
class Deaf(Car):
    """A v1 vehicle that never gets the next `misses` commands."""

    misses: int = 0

    def take(self, payload: bytes, at_s: float, utc_ms: float) -> list[Ack]:
        if self.misses:
            self.misses -= 1
            return []
        return super().take(payload, at_s, utc_ms)


@in_virtual_time
async def test_a_release_that_is_sent_once_more_and_lost_is_owed_until_it_is_answered() -> None:
    car = Deaf("veh000000")
    async with bench([car]) as one:
        running = await one.active("MA", 4.0, 60.0)
        old = car.received[0].payload
        car.answer_s = 0.5
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.until(lambda: car.setpoint_kw == 0.0)
        car.answer_s = 0.1
        arrives_again(one, car, old)
        car.misses = 1
        await one.over(running)
        await one.until(lambda: not car.misses)
        await one.run_for(1.0)
        assert (car.setpoint_kw, running.release_counts[ReleaseState.OWED]) == (4.0, 1)
        await one.until(lambda: car.setpoint_kw == 0.0)
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 1)


@in_virtual_time
async def test_a_v1_vehicle_whose_answers_change_places_is_released_again() -> None:
    (car,) = fleet = cars(1)
    async with bench(fleet) as one:
        running = await one.active("MA", 4.0, 60.0)
        old = car.received[0].payload
        car.answer, car.reports = Answer.NEVER, False
        await one.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
        await one.over(running)
        assert running.release_counts[ReleaseState.OWED] == 1 and car.setpoint_kw == 0.0
        setpoint, release = car.received[0].command, car.received[-1].command
        arrives_again(one, car, old)  # it takes the setpoint after the release, and says so before it says that it took the release
        car.answer = Answer.YES
        for command in (setpoint, release):
            one.link.acknowledge(car, Ack(command.command_id))
        assert car.setpoint_kw == 4.0
        assert running.release_counts[ReleaseState.OWED] == 1
        await one.until(lambda: car.setpoint_kw == 0.0)
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 1)


@pytest.mark.parametrize("moment", ["after its end", "while others are released"])
@in_virtual_time
async def test_a_v1_vehicle_that_got_an_old_setpoint_after_its_release_is_owed_it_also_after_a_crash(moment: str, tmp_path: Path) -> None:
    fleet = [*cars(1), Car("veh000009", follows=False)]
    first = Bench(fleet, Settings.model_validate({"dispatch": {"allocator": "equal", "reallocation": "none"}}))
    await first.start()
    running = await first.active("MA", 8.0, 60.0)
    old = fleet[0].received[0].payload
    fleet[1].answer_s = 2.0 if moment == "while others are released" else 0.02
    await first.accepted(ask.Cancel(dispatch_id=running.dispatch_id))
    await first.run_for(1.0)
    assert running.over is (moment == "after its end")
    assert fleet[0].setpoint_kw == 0.0
    arrives_again(first, fleet[0], old)
    fleet[0].answer = Answer.NEVER
    await first.run_for(0.1)
    kinds = [record.kind for record in first.journal.records() if isinstance(record, RoundRecord)]
    assert kinds == ["send", "release", "relapse", "release"], "written before its release goes out"
    found = await crash(first, tmp_path)
    standing = [*(left.standing for left in found.owed), *(left.standing for left in found.unfinished)]
    assert "veh000000" in {name for one in standing for name in one.vehicle_ids}
    fleet[0].answer, fleet[0].setpoint_kw = Answer.YES, 4.0  # the release was lost on its way
    async with bench(fleet, found=found) as one:
        await one.until(lambda: fleet[0].setpoint_kw == 0.0)
        await one.until(lambda: len(one.engine._owed) == 0)


@in_virtual_time
async def test_a_relapse_that_is_settled_leaves_nothing_behind_in_the_journal(tmp_path: Path) -> None:
    fleet = cars(2)
    async with bench(fleet) as one:
        running = await one.active("MA", 8.0, 10.0)
        old = fleet[0].received[0].payload
        await one.over(running)
        arrives_again(one, fleet[0], old)
        await one.until(lambda: running.release_counts[ReleaseState.CONFIRMED] == 2)
        await one.run_for(0.1)
        found = found_in(one.journal.records(), tmp_path / "settled.db")
        assert (found.owed, found.unfinished) == ((), ())


@in_virtual_time
async def test_an_engine_that_has_met_no_vehicle_refuses_a_dispatch_by_name_also_where_sites_have_limits() -> None:
    async with bench([], sections={"grid": {"nodes": [{"name": "depot", "export_kw": 20.0}]}}) as one:
        assert (await one.refused(ask.Dispatch(signal="MA", power_kw=5.0, duration_s=10.0))).reason is Refusal.NO_VEHICLES
