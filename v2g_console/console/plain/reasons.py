"""Why not, in the words of a console that has commands and no keys."""

from typing import Final

_WORDS: Final = (
    ("resume first (F9)", "the command resume lifts it"),
    ("STOP is latched already: F9 resumes", "STOP is latched already: the command resume lifts it"),
    (": press d for a new one", ": the command dispatch makes one"),
    (": L takes it back into use", ": the command unlock takes it back into use"),
    (": see the banner", ""),
    (": put the cursor on one", ": name one"),
)


def without_keys(reason: str) -> str:
    """`reason` of a guard, with the commands instead of the keys."""
    for keys, commands in _WORDS:
        reason = reason.replace(keys, commands)
    return reason
