"""Which presses of a confirming key are decisions."""

import pytest

from tests.console.harness import SteppedClock
from v2g_console.console.deliberate import HELD_S, Deliberate


def pressed(pauses_s: list[float], dwell_s: float = 0.4) -> list[bool]:
    """What each press counts as, `pauses_s` apart, the first counted from when the question came up."""
    clock = SteppedClock()
    key = Deliberate(dwell_s, clock)
    taken = []
    for pause_s in pauses_s:
        clock.now_s += pause_s
        taken.append(key.decided())
    return taken


def test_a_press_after_a_look_is_a_decision() -> None:
    assert pressed([0.5]) == [True]


@pytest.mark.parametrize("first_repeat_s", [0.2, 0.25, 0.5, 0.66, 1.0])
def test_a_key_held_from_too_early_on_never_confirms(first_repeat_s: float) -> None:
    assert not any(pressed([0.1, first_repeat_s, *[0.033] * 200]))


def test_a_burst_never_confirms() -> None:
    assert not any(pressed([0.02] * 200))


def test_letting_go_gives_the_key_back() -> None:
    assert pressed([0.1, 0.3, HELD_S]) == [False, False, True]


def test_a_press_where_there_is_nothing_to_confirm_counts_as_held() -> None:
    clock = SteppedClock()
    key = Deliberate(0.3, clock)
    key.early()
    key.shown()
    clock.now_s += 0.5
    assert not key.ready
    clock.now_s += HELD_S
    assert key.decided()
