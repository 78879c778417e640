"""The documentation as text: pages, headings, links, fenced blocks, and the command lines in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[3]
PAGES: Final = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INLINE: Final = re.compile(r"`(v2g-console [^`]+)`")
_PROGRAM: Final = "v2g-console"


class Written(NamedTuple):
    """Something on a page."""

    page: str
    text: str


def pages() -> Iterator[Written]:
    """Every page as a whole."""
    for path in PAGES:
        yield Written(str(path.relative_to(ROOT)), path.read_text("utf-8"))


def blocks(language: str) -> Iterator[Written]:
    """The fenced blocks of a language."""
    for page, text in pages():
        for found in _FENCE.finditer(text):
            if found[1] == language:
                yield Written(page, found[2])


def links(text: str) -> list[str]:
    """Targets of links and pictures, outside fenced blocks."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> frozenset[str]:
    """Names of the headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Page and arguments of every call of the program, in shell blocks and in the text."""
    for language in ("sh", ""):
        for page, block in blocks(language):
            for row in block.splitlines():
                yield from calls(page, row)
    for page, text in pages():
        for found in _INLINE.finditer(_FENCE.sub("", text)):
            yield from calls(page, found[1])


def calls(page: str, row: str) -> Iterator[tuple[str, list[str]]]:
    """Page and arguments of the calls in one line of shell; comments are left out."""
    lexer = shlex.shlex(row, posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split = True
    words = list(lexer)
    for at, word in enumerate(words):
        if word.rsplit("/", 1)[-1] == _PROGRAM and (at == 0 or words[at - 1] in {"|", ";", "&&"}):
            rest = words[at + 1 :]
            end = next((n for n, part in enumerate(rest) if set(part) <= set("|;&>")), len(rest))
            yield page, rest[:end]
