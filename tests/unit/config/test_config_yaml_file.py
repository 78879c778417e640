"""Files that are no configuration: each gets one clear line, and none costs much."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2g_console.config.load import load
from v2g_console.config.problems import ConfigError
from v2g_console.config.yaml_file import MAX_BYTES, read_yaml

BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))


def refusal(folder: Path, data: bytes) -> str:
    path = folder / "config.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"mqtt:\n\tbroker: tcp://h\n", "config.yaml:2: not YAML: a tab where only spaces may indent"),
        (b"mqtt:\n  broker: tcp://caf\xe9\n", "config.yaml:2: not UTF-8: byte 0xe9; save the file as UTF-8"),
        ("mqtt: {}".encode("utf-16"), "config.yaml:1: not UTF-8: byte 0xff; save the file as UTF-8"),
        (b"mqtt:\n  client_id: a\x00b\n", "config.yaml:2: not YAML: character U+0000 is not allowed"),
        (b"mqtt: {}\n---\nmqtt: {}\n", "config.yaml:2: not YAML: more than one document (---); a configuration is one"),
        (BOMB.encode(), "config.yaml:2: anchors and aliases are not supported: write the value out"),
        (b"a: &a\n  b: *a\n", "config.yaml:2: anchors and aliases are not supported: write the value out"),
        (b"mqtt: !!python/object/apply:os.system [id]\n", "config.yaml:1: tags (!...) are not supported: write the plain value"),
        (b"mqtt:\n  broker: !secret x\n", "config.yaml:2: tags (!...) are not supported: write the plain value"),
        (b"x: " + b"[" * 5000, "config.yaml:1: nested deeper than 20 levels"),
        (b"{" * 5000, "config.yaml:1: nested deeper than 20 levels"),
        (b"#" * (MAX_BYTES + 1), "config.yaml: larger than 256 KiB, which no configuration is"),
    ],
    ids=[
        "tab",
        "latin-1",
        "utf-16",
        "nul",
        "two documents",
        "alias bomb",
        "cycle",
        "python tag",
        "own tag",
        "deep list",
        "deep map",
        "huge",
    ],
)
def test_each_kind_of_bad_file_gets_one_clear_line(tmp_path: Path, data: bytes, line: str) -> None:
    assert refusal(tmp_path, data) == line


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    shown = refusal(tmp_path, b"mqtt:\n  broker: 'open\n")
    assert shown.startswith("config.yaml:3: not YAML: while scanning a quoted scalar")
    assert "\n" not in shown


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, {})


def test_an_endless_file_is_read_up_to_the_limit_only() -> None:
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        load(Path("/dev/zero"), {})


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfmqtt: {client_id: a}\n")
    assert read_yaml(path).root is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.one_of(st.binary(max_size=200), st.text(alphabet="mqt:{}[],&*!-?|>'\"#% \n\tab1.~", max_size=120).map(str.encode)))
def test_no_file_does_worse_than_a_configuration_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    try:
        load(path, {})
    except ConfigError as error:
        assert error.problems
        assert str(error).replace("\n", "").isprintable()
