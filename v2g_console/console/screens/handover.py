"""The handover report on screen: what the next shift must know; kept as a file on request."""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from textwrap import wrap
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.background import start_work, still_there
from v2g_console.console.export import export_folder, write_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import trouble_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import Said, TextPane, fitted
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.handover_text import handover_lines, plain_row
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Handover
from v2g_console.domain.units import counted

_THOUSANDS: Final = re.compile(r"(?<=\d) (?=\d{3}\b)")


class HandoverScreen(ConsoleScreen):
    """Asked for when it opens, and again with `r`: a report is of one moment."""

    scope: ClassVar[Scope] = Scope.HANDOVER
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = """
    HandoverScreen #handover-head { height: 1; padding: 0 1; }
    HandoverScreen TextPane { padding: 0 1; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__(model, glyphs)
        self._lines: list[str] = []

    def compose_body(self) -> Iterable[Widget]:
        """Head and report."""
        yield Lines(id="handover-head")
        yield TextPane()

    def on_mount(self) -> None:
        """Ask."""
        super().on_mount()
        start_work(self, "handover", self.do_ask_again)

    async def do_ask_again(self) -> None:
        """The report of now."""
        self._say(line(("Handover", "bold"), ("  asking the engine", "$muted")))
        reply: Reply | OSError
        try:
            reply = await self.model.request(Handover())
        except OSError as error:
            reply = error
        if not still_there(self):
            return
        if isinstance(reply, Accepted) and isinstance(reply.result, HandoverView):
            self._lines = handover_lines(reply.result)
            said = [
                Said("Handover", "bold"),
                Said("the last 8 h, as of the time it says"),
                Said("`v2g-console handover` prints it", need=1),
            ]
            self._say(fitted(said, max(1, self.size.width - 2)))
            self._draw()
        else:
            self._say(line((f"{self.glyphs.warn} {trouble_text(reply)}", "bold $warning")))

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        """The report as it reads: long lines broken, without the strokes that only a Markdown file needs."""
        width = max(16, self.size.width - 4)
        rows = [(part, _style(row)) for row in self._lines for part in broken(row, width)]
        self.query_one(TextPane).show([line(row) for row in rows])

    async def do_export(self) -> None:
        """Keep the report as a Markdown file."""
        app = self.app
        assert isinstance(app, OperatingApp)
        if not self._lines:
            app.say("there is no report to write yet", "warning")
            return
        try:
            path = await asyncio.to_thread(write_text, export_folder(), "handover", "\n".join(self._lines), "md", datetime.now(UTC))
        except OSError as error:
            app.say(f"not written: {error.strerror or error}", "error")
            return
        app.say(f"{counted(len(self._lines), 'line', 'lines')} written to {path}")

    def _say(self, head: Content) -> None:
        self.query_one("#handover-head", Lines).show([head])


def broken(row: str, width_cells: int) -> list[str]:
    """A line of the report in as many as it takes; a number such as `1 451` is never broken."""
    whole = _THOUSANDS.sub("\u00a0", plain_row(row))
    parts = wrap(whole, width_cells, subsequent_indent="  " if row.startswith("- ") else "")
    return [part.replace("\u00a0", " ") for part in parts] or [""]


def _style(row: str) -> str:
    return "bold" if row.startswith("#") else "bold $warning" if row.startswith("**") else ""
