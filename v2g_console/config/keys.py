"""Every key of the configuration with its kind, range, default and description, read off the settings types."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

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


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted path, what it takes (`expected`, in words), and its default."""

    path: str
    kind: Kind
    expected: str
    default: object
    description: str
    choices: tuple[str | int, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Key | str]:
    """The keys below `model`, and the path of each section, in the order they are declared."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield path
            yield from _walk(annotation, f"{path}.")
        else:
            yield _key(path, field)


def _key(path: str, field: FieldInfo) -> Key:
    annotation, optional = _without_none(field.annotation)
    kind, choices = _kind(annotation)
    return Key(path, kind, _expected(kind, choices, field), field.default, field.description or "", choices, optional)


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
        return Kind.TEXTS, ()
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
KEYS: Final[dict[str, Key]] = {item.path: item for item in _ALL if isinstance(item, Key)}
SECTIONS: Final[tuple[str, ...]] = tuple(item for item in _ALL if isinstance(item, str))


def names_in(section: str) -> list[str]:
    """The names that `section` takes ("" is the file itself), keys before sections."""
    prefix = f"{section}." if section else ""
    return [path[len(prefix) :] for path in (*KEYS, *SECTIONS) if path.startswith(prefix) and "." not in path[len(prefix) :]]


def nearest(path: str) -> str | None:
    """The known path most like an unknown one: a misspelt name in its section, the right name in another, or a misspelling anywhere."""
    section, _, name = path.rpartition(".")
    close = difflib.get_close_matches(name, names_in(section), n=1, cutoff=0.7)
    if close:
        return f"{section}.{close[0]}" if section else close[0]
    by_name = {known.rpartition(".")[2]: known for known in reversed((*KEYS, *SECTIONS))}
    anywhere = difflib.get_close_matches(name, by_name, n=1, cutoff=0.8)
    return by_name[anywhere[0]] if anywhere else None
