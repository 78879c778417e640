"""What is said of an act is what became of it: told once, when everybody has answered, and never better than it was."""

from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from v2g_console.console.event_text import told_of_event
from v2g_console.console.operating import stop_text
from v2g_console.console.outcomes import Act, Outcomes, stop_outcome
from v2g_console.console.plain.words import stop_lines
from v2g_console.console.screens.stop_list import head_lines
from v2g_console.contract.events import DispatchCancelled, DispatchCompleted, DispatchEnded, DispatchFailed, DispatchStopped
from v2g_console.contract.snapshot import AckProgress, DispatchView, Snapshot
from v2g_console.contract.stop import StopView
from v2g_console.domain.states import DispatchState

ALL_ACKED = AckProgress(commanded=412, acked=412)


def view(progress: AckProgress, **changes: object) -> DispatchView:
    return msgspec.structs.replace(pictures.first_dispatch(state=DispatchState.ACTIVE, shortfall_kw=0.0), progress=progress, **changes)


def picture(number: int, one: DispatchView | None, stop: StopView | None = None) -> Snapshot:
    return replace(pictures.quiet(), number=number, dispatches=() if one is None else (one,), stop=stop)


def followed(act: Act, *later: DispatchView) -> list[str]:
    """What is said, over pictures from number 2 on."""
    outcomes = Outcomes()
    outcomes.follow(act, picture(1, later[0]))
    return [text for number, one in enumerate(later, 2) for text, _ in outcomes.settled(picture(number, one))]


SENT = Act(pictures.DISPATCH_ID, "sent")


def test_nothing_is_said_while_answers_are_open() -> None:
    pending = view(AckProgress(commanded=412, acked=400, pending=12))
    retrying = view(AckProgress(commanded=412, acked=400, silent=12, retry_in_s=2.0))
    assert followed(SENT, pending, pending, retrying, retrying) == []


def test_a_full_answer_is_said_once() -> None:
    told = followed(SENT, *[view(ALL_ACKED, acknowledged_kw=1500.0)] * 6)
    assert told == ["#7f3a sent: 412 of 412 acknowledged; ▲ 1 500 kW of ▲ 1 500 kW"]


def test_what_was_said_when_it_was_asked_is_over_once_its_outcome_is_told_and_not_before() -> None:
    outcomes = Outcomes()
    outcomes.follow(replace(SENT, said="sent; answers are coming in"), picture(1, view(ALL_ACKED)))
    over: list[list[str]] = []
    for number in (2, 3, 4, 5):
        outcomes.settled(picture(number, view(ALL_ACKED)))
        over.append(list(outcomes.over))
    assert sorted(over) == [[], [], [], ["sent; answers are coming in"]] and not over[0]


def test_a_picture_made_just_before_stop_does_not_swallow_how_it_ended() -> None:
    outcomes = Outcomes()
    outcomes.follow_stop(picture(1, None))
    assert outcomes.settled(picture(2, None)) == []
    under_way = StopView(dispatches=1, at_ms=0, by="ana", vehicles=9, confirmed=4, waiting=5)
    assert outcomes.settled(picture(3, None, under_way)) == []
    ((text, _severity),) = outcomes.settled(picture(4, None, StopView(dispatches=1, at_ms=0, by="ana", vehicles=9, confirmed=9)))
    assert text.startswith("STOP: 9 vehicles confirmed")
    outcomes.follow_stop(picture(5, None))
    assert [outcomes.settled(picture(number, None)) for number in (6, 7)] == [[], []]
    lifted_and_anothers = StopView(dispatches=1, at_ms=0, by="bob", vehicles=3, confirmed=3)
    assert outcomes.settled(picture(8, None, lifted_and_anothers)) == []


def test_a_partial_answer_says_so_and_who() -> None:
    partial = view(AckProgress(commanded=412, acked=371, limited=10, rejected=7, silent=24), acknowledged_kw=1431.0, shortfall_kw=69.0)
    (told,) = followed(SENT, partial, partial)
    assert told == ("#7f3a sent, PARTIAL: 371 of 412 acknowledged, 10 limited, 7 refused, 24 silent; ▲ 1 431 kW of ▲ 1 500 kW, 69 kW short")


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_more_than_was_asked_for_is_no_shortfall_in_either_direction(way: float) -> None:
    (told,) = followed(SENT, *[view(ALL_ACKED, requested_kw=way * 1500.0, acknowledged_kw=way * 1508.0, shortfall_kw=-8.0)] * 2)
    assert "PARTIAL" not in told and "short" not in told


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_shortfall_is_told_in_either_direction(way: float) -> None:
    (told,) = followed(SENT, *[view(ALL_ACKED, requested_kw=way * 1500.0, acknowledged_kw=way * 1431.0, shortfall_kw=69.0)] * 2)
    assert "PARTIAL" in told and "69 kW short" in told


def test_one_settled_picture_may_be_older_than_the_answer() -> None:
    pending = view(AckProgress(commanded=412, acked=400, pending=12))
    assert followed(SENT, view(ALL_ACKED), pending, view(ALL_ACKED)) == []


def test_a_retry_says_how_many_more_answered() -> None:
    after = view(AckProgress(commanded=412, acked=408, silent=4))
    (told,) = followed(Act(pictures.DISPATCH_ID, "asked again", silent=24), after, after)
    assert "20 more have answered; 408 of 412 acknowledged, 4 silent" in told and "PARTIAL" in told


def test_a_dispatch_that_ends_meanwhile_is_left_to_its_own_event() -> None:
    assert followed(SENT, view(ALL_ACKED, state=DispatchState.RELEASING), view(ALL_ACKED), view(ALL_ACKED)) == []


def test_stop_is_followed_until_nobody_is_waited_for() -> None:
    outcomes = Outcomes()
    outcomes.follow_stop(picture(1, None))
    waiting = StopView(dispatches=2, vehicles=463, confirmed=400, waiting=63)
    assert outcomes.settled(picture(2, None, waiting)) == []
    silent = StopView(dispatches=2, vehicles=463, confirmed=460, silent=3)
    ((text, severity),) = outcomes.settled(picture(3, None, silent))
    assert text == "STOP, PARTIAL: 460 of 463 vehicles confirmed, 3 silent: each needs a step by hand" and severity == "error"
    assert outcomes.settled(picture(4, None, silent)) == []
    assert stop_outcome(StopView(dispatches=2, vehicles=463, confirmed=463)) == (
        "STOP: 463 vehicles confirmed, nobody is silent",
        "information",
    )
    ended = StopView(dispatches=2, vehicles=84, confirmed=34, lease_ended=50)
    assert stop_outcome(ended) == ("STOP: 34 of 84 vehicles confirmed, 50 lease ended, nobody is silent", "warning")
    assert head_lines(ended, 78)[1].plain == "34 of 84 vehicles confirmed, 50 lease ended, 0 waited for, 0 silent"
    assert head_lines(ended, 38)[1].plain.startswith("0 silent, 0 waited for, 34 of 84")
    assert stop_lines(ended) == ["STOP is latched: 34 of 84 confirmed, 50 lease ended, 0 waiting, 0 silent."]


def test_pressing_stop_claims_nothing_that_is_not_confirmed() -> None:
    text = stop_text(StopView(dispatches=2, vehicles=463, waiting=463, link_down=True), "F7")
    assert "463 vehicles are being sent back" in text and "link is DOWN" in text and "F7 lists who is silent" in text
    assert "no vehicle was following" in stop_text(StopView(dispatches=0, vehicles=0), "F7")


def ended(kind: type[DispatchEnded], **changes: object) -> tuple[str, str]:
    fields: dict[str, object] = {
        "ts": "2025-12-02T14:02:07.000Z",
        "dispatch_id": pictures.DISPATCH_ID,
        "signal": "FCR",
        "state": "over",
        "requested_kw": 300.0,
        "allocated_kw": 300.0,
        "acknowledged_kw": 300.0,
        "delivered_kw": 300.0,
        "delivered_coverage": 1.0,
        "uncertain_kw": 0.0,
        "shortfall_kw": 0.0,
        "vehicles": 60,
        "acked": 60,
        "limited": 0,
        "rejected": 0,
        "silent": 0,
        "pending": 0,
    }
    told = told_of_event(msgspec.convert(fields | changes, kind))
    assert told is not None
    return told


@pytest.mark.parametrize("kind", [DispatchCancelled, DispatchStopped])
def test_a_lease_that_ended_is_told_and_never_as_a_confirmation(kind: type[DispatchEnded]) -> None:
    text, severity = ended(kind, released=0, lease_ended=60)
    assert text.endswith("; 0 releases confirmed, 60 lease ended") and severity == "warning"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shortfall_kw": 60.0, "acked": 48, "silent": 12}, "60 kW short: 48 of 60 acknowledged, 12 silent"),
        ({"owed": 2}, "2 vehicles have not confirmed the release"),
        ({"acked": 59, "rejected": 1}, "59 of 60 acknowledged, 1 refused"),
    ],
)
def test_a_dispatch_that_ran_to_its_end_with_a_gap_says_the_gap(changes: dict[str, object], said: str) -> None:
    text, severity = ended(DispatchCompleted, **changes)
    assert said in text and severity == "warning"


def test_ends_are_told_with_their_releases() -> None:
    assert ended(DispatchCompleted) == ("#7f3a FCR ran to its end: 60 of 60 acknowledged", "information")
    assert ended(DispatchCancelled, released=60) == ("#7f3a FCR cancelled; 60 releases confirmed", "information")
    text, severity = ended(DispatchCancelled, released=58, owed=2)
    assert text == "#7f3a FCR cancelled; 58 releases confirmed; 2 vehicles have not confirmed the release" and severity == "warning"
    assert ended(DispatchStopped, owed=1)[0].endswith("1 vehicle has not confirmed the release")
    assert ended(DispatchFailed, reason="nothing could be published")[1] == "error"
