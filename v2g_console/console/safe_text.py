"""The only door from text to a widget: visible escapes, a length in cells, and never markup.

`content` and `line` build Textual `Content`; styles are Textual style strings (`bold`, `$warning`), written by us, never by the network.
"""

import unicodedata

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from v2g_console.domain.text import visible

ELLIPSIS = "…"
_CHARS_PER_CELL = 4
_LONGEST_CHARS = 4096

Part = str | Content | tuple[str, str]
"""Text, finished content, or text with a style."""


def safe_text(text: str, width_cells: int | None) -> str:
    """`text` with everything invisible written out, at most `width_cells` terminal cells wide (an ellipsis marks the cut).

    None: no limit in cells. Text is never longer than 4096 characters, so that combining marks without a width can't pile up.
    """
    chars = _LONGEST_CHARS if width_cells is None else min(_LONGEST_CHARS, max(0, width_cells) * _CHARS_PER_CELL)
    shown = visible(unicodedata.normalize("NFC", text[: chars + 1]))
    if width_cells is None:
        return shown[:chars]
    if cell_len(shown) <= width_cells and len(shown) <= chars:
        return shown
    if width_cells <= 0:
        return ""
    return set_cell_size(shown[: chars - 1], width_cells - 1).rstrip() + ELLIPSIS


def pad_text(text: str, width_cells: int, right: bool = False) -> str:
    """`safe_text` filled with spaces to exactly `width_cells`; `right` puts the text at the right edge."""
    shown = safe_text(text, width_cells)
    fill = " " * max(0, width_cells - cell_len(shown))
    return fill + shown if right else shown + fill


def content(text: str, style: str = "", width_cells: int | None = None) -> Content:
    """One piece of text as Content."""
    return Content.styled(safe_text(text, width_cells), style)


def line(*parts: Part) -> Content:
    """Pieces in one line; every string goes through `safe_text`."""
    return Content.assemble(*(part if isinstance(part, Content) else _piece(part) for part in parts))


def lines(rows: list[Content]) -> Content:
    """Rows below one another."""
    return Content("\n").join(rows)


def _piece(part: str | tuple[str, str]) -> Content:
    return content(part) if isinstance(part, str) else content(part[0], part[1])
