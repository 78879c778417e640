"""A target that moves all the time, over a real broker: the vehicles follow it, and the engine sees that they do."""

import pytest

from bench.afrr import KW_A_VEHICLE, Followed, follow, walk
from tests.broker.brokers import Broker

VEHICLES, CYCLES = 60, 16


async def _run(broker: Broker, **options: float) -> Followed:
    return await follow(broker.url, vehicles=VEHICLES, cycles=CYCLES, cycle_s=1.0, seed=3, options=options)


@pytest.mark.parametrize("options", [{}, {"drop_rate": 0.05, "latency_ms": 200.0}], ids=["clean", "lossy"])
async def test_the_vehicles_follow_a_moving_target(mosquitto: Broker, options: dict[str, float]) -> None:
    found = await _run(mosquitto, **options)
    assert found.true is not None
    assert found.true.score > 0.7
    assert found.error < 0.3, "of a fleet that stays where it is more than half is error"
    assert found.believed is not None
    assert found.believed.score > 0.6
    targets = [target_kw for _, target_kw in found.targets]
    assert len(targets) == CYCLES
    assert max(targets) - min(targets) > 10.0, "a target that stays where it is proves nothing"
    assert found.last_true_kw == pytest.approx(targets[-1], abs=0.3 * max(targets))
    # few of them move at a time
    assert 0 < found.commands_a_cycle < VEHICLES


def test_the_walk_stays_within_its_bounds_and_is_the_same_each_time() -> None:
    targets = walk(KW_A_VEHICLE * 1000, 500, 1)
    assert targets == walk(KW_A_VEHICLE * 1000, 500, 1)
    assert min(targets) >= 100.0
    assert max(targets) <= 2000.0
    assert max(targets) - min(targets) > 1500.0
