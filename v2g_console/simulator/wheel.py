"""A timer wheel: thousands of things to do later, in slots of 10 ms, without a task or a timer for each."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

SLOT_S: Final = 0.01

Action = Callable[[], None]


class Wheel:
    """Actions by the slot they are due in. Adding is O(1) in a known slot; within a slot they run in the order they were added."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Action]] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return sum(len(actions) for actions in self._slots.values())

    def add(self, due_s: float, action: Action) -> None:
        """Run `action` at `due_s` of the steady clock, or up to one slot later."""
        slot = int(due_s / SLOT_S) + 1
        actions = self._slots.get(slot)
        if actions is None:
            self._slots[slot] = [action]
            heappush(self._order, slot)
        else:
            actions.append(action)

    def next_due_s(self) -> float:
        """When `run_due` has something to do; infinity if nothing waits."""
        return self._order[0] * SLOT_S if self._order else float("inf")

    def run_due(self, now_s: float) -> None:
        """Run everything due by `now_s`. What these actions add for now or earlier runs at the next call."""
        now_slot = int(now_s / SLOT_S + 1e-9)
        due: list[Action] = []
        while self._order and self._order[0] <= now_slot:
            due += self._slots.pop(heappop(self._order))
        for action in due:
            action()
