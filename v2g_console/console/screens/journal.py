"""Who did what, when, with what result: the journal, newest first, filtered and exported."""

import time
from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.background import start_work, still_there
from v2g_console.console.exporting import Listed
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.journal_filter import JournalFilter, journal_filter
from v2g_console.console.listed_rows import JOURNAL_FIELDS, rows_of
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.screens.listing import ListingScreen
from v2g_console.console.steady_ask import EVERY_S, trouble_text
from v2g_console.console.times import date_and_clock
from v2g_console.console.widgets.journal_table import JournalTable
from v2g_console.console.widgets.text_pane import Said, fitted
from v2g_console.contract.record import JournalPage, JournalRow
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import grouped

PAGE_ENTRIES: Final = 200
MOST_KEPT: Final = 5000
NEAR_THE_END: Final = 20


class JournalScreen(ListingScreen):
    """Newest entries come in by themselves, older ones when the cursor nears the end of the list."""

    scope: ClassVar[Scope] = Scope.JOURNAL
    about_lines = 3
    filter_hint = "kind:request vehicle:veh1 word"

    def __init__(
        self, model: ConsoleModel, glyphs: Glyphs, monotonic_s: Callable[[], float] = time.monotonic, *, written: str = ""
    ) -> None:
        super().__init__(model, glyphs, written)
        self._filter = journal_filter(written)
        self._rows: list[JournalRow] = []
        self._more = self._durable = True
        self._fetching = False
        self._trouble = ""
        self._monotonic_s = monotonic_s
        self._asked_at_s = float("-inf")
        self._asking = ""

    def make_table(self) -> Widget:
        """The entries."""
        return JournalTable(self.glyphs)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Ask for what is new."""
        if self._monotonic_s() - self._asked_at_s >= EVERY_S:
            self._ask_newest()
        self.draw_around()

    def counts(self) -> Content:
        """How many entries are here; what is wrong with the filter or the journal."""
        if self._filter.problem:
            return line((f"{self.glyphs.warn} {self._filter.problem}", "bold"))
        if self._trouble:
            return line((f"{self.glyphs.warn} {self._trouble}", "bold $warning"))
        shown = self.table.shown
        some = f"{grouped(shown)} of " if shown != len(self._rows) else ""
        width_cells = max(1, self.query_one(".listing-counts").size.width)
        hidden = "" if self._filter.kind else "kind:all adds progress"
        said = [
            Said("Journal", "bold", 4),
            Said(f"{some}{grouped(len(self._rows))} entries", need=1),
            Said("" if self._durable else "in memory only", "bold $warning"),
            Said("" if self._durable else "gone when the engine ends", "$warning", 3),
            Said("older ones below" if self._more else "", need=2),
            Said(hidden, "$muted", 5),
        ]
        return fitted(said, width_cells)

    def about(self, width_cells: int) -> list[Content]:
        """The entry under the cursor, whole."""
        row = self.query_one(JournalTable).under_cursor()
        if row is None:
            return []
        where = f"  dispatch {row.dispatch_id}" if row.dispatch_id else ""
        head = line(
            (f"entry {row.number}", "bold"), f"  {date_and_clock(row.utc_ms)}  {row.kind}{where}", f"  by {row.by}" if row.by else ""
        )
        # Two lines for the words: the table had room for a part of them only.
        return [head, line(row.text[:width_cells]), line(row.text[width_cells : 2 * width_cells])]

    def selected(self, row_id: str) -> None:
        """Fetch older entries before the operator gets to the end."""
        place = self.table.cursor_place
        if place is not None and place >= self.table.shown - NEAR_THE_END:
            self._fetch_older()

    def narrow(self, written: str) -> None:
        """Narrow what is here at once; ask the engine where a key changed."""
        asked = self._filter.asked
        self._filter = journal_filter(written)
        if self._filter.asked != asked:
            self._rows, self._more = [], True
            self._ask_newest()
        self.table.set_word(self._filter.word)
        self.table.show(self._rows)

    @on(JournalTable.RowChosen)
    async def chosen(self, event: JournalTable.RowChosen) -> None:
        """All of one entry."""
        from v2g_console.console.screens.journal_entry import JournalEntryScreen

        await self.app.push_screen(JournalEntryScreen(self.model, self.glyphs, int(event.row_id)))

    def do_open_entry(self) -> None:
        """Open the entry under the cursor."""
        self.query_one(JournalTable).action_choose()

    def listed(self) -> Listed:
        """The entries that the filter lets through."""
        rows = self.query_one(JournalTable).listed
        more = "`v2g-console journal export` writes all"
        return Listed("journal", "entry", "entries", len(rows), JOURNAL_FIELDS, lambda: rows_of(rows, JOURNAL_FIELDS), more=more)

    def _ask_newest(self) -> None:
        """Unless the same question is under way, or no entry can be the answer."""
        if self._filter.of_no_kind:
            self._asking = ""
            return
        if self._asking != str(self._filter.asked):
            self._asking, self._asked_at_s = str(self._filter.asked), self._monotonic_s()
            start_work(self, "newest", self._newest, self._filter)

    async def _newest(self, wanted: JournalFilter) -> None:
        reply: Reply | OSError
        try:
            reply = await self.model.request(wanted.request(0, PAGE_ENTRIES))
        except OSError as error:
            reply = error
        if wanted.asked != self._filter.asked or not still_there(self):
            return  # an answer to what nobody asks any more
        self._asking, self._trouble = "", trouble_text(reply)
        if isinstance(reply, Accepted) and isinstance(reply.result, JournalPage):
            self._merge(reply.result)
        self.draw_around()

    def _merge(self, newest: JournalPage) -> None:
        """Put newer entries on top; where so many came that there is a gap, begin anew."""
        self._durable = newest.durable
        known = {row.number for row in self._rows}
        fresh = [row for row in newest.rows if row.number not in known]
        if len(fresh) == len(newest.rows):
            self._rows, self._more = list(newest.rows), newest.more
        else:
            self._rows = [*fresh, *self._rows][:MOST_KEPT]
        if fresh or not newest.rows:
            self.query_one(JournalTable).show(self._rows)

    def _fetch_older(self) -> None:
        if self._more and not self._fetching and self._rows and len(self._rows) < MOST_KEPT:
            self._fetching = True
            start_work(self, "older", self._older)

    async def _older(self) -> None:
        asked = self._filter.asked
        try:
            reply = await self.model.request(self._filter.request(self._rows[-1].number, PAGE_ENTRIES))
        except OSError as error:
            self._trouble = trouble_text(error)
            return
        finally:
            self._fetching = False
        wanted = asked == self._filter.asked and still_there(self)
        if wanted and isinstance(reply, Accepted) and isinstance(reply.result, JournalPage):
            last = self._rows[-1].number if self._rows else 0
            self._rows += [row for row in reply.result.rows if row.number < last]
            self._more = reply.result.more
            self.query_one(JournalTable).show(self._rows)
            self.draw_around()
