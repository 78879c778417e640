"""A configuration file as nodes that know their line. Nothing is constructed: a value stays the text that was written."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from v2g_console.config.origin import Origin, OriginKind
from v2g_console.config.problems import ConfigError, Problem

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20
_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)
_NULL_TAG: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What was read: the bytes' node tree (None for an empty file) and the name to show."""

    shown: str
    root: yaml.Node | None

    def origin(self, node: yaml.Node) -> Origin:
        """The line `node` starts on."""
        return Origin(OriginKind.FILE, self.shown, node.start_mark.line + 1)


class _UnwantedError(Exception):
    """Something YAML allows and a configuration doesn't."""

    def __init__(self, message: str, node: yaml.Event | yaml.Node) -> None:
        super().__init__(message)
        self.line = node.start_mark.line + 1 if node.start_mark else 0


class _Loader(yaml.SafeLoader):
    """Refuses what has no place in a configuration, before it costs memory: aliases, own tags, endless nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
        if isinstance(event, yaml.AliasEvent):
            raise _UnwantedError("anchors and aliases are not supported: write the value out", event)
        if self.depth > MAX_DEPTH:
            raise _UnwantedError(f"nested deeper than {MAX_DEPTH} levels", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in _PLAIN_TAGS:
            raise _UnwantedError("tags (!...) are not supported: write the plain value", node)
        return node


def read_yaml(path: Path) -> YamlFile:
    """Read `path`. Raises ConfigError with one problem: the first thing that keeps it from being read."""
    shown = str(path)
    text = _text_of(path, shown)
    try:
        return YamlFile(shown, yaml.compose(text, Loader=_Loader))
    except _UnwantedError as error:
        raise _failure(shown, str(error), error.line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _failure(shown, _in_words(error, text), mark.line + 1 if mark else 0) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _failure(shown, f"not YAML: character U+{error.character:04X} is not allowed", line) from None


def is_empty(node: yaml.Node) -> bool:
    """True for a value that was left out (`key:`) or written as null."""
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL_TAG


def _text_of(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _failure(shown, f"can't be read: {error.strerror or error}", 0) from None
    if len(data) > MAX_BYTES:
        raise _failure(shown, f"larger than {MAX_BYTES // 1024} KiB, which no configuration is", 0)
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _failure(
            shown, f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8", data.count(b"\n", 0, error.start) + 1
        ) from None


def _in_words(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.split("\n")
    if mark is not None and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        return "not YAML: a tab where only spaces may indent"
    if "expected a single document" in str(error.context):
        return "not YAML: more than one document (---); a configuration is one"
    return "not YAML: " + " ".join(filter(None, [error.context, error.problem]))


def _failure(shown: str, message: str, line: int) -> ConfigError:
    return ConfigError([Problem(Origin(OriginKind.FILE, shown, line), "", message)])
