"""The life cycle of an alarm against a plain model: in whatever order things happen, only legal changes, and none in silence."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from v2g_console.domain.alarm_cycle import TRANSITIONS, AlarmCycle, AlarmState, Delays, Happened

SPANS_S = st.floats(min_value=0.0, max_value=30.0)


class AlarmModel(RuleBasedStateMachine):
    """The model keeps, in its own words, whether the cause is there (after the delays), answered, and shelved until when."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.cause = self.answered = self.listed = False
        self.shelf_until_s: float | None = None
        self.condition, self.condition_since_s = False, 0.0
        self.seen: set[AlarmState] = set()

    @initialize(on_s=st.sampled_from([0.0, 5.0]), off_s=st.sampled_from([0.0, 8.0]))
    def begin(self, on_s: float, off_s: float) -> None:
        self.alarm = AlarmCycle(Delays(on_s, off_s))
        self.before = self.alarm.state

    @rule(span_s=SPANS_S)
    def time_passes(self, span_s: float) -> None:
        self.now_s += span_s
        told = self.alarm.tick(self.now_s)
        due = self.shelf_until_s is not None and self.now_s >= self.shelf_until_s
        assert told == self._back(due)

    @rule(condition=st.booleans())
    def the_condition_is(self, condition: bool) -> None:
        if condition is not self.condition:
            self.condition, self.condition_since_s = condition, self.now_s
        told = self.alarm.see(condition, self.now_s)
        delay_s = self.alarm.delays.on_s if condition else self.alarm.delays.off_s
        follows = condition is not self.cause and self.now_s - self.condition_since_s >= delay_s
        assert told == self._follow(follows, condition)

    @rule()
    def what_it_was_about_ends(self) -> None:
        self.condition, self.condition_since_s = False, self.now_s
        assert self.alarm.end(self.now_s) == self._follow(self.cause, False)

    @rule()
    def somebody_acknowledges(self) -> None:
        open_ = self.listed and not self.answered and self.shelf_until_s is None
        assert self.alarm.acknowledge() == (Happened.ACKNOWLEDGED if open_ else None)
        if open_:
            self.answered = True
            self.listed = self.cause

    @rule(span_s=SPANS_S)
    def somebody_shelves(self, span_s: float) -> None:
        possible = self.listed and self.shelf_until_s is None
        assert self.alarm.shelve(self.now_s + span_s) == (Happened.SHELVED if possible else None)
        if possible:
            self.shelf_until_s = self.now_s + span_s

    @rule()
    def somebody_unshelves(self) -> None:
        assert self.alarm.unshelve(self.now_s) == self._back(self.shelf_until_s is not None)

    @invariant()
    def the_state_is_what_the_model_says_and_was_legally_reached(self) -> None:
        if not hasattr(self, "alarm"):
            return
        now = self.alarm.state
        assert now == self._state()
        assert now is self.before or now in TRANSITIONS[self.before]
        assert self.alarm.active is self.cause
        self.before = now

    def _follow(self, follows: bool, condition: bool) -> Happened | None:
        if not follows:
            return None
        self.cause = condition
        if self.shelf_until_s is not None:
            return None
        if condition:
            self.listed, self.answered = True, False
            return Happened.RAISED
        self.listed = not self.answered
        return Happened.CLEARED

    def _back(self, due: bool) -> tuple[Happened, ...]:
        if not due:
            return ()
        self.shelf_until_s = None
        self.listed, self.answered = self.cause, False
        return (Happened.UNSHELVED, Happened.RAISED) if self.cause else (Happened.UNSHELVED,)

    def _state(self) -> AlarmState:
        if self.shelf_until_s is not None:
            return AlarmState.SHELVED
        if not self.listed:
            return AlarmState.NORMAL
        if not self.cause:
            return AlarmState.RETURNED
        return AlarmState.ACKNOWLEDGED if self.answered else AlarmState.UNACKNOWLEDGED


TestAlarmCycle = AlarmModel.TestCase
TestAlarmCycle.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_a_condition_shorter_than_its_delay_never_rings() -> None:
    alarm = AlarmCycle(Delays(on_s=5.0))
    assert [alarm.see(condition, at_s) for at_s, condition in enumerate([True, True, True, False, True, True])] == [None] * 6


def test_a_gap_shorter_than_the_off_delay_does_not_clear() -> None:
    alarm = AlarmCycle(Delays(off_s=5.0))
    assert alarm.see(True, 0.0) is Happened.RAISED
    assert [alarm.see(condition, at_s) for at_s, condition in ((1.0, False), (4.0, True), (5.0, False), (9.0, False))] == [None] * 4
    assert alarm.see(False, 10.0) is Happened.CLEARED


def test_three_raises_within_a_minute_are_chatter_and_then_it_calms_down() -> None:
    alarm = AlarmCycle()
    for at_s in (0.0, 20.0, 40.0):
        alarm.see(True, at_s)
        assert alarm.chattering(at_s) is (at_s == 40.0)
        alarm.see(False, at_s + 1.0)
    assert not alarm.chattering(70.0)
