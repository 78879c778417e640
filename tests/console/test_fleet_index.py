"""Order of fleet lists: stable, ids break ties, unknown values last, not more often than once a second."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console import pictures
from v2g_console.console.fleet_filter import parse_filter
from v2g_console.console.widgets.fleet_index import LARGE_FLEET, FleetIndex, Order, SortKey
from v2g_console.contract.snapshot import FleetColumns


def listed(index: FleetIndex) -> list[str]:
    assert index.columns is not None
    return [index.columns.ids[int(row)] for row in index.rows]


def shuffled(columns: FleetColumns, seed: int) -> FleetColumns:
    """The same fleet with ids in no order."""
    ids = [columns.ids[int(row)] for row in np.random.default_rng(seed).permutation(len(columns))]
    return replace(columns, ids=tuple(ids))


@given(
    soc=st.lists(st.sampled_from([0.1, 0.5, 0.9, float("nan")]), min_size=1, max_size=40),
    seed=st.integers(0, 100),
    descending=st.booleans(),
)
def test_equal_values_are_in_order_of_id_and_unknown_ones_last(soc: list[float], seed: int, descending: bool) -> None:
    columns = shuffled(replace(pictures.fleet(len(soc)), soc=np.array(soc, np.float32)), seed)
    index = FleetIndex()
    index.show(columns, 0.0)
    index.set_order(Order(SortKey.SOC, descending), 0.0)

    def place(row: int) -> tuple[bool, float, str]:
        value = float(columns.soc[row])
        unknown = bool(np.isnan(value))
        return unknown, 0.0 if unknown else -value if descending else value, columns.ids[row]

    assert listed(index) == [columns.ids[row] for row in sorted(range(len(columns)), key=place)]


@pytest.mark.parametrize("key", list(SortKey))
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_lists_every_vehicle_once(key: SortKey, descending: bool) -> None:
    columns = shuffled(pictures.fleet(97), 3)
    index = FleetIndex()
    index.show(columns, 0.0)
    index.set_order(Order(key, descending), 0.0)
    assert sorted(listed(index)) == sorted(columns.ids)


def test_state_order_puts_what_needs_a_person_first() -> None:
    index = FleetIndex()
    index.show(pictures.fleet(200), 0.0)
    index.set_order(Order(SortKey.STATE), 0.0)
    columns = index.columns
    assert columns is not None
    assert columns.state[index.rows[0]] == 7  # silent
    assert columns.state[index.rows[-1]] == 10  # away


def test_live_values_move_the_list_once_a_second_at_most() -> None:
    columns = pictures.fleet(50)
    index = FleetIndex()
    index.show(columns, 0.0)
    index.set_order(Order(SortKey.POWER), 10.0)
    turned = replace(columns, power_kw=-columns.power_kw, revision=2)
    before = listed(index)
    assert not index.show(turned, 10.9)
    assert listed(index) == before
    assert index.show(replace(turned, revision=3), 11.0)
    assert listed(index) != before


def test_a_change_inside_the_second_is_not_forgotten() -> None:
    columns = pictures.fleet(50)
    index = FleetIndex()
    index.show(columns, 0.0)
    index.set_order(Order(SortKey.POWER), 10.0)
    turned = replace(columns, power_kw=-columns.power_kw, revision=2)
    assert not index.show(turned, 10.5)
    assert index.show(turned, 11.5)


def test_an_order_by_id_never_moves_with_values() -> None:
    columns = pictures.fleet(50)
    index = FleetIndex()
    index.show(columns, 0.0)
    assert not index.show(replace(columns, power_kw=-columns.power_kw, revision=2), 100.0)


def test_arrivals_are_listed_at_once() -> None:
    index = FleetIndex()
    index.show(pictures.fleet(50), 0.0)
    assert index.show(pictures.fleet(51, revision=2), 0.1)
    assert len(index.rows) == 51


def test_a_burst_of_arrivals_in_a_large_fleet_is_listed_once_a_second() -> None:
    index = FleetIndex()
    index.show(pictures.fleet(LARGE_FLEET), 0.0)
    more = pictures.fleet(LARGE_FLEET + 5, revision=2)
    assert not index.show(more, 0.5)
    assert index.rows.max() < LARGE_FLEET
    assert index.show(more, 1.1)
    assert len(index.rows) == LARGE_FLEET + 5


def test_another_fleet_in_the_same_place_is_listed_at_once_however_large() -> None:
    columns = pictures.fleet(LARGE_FLEET + 1)
    index = FleetIndex()
    index.show(columns, 0.0)
    other = replace(columns, ids=tuple(f"x{name}" for name in columns.ids), revision=2)
    assert index.show(other, 0.1)


def test_a_fleet_that_shrinks_leaves_no_row_behind() -> None:
    index = FleetIndex()
    index.show(pictures.fleet(50), 0.0)
    index.set_filter(parse_filter("is:v2g").filter, 0.0)
    assert index.show(pictures.fleet(3, revision=2), 0.1)
    assert all(row < 3 for row in index.rows)
