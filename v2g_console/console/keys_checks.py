"""Whether the keys of a configuration can be used: every action can still be reached, and none by an accident. Loads nothing of Textual."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from v2g_console.config.load import LoadedSettings
from v2g_console.config.origin import DEFAULT
from v2g_console.config.problems import ConfigError, Problem
from v2g_console.config.settings import KeySettings
from v2g_console.console.actions import ACTIONS, Action, Danger, Scope, actions_of
from v2g_console.console.keys import NamedKeys, is_typed, key_name, key_text, named_keys
from v2g_console.domain.text import visible

MOVING: Final = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "shift+tab", "backspace", "delete"}
    | {"enter", "escape", "space"}
)
"""Keys that move, write and leave on every screen."""
SAME_IN_A_TERMINAL: Final = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+j": "Enter", "ctrl+h": "Backspace", "ctrl+z": "suspend (a shell's)"}
_ANSWERS: Final = frozenset("ynrk123456789")  # keys of answers in dialogs
_IN_DIALOGS: Final = frozenset({"f2", "f3"})
_NEEDED: Final = frozenset({"dispatch.stop", "composer.send", "app.quit", "view.help", "console.unlock"})
_EVERYWHERE: Final = (Scope.GLOBAL, Scope.SITES)
_ASKS: Final = frozenset({"app.quit"})  # looks only, but opens a question that ends what vehicles do


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """What is wrong: the number of the entry of `console.keys` it comes from, and the words."""

    entry: int
    message: str


def key_findings(entries: Sequence[KeySettings]) -> list[KeyFinding]:
    """Everything that keeps these keys from being used."""
    known = {action.id: action for action in ACTIONS}
    found: list[KeyFinding] = []
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        action = known.get(entry.action)
        if action is None:
            near = difflib.get_close_matches(entry.action, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`v2g-console keys ls` names them"
            found.append(KeyFinding(number, f"no action {visible(entry.action[:60])}; {hint}"))
        elif entry.action in seen:
            found.append(KeyFinding(number, f"{entry.action} is named twice: write all its keys in one entry"))
        else:
            found += (KeyFinding(number, message) for message in _of_one(action, entry))
        seen.add(entry.action)
    return found or list(dict.fromkeys(_clashes(entries)))


def check_keys(loaded: LoadedSettings) -> None:
    """Raises ConfigError for keys that can't be used, with file and line."""
    entries = loaded.settings.console.keys
    problems = []
    for one in key_findings(entries):
        key = f"console.keys[{one.entry}].keys"
        problems.append(Problem(loaded.origins.get(key, DEFAULT), key, one.message))
    if problems:
        raise ConfigError(problems)


def _of_one(action: Action, entry: KeySettings) -> Iterator[str]:
    if action.id.endswith(".back") or action.id == "composer.arm":
        yield f"{action.id} keeps {key_text(action.keys[0])}, so that it means the same on every screen: take this entry out"
        return
    if not entry.keys and action.id in _NEEDED:
        yield f"{action.id} can't be without a key: name at least one"
    for written in entry.keys:
        name = key_name(written)
        if name is None:
            yield f"{visible(written[:20])!r} is no key; expected one such as D, f6, ctrl+n, alt+d or ?"
        elif name not in action.keys:
            yield from _unfit(action, name)


def _unfit(action: Action, name: str) -> Iterator[str]:
    shown = key_text(name)
    if name in MOVING:
        yield f"{shown} moves, writes or leaves on every screen: choose another key for {action.id}"
    elif name in SAME_IN_A_TERMINAL:
        yield f"{shown} is {SAME_IN_A_TERMINAL[name]} in a terminal: choose another key for {action.id}"
    elif action.in_fields and (is_typed(name) or name in _IN_DIALOGS):
        yield f"{shown} is used in fields and dialogs, where {action.id} must work too: choose a function key or Ctrl with a letter"
    elif (action.danger is not Danger.NONE or action.id in _ASKS) and name in _ANSWERS:
        yield f"{shown} answers questions: pressed twice it would confirm what {action.id} asks. Choose another key"


def _clashes(entries: Sequence[KeySettings]) -> Iterator[KeyFinding]:
    """Two actions on one key where both can be meant. What the built-in keys share (a screen's own key hides a global one) is meant so."""
    keys = named_keys(entries)
    numbers = {entry.action: number for number, entry in enumerate(entries)}
    for scope in Scope:
        also = () if scope is Scope.REPLAY else tuple(wide for wide in _EVERYWHERE if wide is not scope)  # a replay's keys may hide others
        actions = actions_of(scope) + tuple(action for wide in also for action in actions_of(wide))
        for at, one in enumerate(actions):
            for other in actions[at + 1 :]:
                for key in _shared(one, other, keys):
                    changed = one if one.id in numbers else other
                    still = other if changed is one else one
                    where = "everywhere" if still.scope in _EVERYWHERE else f"on {scope.value}"
                    taken = f"{key_text(key)} is the key of {still.id} {where} ({still.title})"
                    message = f"{taken}: choose another one, or give that one another"
                    yield KeyFinding(numbers[changed.id], message)


def _shared(one: Action, other: Action, keys: NamedKeys) -> list[str]:
    if one.id not in keys and other.id not in keys:
        return []
    shared = set(keys.get(one.id, one.keys)) & set(keys.get(other.id, other.keys))
    meant = set(one.keys) & set(other.keys) if one.handler != other.handler else shared
    return sorted(shared - meant)
