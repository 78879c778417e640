"""Text from outside made harmless to look at: nothing invisible, nothing that moves the cursor, changes colours or reorders a line."""

import re
from typing import Final

_PRINTABLE_YET_INVISIBLE: Final = re.compile(
    "["
    "\u034f"  # combining grapheme joiner
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5"  # Khmer inherent vowels
    "\u180b-\u180d\u180f"  # Mongolian variation selectors
    "\u2800"  # blank Braille pattern
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "]"
)
_OTHER_SPACES: Final = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    r"""`text` on one line with every control, C1, bidirectional, zero-width, private-use or lone surrogate character as a visible escape.

    Escapes are Python's (`\n`, `\x1b`, `\u202e`, `\U000e0041`); other spaces become a plain one. Printable text comes back unchanged, so
    calling it twice does no harm. The result may be longer than the input, up to ten times: cut before calling, or cut the result.
    """
    if text.isprintable() and _PRINTABLE_YET_INVISIBLE.search(text) is None:
        return text
    return "".join(map(_visible_char, text))


def no_formula(text: str) -> str:
    """`text` for a cell of a CSV file: with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _visible_char(char: str) -> str:
    if char in _OTHER_SPACES:
        return " "
    if char.isprintable() and _PRINTABLE_YET_INVISIBLE.match(char) is None:
        return char
    return char.encode("unicode_escape").decode("ascii")
