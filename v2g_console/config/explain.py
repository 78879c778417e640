"""What the configuration is and could be: each value with its origin, the JSON Schema, a commented file to start from."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from v2g_console.config.described import with_descriptions
from v2g_console.config.keys import KEYS, MODELS, Key, Kind, keys_below
from v2g_console.config.load import LoadedSettings
from v2g_console.config.settings import Settings

EXAMPLE_NAME: Final = "config.example.yaml"
REDACTED: Final = "***"
_START_LINES: Final = ("# Started by `v2g-console config init`; `v2g-console config check` says what is wrong with it.", "")


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One line of `config show`. `value` is redacted where the key is a secret."""

    key: str
    value: str
    origin: str
    description: str


def shown_values(loaded: LoadedSettings) -> tuple[ShownValue, ...]:
    """Every key in the order of the sections, with what is used and where it comes from."""
    return tuple(
        ShownValue(key.path, value_text(value_at(loaded.settings, key.path)), str(loaded.origins[key.path]), key.description)
        for key in keys_of(loaded.settings)
    )


def keys_of(settings: Settings) -> Iterator[Key]:
    """Every key that has a value in `settings`. A list of sections is there with the keys of its entries, and by itself if it is empty."""
    for key in KEYS.values():
        entries = value_at(settings, key.path) if key.kind is Kind.ENTRIES else ()
        if isinstance(entries, tuple) and entries:
            for number in range(len(entries)):
                yield from keys_below(f"{key.path}[{number}]")
        else:
            yield key


def value_at(settings: Settings, path: str) -> Any:
    """The value of a key path such as `mqtt.qos.command` or `grid.nodes[2].import_kw`."""
    value: Any = settings
    for part in path.split("."):
        name, _, number = part.removesuffix("]").partition("[")
        value = getattr(value, name)
        value = value[int(number)] if number else value
    return value


def value_text(value: object) -> str:
    """A value as it would be written in the file; secrets never appear."""
    match value:
        case None:
            text = ""
        case SecretStr():
            text = REDACTED if value.get_secret_value() else '""'
        case bool():
            text = str(value).lower()
        case float():
            text = f"{value:g}"
        case tuple():
            text = f"[{', '.join(map(str, value))}]"
        case _:
            text = str(value) or '""'
    return text


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **with_descriptions(Settings.model_json_schema(), MODELS)}


def example_text() -> str:
    """The commented example with every key: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve()
    for place in (here.parent / EXAMPLE_NAME, here.parents[2] / EXAMPLE_NAME):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise FileNotFoundError(f"{EXAMPLE_NAME} is missing from the installation: reinstall v2g-console")


def write_start(path: Path) -> None:
    """Write the example to `path`, readable by its owner only. Raises FileExistsError rather than overwrite, or another OSError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # not what the caller means by "exists already"
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    path.touch(mode=0o600, exist_ok=False)
    path.write_text("\n".join(_START_LINES) + example_text(), encoding="utf-8")
