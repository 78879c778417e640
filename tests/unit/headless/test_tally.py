"""Exit codes and the summary."""

import pytest

from tests.unit.attach.scripted_port import FIRST_ID, TS, dispatch_event
from v2g_console.contract.events import (
    DispatchActive,
    DispatchCancelled,
    DispatchCompleted,
    DispatchEvent,
    DispatchFailed,
    DispatchProgress,
    DispatchStopped,
    EngineReady,
)
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.headless.tally import Tally


def tally_of(*events: DispatchEvent) -> Tally:
    tally = Tally(0.95)
    for event in events:
        tally.began(event.dispatch_id)
        tally.see(event)
    return tally


@pytest.mark.parametrize(
    ("requested_kw", "acknowledged_kw", "code"),
    [
        (300.0, 300.0, ExitCode.DONE),
        (300.0, 285.0, ExitCode.DONE),
        (300.0, 284.9, ExitCode.UNDER_ACKNOWLEDGED),
        (300.0, 0.0, ExitCode.UNDER_ACKNOWLEDGED),
        (-50.0, -48.0, ExitCode.DONE),
        (-50.0, -40.0, ExitCode.UNDER_ACKNOWLEDGED),
        (-50.0, 50.0, ExitCode.UNDER_ACKNOWLEDGED),
        (0.0, 0.0, ExitCode.DONE),
    ],
)
def test_a_completed_dispatch_is_judged_by_its_acknowledged_share(requested_kw: float, acknowledged_kw: float, code: ExitCode) -> None:
    completed = dispatch_event(DispatchCompleted, requested_kw=requested_kw, acknowledged_kw=acknowledged_kw)
    assert tally_of(completed).exit_code() is code


def test_a_failed_dispatch_fails_the_run() -> None:
    assert tally_of(dispatch_event(DispatchFailed)).exit_code() is ExitCode.FAILED


@pytest.mark.parametrize("kind", [DispatchCancelled, DispatchStopped])
def test_a_dispatch_that_somebody_else_ended_fails_the_run(kind: type[DispatchEvent]) -> None:
    assert tally_of(dispatch_event(kind)).exit_code() is ExitCode.FAILED


def test_a_dispatch_that_the_run_ended_itself_is_done() -> None:
    cancelled = tally_of(dispatch_event(DispatchCancelled))
    cancelled.told_to_end(FIRST_ID)
    assert cancelled.exit_code() is ExitCode.DONE
    stopped = tally_of(dispatch_event(DispatchStopped))
    stopped.stopped()
    assert stopped.exit_code() is ExitCode.DONE


def test_the_highest_code_wins() -> None:
    tally = tally_of(dispatch_event(DispatchFailed, "a"), dispatch_event(DispatchCompleted, "b", acknowledged_kw=1.0))
    assert tally.exit_code() is ExitCode.UNDER_ACKNOWLEDGED
    tally.refused()
    assert tally.exit_code() is ExitCode.REFUSED
    tally.ends_with(ExitCode.INTERRUPTED)
    assert tally.exit_code() is ExitCode.INTERRUPTED


def test_a_dispatch_is_waited_for_whether_its_reply_or_its_end_comes_first() -> None:
    tally = Tally(0.95)
    tally.began("a")
    assert tally.waiting_for == {"a"}
    tally.see(dispatch_event(DispatchActive, "a"))
    assert tally.waiting_for == {"a"}
    tally.see(dispatch_event(DispatchCompleted, "a"))
    assert not tally.waiting_for
    tally.see(dispatch_event(DispatchCompleted, "b"))
    tally.began("b")
    assert not tally.waiting_for


def test_a_progress_event_after_the_end_does_not_bring_a_dispatch_back() -> None:
    tally = tally_of(dispatch_event(DispatchCompleted))
    tally.see(dispatch_event(DispatchProgress))
    assert not tally.waiting_for


def test_dispatches_of_others_are_counted_but_neither_waited_for_nor_judged() -> None:
    tally = Tally(0.95)
    tally.see(dispatch_event(DispatchFailed, "theirs", owed=2))
    tally.see(dispatch_event(DispatchActive, "running"))
    assert not tally.waiting_for
    assert tally.exit_code() is ExitCode.DONE
    assert tally.summary(TS).dispatches == 2


def test_the_summary_adds_up() -> None:
    tally = tally_of(dispatch_event(DispatchCompleted, "a", owed=2), dispatch_event(DispatchFailed, "b", owed=1))
    for _ in range(3):
        tally.asked()
    tally.refused()
    summary = tally.summary(TS)
    assert (summary.dispatches, summary.completed, summary.requests, summary.refused, summary.owed) == (2, 1, 3, 1, 3)
    assert summary.exit_code == 5


def test_the_summary_says_who_ran_it_and_with_what_role() -> None:
    tally = tally_of(dispatch_event(DispatchCompleted))
    assert (tally.summary(TS).user, tally.summary(TS).role) == ("", "")
    tally.see(
        EngineReady(ts=TS, version="1", broker="tcp://b:1883", protocol="5", vehicles=1, startup_ms=1.0, user="ines", role="operator")
    )
    assert (tally.summary(TS).user, tally.summary(TS).role) == ("ines", "operator")
