"""The base of tables: draws only the lines on screen, repaints only those that changed, keeps its cursor on an id."""

from abc import abstractmethod
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import pad_text
from v2g_console.console.textual_private import set_length
from v2g_console.console.widgets.table_parts import GAP_CELLS, Column, Role, RowLine

HEADER_LINES: Final = 1
WHEEL_LINES: Final = 3


class LineTable(ScrollView, can_focus=True):
    """A line a row. A subclass says what is listed; see the abstract methods.

    The cursor is the id of a row: a new order, new rows or a filter never put it on another one. While it isn't listed nothing is
    highlighted, and the next key starts at the top of what is on screen.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--cursor-blurred",
        "line-table--dim",
        "line-table--alert",
        "line-table--busy",
    }
    DEFAULT_CSS = """
    LineTable { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    LineTable > .line-table--header { color: $muted; text-style: bold; }
    LineTable > .line-table--cursor { text-style: reverse; }
    LineTable > .line-table--cursor-blurred { background: $selection; }
    LineTable > .line-table--dim { color: $muted; }
    LineTable > .line-table--alert { color: $warning; text-style: bold; }
    LineTable > .line-table--busy { color: $foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_to_end(False)", "First", show=False),
        Binding("end", "move_to_end(True)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]
    ALLOW_SELECT = False

    class RowChosen(Message):
        """The operator opened a row."""

        def __init__(self, row_id: str) -> None:
            super().__init__()
            self.row_id = row_id

    class CursorMoved(Message):
        """The cursor is on another row."""

        def __init__(self, row_id: str) -> None:
            super().__init__()
            self.row_id = row_id

    def __init__(self, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.cursor_id: str | None = None
        self.empty_text = ""
        self._layout_columns: tuple[Column, ...] = ()
        self._painted: dict[int, tuple[RowLine, bool]] = {}
        self._role_styles: dict[Role, Style] = {}
        if glyphs.ascii:
            # Textual's scroll bar is made of block characters.
            self.styles.scrollbar_size_vertical = 0

    @property
    @abstractmethod
    def shown(self) -> int:
        """How many rows are listed."""

    @abstractmethod
    def id_at(self, place: int) -> str:
        """The id of the row listed at `place`, from 0 up to `shown` - 1."""

    @abstractmethod
    def place_of(self, row_id: str) -> int | None:
        """Where a row is listed; None if it isn't."""

    @abstractmethod
    def lines_at(self, start: int, stop: int) -> list[RowLine]:
        """How the rows listed at `start` up to `stop` are drawn, fewer at the end of the list."""

    @abstractmethod
    def columns_for(self, width_cells: int) -> tuple[Column, ...]:
        """The columns for a width."""

    def title_of(self, column: Column) -> str:
        """The title of a column."""
        return column.title

    def title_clicked(self, column: Column) -> None:
        """A click on a title."""

    @property
    def layout_columns(self) -> tuple[Column, ...]:
        """The columns that fit."""
        return self._layout_columns

    @property
    def cursor_place(self) -> int | None:
        """Where the row of the cursor is listed, from 0; None without a cursor or while it isn't listed."""
        return None if self.cursor_id is None else self.place_of(self.cursor_id)

    def cursor_line(self) -> int | None:
        """The screen line of the cursor, to be kept when the list changes; None if it is off screen or tops an unscrolled list."""
        place = self.cursor_place
        if place is None or not self._top <= place < self._top + self._visible_lines or (place == 0 and self._top == 0):
            return None
        return place - self._top

    @property
    def lines_on_screen(self) -> tuple[int, int]:
        """Places of the first row on screen and of the one after the last."""
        return self._top, min(self.shown, self._top + self._visible_lines)

    def text_on_screen(self) -> list[str]:
        """The lines on screen, cells separated by tabs."""
        lines = self.lines_at(*self.lines_on_screen)
        return ["\t".join(text.strip() for text, _ in one.pieces) for one in lines]

    def relist(self, cursor_line: int | None) -> None:
        """The list is another one: set its height, and keep the row of the cursor on its screen line."""
        set_length(self, Size(self.size.width, self.shown + HEADER_LINES))
        place = self.cursor_place
        if cursor_line is not None and place is not None:
            self.scroll_to(y=max(0, place - cursor_line), animate=False, force=True)
        if self.has_focus and self.cursor_id is None and self.shown:  # the first rows came after the focus
            self.cursor_id = self.id_at(min(self._top, self.shown - 1))
            self.post_message(self.CursorMoved(self.cursor_id))

    def refit(self) -> None:
        """Choose the columns anew."""
        before = self._layout_columns
        self._layout_columns = self.columns_for(self.size.width - GAP_CELLS) if self.size.width else ()
        if self._layout_columns != before:
            self.refresh()

    def repaint(self) -> None:
        """Ask for those lines that differ from what was drawn."""
        if not self.size.height:
            return
        now = self._lines(HEADER_LINES, self.size.height)
        stale = [y for y in now.keys() | self._painted.keys() if now.get(y) != self._painted.get(y)]
        if stale or not now:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in stale or [HEADER_LINES]))

    def move_cursor_to(self, place: int) -> None:
        """Put the cursor on what is listed at `place` (outside the list: the nearest)."""
        if not self.shown:
            return
        place = min(self.shown - 1, max(0, place))
        row_id = self.id_at(place)
        moved, self.cursor_id = self.cursor_id != row_id, row_id
        self._reveal(place)
        self.repaint()
        if moved:
            self.post_message(self.CursorMoved(row_id))

    def action_move(self, lines: int) -> None:
        """Move the cursor by lines; without one, or while it isn't listed, start at the top of the screen."""
        place = self.cursor_place
        self.move_cursor_to(self._top if place is None else place + lines)

    def action_move_page(self, pages: int) -> None:
        """Move the cursor by screenfuls."""
        place = self.cursor_place
        self.move_cursor_to((self._top if place is None else place) + pages * max(1, self._visible_lines - 1))

    def action_move_to_end(self, last: bool) -> None:
        """Move the cursor to the first or last row."""
        self.move_cursor_to(self.shown - 1 if last else 0)

    def action_choose(self) -> None:
        """Open the row under the cursor; without a listed one only put the cursor on the top one, so that nothing unseen is opened."""
        place = self.cursor_place
        if place is None or self.cursor_id is None:
            self.action_move(0)
            return
        self._reveal(place)
        self.post_message(self.RowChosen(self.cursor_id))

    def on_click(self, event: events.Click) -> None:
        """A title, or a row: it gets the cursor, and opens if it has it. What counts is the id that was drawn there."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < HEADER_LINES:
            self._click_title(offset.x)
            return
        painted = self._painted.get(offset.y)
        if painted is None:
            return
        row_id = painted[0].row_id
        if row_id == self.cursor_id:
            self.post_message(self.RowChosen(row_id))
            return
        place = self.place_of(row_id)
        if place is not None:
            self.move_cursor_to(place)

    def on_focus(self) -> None:
        """Give the cursor a place, and draw it as active."""
        if self.cursor_id is None and self.shown:
            self.move_cursor_to(self._top)
        self.refresh()

    def on_blur(self) -> None:
        """Draw the cursor as inactive."""
        self.refresh()

    def on_resize(self) -> None:
        """Fit the columns to the new size; a cursor that was on screen stays there."""
        seen = any(under_cursor for _, under_cursor in self._painted.values())
        self.refit()
        self.relist(None)
        place = self.cursor_place
        if seen and place is not None:
            self._reveal(place)
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll; the cursor stays on its row."""
        self._scroll_by_wheel(event, WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll; the cursor stays on its row."""
        self._scroll_by_wheel(event, -WHEEL_LINES)

    def notify_style_update(self) -> None:
        """Forget the styles of the old theme."""
        super().notify_style_update()
        self._role_styles.clear()

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the titles, a row, or nothing."""
        if y < HEADER_LINES:
            return self._header()
        lines = self._lines(y, y + 1)
        if y not in lines:
            self._painted.pop(y, None)
            text = f"  {self.empty_text}" if y == HEADER_LINES and not self.shown else ""
            return Strip([Segment(pad_text(text, self.size.width), self._style(Role.DIM, False))])
        self._painted[y] = lines[y]
        line, under_cursor = lines[y]
        margin = self._style(Role.NORMAL, under_cursor)
        before = (self.glyphs.cursor if under_cursor else " ") + line.mark
        # Neighbours that look alike are one segment: a terminal gets a colour once, not once a cell.
        runs: list[tuple[str, Style]] = [(before.ljust(GAP_CELLS), margin)]
        for text, role in line.pieces:
            drawn, style = self.glyphs.draw(text) + " " * GAP_CELLS, self._style(role, under_cursor)
            if style == runs[-1][1]:
                runs[-1] = (runs[-1][0] + drawn, style)
            else:
                runs.append((drawn, style))
        return Strip([Segment(*run) for run in runs]).adjust_cell_length(self.size.width, margin)

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    @property
    def _visible_lines(self) -> int:
        return max(0, self.size.height - HEADER_LINES)

    def _lines(self, first_y: int, end_y: int) -> dict[int, tuple[RowLine, bool]]:
        """What belongs on screen lines `first_y` to `end_y`, without those below the last row."""
        if not self._layout_columns:
            return {}
        start = self._top + first_y - HEADER_LINES
        lines = self.lines_at(start, min(self.shown, start + end_y - first_y))
        return {first_y + n: (line, line.row_id == self.cursor_id) for n, line in enumerate(lines)}

    def _reveal(self, place: int) -> None:
        if not self._visible_lines:  # not laid out yet: there is no screen to be off
            return
        if place < self._top:
            self.scroll_to(y=place, animate=False, force=True)
        elif place >= self._top + self._visible_lines:
            self.scroll_to(y=place - self._visible_lines + 1, animate=False, force=True)

    def _scroll_by_wheel(self, event: events.MouseEvent, lines: int) -> None:
        self.scroll_to(y=self._top + lines, animate=False, force=True)
        event.stop()
        event.prevent_default()

    def _header(self) -> Strip:
        style = self.get_component_rich_style("line-table--header")
        titles = (pad_text(self.title_of(column), column.width_cells, column.right) for column in self._layout_columns)
        text = " " * GAP_CELLS + (" " * GAP_CELLS).join(titles)
        return Strip([Segment(self.glyphs.draw(text), style)]).adjust_cell_length(self.size.width, style)

    def _click_title(self, x: int) -> None:
        left = GAP_CELLS
        for column in self._layout_columns:
            if left - 1 <= x <= left + column.width_cells:
                self.title_clicked(column)
                return
            left += column.width_cells + GAP_CELLS

    def _style(self, role: Role, under_cursor: bool) -> Style:
        if under_cursor:
            return self.get_component_rich_style("line-table--cursor" if self.has_focus else "line-table--cursor-blurred")
        if role not in self._role_styles:
            self._role_styles[role] = self.rich_style if role is Role.NORMAL else self.get_component_rich_style(f"line-table--{role.value}")
        return self._role_styles[role]
