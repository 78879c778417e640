"""The names by which the harness takes hold of the engine are those of functions that exist."""

import pytest

from tests.chaos.mutants import MUTANTS
from tests.chaos.plan import FAULTS, Act, demanding, scenario
from tests.chaos.points import POINTS, NoSuchTargetError, resolve


@pytest.mark.parametrize("name", POINTS)
def test_every_point_names_something(name: str) -> None:
    for target in (POINTS[name].target, POINTS[name].inside):
        assert not target or callable(resolve(target)[2])


def test_a_name_that_is_gone_is_an_error() -> None:
    with pytest.raises(NoSuchTargetError):
        resolve("engine.rounds:no_such_function")


def test_a_seed_is_always_the_same_scenario() -> None:
    assert scenario(7) == scenario(7)
    assert scenario(7) != scenario(8)


def test_two_hundred_seeds_hold_every_fault_and_every_point() -> None:
    scenarios = [scenario(seed) for seed in range(1, 201)]
    assert {step.act for one in scenarios for step in one.steps} >= set(FAULTS) | {Act.DISPATCH, Act.STOP, Act.OPERATE}
    assert {orders.kill_at for one in scenarios for orders in one.orders} >= set(POINTS)
    assert {one.broker for one in scenarios} == {"nats", "mosquitto"}
    assert {one.protocol for one in scenarios} == {"1", "2", "mixed"}
    assert any(one.clock_steps for one in scenarios)
    assert any(one.offset_s for one in scenarios)


def test_every_way_to_break_the_engine_has_a_law_against_it() -> None:
    assert all(mutant.caught_by for mutant in MUTANTS.values())
    assert not demanding(1).disorder
