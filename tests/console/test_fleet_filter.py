"""The filter language of fleet lists, against plain Python over rows."""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console import pictures
from v2g_console.console.fleet_filter import LONGEST_FILTER_CHARS, IdTable, parse_filter
from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns

FLEET = replace(
    pictures.fleet(300),
    soc=np.where(np.arange(300) % 17 == 0, np.nan, pictures.fleet(300).soc).astype(np.float32),
    on_hold=np.arange(300) % 7 == 0,
    tag=np.choose(np.minimum(np.arange(300) % 5, 3), [0, 1, 2, 0]).astype(np.uint8),
    reserve_soc=np.where(np.arange(300) % 3 == 0, 0.3, 0.1).astype(np.float32),
)


def passing(text: str, columns: FleetColumns = FLEET) -> set[str]:
    parsed = parse_filter(text)
    assert parsed.problems == ()
    mask = parsed.filter.mask(columns, IdTable().lowered(columns.ids))
    return set(columns.ids) if mask is None else {name for name, found in zip(columns.ids, mask, strict=True) if found}


def site(row: int) -> str:
    return FLEET.sites[int(FLEET.site[row])]


def state(row: int) -> str:
    return FLEET_STATE_NAMES[int(FLEET.state[row])]


def where(rows: list[int]) -> set[str]:
    return {FLEET.ids[row] for row in rows}


ALL = range(300)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", list(ALL)),
        ("VEH00012", [row for row in ALL if "veh00012" in FLEET.ids[row]]),
        ("lyon", [row for row in ALL if "lyon" in site(row)]),
        ("silent", [row for row in ALL if state(row) == "silent"]),
        ("soc<0.3", [row for row in ALL if float(FLEET.soc[row]) < 0.3]),
        ("soc>=50%", [row for row in ALL if float(FLEET.soc[row]) >= 0.5]),
        ("!soc<0.3", [row for row in ALL if not float(FLEET.soc[row]) < 0.3]),
        ("power<0", [row for row in ALL if float(FLEET.power_kw[row]) < 0]),
        ("site:paris*", [row for row in ALL if site(row).startswith("paris")]),
        ("site:*-2", [row for row in ALL if site(row).endswith("-2")]),
        ("site:*l*l*l*", [row for row in ALL if site(row) == "lille-hub"]),
        ("site:paris-nord*nord", []),
        ("site:l*-*2", [row for row in ALL if fnmatchcase(site(row), "l*-*2")]),
        ("state:silent", [row for row in ALL if state(row) == "silent"]),
        ("state=silent", [row for row in ALL if state(row) == "silent"]),
        ("!state:idle site:lyon-2 soc>0.5", [r for r in ALL if state(r) != "idle" and site(r) == "lyon-2" and float(FLEET.soc[r]) > 0.5]),
        ("is:v2g", [row for row in ALL if FLEET.is_v2g[row]]),
        ("is:held", [row for row in ALL if row % 7 == 0]),
        ("is:owned", [row for row in ALL if FLEET.owner[row] >= 0]),
        ("quality:lost", [row for row in ALL if int(FLEET.quality[row]) == 2]),
        ("reason:soc_floor", [row for row in ALL if int(FLEET.reason[row]) == 6]),
        ("owner:#7f3a*", [row for row in ALL if int(FLEET.owner[row]) >= 0 and FLEET.owners[int(FLEET.owner[row])].startswith("7f3a")]),
        ("id:veh000017", [16]),
        ("nobody-is-called-this", []),
        ('"veh00001"', [row for row in ALL if "veh00001" in FLEET.ids[row]]),
        ('!"veh00001" id:veh00002*', [row for row in ALL if FLEET.ids[row].startswith("veh00002")]),
        ('site:"lyon-2', [row for row in ALL if site(row) == "lyon-2"]),
        ("tag:inhibit", [row for row in ALL if row % 5 == 2]),
        ("!tag:none", [row for row in ALL if row % 5 in (1, 2)]),
        ("reserve>=30%", [row for row in ALL if row % 3 == 0]),
        ("protocol:1", [row for row in ALL if int(FLEET.protocol[row]) == 1]),
        ("up>5 !discharge<7", [row for row in ALL if float(FLEET.up_kw[row]) > 5 and float(FLEET.max_discharge_kw[row]) >= 7]),
        ("is:marked", []),
    ],
)
def test_a_filter_finds_what_a_loop_over_rows_finds(text: str, rows: list[int]) -> None:
    assert passing(text) == where(rows)


def test_a_whole_name_wins_over_names_that_begin_with_it() -> None:
    columns = replace(FLEET, sites=("lyon-2", "lyon-20", "lyon-21", "paris"))
    assert passing("site:lyon-2", columns) == {name for name, code in zip(columns.ids, columns.site, strict=True) if code == 0}
    assert passing("site:lyon", columns) == {name for name, code in zip(columns.ids, columns.site, strict=True) if code in {0, 1, 2}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soc<", "soc< expects a number"),
        ("soc<much", "expects a number"),
        ("soc<nan", "expects a number"),
        ("soc:0.3", "soc is a number"),
        ("state:slient", "no state is called 'slient': idle, charging"),
        ("state<3", "state is no number"),
        ("volts>3", "'volts' is no number: compare soc"),
        ("<3", "is no number"),
        ("!", "must be followed by a term"),
        ("site:", "site: expects a name"),
        ("is:happy", "write is:v2g"),
        ("sit:paris", 'no field sit: write site:, or "sit:paris"'),
        ("stat:silent", "write state:"),
        ("tag:red", "no tag is called 'red': none, caution, inhibit"),
        ("reserve:0.3", "write reserve<0.3"),
        ('!""', "must be followed by a term"),
        ("x" * (LONGEST_FILTER_CHARS + 1), "at most"),
    ],
)
def test_a_term_that_cannot_be_understood_says_what_was_expected(text: str, said: str) -> None:
    (problem,) = parse_filter(text).problems
    assert said in problem


def test_the_right_terms_hold_while_another_is_half_typed() -> None:
    parsed = parse_filter("site:lyon-2 soc<")
    assert parsed.problems
    mask = parsed.filter.mask(FLEET, IdTable().lowered(FLEET.ids))
    assert mask is not None
    assert {FLEET.ids[row] for row in np.flatnonzero(mask)} == where([row for row in ALL if site(row) == "lyon-2"])


@given(st.text(max_size=40))
def test_no_text_at_all_can_make_the_filter_fail(text: str) -> None:
    mask = parse_filter(text).filter.mask(FLEET, IdTable().lowered(FLEET.ids))
    assert mask is None or mask.shape == (300,)


@pytest.mark.parametrize("text", pictures.HOSTILE)
def test_hostile_ids_and_sites_can_be_filtered(text: str) -> None:
    columns = pictures.hostile(text).fleet
    mask = parse_filter("site:*a* veh !soc<0.5").filter.mask(columns, IdTable().lowered(columns.ids))
    assert mask is not None and mask.shape == (24,)


@pytest.mark.parametrize("text", ["A1:B2", "urn:veh:7", '"site:x"', "zone:3a"])
def test_ids_with_colons_are_looked_for_as_text(text: str) -> None:
    name = text.strip('"')
    columns = replace(FLEET, ids=(name, *FLEET.ids[1:]))
    assert passing(text, columns) == {name}


def test_marks_are_a_flag_like_others() -> None:
    parsed = parse_filter("is:marked soc<0.5")
    assert parsed.filter.looks_at_marks and not parse_filter("soc<0.5 tag:inhibit").filter.looks_at_marks
    marked = np.arange(300) < 10
    mask = parsed.filter.mask(FLEET, IdTable().lowered(FLEET.ids), marked)
    assert mask is not None and np.flatnonzero(mask).tolist() == [row for row in range(10) if float(FLEET.soc[row]) < 0.5]


def test_nobody_has_a_reserve_where_the_engine_does_not_tell() -> None:
    assert passing("reserve>0", replace(FLEET, reserve_soc=None)) == set()
    assert passing("tag:none", replace(FLEET, tag=None)) == set(FLEET.ids)


def test_vehicles_without_a_site_match_no_site() -> None:
    columns = replace(FLEET, site=np.full(300, -1, np.int32))
    assert passing("site:*", columns) == set()
    assert passing("!site:*", columns) == set(columns.ids)


def test_a_code_beyond_its_table_matches_nothing() -> None:
    columns = replace(FLEET, site=np.full(300, 9, np.int32), state=np.full(300, 250, np.uint8))
    assert passing("site:*", columns) == passing("state:idle", columns) == set()


def test_an_over_long_id_does_not_widen_the_table_of_all() -> None:
    assert IdTable().lowered(("a" * 10_000, "B")).itemsize <= 64 * 4


def test_nobody_is_held_where_the_engine_does_not_tell() -> None:
    assert passing("is:held", replace(FLEET, on_hold=None)) == set()
