"""A few scenarios with real processes, all at once; `make chaos SEEDS=200` plays many."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.laws import Violation, judge
from tests.chaos.plan import demanding, scenario
from tests.chaos.play import Played, play

SEEDS = (4, 13, 17, 27, 36, 101)
"""Between them: both brokers, both protocols, the broker killed, the engine killed at points, disorder, floods and hostile payloads. 13 and
101 found a request that broke in an empty fleet, and a v1 vehicle that went back to an old setpoint after its release."""
MUTANT = "forgets every third release"


async def _all(folder: Path, seeds: tuple[int, ...]) -> list[Played]:
    return await asyncio.gather(
        *(play(scenario(seed), folder / f"seed-{seed}") for seed in seeds), play(demanding(1), folder / "mutant", MUTANT)
    )


@pytest.mark.mosquitto
@pytest.mark.timeout(240)
def test_nothing_is_lost_doubled_late_or_out_of_order_whatever_goes_wrong(tmp_path: Path) -> None:
    *healthy, broken = asyncio.run(_all(tmp_path, SEEDS))
    violations = {one.scenario.seed: list(map(str, judge(one.evidence).violations)) for one in healthy}
    found = {seed: texts for seed, texts in violations.items() if texts}
    assert not found, f"repeat with: make chaos SEEDS=1 FIRST={min(found)}\n{found}"
    assert sum(len(one.evidence.dispatches) for one in healthy) > len(SEEDS)
    assert sum(one.injected.total() for one in healthy) > 2 * len(SEEDS)
    caught: tuple[Violation, ...] = judge(broken.evidence).violations
    assert {"lost", "released"} & {violation.law for violation in caught}, "a broken engine was not caught: the laws see nothing"
