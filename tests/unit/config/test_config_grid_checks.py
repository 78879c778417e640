"""Rules for the tree of sites and feeders, and for segments, each with the line of the key to look at first."""

from pathlib import Path

import numpy as np
import pytest

from v2g_console.allocation.tree import SiteTree, room_for
from v2g_console.config.grid_checks import MOST_LEVELS
from v2g_console.config.load import LoadedSettings, load
from v2g_console.config.problems import ConfigError

NAME_RULE = "expected 1 to 64 letters, digits and . _ : - beginning with a letter or digit, got"


def loaded(folder: Path, text: str) -> LoadedSettings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, {})


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def warnings(folder: Path, text: str) -> list[str]:
    return [str(item).replace(f"{folder}/", "") for item in loaded(folder, text).warnings]


def tree(*nodes: str) -> str:
    """A grid with a node a line, the first in line 3."""
    return "grid:\n  nodes:\n" + "".join(f"  - {{{node}}}\n" for node in nodes)


def chain_of_limits(levels: int) -> SiteTree:
    """What the engine makes of a chain of nodes; one vehicle at the lowest."""
    limit_kw, zero = np.full(levels, 10.0), np.zeros(levels)
    names = tuple(f"n{number}" for number in range(levels))
    return SiteTree(
        np.arange(levels) - 1, -limit_kw, limit_kw, zero, zero, np.zeros(levels, np.bool_), names, np.array([levels - 1], np.intp)
    )


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (["name: dépôt"], [f"3 grid.nodes[0].name: {NAME_RULE} 'dépôt'"]),
        (["name: depot lyon", "name: -a"], [f"3 grid.nodes[0].name: {NAME_RULE} 'depot lyon'", f"4 grid.nodes[1].name: {NAME_RULE} '-a'"]),
        (["name: a", "name: b", "name: a"], ["5 grid.nodes[2].name: the same name as grid.nodes[0].name: 'a'"]),
        (
            ["name: depot, parent: feder", "name: feeder"],
            ["3 grid.nodes[0].parent: expected the name of another node, got 'feder'; did you mean feeder?"],
        ),
        (["name: a, parent: zzzz"], ["3 grid.nodes[0].parent: expected the name of another node, got 'zzzz'"]),
        (["name: a, parent: a"], ["3 grid.nodes[0].parent: a circle: a > a"]),
        (["name: x, parent: b", "name: b, parent: c", "name: c, parent: b"], ["4 grid.nodes[1].parent: a circle: b > c > b"]),
        (
            ["name: a, parent: b", "name: b, parent: a", "name: c, parent: d", "name: d, parent: c"],
            ["3 grid.nodes[0].parent: a circle: a > b > a", "5 grid.nodes[2].parent: a circle: c > d > c"],
        ),
    ],
)
def test_what_makes_no_tree_is_an_error(tmp_path: Path, nodes: list[str], found: list[str]) -> None:
    assert problems(tmp_path, tree(*nodes)) == [f"config.yaml:{line}" for line in found]


def test_a_long_circle_is_told_shortly(tmp_path: Path) -> None:
    nodes = [f"name: n{number}, parent: n{(number + 1) % 20}" for number in range(20)]
    assert problems(tmp_path, tree(*nodes)) == ["config.yaml:3 grid.nodes[0].parent: a circle: n0 > n1 > n2 > n3 > n4 > ... > n0"]


def test_a_tree_has_as_many_levels_as_the_allocator_takes(tmp_path: Path) -> None:
    def chain(levels: int) -> str:
        return tree("name: n0", *(f"name: n{number}, parent: n{number - 1}" for number in range(1, levels)))

    assert len(loaded(tmp_path, chain(MOST_LEVELS)).settings.grid.nodes) == MOST_LEVELS
    assert room_for(chain_of_limits(MOST_LEVELS + 1), np.zeros(1), 1).most_kw.shape == (MOST_LEVELS + 1,)
    assert problems(tmp_path, chain(MOST_LEVELS + 5)) == [
        f"config.yaml:{3 + MOST_LEVELS} grid.nodes[{MOST_LEVELS}].parent: expected at most {MOST_LEVELS} levels, got more, or a circle"
    ]


def test_a_rule_is_silent_about_names_that_are_wrong_by_themselves(tmp_path: Path) -> None:
    assert problems(tmp_path, tree("nam: feeder", "name: depot, parent: feeder", "name: ''")) == [
        "config.yaml:3 grid.nodes[0].nam: unknown key; did you mean grid.nodes[0].name?",
        "config.yaml:5 grid.nodes[2].name: expected text of 1 to 64 characters, got ''",
    ]
    assert problems(tmp_path, "grid:\n  nodes:\n  - feeder\n  - {name: depot, parent: feeder}\n") == [
        "config.yaml:3 grid.nodes[0]: expected a section with keys such as 'name:', got 'feeder'"
    ]


def test_a_base_load_beyond_the_limits_above_it_is_doubtful(tmp_path: Path) -> None:
    nodes = (
        "name: feeder, import_kw: 100",
        "name: a, parent: feeder, import_kw: 50, base_load_kw: 60",
        "name: b, parent: feeder, base_load_kw: 41",
        "name: c, parent: b, import_kw: 5, base_load_kw: 5",
    )
    assert warnings(tmp_path, tree(*nodes)) == [
        "config.yaml:3 grid.nodes[0].import_kw: less than the base load there and below (106 kW): exceeded before any vehicle charges",
        "config.yaml:4 grid.nodes[1].import_kw: less than the base load there and below (60 kW): exceeded before any vehicle charges",
    ]


@pytest.mark.parametrize("node", ["name: a", "name: 'FR:69.part-dieu_2', import_kw: 0, export_kw: 0, base_load_kw: 12", "name: 0123"])
def test_a_node_without_limits_is_fine(tmp_path: Path, node: str) -> None:
    assert warnings(tmp_path, tree(node)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("segments: [{name: a}, {name: 'a b'}]", f"segments[1].name: {NAME_RULE} 'a b'"),
        ("segments: [{name: a}, {name: a}]", "segments[1].name: the same name as segments[0].name: 'a'"),
        (
            "segments: [{name: a, emphasis: {soc: 0, time: 0, priority: 0, price: 0, wear: 0, fairness: 0, availability: 0}}]",
            "segments[0].emphasis: expected at least one multiplier above 0, got only zeros",
        ),
    ],
)
def test_a_segment_that_cant_be_used_is_an_error(tmp_path: Path, text: str, found: str) -> None:
    assert problems(tmp_path, f"\n{text}\n") == [f"config.yaml:2 {found}"]


def test_multipliers_that_leave_no_weight_are_doubtful(tmp_path: Path) -> None:
    only_price = "segments:\n- name: a\n  emphasis: {soc: 0, time: 0, priority: 0, wear: 0, fairness: 0, availability: 0}\n"
    assert warnings(tmp_path, only_price) == [
        "config.yaml:3 segments[0].emphasis: leaves none of dispatch.weights above 0: not used, the weights are taken as they are"
    ]
    assert warnings(tmp_path, f"dispatch: {{weights: {{price: 0.1}}}}\n{only_price}") == []
