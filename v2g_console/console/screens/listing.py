"""Screens that are one list: a line of counts with a filter, the table, and a line or two about the row under the cursor."""

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.screens.copying import CopyingScreen
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.record_table import LONGEST_WORD_CHARS, RecordTable

HEAD_FROM_LINES: Final = 7
LIST_LINES: Final = 9
"""Lines that the list and what is around it need before there is room for words about the row under the cursor."""


class ListingScreen(CopyingScreen):
    """A list of records. A subclass makes the table, counts what is in it, and says what is under the cursor (`about_lines` lines).

    `written` is in the filter from the beginning.
    """

    about_lines: ClassVar[int] = 0
    filter_hint: ClassVar[str] = "a word; ! turns it round"
    AUTO_FOCUS = "RecordTable"
    DEFAULT_CSS = """
    ListingScreen .listing-head { height: 1; padding: 0 1; }
    ListingScreen .listing-counts { width: 1fr; text-overflow: ellipsis; }
    ListingScreen .listing-sign { width: 2; color: $muted; }
    ListingScreen .listing-filter { width: 30; max-width: 45%; background: $panel; color: $foreground; }
    ListingScreen .listing-filter:focus { background: $selection; }
    ListingScreen .listing-about { padding: 0 1; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, written: str = "") -> None:
        super().__init__(model, glyphs)
        self._written = written

    def compose_body(self) -> Iterable[Widget]:
        """Counts and filter, list, what is under the cursor."""
        with Horizontal(classes="listing-head"):
            yield Lines(classes="listing-counts")
            yield Static(Content("/"), classes="listing-sign")
            yield Input(self._written, classes="listing-filter", compact=True, max_length=LONGEST_WORD_CHARS, placeholder=self.filter_hint)
        yield self.make_table()
        if self.about_lines:
            about = Lines(classes="listing-about")
            about.styles.height = self.about_lines
            yield about

    def make_table(self) -> Widget:
        """The table, a RecordTable."""
        raise TypeError(f"{type(self).__name__} makes no table")

    def counts(self) -> Content:
        """The first line: what there is."""
        return line("")

    def about(self, width_cells: int) -> list[Content]:  # a screen without such lines needs none
        """What is under the cursor, in words."""
        return []

    @on(Input.Changed, ".listing-filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Narrow the list at each keystroke."""
        self.narrow(event.value)
        self.draw_around()

    def narrow(self, written: str) -> None:
        """Apply the filter."""
        self.table.set_word(written)

    @on(Input.Submitted, ".listing-filter")
    def filter_done(self) -> None:
        """Go on in the list."""
        self.enter_table()

    @on(RecordTable.CursorMoved)
    def cursor_moved(self, event: RecordTable.CursorMoved) -> None:
        """The lines about the row follow the cursor."""
        self.selected(event.row_id)
        self.draw_around()

    def selected(self, row_id: str) -> None:
        """The operator put the cursor on another row."""

    def on_resize(self) -> None:
        """Draw for the new size; where there are few lines they belong to the list."""
        if self.is_mounted:
            self._share_lines()
            self.draw_around()

    def _share_lines(self) -> None:
        written = self.query_one(".listing-filter", Input)
        self.query_one(".listing-head").display = self.size.height >= HEAD_FROM_LINES or written.has_focus or bool(written.value)
        for about in self.query(".listing-about"):
            lines = min(self.lines_below(), max(0, self.size.height - LIST_LINES))
            about.styles.height = lines
            about.display = lines > 0

    def lines_below(self) -> int:
        """How many of `about_lines` there are at this height."""
        return self.about_lines

    def draw_around(self) -> None:
        """Counts, and what is under the cursor."""
        self.query_one(".listing-counts", Lines).show([self.counts()])
        if self.about_lines:
            self.query_one(".listing-about", Lines).show(self.about(max(1, self.size.width - 2))[: self.about_lines])

    def do_filter(self) -> None:
        """Write a filter."""
        self.query_one(".listing-head").display = True
        self.query_one(".listing-filter", Input).focus()

    def do_back(self) -> None:
        """Clear the filter if there is one; else leave."""
        written = self.query_one(".listing-filter", Input)
        if written.value or written.has_focus:
            written.value = ""
            self.enter_table()
        else:
            super().do_back()

    def enter_table(self) -> None:
        """Go on in the list, with the cursor on a row."""
        table = self.table
        table.focus()
        self.call_after_refresh(self._share_lines)
        if table.cursor_place is None:
            table.move_cursor_to(0)
