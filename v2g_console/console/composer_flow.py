"""The steps of the composer, without any widget: plan, arm, send; and what keys may do at each."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from v2g_console.console.deliberate import Deliberate
from v2g_console.console.model import ConsoleModel
from v2g_console.contract.replies import PlanView
from v2g_console.contract.requests import Plan

ARMED_S: Final = 10.0
"""How long a plan stays armed where the engine does not say; it has the last word."""
DWELL_S: Final = 0.3
"""A send key this soon after arming, or an arming key this soon after a changed plan, is a held or doubled key, not a decision."""
_MARGIN_S: Final = 0.5  # between the end of a held send and the end of the arming, so that the engine still takes it


class Step(Enum):
    """Where the operator is."""

    EDITING = "editing"
    ARMING = "arming"
    ARMED = "armed"
    HELD = "held"
    SENDING = "sending"


class ComposerFlow:
    """Which plan belongs to what is in the fields, and whether it is armed.

    Questions to the engine carry the number of `ask`; an answer with an older number is dropped, so the newest question wins.
    """

    def __init__(self, monotonic_s: Callable[[], float], send_delay_s: float = 0.0) -> None:
        self.step = Step.EDITING
        self.send_delay_s = send_delay_s
        self.armed_s = ARMED_S
        self.send_key = Deliberate(DWELL_S, monotonic_s)
        self.arm_key = Deliberate(0.0, monotonic_s)
        self.request: Plan | None = None
        self.plan: PlanView | None = None
        self.arm_when_planned = False
        self._asked = 0
        self._fresh = False
        self._armed_until_s = 0.0
        self._held_until_s = 0.0
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
        self.plan = plan or self.plan
        self.step = Step.ARMED
        self.armed_s = max(0.0, left_s - (self.send_delay_s + _MARGIN_S if self.send_delay_s else 0.0))
        self._armed_until_s = self._monotonic_s() + self.armed_s
        self.send_key.shown()

    def disarm(self, plan: PlanView | None = None) -> None:
        """Back to the fields; `plan` replaces what is shown (after PLAN_CHANGED), and an arming key that is held now does not arm it."""
        self.step = Step.EDITING
        self._asked += 1
        if plan is not None:
            self.plan, self._fresh = plan, True
            self.arm_key = Deliberate(DWELL_S, self._monotonic_s)

    def send(self) -> bool:
        """The armed plan is sent: True if at once, False if it is held so that it can be called back."""
        self.step = Step.HELD if self.send_delay_s else Step.SENDING
        self._held_until_s = self._monotonic_s() + self.send_delay_s
        return self.step is Step.SENDING

    def left_s(self) -> float:
        """How long the plan can still be sent, or called back once it is held. The engine keeps it armed for the time of being held too."""
        ends_s = {Step.ARMED: self._armed_until_s, Step.HELD: self._held_until_s}.get(self.step)
        return 0.0 if ends_s is None else max(0.0, ends_s - self._monotonic_s())


def armed_for_s(plan: PlanView | None, model: ConsoleModel) -> float:
    """For how long the engine keeps a plan armed from now on, in s, by its own clock; where it does not say, `ARMED_S`."""
    if plan is None or plan.armed_until_ms is None or model.snapshot is None:
        return ARMED_S
    return (plan.armed_until_ms - model.snapshot.utc_ms) / 1000 - model.contact().age_s
