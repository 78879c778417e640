"""From values as written to typed settings; what doesn't fit becomes a problem in the project's words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from v2g_console.config.keys import Key, Kind, known_key, required_in
from v2g_console.config.origin import Given, OriginKind
from v2g_console.config.problems import Problem
from v2g_console.config.settings import Settings
from v2g_console.config.values import shown


@dataclass(frozen=True, slots=True)
class Typed:
    """The settings, with the default in place of each value that was wrong (`broken` holds their key paths).

    Where there is no default, as for the name of an entry, `STAND_IN` takes its place, or the first choice.
    """

    settings: Settings
    problems: tuple[Problem, ...]
    broken: frozenset[str]


STAND_IN: Final = "?"
_STEP: Final = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?", re.ASCII)


def typed(given: Mapping[str, Given], entries: Iterable[str] = ()) -> Typed:
    """Give every value its type. Paths become absolute: relative ones start at the folder of the file that holds them.

    `entries` are the paths of lists of sections and of their entries; a required key that none of them has is no problem here.
    """
    keys = {path: key for path in given if (key := known_key(path)) is not None}
    numbered = [path for path in entries if path.endswith("]")]
    problems = [problem for path, item in given.items() if (problem := _unprintable(keys[path], item)) is not None]
    broken = {problem.key for problem in problems}
    try:
        settings = _validated(keys, given, numbered, broken)
    except ValidationError as error:
        wrong = dict.fromkeys(_known_path(entry["loc"]) for entry in error.errors(include_url=False))
        problems += [_misfit(keys[path], given[path]) for path in wrong]
        broken |= set(wrong)
        settings = _validated(keys, given, numbered, broken)
    return Typed(settings, tuple(problems), frozenset(broken))


def _validated(keys: Mapping[str, Key], given: Mapping[str, Given], entries: Iterable[str], without: set[str]) -> Settings:
    tree: dict[str, Any] = {}
    for entry in entries:
        _branch(tree, entry).update({key.name: key.choices[0] if key.choices else STAND_IN for key in required_in(entry)})
    for path, key in keys.items():
        if path not in without:
            section, _, name = path.rpartition(".")
            _branch(tree, section)[name] = _raw(key, given[path])
    return Settings.model_validate(tree)


def _branch(tree: dict[str, Any], section: str) -> dict[str, Any]:
    """The mapping at `section`, made where it isn't there yet; entries of a list are made in the order of their numbers."""
    for name, number in _STEP.findall(section):
        if not number:
            tree = tree.setdefault(name, {})
            continue
        rows = tree.setdefault(name, [])
        if int(number) == len(rows):
            rows.append({})
        tree = rows[int(number)]
    return tree


def _raw(key: Key, item: Given) -> object:
    """What pydantic is given: it turns text into numbers and switches itself, but not into choices or paths of ours."""
    if not isinstance(item.value, str):
        return item.value
    if key.optional and not item.value:
        return None
    if key.kind is Kind.CHOICE:
        return next((choice for choice in key.choices if str(choice) == item.value), item.value)
    if key.kind is Kind.PATH:
        folder = Path(item.origin.name).parent if item.origin.kind is OriginKind.FILE else Path()
        return (folder / _expanded(item.value)).absolute()
    return item.value


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~ of a user that doesn't exist: taken as it is written
        return Path(text)


def _known_path(loc: tuple[int | str, ...]) -> str:
    """The key path of a pydantic location; an item of a list of texts counts as the list."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path if known_key(path) is not None else path.rpartition("[")[0]


def _misfit(key: Key, item: Given) -> Problem:
    return Problem(item.origin, key.path, f"expected {key.expected}, got {_got(key, item)}")


def _got(key: Key, item: Given) -> str:
    match item.value:
        case None:
            return "nothing"
        case tuple() as parts:
            return shown(", ".join(parts))
        case text if key.kind is Kind.SECRET:
            return f"{len(text)} characters that are not shown"
        case text:
            return shown(text)[1:-1] if text and _is_number(text) else shown(text)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdecimal()


def _unprintable(key: Key, item: Given) -> Problem | None:
    parts = item.value if isinstance(item.value, tuple) else (item.value or "",)
    if key.kind is Kind.SECRET or all(part.isprintable() for part in parts):
        return None
    return Problem(item.origin, key.path, f"expected {key.expected} without control characters, got {_got(key, item)}")
