"""Random lives of sites with phase limits: dispatches, updates, preemption, silence, refusals, STOP; no phase is over its limit."""

import random
from typing import Any

import pytest

from tests.unit.engine.bench import Bench, bench
from tests.unit.engine.cars import Answer, Car
from tests.unit.engine.phase_checks import VirtualAside, assert_phases_kept
from tests.unit.engine.virtual_time import START_UTC_S, in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.transport.port import PublishOutcome
from v2g_console.transport.wire import Ack, CommandV1, CommandV2

SITES = {
    "grid": {
        "nodes": [
            {"name": "paris-nord", "phase_import_a": 80, "phase_export_a": 50, "base_load_kw": 6, "phase_base_load_kw": [4, 1, 1]},
            {"name": "lyon-2", "phase_import_a": 100, "import_kw": 60},
        ]
    },
    "fleet": {"sites": [{"site": "paris-nord", "vehicles": ["old*"]}]},
}
ANSWERS = [Answer.YES] * 6 + [Answer.NEVER, Answer.REJECTED, Answer.LIMITED, Answer.TWICE]
STEPS = 14


class HalfWay(Car):
    """A limited car goes half the way from its own charging to what is asked."""

    def _ack(self, command: CommandV1 | CommandV2) -> Ack:
        self.limit_kw = self.natural_kw + 0.5 * (command.power_kw - self.natural_kw)
        return super()._ack(command)


def some_fleet(draw: random.Random) -> list[Car]:
    """Cars whose own charging fits into every phase, even if those who tell no phase are all on the same one."""
    cars: list[Car] = []
    for number in range(draw.randint(6, 12)):
        phases = draw.choice((1, 1, 3, 3, 0))
        cars.append(
            HalfWay(
                f"veh{number:06d}",
                2,
                site=draw.choice(("paris-nord", "lyon-2")),
                phases=phases,
                phase=draw.randint(1, 3) if phases == 1 else 0,
                max_kw=7.4 if phases == 1 else 11.0,
                min_charge_kw=draw.choice((0.0, 1.4)),
                natural_kw=draw.choice((0.0, 0.0, -1.5)),
            )
        )
    hurry: dict[str, Any] = {"departure_s": START_UTC_S + 1800.0, "min_soc": 0.8, "soc": 0.6}  # released to more charging than before
    for number in range(draw.randint(1, 3)):
        cars.append(Car(f"old{number:06d}", 1, natural_kw=-2.0, **(hurry if draw.random() < 0.5 else {})))
    for car in cars:
        car.answer, car.follows = draw.choice(ANSWERS), draw.random() < 0.9
        car.answer_s = draw.choice((0.02, 0.3, 4.0))
    return cars


async def one_step(one: Bench, draw: random.Random) -> None:
    """Something an operator, a vehicle or the network might do."""
    running = [each for each in one.core.running.values() if each.sends]
    power_kw = draw.choice((4.0, 12.0, 25.0, 60.0)) * draw.choice((-1.0, 1.0))
    match draw.randrange(9):
        case 0 | 1 | 2:
            signal = draw.choice(("MA", "FCR", "aFRR_UP" if power_kw > 0 else "aFRR_DOWN"))
            allocator = draw.choice((None, "lp", "equal", "smart"))
            duration_s = draw.choice((15.0, 60.0))
            await one.say(
                ask.Dispatch(signal=signal, power_kw=power_kw, duration_s=duration_s, allocator=allocator, preempt=draw.random() < 0.5)
            )
        case 3 | 4 if running:
            await one.say(ask.Update(dispatch_id=draw.choice(running).dispatch_id, power_kw=power_kw))
        case 5 if running:
            await one.say(draw.choice((ask.Retry, ask.Cancel))(dispatch_id=draw.choice(running).dispatch_id))
        case 6:
            car = draw.choice(list(one.fleet.values()))
            car.answer, car.reports = draw.choice(ANSWERS), not car.reports
        case 7:
            one.link.broker_says = {draw.choice(list(one.fleet)): draw.choice(list(PublishOutcome))}
            one.link.failed_arrives = draw.random() < 0.5
        case 8:
            await one.say(ask.Stop(reason="test"))
            await one.say(ask.Resume())


@pytest.mark.parametrize("seed", range(6))
@in_virtual_time
async def test_no_phase_is_ever_over_its_limit(seed: int) -> None:
    draw = random.Random(seed)
    limit_s = draw.choice((1.0, 1e-9))
    async with bench(
        some_fleet(draw), sections=SITES, reallocation="balanced", lp_first=["MA"], lp_time_limit_s=limit_s, lease_s=30.0
    ) as one:
        one.core.aside = VirtualAside(takes_s=draw.choice((0.0, 0.4)))
        usual = one.check

        def check() -> None:
            usual()
            assert_phases_kept(one)

        one.check = check  # type: ignore[method-assign]  # of this bench only
        one.check()
        for car in one.fleet.values():
            car.reports = draw.random() < 0.8
        for _ in range(STEPS):
            await one_step(one, draw)
            await one.run_for(draw.choice((0.2, 3.0, 9.0)))
        one.link.broker_says = {}
