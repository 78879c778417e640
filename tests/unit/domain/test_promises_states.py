"""The table of states is the only way from one to the next, and reasons keep the codes under which journals hold them."""

import itertools
from typing import Final

import pytest

from v2g_console.domain.reasons import EXPLANATION, Reason
from v2g_console.domain.states import (
    COMMAND_TRANSITIONS,
    DISPATCH_TRANSITIONS,
    TERMINAL_DISPATCH_STATES,
    CommandState,
    DispatchState,
    IllegalTransitionError,
    next_dispatch_state,
)

_CODES: Final = [
    "NONE", "NOT_AVAILABLE", "NOT_V2G", "NOT_CHARGING", "PRIORITY", "NO_CONSENT", "SOC_FLOOR", "SOC_CEILING", "SOC_BELOW_MIN",
    "DEPARTURE", "LEAVES_BEFORE_END", "BASELINE_ENDS", "NO_BASELINE", "NO_HEADROOM", "MIN_POWER", "RAMP", "STALE", "LOST", "TAGGED",
    "IN_USE", "SITE_LIMIT", "NODE_LIMIT", "NOT_SELECTED", "BLOCKED", "OVER_LIMIT", "LOCAL_OVERRIDE", "FAULT", "EXPIRED", "SUPERSEDED",
    "STALE_SEQ", "STOPPED", "NO_DROOP", "ACK_TIMEOUT", "PUBLISH_FAILED", "CLOCK_SKEW", "UNKNOWN", "NOT_NEEDED",
]  # fmt: skip
"""Position is code. New reasons go to the end: an old journal is read with this list."""
_STATES: Final = {
    "PLANNED": 0, "QUEUED": 1, "PUBLISHED": 2, "ACKED": 3, "LIMITED": 4, "REJECTED": 5, "TIMED_OUT": 6, "FAILED": 7, "DROPPED": 8,
    "SUPERSEDED": 9, "RELEASED": 10, "EXPIRED": 11,
}  # fmt: skip
D = DispatchState
C = CommandState


@pytest.mark.parametrize(("now", "wanted"), list(itertools.product(D, D)))
def test_a_dispatch_goes_by_the_table_or_not_at_all(now: D, wanted: D) -> None:
    if wanted in DISPATCH_TRANSITIONS[now]:
        assert next_dispatch_state(now, wanted) is wanted
    else:
        with pytest.raises(IllegalTransitionError, match=f"dispatch {now} -> {wanted}"):
            next_dispatch_state(now, wanted)


def test_what_has_published_something_ends_only_through_its_release() -> None:
    for state in (D.AWAITING_ACKS, D.ACTIVE):
        assert not DISPATCH_TRANSITIONS[state] & TERMINAL_DISPATCH_STATES
    assert DISPATCH_TRANSITIONS[D.SENDING] & TERMINAL_DISPATCH_STATES == {D.FAILED}  # nothing was published
    assert DISPATCH_TRANSITIONS[D.RELEASING] <= TERMINAL_DISPATCH_STATES


def test_over_is_over() -> None:
    assert {D.COMPLETED, D.CANCELLED, D.STOPPED, D.FAILED, D.EXPIRED} == TERMINAL_DISPATCH_STATES


def test_late_answers_and_second_thoughts_of_a_vehicle_are_in_the_table() -> None:
    assert {C.ACKED, C.LIMITED, C.REJECTED} <= COMMAND_TRANSITIONS[C.TIMED_OUT]
    assert {C.LIMITED, C.REJECTED} <= COMMAND_TRANSITIONS[C.ACKED]
    assert {C.ACKED, C.REJECTED} <= COMMAND_TRANSITIONS[C.LIMITED]


def test_no_answer_comes_to_what_was_never_published_or_was_refused() -> None:
    answers = {C.ACKED, C.LIMITED, C.REJECTED, C.TIMED_OUT}
    for state in (C.PLANNED, C.QUEUED, C.REJECTED, C.FAILED, C.DROPPED, C.SUPERSEDED, C.RELEASED, C.EXPIRED):
        assert not COMMAND_TRANSITIONS[state] & answers, state


def test_codes_in_old_journals_still_mean_the_same() -> None:
    assert [reason.name for reason in Reason] == _CODES
    assert [reason.value for reason in Reason] == list(range(len(_CODES)))
    assert {state.name: state.value for state in CommandState} == _STATES


def test_every_reason_is_told_in_words_of_its_own() -> None:
    words = [EXPLANATION[reason] for reason in Reason if reason is not Reason.NONE]
    assert all(words)
    assert len(set(words)) == len(words)
