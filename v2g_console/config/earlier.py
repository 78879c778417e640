"""The section `logging` of earlier configurations: understood, with a warning that names the keys of today."""

from typing import Final

import yaml

from v2g_console.config.keys import KEYS
from v2g_console.config.origin import Given
from v2g_console.config.problems import Problem
from v2g_console.config.yaml_file import YamlFile, is_empty
from v2g_console.domain.text import visible

SECTION: Final = "logging"
_SIZES: Final = {
    "max_size_mb": "journal.export.max_size_mib",
    "max_backups": "journal.export.max_backups",
    "max_age_days": "journal.export.max_age_days",
}
_PATH_OF_BACKEND: Final = {"jsonl": "journal.export.path", "sqlite": "journal.path"}


def take_logging(
    given: dict[str, Given], problems: list[Problem], warnings: list[Problem], file: YamlFile, key_node: yaml.Node, node: yaml.Node
) -> None:
    """Put what `logging` says where it belongs today: `backend: jsonl` is the export stream, `backend: sqlite` the journal itself."""
    if is_empty(node):
        return
    if not isinstance(node, yaml.MappingNode):
        problems.append(Problem(file.origin(key_node), SECTION, "expected a section with keys such as 'path:', or write journal.export"))
        return
    told: dict[str, Given] = {}
    for name_node, value_node in node.value:
        origin = file.origin(name_node)
        if isinstance(name_node, yaml.ScalarNode) and (isinstance(value_node, yaml.ScalarNode) or is_empty(value_node)):
            told[name_node.value] = Given(None if is_empty(value_node) else value_node.value, origin)
        else:
            problems.append(Problem(origin, SECTION, "expected a name and one value a line"))
    backend = told.pop("backend", Given("jsonl", file.origin(key_node)))
    if backend.value not in _PATH_OF_BACKEND:
        problems.append(
            Problem(backend.origin, f"{SECTION}.backend", f"expected jsonl or sqlite, got {visible(str(backend.value))[:60]!r}")
        )
        return
    places = _SIZES | {"path": _PATH_OF_BACKEND[str(backend.value)]}
    for name, value in told.items():
        _put(given, problems, places, name, value)
    written = ", ".join(sorted({places[name] for name in told if name in places})) or "journal.export"
    warnings.append(Problem(file.origin(key_node), SECTION, f"an earlier name: write {written} instead"))


def _put(given: dict[str, Given], problems: list[Problem], places: dict[str, str], name: str, value: Given) -> None:
    place = places.get(name)
    if place is None:
        problems.append(
            Problem(value.origin, f"{SECTION}.{visible(name)[:60]}", f"unknown key; {SECTION} takes backend, {', '.join(sorted(places))}")
        )
    elif place in given:
        problems.append(Problem(value.origin, f"{SECTION}.{name}", f"given twice: also as {place} ({given[place].origin})"))
    else:
        assert place in KEYS
        given[place] = value
