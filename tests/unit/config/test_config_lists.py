"""Lists of sections: nodes of the grid and segments, from the file to typed settings, with the place of every value."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2g_console.config.explain import shown_values
from v2g_console.config.keys import KEYS
from v2g_console.config.load import LoadedSettings, load, load_for_client
from v2g_console.config.problems import ConfigError
from v2g_console.config.settings import EmphasisSettings, NodeSettings, SegmentSettings, Settings
from v2g_console.config.values import from_file
from v2g_console.config.yaml_file import read_yaml

FEEDER = """\
grid:
  fleet_import_kw: 900
  nodes:
  - name: depot-lyon
    parent: feeder-north
    import_kw: 150
    base_load_kw: 35.5
  - {name: feeder-north, import_kw: 250, export_kw: 160}
segments:
  - name: captive
    allocator: merit
    emphasis:
      wear: 1.5
      fairness: 0
"""


def loaded(folder: Path, text: str, **environ: str) -> LoadedSettings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_entries_become_typed_settings_in_the_order_of_the_file(tmp_path: Path) -> None:
    result = loaded(tmp_path, FEEDER).settings
    assert result.grid.nodes == (
        NodeSettings(name="depot-lyon", parent="feeder-north", import_kw=150.0, base_load_kw=35.5),
        NodeSettings(name="feeder-north", import_kw=250.0, export_kw=160.0),
    )
    assert result.grid.fleet_import_kw == 900.0
    assert result.segments == (SegmentSettings(name="captive", allocator="merit", emphasis=EmphasisSettings(wear=1.5, fairness=0)),)


def test_a_multiplier_that_is_left_out_is_one_and_not_a_weights_default(tmp_path: Path) -> None:
    emphasis = loaded(tmp_path, FEEDER).settings.segments[0].emphasis
    assert emphasis.model_dump() == {"soc": 1, "time": 1, "priority": 1, "price": 1, "wear": 1.5, "fairness": 0, "availability": 1}


def test_show_has_every_key_of_every_entry_with_its_line(tmp_path: Path) -> None:
    result = loaded(tmp_path, FEEDER)
    rows = {row.key: (row.value, row.origin.replace(f"{tmp_path}/", "")) for row in shown_values(result)}
    assert [key for key in rows if key.startswith("grid.nodes[1]")] == [
        f"grid.nodes[1].{name}"
        for name in (
            "name",
            "parent",
            "import_kw",
            "export_kw",
            "base_load_kw",
            "phase_import_a",
            "phase_export_a",
            "phase_base_load_kw",
        )
    ]
    assert rows["grid.nodes[0].import_kw"] == ("150", "config.yaml:6")
    assert rows["grid.nodes[1].export_kw"] == ("160", "config.yaml:8")
    assert rows["grid.nodes[1].parent"] == ('""', "default")
    assert rows["segments[0].emphasis.fairness"] == ("0", "config.yaml:14")
    assert rows["segments[0].emphasis.soc"] == ("1", "default")
    assert "grid.nodes" not in rows
    assert set(rows) | {"grid.nodes", "segments"} == set(result.origins)
    assert set(KEYS) < set(result.origins)
    described = next(row for row in shown_values(result) if row.key == "grid.nodes[1].import_kw")
    assert described.description == "most it may draw from the grid; 0: no limit"


@pytest.mark.parametrize("text", ["grid: {nodes: []}\nsegments: []", "grid:\n  nodes:\nsegments:\n", "grid: {nodes: ~}\nsegments: null"])
def test_an_empty_list_is_shown_as_one_with_the_line_it_was_written_on(tmp_path: Path, text: str) -> None:
    result = loaded(tmp_path, text)
    assert result.settings == Settings()
    rows = {row.key: (row.value, row.origin.replace(f"{tmp_path}/", "")) for row in shown_values(result)}
    line = 2 if text.startswith("grid:\n") else 1
    assert rows["grid.nodes"] == ("[]", f"config.yaml:{line}")
    assert rows["segments"] == ("[]", f"config.yaml:{line + 1}")


def test_every_error_in_entries_is_reported_at_once_with_its_line_and_path(tmp_path: Path) -> None:
    text = """\
grid:
  nodes:
  - name: a
    imprt_kw: 3
    import_kw: lots
    import_kw: 5
  - 7
  -
  - export_kw: -1
  - nmae: x
  - name: [b]
    parent: {c: d}
  - name: ''
  - {}
segments:
- name: captive
  allocator: segmented
  emphasis: {soc: x, weer: 1, price: -2}
- emphasis: 7
  name: "a\\e[2J"
- [name, x]
"""
    assert problems(tmp_path, text) == [
        "config.yaml:4 grid.nodes[0].imprt_kw: unknown key; did you mean grid.nodes[0].import_kw?",
        "config.yaml:5 grid.nodes[0].import_kw: expected a number of at least 0, got 'lots'",
        "config.yaml:6 grid.nodes[0].import_kw: given twice: first in line 5",
        "config.yaml:7 grid.nodes[1]: expected a section with keys such as 'name:', got '7'",
        "config.yaml:8 grid.nodes[2]: expected a section with keys such as 'name:', got nothing",
        "config.yaml:9 grid.nodes[3].name: missing: expected text of 1 to 64 characters",
        "config.yaml:9 grid.nodes[3].export_kw: expected a number of at least 0, got -1",
        "config.yaml:10 grid.nodes[4].nmae: unknown key; did you mean grid.nodes[4].name?",
        "config.yaml:11 grid.nodes[5].name: expected text of 1 to 64 characters, got a list",
        "config.yaml:12 grid.nodes[5].parent: expected text, got a section",
        "config.yaml:13 grid.nodes[6].name: expected text of 1 to 64 characters, got ''",
        "config.yaml:14 grid.nodes[7].name: missing: expected text of 1 to 64 characters",
        "config.yaml:17 segments[0].allocator: expected equal, smart, merit or lp, got 'segmented'",
        "config.yaml:18 segments[0].emphasis.weer: unknown key; did you mean segments[0].emphasis.wear?",
        "config.yaml:18 segments[0].emphasis.soc: expected a number of at least 0, got 'x'",
        "config.yaml:18 segments[0].emphasis.price: expected a number of at least 0, got -2",
        "config.yaml:19 segments[1].emphasis: expected a section with keys such as 'soc:', got '7'",
        "config.yaml:20 segments[1].name: expected text of 1 to 64 characters without control characters, got 'a\\x1b[2J'",
        "config.yaml:21 segments[2]: expected a section with keys such as 'name:', got a list",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("segments: {captive: {allocator: lp}}", "segments: expected a list of sections, each beginning with '- name:', got a section"),
        ("grid: {nodes: depot}", "grid.nodes: expected a list of sections, each beginning with '- name:', got 'depot'"),
        ("grid: []", "grid: expected a section with keys such as 'fleet_import_kw:', got a list"),
        ("grid: {node: []}", "grid.node: unknown key; did you mean grid.nodes?"),
        ("nodes: []", "nodes: unknown key; did you mean grid.nodes?"),
        ("grid: {zzz: 1}", "grid.zzz: unknown key; grid takes fleet_import_kw, fleet_export_kw, phase_voltage_v, nodes"),
        ("base_load_kw: 3", "base_load_kw: unknown key; did you mean grid.nodes[].base_load_kw?"),
        (
            "grid: {nodes: [{name: a, zzz: 1}]}",
            "grid.nodes[0].zzz: unknown key; grid.nodes[0] takes name, parent, import_kw, export_kw, base_load_kw, "
            "phase_import_a, phase_export_a, phase_base_load_kw",
        ),
        ("'segments[0].name': x", "segments[0].name: expected a section with keys, not a path: one name a line"),
        ("grid: {'nodes[999999999]': {name: x}}", "grid.nodes[999999999]: expected a section with keys, not a path: one name a line"),
        ("mqtt.broker: tcp://h", "mqtt.broker: expected a section with keys, not a path: one name a line"),
        ("grid: {nodes: [{name: a, 'segments[0]': x}]}", "grid.nodes[0].segments[0]: unknown key; did you mean segments?"),
    ],
)
def test_a_list_that_is_written_otherwise_says_how_to_write_it(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [f"config.yaml:1 {problem}"]


@pytest.mark.parametrize("name", ["V2G__SEGMENTS", "V2G__GRID__NODES", "V2G__GRID__NODES__0__NAME", "V2G__SEGMENTS__0__EMPHASIS__SOC"])
def test_a_list_of_sections_cant_come_from_the_environment_and_that_is_said(tmp_path: Path, name: str) -> None:
    (line,) = problems(tmp_path, FEEDER, **{name: "[]"})
    path = name.removeprefix("V2G__").lower().replace("__", ".")
    assert line == f"environment {name} {path}: a list of sections can only be written in the configuration file"


def test_what_is_beside_a_list_can_come_from_the_environment(tmp_path: Path) -> None:
    result = loaded(tmp_path, FEEDER, V2G__GRID__FLEET_IMPORT_KW="700")
    assert (result.settings.grid.fleet_import_kw, len(result.settings.grid.nodes)) == (700.0, 2)
    assert problems(tmp_path, "", V2G__GRID="x") == [
        "environment V2G__GRID grid: is a section: name a key in it, such as V2G__GRID__FLEET_IMPORT_KW"
    ]


def test_a_misspelt_list_in_the_environment_is_not_proposed_as_a_variable(tmp_path: Path) -> None:
    assert problems(tmp_path, "", V2G__GRID__NODE="[]") == [
        "environment V2G__GRID__NODE grid.node: unknown key; `v2g-console config show` lists the keys"
    ]


def test_the_place_of_every_entry_is_kept_even_of_those_that_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("segments:\n- {}\n-\n- 7\n")
    assert {key: origin.line for key, origin in from_file(read_yaml(path)).entries.items()} == {
        "segments": 1,
        "segments[0]": 2,
        "segments[1]": 3,
        "segments[2]": 4,
    }


def test_a_client_works_beside_broken_entries(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("grid: {nodes: [7, {parent: x, import_kw: no}, {name: ok}]}\nsegments: {a: b}\ndispatch: {min_ack_share: 0.5}\n")
    assert load_for_client(path, {}).dispatch.min_ack_share == 0.5


ENTRY = st.dictionaries(
    st.sampled_from(["name", "parent", "import_kw", "nmae", "a.b", "nodes[0]"]),
    st.sampled_from(["a", "b", "'?'", "5", "-1", "[x]", "{y: z}", "", "~", '"\\e"']),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(entries=st.lists(st.one_of(ENTRY, st.sampled_from(["7", "[]", "~"])), max_size=5))
def test_no_list_does_worse_than_a_configuration_error(tmp_path: Path, entries: list[dict[str, str] | str]) -> None:
    rows = [row if isinstance(row, str) else "{" + ", ".join(f"'{key}': {value}" for key, value in row.items()) + "}" for row in entries]
    path = tmp_path / "config.yaml"
    path.write_text(f"grid: {{nodes: [{', '.join(rows)}]}}\n")
    try:
        assert len(load(path, {}).settings.grid.nodes) == len(entries)
    except ConfigError as error:
        assert all(str(problem).startswith(f"{path}:1 grid.nodes[") for problem in error.problems)
