"""A scrolling pane of text lines, and the pieces that detail screens are written with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from v2g_console.console.safe_text import Part, line, pad_text
from v2g_console.console.widgets.lines import Lines

LABEL_CELLS: Final = 18
COLUMN_GAP_CELLS: Final = 2


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a line. `need` orders what is given up when it gets narrow: the highest first; 0 is never given up."""

    text: str
    style: str = ""
    need: int = 0


class TextPane(VerticalScroll):
    """Lines in a pane that scrolls when they are too many. `show` repaints what changed."""

    DEFAULT_CSS = """
    TextPane { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; }
    TextPane > Lines { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """The lines."""
        yield Lines()

    def show(self, rows: Sequence[Content]) -> None:
        """Replace the lines."""
        block = self.query_one(Lines)
        if len(rows) != len(block.rows):
            block.styles.height = max(1, len(rows))
        block.show(rows)


def title(text: str) -> Content:
    """The head of a section."""
    return line((text, "bold"))


def field(label: str, *parts: Part) -> Content:
    """A label and its value."""
    return line((pad_text(label, LABEL_CELLS), "$muted"), *parts)


def beside(left: Sequence[Content], right: Sequence[Content], left_cells: int) -> list[Content]:
    """Two blocks of lines side by side; the left one is cut or filled to `left_cells`."""
    rows = []
    for at in range(max(len(left), len(right))):
        one = left[at] if at < len(left) else Content("")
        other = right[at] if at < len(right) else Content("")
        rows.append(one.truncate(left_cells - COLUMN_GAP_CELLS, ellipsis=True).truncate(left_cells, pad=True) + other)
    return rows


def folded(row: Content, width_cells: int, indent_cells: int = 2) -> list[Content]:
    """A line as it is where it fits; else on as many as it needs, those after the first indented, so that nothing is cut."""
    if row.cell_length <= width_cells:
        return [row]
    first, *rest = row.wrap(max(2, width_cells - indent_cells))
    return [first, *(line(" " * indent_cells) + one for one in rest)]


def fitted(pieces: Sequence[Said], width_cells: int, gap: str = "  ") -> Content:
    """Those pieces that fit one line, in their order; never half a piece, except where even the needed ones are too long."""
    kept = [(piece, line((piece.text, piece.style))) for piece in pieces if piece.text]
    while sum(shown.cell_length + len(gap) for _, shown in kept) - len(gap) > width_cells:
        spare = max(kept, key=lambda pair: pair[0].need)
        if spare[0].need == 0:
            break
        kept.remove(spare)
    return Content(gap).join([shown for _, shown in kept])
