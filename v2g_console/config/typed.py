"""From values as written to typed settings; what doesn't fit becomes a problem in the project's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from v2g_console.config.keys import KEYS, Key, Kind
from v2g_console.config.origin import Given, OriginKind
from v2g_console.config.problems import Problem
from v2g_console.config.settings import Settings
from v2g_console.config.values import shown


@dataclass(frozen=True, slots=True)
class Typed:
    """The settings, with the default in place of each value that was wrong (`broken` holds their key paths)."""

    settings: Settings
    problems: tuple[Problem, ...]
    broken: frozenset[str]


def typed(given: Mapping[str, Given]) -> Typed:
    """Give every value its type. Paths become absolute: relative ones start at the folder of the file that holds them."""
    problems = [problem for path, item in given.items() if (problem := _unprintable(KEYS[path], item)) is not None]
    broken = {problem.key for problem in problems}
    try:
        settings = _validated(given, broken)
    except ValidationError as error:
        wrong = dict.fromkeys(_known_path(entry["loc"]) for entry in error.errors(include_url=False))
        problems += [_misfit(KEYS[path], given[path]) for path in wrong]
        broken |= set(wrong)
        settings = _validated(given, broken)
    return Typed(settings, tuple(problems), frozenset(broken))


def _validated(given: Mapping[str, Given], without: set[str]) -> Settings:
    tree: dict[str, Any] = {}
    for path, item in given.items():
        if path not in without:
            *sections, name = path.split(".")
            branch = tree
            for section in sections:
                branch = branch.setdefault(section, {})
            branch[name] = _raw(KEYS[path], item)
    return Settings.model_validate(tree)


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
    """The key path of a pydantic location; an item of a list counts as the list."""
    return ".".join(str(part) for part in loc if isinstance(part, str))


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
