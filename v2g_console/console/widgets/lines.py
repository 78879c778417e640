"""A block of text lines that repaints only the cells that changed: what keeps a calm screen cheap over a slow line."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from v2g_console.console.safe_text import lines as joined


class Lines(Widget):
    """Shows `Content` lines, one a row, cut at the right edge. `show` compares before it repaints and never changes the layout."""

    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: tuple[Content, ...] = ()

    @property
    def rows(self) -> tuple[Content, ...]:
        """The lines on show."""
        return self._rows

    def show(self, rows: Sequence[Content]) -> None:
        """Replace the lines; only the changed part of each changed line is painted again."""
        before, self._rows = self._rows, tuple(rows)
        width = self.size.width
        for y in range(max(len(before), len(self._rows))):
            old = before[y] if y < len(before) else Content("")
            new = self._rows[y] if y < len(self._rows) else Content("")
            if not old.is_same(new):
                left, right = changed_cells(old, new, width)
                self.refresh(Region(left, y, right - left, 1))

    def render(self) -> Content:
        """All lines."""
        return joined(list(self._rows))


def changed_cells(old: Content, new: Content, width_cells: int) -> tuple[int, int]:
    """The half-open range of cells in which two lines differ; all of `width_cells` where styles moved."""
    before, after = old.plain, new.plain
    if list(old.spans) != list(new.spans) or len(before) != len(after) or cell_len(before) != cell_len(after):
        return 0, width_cells
    differing = [index for index, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    if not differing:
        return 0, width_cells
    return cell_len(after[: differing[0]]), cell_len(after[: differing[-1] + 1])
