"""Why not, and what to do, in the words of a console that has commands and no keys."""

import re
from typing import Final

_WORDS: Final = (
    (re.compile(r"resume first \([^)]*\)"), "the command resume lifts it"),
    (re.compile(r": \S+ resumes$"), ": the command resume lifts it"),
    (re.compile(r"unlock it first \([^)]*\)"), "the command unlock takes it back into use"),
    (re.compile(r": press .+ for a new one"), ": the command dispatch makes one"),
    (re.compile(r": put the cursor on one|: see the banner|: Space marks one"), ""),
    (re.compile(r" \((?:[A-Za-z]|F\d+)\)"), ""),  # a key behind the name of what it does
)


def without_keys(text: str) -> str:
    """`text` of a guard or an alarm, with the commands instead of the keys."""
    for keys, command in _WORDS:
        text = keys.sub(command, text)
    return text
