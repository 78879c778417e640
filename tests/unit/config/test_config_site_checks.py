"""Rules for the phases of sites and for vehicles the configuration puts at a site, each with the line of the key to look at first."""

from pathlib import Path

import pytest

from tests.unit.config.test_config_grid_checks import loaded, problems, tree, warnings


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (
            ["name: feeder, phase_import_a: 63", "name: depot, parent: feeder"],
            ["3 grid.nodes[0].phase_import_a: only sites have phases, and feeder is above depot: set it there"],
        ),
        (
            ["name: feeder, phase_export_a: 63", "name: depot, parent: feeder"],
            ["3 grid.nodes[0].phase_export_a: only sites have phases, and feeder is above depot: set it there"],
        ),
        (
            ["name: a, base_load_kw: 2, phase_base_load_kw: [1, 1]"],
            ["3 grid.nodes[0].phase_base_load_kw: expected three figures, [L1, L2, L3], got 2"],
        ),
        (
            ["name: a, base_load_kw: 2, phase_base_load_kw: [1, 1, 1]"],
            ["3 grid.nodes[0].phase_base_load_kw: adds up to 3 kW, but base_load_kw is 2: write base_load_kw: 3"],
        ),
    ],
)
def test_phases_that_make_no_sense_are_errors(tmp_path: Path, nodes: list[str], found: list[str]) -> None:
    assert problems(tmp_path, tree(*nodes)) == [f"config.yaml:{line}" for line in found]


@pytest.mark.parametrize("value", ["-1", ".inf", "'63 A'"])
def test_amperes_are_numbers(tmp_path: Path, value: str) -> None:
    (told,) = problems(tmp_path, tree(f"name: a, phase_import_a: {value}"))
    assert told.startswith("config.yaml:3 grid.nodes[0].phase_import_a: expected")


def test_a_base_load_that_overloads_a_phase_by_itself_is_doubtful(tmp_path: Path) -> None:
    site = "name: a, phase_import_a: 20, base_load_kw: 7, phase_base_load_kw: [5, 1, 1]"
    (told,) = warnings(tmp_path, tree(site))
    assert told.startswith("config.yaml:3 grid.nodes[0].phase_import_a: 20 A are 4.6 kW, less than the base load of a phase (5 kW)")
    assert warnings(tmp_path, tree("name: a, phase_import_a: 20, base_load_kw: 7")) == []


@pytest.mark.parametrize(
    ("sites", "found"),
    [
        ("- {site: feeder, vehicles: [veh0001*]}", ["5 fleet.sites[0].site: feeder is a feeder: vehicles are at the sites below it"]),
        ("- {site: 'depot lyon', vehicles: [a]}", ["fleet.sites[0].site: expected 1 to 64 letters"]),
        ("- {site: depot, vehicles: ['véh*']}", ["fleet.sites[0].vehicles: expected vehicle ids, or patterns"]),
        ("- {site: depot}", ["fleet.sites[0].vehicles: expected at least one vehicle id or pattern, got none"]),
        ("- {site: depot, vehicles: []}", ["fleet.sites[0].vehicles: expected at least one vehicle id or pattern, got none"]),
        (
            "- {site: depot, vehicles: [veh1]}\n  - {site: other, vehicles: [veh1]}",
            ["fleet.sites[1].vehicles: veh1 is at depot already: leave it out at one of the two"],
        ),
    ],
)
def test_vehicles_that_cant_be_put_at_a_site_are_errors(tmp_path: Path, sites: str, found: list[str]) -> None:
    grid = "grid:\n  nodes: [{name: feeder}, {name: depot, parent: feeder}, {name: other}]\n"
    told = problems(tmp_path, f"{grid}fleet:\n  sites:\n  {sites}\n")
    assert len(told) == len(found)
    assert all(part in line for part, line in zip(found, told, strict=True)), told


def test_a_site_without_limits_is_doubtful(tmp_path: Path) -> None:
    text = "grid: {nodes: [{name: depot}]}\nfleet: {sites: [{site: depo, vehicles: [veh*]}]}\n"
    assert warnings(tmp_path, text) == ["config.yaml:2 fleet.sites[0].site: depo is not in grid.nodes: no limit binds its vehicles"]


def test_an_empty_list_of_sites_is_fine(tmp_path: Path) -> None:
    assert loaded(tmp_path, "fleet:\n  sites:\n").settings.fleet.sites == ()
