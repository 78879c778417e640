"""Names of keys as people write them, and the keys that a configuration gives to actions. Loads nothing of Textual."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from v2g_console.config.settings import KeySettings

NamedKeys = Mapping[str, tuple[str, ...]]
"""Keys by the id of an action, in Textual's names; actions that keep their own keys are not in it."""

NO_KEY: Final = "no key"
"""Shown where an action has none."""
_NAMED: Final = frozenset(
    ["enter", "escape", "tab", "space", "up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"]
    + [f"f{number}" for number in range(1, 25)]
)
_OTHER_NAMES: Final = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "del": "delete",
    "ins": "insert",
}
_MODIFIERS: Final = ("ctrl", "alt", "shift")
# Textual names a sign after its Unicode name, except these.
_SIGNS: Final = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SHOWN: Final = {"question_mark": "?", "slash": "/", "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab"}
_SIGN_OF: Final[dict[str, str]] = {}


def key_name(written: str) -> str | None:
    """The name that Textual gives a key which a person wrote: `D`, `?`, `F6`, `ctrl+n`, `alt+1`; None if there is no such key."""
    written = written.strip()
    if len(written) == 1:
        return _sign_name(written) if written.isprintable() else None
    *modifiers, last = re.split(r"\+(?=.)", written.lower())
    if len(set(modifiers)) != len(modifiers) or not set(modifiers) <= set(_MODIFIERS):
        return None
    key = _OTHER_NAMES.get(last, last)
    if len(key) == 1:
        if modifiers == ["shift"]:
            return key.upper() if key.isalpha() else None
        key = _sign_name(key) or ""
    elif key not in _NAMED and key not in _SIGN_OF:
        return None
    return "+".join((*sorted(modifiers, key=_MODIFIERS.index), key)) if key else None


def _sign_name(char: str) -> str | None:
    if char == " ":
        return "space"
    if char.isalnum():
        return char
    name = unicodedata.name(char, "").lower().replace("-", "_").replace(" ", "_")
    return _SIGNS.get(name, name) or None


_SIGN_OF.update({name: char for code in range(33, 127) if not (char := chr(code)).isalnum() and (name := _sign_name(char))})


def key_text(key: str) -> str:
    """How a key is written for people: `F8`, `Ctrl+P`, `/`, `Shift+O`."""
    if key in _SHOWN:
        return _SHOWN[key]
    if key in _SIGN_OF:
        return _SIGN_OF[key]
    if len(key) == 1:
        return key
    return "+".join(_part_text(part) for part in key.split("+"))


def _part_text(part: str) -> str:
    if part in _SIGN_OF:
        return _SIGN_OF[part]
    return part.upper() if len(part) == 1 or part[1:].isdecimal() else part.capitalize()


def is_typed(key: str) -> bool:
    """True for a key that writes a character into a field."""
    return len(key) == 1 or key in _SIGN_OF or key == "space"


def named_keys(entries: Iterable[KeySettings]) -> dict[str, tuple[str, ...]]:
    """The keys that a configuration gives, in Textual's names; `keys_checks.key_findings` says what is wrong with it."""
    return {entry.action: tuple(dict.fromkeys(name for key in entry.keys if (name := key_name(key)))) for entry in entries}
