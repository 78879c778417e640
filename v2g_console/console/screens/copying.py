"""Screens with one list that can be copied from and exported: the same three keys on each."""

from typing import Any

from v2g_console.console.exporting import Listed, copy_rows, export_listed
from v2g_console.console.operating import OperatingApp
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.widgets.record_table import RecordTable


class CopyingScreen(ConsoleScreen):
    """A subclass says what is `listed`; the list is its only RecordTable."""

    def listed(self) -> Listed:
        """What is written to a file: the rows that the filter lets through."""
        raise TypeError(f"{type(self).__name__} exports nothing")

    @property
    def table(self) -> RecordTable[Any]:
        """The list."""
        table = self.query_one("RecordTable")
        assert isinstance(table, RecordTable)
        return table

    @property
    def operating(self) -> OperatingApp:
        """The app, as what can act."""
        assert isinstance(self.app, OperatingApp)
        return self.app

    async def do_export(self) -> None:
        """Write what is listed to a file."""
        await export_listed(self.operating, self.listed())

    def do_copy(self) -> None:
        """The id under the cursor, whole: a list may show a part of it only."""
        if self.table.under_cursor() is None:
            self.operating.say("not copied: put the cursor on a line first", "warning")
        else:
            copy_rows(self.operating, [self.table.cursor_id or ""], "id")

    def do_copy_rows(self) -> None:
        """The lines on screen, as text with tabs."""
        copy_rows(self.operating, self.table.text_on_screen(), "line")
