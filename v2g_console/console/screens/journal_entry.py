"""One entry of the journal in full, as JSON."""

import json
from collections.abc import Iterable
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.background import start_work, still_there
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import trouble_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import TextPane
from v2g_console.contract.record import JournalEntryView
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import JournalEntry

MOST_LINES: Final = 2000


class JournalEntryScreen(ConsoleScreen):
    """Asked for once: an entry never changes."""

    scope: ClassVar[Scope] = Scope.JOURNAL_ENTRY
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = """
    JournalEntryScreen #entry-head { height: 1; padding: 0 1; }
    JournalEntryScreen TextPane { padding: 0 1; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, number: int) -> None:
        super().__init__(model, glyphs)
        self.number = number

    @property
    def crumb(self) -> str:
        """Which one."""
        return f"entry {self.number}"

    def compose_body(self) -> Iterable[Widget]:
        """Head and text."""
        yield Lines(id="entry-head")
        yield TextPane()

    def on_mount(self) -> None:
        """Ask."""
        super().on_mount()
        self._say(line((f"entry {self.number}", "bold"), ("  asking the engine", "$muted")))
        start_work(self, "entry", self._ask)

    async def _ask(self) -> None:
        reply: Reply | OSError
        try:
            reply = await self.model.request(JournalEntry(number=self.number))
        except OSError as error:
            reply = error
        if not still_there(self):
            return
        if isinstance(reply, Accepted) and isinstance(reply.result, JournalEntryView):
            self._say(line((f"entry {self.number}", "bold")))
            self.query_one(TextPane).show(entry_rows(reply.result.json))
        else:
            self._say(line((f"{self.glyphs.warn} {trouble_text(reply)}", "bold $warning")))

    def _say(self, head: Content) -> None:
        self.query_one("#entry-head", Lines).show([head])


def entry_rows(text: str) -> list[Content]:
    """The JSON, indented. A text that was cut is shown as it is."""
    try:
        shown = json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        shown = [text[at : at + 200] for at in range(0, len(text), 200)]
    cut = (
        [line((f"and {len(shown) - MOST_LINES} more lines: `v2g-console journal export` has them", "$muted"))]
        if len(shown) > MOST_LINES
        else []
    )
    return [*map(line, shown[:MOST_LINES]), *cut]
