"""Keys that a terminal, a multiplexer or the line takes before this program sees them. Advice, not errors: it depends on where one sits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from v2g_console.console.actions import ACTIONS, Action
from v2g_console.console.keys import NamedKeys, key_text


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody who takes keys: what becomes of them, and what to do about it."""

    name: str
    keys: frozenset[str]
    told: str
    advice: str


@dataclass(frozen=True, slots=True)
class Clash:
    """A key of an action that may never arrive. `left`: the action's other keys that `taker` leaves alone."""

    action: Action
    key: str
    taker: Taker
    left: tuple[str, ...]

    @property
    def words(self) -> str:
        """One line: what happens, and what to do."""
        instead = f"{' or '.join(map(key_text, self.left))} does the same" if self.left else self.taker.advice
        return f"{key_text(self.key)} ({self.action.id}): {self.taker.name} {self.taker.told}; {instead}"


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


_FUNCTION_KEYS: Final = frozenset(f"f{number}" for number in range(1, 13))
_ALT_DIGITS: Final = frozenset(f"alt+{digit}" for digit in range(10))
TMUX: Final = Taker("tmux", _keys("ctrl+b"), "waits for its own command after it", "press it twice, or set another prefix in tmux")
SCREEN: Final = Taker("GNU screen", _keys("ctrl+a"), "waits for its own command after it", "press Ctrl+A, then a")
ALWAYS_POSSIBLE: Final = (
    TMUX,
    SCREEN,
    Taker("zellij", _keys("ctrl+g ctrl+h ctrl+n ctrl+o ctrl+p ctrl+q ctrl+s ctrl+t"), "changes its mode", "lock zellij first (Ctrl+G)"),
    Taker("byobu", _FUNCTION_KEYS - {"f1"}, "uses function keys itself", "turn them off with Shift+F12"),
    Taker("flow control", _keys("ctrl+s ctrl+q"), "may stop or start the line (serial lines, some jump hosts)", "`stty -ixon` there"),
    Taker("GNOME, Xfce and MATE Terminal", _keys("f1 f10 f11") | _ALT_DIGITS, "open help, menu or a tab", "turn off its menu and tab keys"),
    Taker("Konsole", _keys("f11 f12"), "may change its window", "turn the shortcut off"),
    Taker("macOS", _FUNCTION_KEYS, "dims the screen or plays music instead", "hold Fn, or use F keys as standard function keys"),
    Taker("macOS Terminal", _ALT_DIGITS, "writes a sign instead", "use Option as Meta key"),
    Taker("a browser", _FUNCTION_KEYS - {"f2", "f4", "f8", "f9"}, "may keep it (F5 loads the page anew)", "give the action another key"),
)
ESC_ADVICE: Final = (
    "Alt with a key is sent as Esc and the key: over a slow line they may come apart. The plain digits do the same as Alt with a digit.",
    "Esc waits a moment, since it may begin another key: in tmux `set -s escape-time 20` (its old default is 500 ms), else ESCDELAY=25.",
)


def takers_here(environment: Mapping[str, str], tmux_prefix: str = "") -> tuple[Taker, ...]:
    """Who certainly takes keys in this environment. `tmux_prefix`: as tmux names it, `C-a`."""
    found = []
    if environment.get("TMUX"):
        prefix = tmux_prefix.strip().lower().replace("c-", "ctrl+").replace("m-", "alt+") or "ctrl+b"
        found.append(Taker(f"tmux (here, prefix {key_text(prefix)})", frozenset({prefix}), TMUX.told, TMUX.advice))
    if environment.get("STY"):
        found.append(SCREEN)
    if environment.get("ZELLIJ"):
        found.append(next(taker for taker in ALWAYS_POSSIBLE if taker.name == "zellij"))
    if environment.get("BYOBU_BACKEND"):
        found.append(next(taker for taker in ALWAYS_POSSIBLE if taker.name == "byobu"))
    return tuple(found)


def clashes(keys: NamedKeys, takers: Iterable[Taker]) -> list[Clash]:
    """The keys of actions that these may take, in the order of the registry."""
    found = []
    by = tuple(takers)
    for action in ACTIONS:
        bound = keys.get(action.id, action.keys)
        for taker in by:
            left = tuple(key for key in bound if key not in taker.keys)
            found += [Clash(action, key, taker, left) for key in bound if key in taker.keys]
    return found
