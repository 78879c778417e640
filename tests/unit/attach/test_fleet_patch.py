"""Differences between fleets: what they make of a fleet, what they leave alone, and what is refused."""

from dataclasses import fields, replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console import pictures
from v2g_console.attach.columns import DTYPES, NAME_TABLES, OPTIONAL, column_of, names_of
from v2g_console.attach.fleet_patch import MOST_ROWS, ColumnPatch, FleetPatch, NamesPatch, PatchError, patch_between, patched
from v2g_console.contract.snapshot import FleetColumns

EMPTY = FleetPatch(revision=2, layout_revision=1, length=200, names={}, columns={})


def same(left: FleetColumns, right: FleetColumns) -> bool:
    """Bit for bit, types included."""
    for name in DTYPES:
        a, b = column_of(left, name), column_of(right, name)
        if (a is None) is not (b is None):
            return False
        if a is not None and b is not None and (a.dtype != b.dtype or a.tobytes() != b.tobytes()):
            return False
    tables = all(names_of(left, name) == names_of(right, name) for name in NAME_TABLES)
    return tables and (left.revision, left.layout_revision) == (right.revision, right.layout_revision)


def carried(base: FleetColumns | None, now: FleetColumns) -> FleetPatch:
    """The difference, after its way over a wire."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(patch_between(base, now)), type=FleetPatch)


def changed(fleet: FleetColumns, name: str, rows: list[int], seed: int = 0) -> FleetColumns:
    """`fleet` with other values in some rows of a column; those of codes and indices stay what a screen knows."""
    column = column_of(fleet, name)
    values = np.zeros(len(fleet), DTYPES[name]) if column is None else column.copy()
    rng = np.random.default_rng(seed)
    values[rows] = rng.integers(0, 2, len(rows)) if values.dtype.kind != "f" else rng.choice([np.nan, 0.0, -7.4, 1e9], len(rows))
    new: dict[str, Any] = {name: values}
    return replace(fleet, revision=fleet.revision + 1, **new)


def grown(fleet: FleetColumns, by: int) -> FleetColumns:
    """`fleet` with `by` vehicles more, one of them at a new site."""
    n = len(fleet)
    columns: dict[str, Any] = {}
    for name in DTYPES:
        column = column_of(fleet, name)
        columns[name] = None if column is None else np.concatenate([column, np.zeros(by, column.dtype)])
    ids = fleet.ids + tuple(f"new:{n + row}" for row in range(by))
    site = columns["site"]
    site[n:] = len(fleet.sites)
    sites = (*fleet.sites, f"site-{n}")
    layout = fleet.layout_revision + 1
    return replace(fleet, revision=fleet.revision + 1, layout_revision=layout, ids=ids, sites=sites, **columns)


def test_every_field_of_a_fleet_is_carried() -> None:
    told = {"revision", "layout_revision", *NAME_TABLES, *DTYPES}
    assert told == {field.name for field in fields(FleetColumns)}
    assert {"on_hold", "tag"} <= OPTIONAL


def test_a_whole_fleet_arrives_read_only_and_bit_for_bit() -> None:
    fleet = pictures.fleet()
    arrived = patched(None, carried(None, fleet))
    assert same(arrived, fleet)
    for name in DTYPES:
        column = column_of(arrived, name)
        assert column is None or not column.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        arrived.soc[0] = 0.5


def test_what_did_not_change_is_the_same_object() -> None:
    before = pictures.fleet()
    now = changed(before, "soc", [3, 17])
    # A new array with the old values, as an engine makes one now and then, is no change either.
    now = replace(now, power_kw=before.power_kw.copy(), owners=(*before.owners[:1], *before.owners[1:]))
    patch = carried(before, now)
    assert list(patch.columns) == ["soc"] and not patch.names
    arrived = patched(before, patch)
    assert same(arrived, now)
    assert arrived.ids is before.ids and arrived.owners is before.owners and arrived.sites is before.sites
    assert [name for name in DTYPES if column_of(arrived, name) is not column_of(before, name)] == ["soc"]


def test_a_few_changed_rows_cost_a_few_bytes_and_many_no_more_than_all() -> None:
    before = pictures.fleet(10_000)
    few, all_rows = changed(before, "seen_ms", list(range(0, 10_000, 100))), replace(before, seen_ms=before.seen_ms + 5)
    assert len(msgspec.msgpack.encode(patch_between(before, few))) < 100 * 12 + 200
    assert len(msgspec.msgpack.encode(patch_between(before, all_rows))) < 10_000 * 8 + 200
    assert same(patched(before, carried(before, all_rows)), all_rows)


def test_vehicles_that_come_are_added_without_telling_the_others_again() -> None:
    before = pictures.fleet(5_000)
    now = grown(before, 3)
    patch = carried(before, now)
    assert patch.names["ids"] == NamesPatch(5_000, ("new:5000", "new:5001", "new:5002"))
    assert len(msgspec.msgpack.encode(patch)) < 1500
    assert same(patched(before, patch), now)


def test_columns_that_are_not_told_come_and_go() -> None:
    without = replace(pictures.fleet(), tag=None, on_hold=None)
    with_tags = replace(without, revision=2, tag=np.full(200, 2, np.uint8))
    assert same(patched(None, carried(None, without)), without)
    assert same(patched(without, carried(without, with_tags)), with_tags)
    assert same(patched(with_tags, carried(with_tags, without)), without)


@given(
    st.lists(
        st.tuples(st.sampled_from([*DTYPES, "grow", "same"]), st.lists(st.integers(0, 19), max_size=20), st.integers(0, 9)), max_size=8
    )
)
def test_any_chain_of_changes_arrives(steps: list[tuple[str, list[int], int]]) -> None:
    ours = pictures.fleet(20)
    theirs = patched(None, carried(None, ours))
    for name, rows, seed in steps:
        now = grown(ours, 1 + seed) if name == "grow" else ours if name == "same" else changed(ours, name, rows, seed)
        theirs = patched(theirs, carried(ours, now))
        ours = now
        assert same(theirs, ours)


def _soc(**other: Any) -> dict[str, Any]:
    right: dict[str, Any] = {
        "kept": 200,
        "rows": np.array([1, 2], "<u4").tobytes(),
        "values": np.array([0.5, 0.6], "<f4").tobytes(),
        "tail": b"",
    }
    return {"columns": {"soc": ColumnPatch(**(right | other))}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "more vehicles than there can be": ({"length": MOST_ROWS + 1}, "at most 2000000"),
    "less than none": ({"length": -1}, "-1 vehicles"),
    "a column nobody knows": ({"columns": {"__class__": ColumnPatch(0, b"", b"", b"")}}, "'__class__' is no column"),
    "a table nobody knows": ({"names": {"soc": NamesPatch(0, ())}}, "'soc' is no column"),
    "fewer ids than vehicles": ({"names": {"ids": NamesPatch(100, ())}}, "100 ids for 200"),
    "more names kept than there are": ({"names": {"sites": NamesPatch(5, ())}}, "keeps 5 of 4"),
    "sites gone that vehicles are at": ({"names": {"sites": NamesPatch(1, ())}}, "site has an index"),
    "a column left out": ({"columns": {"soc": None}}, "soc is missing"),
    "vehicles without values": ({"length": 201, "names": {"ids": NamesPatch(200, ("x",))}}, "site has 200 values for 201"),
    "more rows kept than there are": (_soc(kept=201), "keeps 201 of 200"),
    "fewer than none kept": (_soc(kept=-1), "keeps -1 of"),
    "a tail too long": (_soc(tail=b"abcd"), "adds 4 bytes"),
    "half a row number": (_soc(rows=b"\x01\x00\x00"), "3 bytes of row numbers"),
    "fewer values than rows": (_soc(values=b"\x00\x00\x00\x3f"), "4 bytes of values"),
    "a row beyond the end": (_soc(rows=np.array([1, 200], "<u4").tobytes()), "do not ascend within 200"),
    "a row twice": (_soc(rows=np.array([2, 2], "<u4").tobytes()), "do not ascend"),
    "a state without a name": ({"columns": {"state": ColumnPatch(0, b"", b"", b"\xff" * 200)}}, "state has code 255"),
    "a truth value of 2": ({"columns": {"is_v2g": ColumnPatch(0, b"", b"", b"\x02" * 200)}}, "neither 0 nor 1"),
    "an owner of -2": ({"columns": {"owner": ColumnPatch(0, b"", b"", b"\xfe\xff\xff\xff" * 200)}}, "owner has an index of -2"),
    "a site without a name": ({"columns": {"site": ColumnPatch(0, b"", b"", b"\x04\0\0\0" * 200)}}, "site has an index of 4"),
}


@pytest.mark.parametrize(("given_", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_a_patch_that_does_not_fit_is_refused_with_its_fault(given_: dict[str, Any], told: str) -> None:
    with pytest.raises(PatchError, match=told):
        patched(pictures.fleet(), msgspec.structs.replace(EMPTY, **given_))


_bytes = st.binary(max_size=40)
_patch = st.builds(ColumnPatch, st.integers(-2, 30), _bytes, _bytes, _bytes)
_names = st.builds(NamesPatch, st.integers(-2, 30), st.lists(st.text(max_size=3), max_size=4).map(tuple))


@given(
    st.integers(-1, 30), st.dictionaries(st.sampled_from(list(NAME_TABLES)), _names), st.dictionaries(st.sampled_from(list(DTYPES)), _patch)
)
def test_hostile_patches_are_refused_or_give_a_fleet_that_holds_together(length: int, names: Any, columns: Any) -> None:
    patch = FleetPatch(revision=2, layout_revision=2, length=length, names=names, columns=columns)
    try:
        fleet = patched(pictures.fleet(20), patch)
    except PatchError:
        return
    assert len(fleet.ids) == length
    for name in DTYPES:
        column = column_of(fleet, name)
        assert column is None or len(column) == length
    assert all(-1 <= row < len(fleet.sites) for row in fleet.site)


def test_a_fleet_without_vehicles_is_carried_as_a_whole_too() -> None:
    nobody = pictures.empty().fleet
    assert len(nobody) == 0
    assert same(patched(None, patch_between(None, nobody)), nobody)
    assert same(patched(nobody, patch_between(nobody, pictures.fleet(3))), pictures.fleet(3))
