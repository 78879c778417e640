"""Plain text in columns: no colours, nothing that a terminal could obey."""

import unicodedata
from collections.abc import Sequence

from v2g_console.domain.text import visible
from v2g_console.domain.units import grouped


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """`rows` (the first one is the heading) as lines with aligned columns; the columns numbered in `right` are right-aligned.

    Every cell is made visible here, so network text may be passed as it is.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(cell_width(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(_aligned(cell, widths[at], at in right) for at, cell in enumerate(row)).rstrip() for row in cells]


def pairs(facts: Sequence[tuple[str, str]]) -> list[str]:
    """One line a fact, with the names as a left column; facts without text are left out."""
    kept = [(name, text) for name, text in facts if text]
    return columns(kept) if kept else []


def cell_width(text: str) -> int:
    """Terminal cells that printable `text` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def number(value: float | None, digits: int = 0) -> str:
    """A number with grouped thousands; `-` where there is none."""
    return "-" if value is None else grouped(value, digits)


def percent(share: float | None) -> str:
    """A share of 0..1 as `64 %`; `-` where there is none."""
    return "-" if share is None else f"{share * 100:.0f} %"


def ago(seconds: float | None) -> str:
    """An age: `4 s`, `12 min`, `3 h`, `2 d`; `-` where there is none."""
    if seconds is None:
        return "-"
    for limit, unit, size in ((120.0, "s", 1.0), (7200.0, "min", 60.0), (172_800.0, "h", 3600.0)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400.0:.0f} d"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 vehicle`, `1 204 vehicles`."""
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"


def _aligned(cell: str, width: int, right: bool) -> str:
    padding = " " * (width - cell_width(cell))
    return padding + cell if right else cell + padding
