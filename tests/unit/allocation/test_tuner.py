"""The tuner follows recent acknowledgements within its bounds, says so, and forgets."""

from dataclasses import replace
from typing import Any

import pytest

from tests.property.fleets import WEIGHTS
from v2g_console.allocation.tuner import AckTuner, DispatchOutcome, NoTuner, Tuner

CONFIGURED = replace(WEIGHTS, availability=0.15)


def _outcomes(*answered: int, asked: int = 100) -> list[DispatchOutcome]:
    return [DispatchOutcome(f"d{k}", asked, count) for k, count in enumerate(answered)]


def test_poor_answers_raise_the_weight_step_by_step_up_to_the_bound() -> None:
    tuner, weights = AckTuner(configured=0.15), CONFIGURED
    seen = [weights.availability]
    for _ in range(20):
        tuned = tuner.tune(weights, _outcomes(*[30] * 10))
        if tuned is None:
            break
        weights = tuned.weights
        seen.append(weights.availability)
    assert seen == pytest.approx([0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    assert replace(weights, availability=0.15) == CONFIGURED


def test_good_answers_bring_it_back_to_what_was_configured() -> None:
    tuner, weights = AckTuner(configured=0.15), replace(CONFIGURED, availability=0.5)
    while (tuned := tuner.tune(weights, _outcomes(*[99] * 10))) is not None:
        weights = tuned.weights
    assert weights.availability == pytest.approx(0.15)


def test_only_recent_dispatches_count() -> None:
    tuner = AckTuner(configured=0.15, recent=3)
    assert tuner.tune(CONFIGURED, _outcomes(*[0] * 50, 100, 100, 100)) is None
    assert tuner.tune(CONFIGURED, _outcomes(*[100] * 50, 0, 0, 0)) is not None


def test_half_way_answers_settle_half_way() -> None:
    tuner, weights = AckTuner(configured=0.1, most=0.5, goal_rate=1.0, worst_rate=0.5), replace(CONFIGURED, availability=0.1)
    for _ in range(20):
        tuned = tuner.tune(weights, _outcomes(75))
        weights = weights if tuned is None else tuned.weights
    assert weights.availability == pytest.approx(0.3, abs=0.005)


def test_too_few_commands_say_nothing() -> None:
    assert AckTuner(configured=0.15).tune(CONFIGURED, _outcomes(0, 0, asked=9)) is None
    assert AckTuner(configured=0.15, least_asked=0).tune(CONFIGURED, _outcomes(0, asked=0)) is None
    assert AckTuner(configured=0.15).tune(CONFIGURED, []) is None


def test_the_audit_can_read_what_changed_and_why() -> None:
    tuned = AckTuner(configured=0.15).tune(CONFIGURED, _outcomes(80, 80))
    assert tuned is not None
    assert tuned.sentence == (
        "availability weight 0.150 -> 0.200: 80% of 200 commands in the last 2 dispatches were acknowledged "
        "(goal 95%; bounds 0.150 to 0.500)"
    )


@pytest.mark.parametrize(
    "wrong", [{"configured": 0.6}, {"configured": -0.1}, {"goal_rate": 0.5}, {"worst_rate": -0.1}, {"recent": 0}, {"step": 0.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        AckTuner(**({"configured": 0.15} | wrong))


def test_by_default_nothing_is_tuned() -> None:
    tuner: Tuner = NoTuner()
    assert tuner.tune(CONFIGURED, _outcomes(*[0] * 10)) is None


@pytest.mark.parametrize(("now", "then"), [(0.9, 0.5), (0.01, 0.15)])
def test_a_weight_outside_the_bounds_is_brought_within_at_once(now: float, then: float) -> None:
    tuned = AckTuner(configured=0.15).tune(replace(CONFIGURED, availability=now), _outcomes(*[80] * 10))
    assert tuned is not None
    assert tuned.weights.availability == pytest.approx(then)
