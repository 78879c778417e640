"""The kinds that entries of the journal have. A misspelt one must not read like a journal in which nothing happened."""

from difflib import get_close_matches
from typing import Final, get_args

from v2g_console.contract.events import Event

ROUNDS: Final = ("send", "retry", "update", "reallocation", "correction", "resume", "renewal", "release", "relapse")
_BESIDE_EVENTS: Final = ("request", "dispatch", "acks", "releases")
_MARKS: Final = ("opened", "closed", "failed", "migrated", "pruned")
_LONGEST_SHOWN_CHARS: Final = 40

KINDS: Final = frozenset(
    {str(event.__struct_config__.tag) for event in get_args(Event)}
    | {*_BESIDE_EVENTS}
    | {f"round.{name}" for name in ROUNDS}
    | {f"journal.{name}" for name in _MARKS}
)
GROUPS: Final = tuple(sorted({kind.partition(".")[0] for kind in KINDS}))
"""What the kinds begin with, up to the first dot: each may be asked for as it is."""


def kind_problem(kind: str) -> str:
    """Why no entry can be of `kind`, a name or its beginning up to a dot, and which there are; "" for one that exists, or for none."""
    wanted = kind.rstrip(".")
    if not kind or wanted in KINDS or wanted in GROUPS:
        return ""
    group = wanted.partition(".")[0]
    known = [*GROUPS, *sorted(KINDS - {*GROUPS})]
    near = get_close_matches(wanted[:_LONGEST_SHOWN_CHARS].lower(), known, 1) or [
        name for name in GROUPS if wanted and name.startswith(wanted.lower())
    ]
    there_are = sorted(one for one in KINDS if one.startswith(f"{group}.")) if group in GROUPS else GROUPS
    meant = f"did you mean {near[0]}? " if near else ""
    return f"no kind is called {kind[:_LONGEST_SHOWN_CHARS]!r}: {meant}There are {', '.join(there_are)}"
