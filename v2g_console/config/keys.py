"""Every key of the configuration with its kind, range, default and description, read off the settings types.

A key path is dotted; an entry of a list of sections has a number, as in `grid.nodes[2].import_kw`. The number is left out where the keys
of any entry are meant: `grid.nodes[].import_kw`.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from v2g_console.config.described import descriptions
from v2g_console.config.settings import Settings


class Kind(StrEnum):
    """What sort of value a key takes."""

    TEXT = "text"
    SECRET = "secret text"  # noqa: S105 the name of a kind
    PATH = "a path"
    WHOLE = "a whole number"
    NUMBER = "a number"
    SWITCH = "true or false"
    CHOICE = "choice"
    TEXTS = "a list of texts"
    ENTRIES = "a list of sections"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted path, what it takes (`expected`, in words), and its default (None if it is `required`)."""

    path: str
    kind: Kind
    expected: str
    default: object
    model: type[BaseModel]  # the section it is in
    choices: tuple[str | int, ...] = ()
    optional: bool = False
    required: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def description(self) -> str:
        """What it is for, in a sentence."""
        return descriptions(self.model).get(self.name, "")


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Key | str]:
    """The keys below `model`, and the path of each section, in the order they are declared."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield path
            yield from _walk(annotation, f"{path}.")
            continue
        yield _key(path, field, model)
        entry = _entry_model(annotation)
        if entry is not None:
            yield f"{path}[]"
            yield from _walk(entry, f"{path}[].")


def _key(path: str, field: FieldInfo, model: type[BaseModel]) -> Key:
    annotation, optional = _without_none(field.annotation)
    kind, choices = _kind(annotation)
    required = field.is_required()
    default = None if required else field.default
    return Key(path, kind, _expected(kind, choices, field), default, model, choices, optional, required)


def _entry_model(annotation: Any) -> type[BaseModel] | None:
    """The type of the entries if `annotation` is a list of sections."""
    item = get_args(annotation)[0] if get_origin(annotation) is tuple else None
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not type(None)]
        return inner, True
    return annotation, False


_PLAIN_KINDS: Final = {str: Kind.TEXT, SecretStr: Kind.SECRET, Path: Kind.PATH, bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER}


def _kind(annotation: Any) -> tuple[Kind, tuple[str | int, ...]]:
    if get_origin(annotation) is Literal:
        return Kind.CHOICE, get_args(annotation)
    if get_origin(annotation) is tuple:
        return Kind.TEXTS if _entry_model(annotation) is None else Kind.ENTRIES, ()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Kind.CHOICE, tuple(member.value for member in annotation)
    return _PLAIN_KINDS[annotation], ()


def _expected(kind: Kind, choices: tuple[str | int, ...], field: FieldInfo) -> str:
    """What the key takes, in words: `0, 1 or 2`, `a whole number from 1 to 3600`."""
    if kind is Kind.CHOICE:
        return " or ".join(filter(None, [", ".join(map(str, choices[:-1])), str(choices[-1])]))
    if kind is Kind.SECRET:
        return "text"
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("gt", "ge", "le", "min_length", "max_length")
        if hasattr(rule, name)
    }
    return f"{kind}{_bounds_text(bounds)}"


def _bounds_text(bounds: Mapping[str, float]) -> str:
    match bounds:
        case {"min_length": low, "max_length": high}:
            return f" of {low} to {high} characters"
        case {"ge": low, "le": high}:
            return f" from {low:g} to {high:g}" if isinstance(low, float) else f" from {low} to {high}"
        case {"gt": low, "le": high}:
            return f" above {low:g} and at most {high:g}"
        case {"gt": low}:
            return f" above {low:g}"
        case {"ge": low}:
            return f" of at least {low:g}"
        case _:
            return ""


_ALL: Final = tuple(_walk(Settings, ""))
KEYS: Final[dict[str, Key]] = {item.path: item for item in _ALL if isinstance(item, Key) and "[]" not in item.path}
ENTRY_KEYS: Final[dict[str, Key]] = {item.path: item for item in _ALL if isinstance(item, Key) and "[]" in item.path}
SECTIONS: Final[tuple[str, ...]] = tuple(item for item in _ALL if isinstance(item, str))
MODELS: Final[dict[str, type[BaseModel]]] = {"Settings": Settings} | {
    item.model.__name__: item.model for item in _ALL if isinstance(item, Key)
}
"""Every section's type, by its name."""
LISTS: Final[tuple[str, ...]] = tuple(key.path for key in KEYS.values() if key.kind is Kind.ENTRIES)
_PATHS: Final = tuple(item if isinstance(item, str) else item.path for item in _ALL)
_BY_NAME: Final = {path.rpartition(".")[2]: path for path in reversed((*KEYS, *SECTIONS, *ENTRY_KEYS)) if not path.endswith("[]")}
_NUMBER: Final = re.compile(r"\[\d+\]", re.ASCII)


def of_any_entry(path: str) -> str:
    """`path` without the numbers of entries."""
    return _NUMBER.sub("[]", path)


def known_key(path: str) -> Key | None:
    """The key called `path`, which may be one of an entry (`grid.nodes[2].import_kw`), or None."""
    if path in KEYS:
        return KEYS[path]
    entry_key = ENTRY_KEYS.get(of_any_entry(path))
    return None if entry_key is None else replace(entry_key, path=path)


def is_section(path: str) -> bool:
    """True if `path` is a section or an entry of a list of sections."""
    return of_any_entry(path) in SECTIONS


def names_in(section: str) -> list[str]:
    """The names that `section` takes ("" is the file itself): single values, then lists of sections and sections."""
    return list(_names_in(of_any_entry(section)))


@cache
def _names_in(section: str) -> tuple[str, ...]:
    prefix = f"{section}." if section else ""
    found = [path[len(prefix) :] for path in _PATHS if path.startswith(prefix)]
    names = [name for name in found if "." not in name and "[" not in name]
    return tuple(sorted(names, key=lambda name: prefix + name in SECTIONS or prefix + name in LISTS))


def required_in(section: str) -> list[Key]:
    """The keys that have no default and must be written in `section`, an entry of a list."""
    keys = (known_key(f"{section}.{name}") for name in names_in(section))
    return [key for key in keys if key is not None and key.required]


def keys_below(section: str) -> list[Key]:
    """Every key below `section`, an entry of a list."""
    prefix = f"{of_any_entry(section)}."
    return [replace(key, path=f"{section}.{path[len(prefix) :]}") for path, key in ENTRY_KEYS.items() if path.startswith(prefix)]


def nearest(path: str) -> str | None:
    """The known path most like an unknown one: a misspelt name in its section, the right name in another, or a misspelling anywhere."""
    section, _, name = path.rpartition(".")
    close = difflib.get_close_matches(name, names_in(section), n=1, cutoff=0.7)
    if close:
        return f"{section}.{close[0]}" if section else close[0]
    anywhere = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.8)
    return _BY_NAME[anywhere[0]] if anywhere else None
