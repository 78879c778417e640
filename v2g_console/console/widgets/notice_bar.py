"""What was just said, in the place of the footer's keys: it covers nothing that an operator reads."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, Protocol, runtime_checkable

from textual.content import Content

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line
from v2g_console.console.telling import Notice, Telling
from v2g_console.console.widgets.lines import Lines

_LINES_FROM: Final = ((40, 4), (30, 3), (10, 2))
"""Rows of the terminal, and how many lines of notices it has room for; below the last one line."""


@runtime_checkable
class Tells(Protocol):
    """An app that says things. `telling`: what is on screen now; `rest_key`: leads to all that was said."""

    telling: Telling

    @property
    def rest_key(self) -> str: ...


class NoticeBar(Lines):
    """Hidden while nothing was said. One line takes the place of the keys; a longer text makes the body shorter, and never covers it.

    A click takes everything away, as it is read then.
    """

    DEFAULT_CSS = """
    NoticeBar { height: 1; dock: bottom; display: none; background: $panel; color: $foreground; }
    NoticeBar.-shown { display: block; }
    ModalScreen > NoticeBar { layer: _toastrack; }
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def on_mount(self) -> None:
        """Show what was said before this screen came."""
        self.show_notices()

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_notices()

    def on_click(self) -> None:
        """Read: away with it."""
        if isinstance(self.app, Tells):
            self.app.telling.clear()
        self.show_notices()

    def show_notices(self) -> None:
        """Show what is to be read now, or nothing."""
        if not isinstance(self.app, Tells):
            return
        width_cells, height_lines = self.app.size
        most = next((count for rows, count in _LINES_FROM if height_lines >= rows), 1)
        shown = notice_rows(self.app.telling.live(), width_cells, most, self._glyphs, self.app.rest_key)
        self.set_class(bool(shown), "-shown")
        if shown and self.styles.height is not None and self.styles.height.value != len(shown):
            self.styles.height = len(shown)
        self.show(shown)


def notice_rows(notices: Sequence[Notice], width_cells: int, most_lines: int, glyphs: Glyphs, rest_key: str) -> list[Content]:
    """As much as fits `most_lines`, the first notice before all: it leaves a line only to a worse one. A cut shows the key to all of it."""
    more = line((f" {'~' if glyphs.ascii else '…'} {rest_key}", "bold"))
    rows: list[Content] = []
    for one, after in zip_longest(notices, notices[1:]):
        wrapped = _drawn(one, width_cells, glyphs)
        kept = wrapped[: max(1, most_lines - len(rows) - (after is not None and after.weight > one.weight))]
        rows += kept
        full, cut = len(rows) == most_lines, len(kept) < len(wrapped)
        room_cells = max(0, width_cells - 1 - more.cell_length)
        if cut or (full and after is not None and rows[-1].cell_length <= room_cells):
            rows[-1] = rows[-1].truncate(room_cells) + more
        if full:
            break
    return rows


def _drawn(one: Notice, width_cells: int, glyphs: Glyphs) -> list[Content]:
    """The lines of one notice: a sign before the first, the others indented."""
    sign, style = {"error": (glyphs.cross, "bold $critical"), "warning": (glyphs.warn, "bold $warning")}.get(one.severity, ("", ""))
    head = line((f" {sign} " if sign else " ", style))
    indent = line(" " * head.cell_length)
    text = line((glyphs.draw(one.text), style)).wrap(max(2, width_cells - 1 - head.cell_length))
    return [(indent if at else head) + row for at, row in enumerate(text)]
