"""The steps of the composer, without any widget: plan, arm, send; and what keys may do at each."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from v2g_console.contract.replies import PlanView
from v2g_console.contract.requests import Plan

ARMED_S: Final = 10.0
"""How long the engine keeps a plan armed; it has the last word, this is what is counted down."""
DWELL_S: Final = 0.3
"""A send key this soon after arming is a held or doubled key, not a decision."""


class Step(Enum):
    """Where the operator is."""

    EDITING = "editing"
    ARMING = "arming"
    ARMED = "armed"
    SENDING = "sending"


class ComposerFlow:
    """Which plan belongs to what is in the fields, and whether it is armed.

    Questions to the engine carry the number of `ask`; an answer with an older number is dropped, so the newest question wins.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self.step = Step.EDITING
        self.request: Plan | None = None
        self.plan: PlanView | None = None
        self.arm_when_planned = False
        self._asked = 0
        self._fresh = False
        self._armed_at_s = 0.0
        self._armed_until_s = 0.0
        self._monotonic_s = monotonic_s

    @property
    def current(self) -> bool:
        """True if `plan` is the answer to what is in the fields now."""
        return self._fresh and self.plan is not None

    def edit(self, request: Plan | None) -> bool:
        """The fields say something else (None: they don't make a request). True if that is a change."""
        if request == self.request and request is not None:
            return False
        self.request = request
        self.step = Step.EDITING
        self._fresh = False
        self.arm_when_planned = False
        self._asked += 1
        if request is None:
            self.plan = None
        return True

    def ask(self) -> int:
        """A question is put to the engine; returns its number."""
        self._asked += 1
        return self._asked

    def planned(self, number: int, plan: PlanView) -> bool:
        """The answer to question `number`. False if it is stale: a newer question was put, or the plan is armed already."""
        if number != self._asked or self.step is not Step.EDITING:
            return False
        self.plan, self._fresh = plan, True
        return True

    def refused(self, number: int) -> bool:
        """Question `number` was refused. False if nobody waits for it any more."""
        if number != self._asked or self.step is not Step.EDITING:
            return False
        self.plan, self._fresh, self.arm_when_planned = None, False, False
        return True

    def arming(self) -> int:
        """Arm is asked for; returns the number of the question."""
        self.step = Step.ARMING
        self.arm_when_planned = False
        return self.ask()

    def awaits(self, number: int) -> bool:
        """True if the answer to arming question `number` still counts: nothing was edited or asked since."""
        return self.step is Step.ARMING and number == self._asked

    def armed(self, plan: PlanView | None, left_s: float) -> None:
        """The engine armed the plan; `plan` is its newest form."""
        now = self._monotonic_s()
        self.plan = plan or self.plan
        self.step = Step.ARMED
        self._armed_at_s, self._armed_until_s = now, now + min(ARMED_S, max(0.0, left_s))

    def disarm(self, plan: PlanView | None = None) -> None:
        """Back to the fields; `plan` replaces what is shown (after PLAN_CHANGED)."""
        self.step = Step.EDITING
        self._asked += 1
        if plan is not None:
            self.plan, self._fresh = plan, True

    def too_soon(self) -> bool:
        """True while a send key can't be a decision yet."""
        return self._monotonic_s() - self._armed_at_s < DWELL_S

    def left_s(self) -> float:
        """How long the plan stays armed."""
        return max(0.0, self._armed_until_s - self._monotonic_s()) if self.step is Step.ARMED else 0.0
