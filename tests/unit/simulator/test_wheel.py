"""Everything added runs once, in time and in order, and a slot costs nothing extra however full it is."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from v2g_console.simulator.wheel import SLOT_S, Wheel


def test_nothing_runs_early_and_everything_runs_within_a_slot() -> None:
    wheel, ran = Wheel(), []
    wheel.add(10.0, lambda: ran.append("a"))
    wheel.run_due(9.999)
    assert ran == []
    wheel.run_due(10.0 + SLOT_S)
    assert ran == ["a"]
    wheel.run_due(99.0)
    assert ran == ["a"]


def test_actions_of_one_slot_run_in_the_order_they_were_added() -> None:
    wheel = Wheel()
    ran: list[int] = []
    for number in range(5):
        wheel.add(1.0, partial(ran.append, number))
    wheel.run_due(2.0)
    assert ran == [0, 1, 2, 3, 4]


def test_an_action_that_adds_one_for_now_does_not_loop_for_ever() -> None:
    wheel, ran = Wheel(), []

    def again() -> None:
        ran.append(1)
        wheel.add(0.0, again)

    wheel.add(0.0, again)
    wheel.run_due(5.0)
    assert len(ran) == 1
    assert len(wheel) == 1
    wheel.run_due(5.0)
    assert len(ran) == 2


@given(st.lists(st.floats(0.0, 100.0), max_size=50), st.lists(st.floats(0.0, 110.0), max_size=20))
def test_every_action_runs_exactly_once_and_never_early(due: list[float], turns: list[float]) -> None:
    wheel = Wheel()
    ran: dict[int, float] = {}
    now = 0.0

    def note(number: int) -> None:
        assert number not in ran
        ran[number] = now

    for number, due_s in enumerate(due):
        wheel.add(due_s, partial(note, number))
    for turn in [*sorted(turns), 200.0]:
        now = turn
        wheel.run_due(now)
    assert len(ran) == len(due)
    assert all(ran[number] >= due_s for number, due_s in enumerate(due))
    assert wheel.next_due_s() == float("inf")
