"""`config show`, the JSON Schema, and the example that everybody starts from."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from v2g_console.allocation.emphasis import SEGMENT_DEFAULTS
from v2g_console.config.explain import EXAMPLE_NAME, example_text, json_schema, shown_values, value_at, write_start
from v2g_console.config.keys import ENTRY_KEYS, KEYS, SECTIONS
from v2g_console.config.load import load
from v2g_console.config.settings import (
    AccessSettings,
    AlarmDelaySettings,
    AlarmSettings,
    ConsoleSettings,
    ConsoleSiteSettings,
    EmphasisSettings,
    FleetSettings,
    GridSettings,
    KeySettings,
    NodeSettings,
    RoleSettings,
    SegmentSettings,
    Settings,
    SiteVehiclesSettings,
)
from v2g_console.domain.roles import Role

EXAMPLE = Path(__file__).parents[3] / EXAMPLE_NAME

REQUIRED = (
    "grid.nodes[].name",
    "segments[].name",
    "fleet.sites[].site",
    "access.roles[].role",
    "alarms.delays[].kind",
    "console.keys[].action",
    "console.sites[].name",
    "console.sites[].socket",
)


def uncommented(text: str) -> str:
    """The example with the keys that it shows in comments."""
    return re.sub(r"^( *)# (?=(?:  |- )*[a-z0-9_]+:(?: |$))", r"\1", text, flags=re.MULTILINE)


def test_the_example_is_valid_and_says_the_defaults() -> None:
    result = load(EXAMPLE, {})
    assert result.settings == Settings()
    assert result.warnings == ()


def test_the_example_has_every_key_in_its_section() -> None:
    present: set[str] = set()
    section: list[str] = []
    for line in uncommented(EXAMPLE.read_text(encoding="utf-8")).splitlines():
        match = re.match(r"^((?:  |- )*)([a-z0-9_]+):( |$)", line)
        if match is None:
            continue
        section = [*section[: len(match[1]) // 2], match[2]]
        present.add(".".join(section))
    assert {path.replace("[]", "") for path in (*KEYS, *ENTRY_KEYS, *SECTIONS)} <= present


def test_what_the_example_shows_in_comments_is_valid_too(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(uncommented(EXAMPLE.read_text(encoding="utf-8")).replace("tcp://127.0.0.1:1883", "ssl://broker"))
    path.chmod(0o600)
    result = load(path, {})
    assert result.warnings == ()
    assert [(node.name, node.parent) for node in result.settings.grid.nodes] == [
        ("feeder-north", ""),
        ("depot-lyon", "feeder-north"),
        ("parking-part-dieu", "feeder-north"),
    ]
    captive = result.settings.segments[0]
    assert (captive.name, captive.allocator) == ("captive", "merit")
    assert captive.emphasis.model_dump() == dataclasses.asdict(SEGMENT_DEFAULTS["captive"].emphasis)


def test_every_key_is_described_or_speaks_for_itself() -> None:
    silent = {path for path, key in (KEYS | ENTRY_KEYS).items() if not key.description}
    assert silent <= {"mqtt.password"}


def test_a_keys_default_is_what_the_settings_use() -> None:
    assert {path: value_at(Settings(), path) for path in KEYS} == {path: key.default for path, key in KEYS.items()}
    segment = SegmentSettings(name="a", emphasis=EmphasisSettings(soc=2))
    fleet = FleetSettings(sites=(SiteVehiclesSettings(site="a"),))
    access = AccessSettings(roles=(RoleSettings(role=Role.VIEWER),))
    alarms = AlarmSettings(delays=(AlarmDelaySettings(kind="shortfall"),))
    console = ConsoleSettings(
        keys=(KeySettings(action="dispatch.compose"),), sites=(ConsoleSiteSettings(name="a", socket=Path("/a.sock")),)
    )
    grid = GridSettings(nodes=(NodeSettings(name="a"),))
    settings = Settings(access=access, alarms=alarms, console=console, fleet=fleet, grid=grid, segments=(segment,))
    for path, key in ENTRY_KEYS.items():
        if path not in (*REQUIRED, "segments[].emphasis.soc"):
            assert value_at(settings, path.replace("[]", "[0]")) == key.default, path


def test_show_has_every_key_with_its_value_and_origin_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("geheim-1\n")
    (tmp_path / "p").chmod(0o600)
    path = tmp_path / "config.yaml"
    path.write_text("mqtt:\n  password_file: p\n  client_key_password: geheim-2\n  lwt_retain: no\ndispatch:\n  v1_signals: [MA, NEBEF]\n")
    path.chmod(0o600)
    rows = {row.key: row for row in shown_values(load(path, {"V2G__CONSOLE__NAME": "lyon"}))}
    assert list(rows) == list(KEYS)
    assert "geheim" not in str(rows)
    assert (rows["mqtt.password"].value, rows["mqtt.password"].origin) == ("***", f"secret file {tmp_path}/p")
    assert (rows["mqtt.client_key_password"].value, rows["mqtt.client_key_password"].origin) == ("***", f"{path}:3")
    assert (rows["mqtt.lwt_retain"].value, rows["mqtt.ca_bundle"].value, rows["mqtt.username"].value) == ("false", "", '""')
    assert (rows["dispatch.v1_signals"].value, rows["dispatch.v1_signals"].origin) == ("[MA, NEBEF]", f"{path}:6")
    assert (rows["console.name"].value, rows["console.name"].origin) == ("lyon", "environment V2G__CONSOLE__NAME")
    assert (rows["dispatch.lease_s"].value, rows["mqtt.auth_method"].value) == ("900", "none")


def test_the_schema_is_json_and_knows_every_key() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["additionalProperties"] is False
    for path in KEYS:
        node = schema
        for name in path.split("."):
            node = node["properties"][name]
            reference = node.get("$ref") or node.get("allOf", [{}])[0].get("$ref")
            if reference:
                node = schema["$defs"][reference.rpartition("/")[2]]
    assert schema["$defs"]["MqttSettings"]["properties"]["keepalive_s"]["maximum"] == 3600
    described = {
        f"{name}.{key}": value.get("description")
        for name, part in schema["$defs"].items()
        for key, value in part.get("properties", {}).items()
    }
    assert described["MqttSettings.keepalive_s"] == "a dead connection is found within two of these"
    assert described["EmphasisSettings.soc"] == "of the weight of stored energy"


def test_the_schema_knows_the_keys_of_entries_and_takes_an_empty_list() -> None:
    definitions = json_schema()["$defs"]
    nodes = definitions["GridSettings"]["properties"]["nodes"]
    assert (nodes["type"], nodes["items"]["$ref"]) == (["array", "null"], "#/$defs/NodeSettings")
    assert json_schema()["properties"]["segments"]["items"]["$ref"] == "#/$defs/SegmentSettings"
    node = definitions["NodeSettings"]
    assert (node["required"], node["additionalProperties"], node["properties"]["import_kw"]["minimum"]) == (["name"], False, 0.0)
    assert definitions["EmphasisSettings"]["properties"]["time"]["default"] == 1.0


def test_values_are_found_by_their_path() -> None:
    assert value_at(Settings(), "mqtt.qos.command") == 1


def test_a_started_file_is_the_example_private_and_valid(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.yaml"
    write_start(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert example_text() in path.read_text(encoding="utf-8")
    assert load(path, {}).settings == Settings()
    with pytest.raises(FileExistsError):
        write_start(path)
