"""Holds after failures: doubling, probes, forgiveness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_console.domain.trust import (
    TrustColumns,
    TrustRules,
    asked,
    blocked,
    delivery_ratio,
    hold_s,
    record_failure,
    record_success,
    reset,
)

FIRST = np.array([0])


def test_a_failure_puts_a_vehicle_on_hold_and_the_pause_ends_by_itself() -> None:
    columns = record_failure(TrustColumns.trusting(3), FIRST, 100.0)
    assert blocked(columns, 100.0).tolist() == [True, False, False]
    assert blocked(columns, 129.9).tolist() == [True, False, False]
    assert blocked(columns, 130.0).tolist() == [False, False, False]


def test_the_pause_doubles_from_30_s_to_30_min_and_stays_there() -> None:
    columns, now, pauses = TrustColumns.trusting(2), 0.0, []
    for _ in range(300):
        columns = record_failure(asked(columns, FIRST), FIRST, now)
        pauses.append(float(columns.hold_until[0]) - now)
        now = float(columns.hold_until[0])
    assert pauses[:8] == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]
    assert set(pauses[8:]) == {1800.0}
    assert columns.failures.tolist() == [255, 0]


def test_the_same_incident_seen_again_counts_once() -> None:
    columns = record_failure(TrustColumns.trusting(2), np.array([0, 0, 0]), 0.0)
    for now in range(1, 25):  # telemetry keeps showing too little
        columns = record_failure(columns, FIRST, float(now))
    assert columns.failures.tolist() == [1, 0]
    assert columns.hold_until[0] == 30.0


def test_a_failed_probe_counts_even_while_all_others_are_on_hold_too() -> None:
    everybody = np.arange(2)
    columns = record_failure(TrustColumns.trusting(2), everybody, 0.0)
    columns = asked(columns, FIRST)  # asked again during the pause, because nobody else was left
    columns = record_failure(columns, everybody, 10.0)
    assert columns.failures.tolist() == [2, 1]
    assert columns.hold_until.tolist() == [70.0, 30.0]
    assert columns.probing.tolist() == [False, False]


def test_asking_a_vehicle_that_never_failed_is_no_probe() -> None:
    columns = record_failure(TrustColumns.trusting(2), FIRST, 0.0)
    assert asked(columns, np.arange(2)).probing.tolist() == [True, False]


def test_success_and_the_operator_forgive_all() -> None:
    for forgive in (record_success, reset):
        columns = record_failure(asked(record_failure(TrustColumns.trusting(3), FIRST, 0.0), FIRST), FIRST, 5.0)
        columns = forgive(columns, FIRST)
        assert not blocked(columns, 6.0).any()
        again = record_failure(columns, FIRST, 6.0)
        assert again.hold_until[0] == 36.0


def test_if_all_are_on_hold_all_may_be_asked() -> None:
    columns = record_failure(TrustColumns.trusting(3), np.arange(3), 0.0)
    assert not blocked(columns, 1.0).any()
    columns = record_success(columns, np.array([2]))
    assert blocked(columns, 1.0).tolist() == [True, True, False]
    # of those that a dispatch can use at all, everybody is on hold: the third is of no help
    usable = np.array([True, True, False])
    assert blocked(columns, 1.0, usable).tolist() == [False, False, False]
    assert blocked(columns, 1.0, np.array([True, True, True])).tolist() == [True, True, False]
    assert blocked(columns, 1.0, np.zeros(3, np.bool_)).tolist() == [True, True, False]
    assert blocked(TrustColumns.trusting(0), 1.0).tolist() == []


def test_columns_stay_as_they_were() -> None:
    before = TrustColumns.trusting(2)
    record_failure(before, FIRST, 0.0)
    failed = record_failure(before, FIRST, 0.0)
    asked(failed, FIRST)
    record_success(failed, FIRST)
    assert before.failures.tolist() == [0, 0]
    assert failed.failures.tolist() == [1, 0]
    assert failed.probing.tolist() == [False, False]


def test_new_vehicles_are_trusted() -> None:
    grown = record_failure(TrustColumns.trusting(1), FIRST, 0.0).grown(3)
    assert blocked(grown, 1.0).tolist() == [True, False, False]
    assert len(grown.grown(2)) == 3


@given(st.lists(st.tuples(st.sampled_from("fsa"), st.floats(0.0, 400.0)), max_size=60))
def test_a_hold_is_never_longer_than_the_longest_and_never_without_a_failure(steps: list[tuple[str, float]]) -> None:
    rules, columns, now = TrustRules(), TrustColumns.trusting(2), 0.0
    for step, wait in steps:
        now += wait
        if step == "f":
            columns = record_failure(columns, FIRST, now, rules)
            assert now < columns.hold_until[0]
        else:
            columns = record_success(columns, FIRST) if step == "s" else asked(columns, FIRST)
        assert columns.hold_until[0] <= now + rules.longest_hold_s
        assert (columns.hold_until > -np.inf).tolist() == (columns.failures > 0).tolist()
        assert not blocked(columns, now)[1]


def test_a_pause_follows_the_rules_given() -> None:
    rules = TrustRules(first_hold_s=2.0, longest_hold_s=9.0)
    assert hold_s(np.array([0, 1, 2, 3, 4, 255], np.uint8), rules).tolist() == [0.0, 2.0, 4.0, 8.0, 9.0, 9.0]


def test_delivery_is_the_share_of_what_was_asked_in_either_direction() -> None:
    setpoint = np.array([10.0, -11.0, 0.0, 10.0, 10.0])
    baseline = np.array([0.0, -1.0, -7.4, 0.0, 0.0])
    measured = np.array([9.0, -6.0, -7.4, -2.0, 12.0])
    ratio = delivery_ratio(setpoint, baseline, measured)
    assert ratio == pytest.approx([0.9, 0.5, 0.0, -0.2, 1.2])


def test_where_nobody_can_tell_it_is_neither_success_nor_failure() -> None:
    ratio = delivery_ratio(np.array([0.5, 10.0, np.nan, 10.0]), np.array([0.0, 0.0, 0.0, np.nan]), np.array([0.0, np.nan, 1.0, 1.0]))
    assert np.isnan(ratio).all()
