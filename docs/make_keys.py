"""Write the tables of docs/keys.md from the registry of actions: `.venv/bin/python docs/make_keys.py`."""

from pathlib import Path
from typing import Final

from v2g_console.console.actions import ACTIONS, Action, Danger, Scope, actions_of
from v2g_console.console.keys import NO_KEY, key_text

PAGE: Final = Path(__file__).resolve().parent / "keys.md"
BEGIN, END = "<!-- from here on written by make_keys.py -->\n", "<!-- to here -->\n"
_DANGER: Final = {Danger.NONE: "", Danger.ACTS: "acts", Danger.STOPS: "ends"}


def tables() -> str:
    """A section a scope, a row an action."""
    return "\n".join(f"## {scope.value}\n\n| key | does | | action |\n|---|---|---|---|\n{_rows(scope)}" for scope in Scope if _has(scope))


def page_with_tables(page: str) -> str:
    """The page with its tables written anew. Raises ValueError if a marker is missing."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE}: the lines {BEGIN.strip()} and {END.strip()} are missing")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _has(scope: Scope) -> bool:
    return any(action.scope is scope for action in ACTIONS)


def _rows(scope: Scope) -> str:
    return "".join(f"| {_keys(action)} | {action.title} | {_DANGER[action.danger]} | `{action.id}` |\n" for action in actions_of(scope))


def _keys(action: Action) -> str:
    return " ".join(f"`{key_text(key)}`" for key in action.keys) or NO_KEY


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text("utf-8")), "utf-8")
    print(PAGE.name)
