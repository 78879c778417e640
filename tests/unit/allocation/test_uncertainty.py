"""What vehicles that have not answered may be doing."""

import numpy as np

from v2g_console.allocation.tree import SiteTree
from v2g_console.allocation.uncertainty import with_others, worst_case_kw

NAN = float("nan")


def test_the_worst_case_spans_all_published_since_the_last_confirmed() -> None:
    baseline = np.array([-7.4, -7.4, 0.0, 0.0])
    confirmed = np.array([NAN, -3.0, 5.0, 2.0])
    published = np.array([[5.0, -6.0, NAN, 11.0], [-11.0, NAN, NAN, 7.0]])
    measured = np.array([3.0, 3.0, 3.0, 6.5])
    settled = np.array([False, False, False, True])
    low, high = worst_case_kw(baseline, confirmed, published, measured, settled)
    assert low.tolist() == [-11.0, -6.0, 5.0, 6.5]
    assert high.tolist() == [5.0, -3.0, 5.0, 6.5]


def test_one_row_of_published_setpoints_or_none_at_all_will_do() -> None:
    one, nan, no = np.array([1.0]), np.array([NAN]), np.array([False])
    assert [bound.tolist() for bound in worst_case_kw(one, nan, np.array([4.0]), nan, no)] == [[1.0], [4.0]]
    assert [bound.tolist() for bound in worst_case_kw(one, nan, np.zeros((0, 1)), nan, no)] == [[1.0], [1.0]]


def test_settled_without_a_measurement_is_not_settled() -> None:
    low, high = worst_case_kw(np.array([0.0]), np.array([NAN]), np.array([[8.0]]), np.array([NAN]), np.array([True]))
    assert (low.tolist(), high.tolist()) == ([0.0], [8.0])


def test_others_are_attached_to_their_nodes() -> None:
    tree = SiteTree(
        parent=np.array([-1, 0]),
        lower_kw=np.array([-50.0, -20.0]),
        upper_kw=np.array([50.0, 20.0]),
        other_low_kw=np.array([0.0, -1.0]),
        other_high_kw=np.array([0.0, -1.0]),
        is_site=np.array([False, True]),
        names=("grid", "depot"),
        node_of=np.array([1, 1, 0, -1]),
    )
    low, high = np.array([-3.0, -100.0, NAN, -9.0]), np.array([5.0, 100.0, NAN, 9.0])
    worse = with_others(tree, low, high, np.array([True, False, True, True]))
    assert worse.other_low_kw.tolist() == [0.0, -4.0]
    assert worse.other_high_kw.tolist() == [0.0, 4.0]
    assert tree.other_low_kw.tolist() == [0.0, -1.0]
