"""Values as they were written, by key path: from the nodes of a file and from the environment. Unknown keys are problems.

Lists of sections (`grid.nodes`) are written in the file only: a variable each for the keys of a tree would be unreadable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from v2g_console.config.earlier import SECTION, take_logging
from v2g_console.config.keys import KEYS, LISTS, Key, Kind, is_section, known_key, names_in, nearest, required_in
from v2g_console.config.origin import Given, Origin, OriginKind
from v2g_console.config.problems import Problem
from v2g_console.config.yaml_file import YamlFile, is_empty
from v2g_console.domain.text import visible

ENVIRONMENT_PREFIX: Final = "V2G__"
_SHOWN_CHARS: Final = 60


@dataclass(slots=True)
class Values:
    """What was given, by dotted key path, and what was wrong with how it was given.

    `entries` holds the place of each list of sections (`grid.nodes`) and, in order, of each of its entries (`grid.nodes[0]`).
    """

    given: dict[str, Given] = field(default_factory=dict)
    entries: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def shown(text: str) -> str:
    """`text` for an error message: harmless, quoted and short."""
    return f"'{visible(text[:_SHOWN_CHARS])}{'…' if len(text) > _SHOWN_CHARS else ''}'"


def from_file(file: YamlFile) -> Values:
    """The values of a file."""
    values = Values()
    if file.root is None or is_empty(file.root):
        return values
    if not isinstance(file.root, yaml.MappingNode):
        values.problems.append(Problem(file.origin(file.root), "", f"expected sections such as 'mqtt:', got {_no_section(file.root)}"))
        return values
    _take_section(values, file, "", file.root)
    for key_node, value_node in file.root.value:
        if isinstance(key_node, yaml.ScalarNode) and key_node.value == SECTION:
            take_logging(values.given, values.problems, values.warnings, file, key_node, value_node)
            break
    return values


def from_environment(environ: Mapping[str, str]) -> Values:
    """The values of the variables `V2G__SECTION__KEY`; a list of texts is written with commas."""
    values = Values()
    for name in sorted(environ):
        if not name.upper().startswith(ENVIRONMENT_PREFIX):
            continue
        origin = Origin(OriginKind.ENVIRONMENT, visible(name))
        path = ".".join(name[len(ENVIRONMENT_PREFIX) :].lower().split("__"))
        if path in values.given:
            values.problems.append(Problem(origin, path, f"given twice: also as {values.given[path].origin}"))
        elif any(path == known or path.startswith(f"{known}.") for known in LISTS):
            values.problems.append(Problem(origin, visible(path), "a list of sections can only be written in the configuration file"))
        elif path in KEYS:
            values.given[path] = Given(_split(environ[name]) if KEYS[path].kind is Kind.TEXTS else environ[name], origin)
        elif is_section(path):
            example = f"{ENVIRONMENT_PREFIX}{path}__{names_in(path)[0]}".upper().replace(".", "__")
            values.problems.append(Problem(origin, visible(path), f"is a section: name a key in it, such as {example}"))
        else:
            near = nearest(path) or ""
            variable = f"{ENVIRONMENT_PREFIX}{near.replace('.', '__')}".upper() if near in KEYS and near not in LISTS else None
            hint = f"did you mean {variable}?" if variable else "`v2g-console config show` lists the keys"
            values.problems.append(Problem(origin, visible(path), f"unknown key; {hint}"))
    return values


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _entries(values: Values, file: YamlFile, section: str, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """`(path, key node, value node)` of each entry that has a text as key and comes for the first time."""
    first_lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        origin = file.origin(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            values.problems.append(Problem(origin, section, f"expected a name as key, got {_what(key_node)}"))
            continue
        path = f"{section}.{key_node.value}" if section else str(key_node.value)
        if any(char in key_node.value for char in ".[]") and (known_key(path) is not None or is_section(path)):
            values.problems.append(Problem(origin, shown(path)[1:-1], "expected a section with keys, not a path: one name a line"))
            continue
        if key_node.value in first_lines:
            values.problems.append(Problem(origin, visible(path), f"given twice: first in line {first_lines[key_node.value]}"))
            continue
        first_lines[key_node.value] = origin.line
        yield path, key_node, value_node


def _take_section(values: Values, file: YamlFile, section: str, node: yaml.MappingNode) -> None:
    for path, key_node, value_node in _entries(values, file, section, node):
        origin = file.origin(key_node)
        key = known_key(path)
        if key is not None and key.kind is Kind.ENTRIES:
            _take_entries(values, file, path, value_node, origin)
        elif key is not None:
            _take_value(values, key, value_node, origin)
        elif path == SECTION:
            continue  # taken last, so that today's names come first
        elif not is_section(path):
            values.problems.append(Problem(origin, shown(path)[1:-1], _unknown(path, section)))
        elif isinstance(value_node, yaml.MappingNode):
            _take_section(values, file, path, value_node)
        elif not is_empty(value_node):
            values.problems.append(Problem(origin, path, f"expected {_section_in_words(path)}, got {_no_section(value_node)}"))


def _take_entries(values: Values, file: YamlFile, path: str, node: yaml.Node, origin: Origin) -> None:
    """A list of sections. Each entry keeps its number, whatever is wrong with it."""
    values.entries[path] = origin
    if is_empty(node):
        return
    if not isinstance(node, yaml.SequenceNode):
        expected = f"a list of sections, each beginning with '- {names_in(f'{path}[]')[0]}:'"
        values.problems.append(Problem(origin, path, f"expected {expected}, got {_what(node)}"))
        return
    for number, entry in enumerate(node.value):
        at, place = f"{path}[{number}]", file.origin(entry)
        values.entries[at] = place
        if isinstance(entry, yaml.MappingNode):
            _take_section(values, file, at, entry)
            _miss(values, at, place, entry)
        else:
            got = "nothing" if is_empty(entry) else _what(entry)
            values.problems.append(Problem(place, at, f"expected {_section_in_words(at)}, got {got}"))


def _miss(values: Values, section: str, origin: Origin, node: yaml.MappingNode) -> None:
    """Problems for what `section`, an entry of a list, can't do without. A misspelt name has its own problem already."""
    written = {f"{section}.{key_node.value}" for key_node, _ in node.value if isinstance(key_node, yaml.ScalarNode)}
    meant = written | {nearest(path) for path in written if known_key(path) is None}
    for key in required_in(section):
        if key.path not in meant:
            values.problems.append(Problem(origin, key.path, f"missing: expected {key.expected}"))


def _section_in_words(path: str) -> str:
    return f"a section with keys such as '{names_in(path)[0]}:'"


def _unknown(path: str, section: str) -> str:
    near = nearest(path)
    if near is not None:
        return f"unknown key; did you mean {near}?"
    return f"unknown key; {f'{section} takes' if section else 'known sections are'} {', '.join(names_in(section))}"


def _take_value(values: Values, key: Key, node: yaml.Node, origin: Origin) -> None:
    path = key.path
    if is_empty(node):
        values.given[path] = Given(None, origin)
    elif key.kind is Kind.TEXTS and isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        values.given[path] = Given(tuple(item.value for item in node.value), origin)
    elif key.kind is not Kind.TEXTS and isinstance(node, yaml.ScalarNode):
        values.given[path] = Given(node.value, origin)
    else:
        values.problems.append(Problem(origin, path, f"expected {key.expected}, got {_what(node, secret=key.kind is Kind.SECRET)}"))


def _no_section(node: yaml.Node) -> str:
    """What stands in the place of a section. A text is not repeated: `password:secret`, without its space, is one."""
    if isinstance(node, yaml.ScalarNode) and ":" in node.value:
        return "a text (is a space missing after a colon?)"
    return _what(node)


def _what(node: yaml.Node, *, secret: bool = False) -> str:
    match node:
        case yaml.MappingNode():
            return "a section"
        case yaml.SequenceNode():
            return "a list"
        case _:
            return "a value" if secret else shown(str(node.value))
