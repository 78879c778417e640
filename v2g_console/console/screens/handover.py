"""The handover report on screen: what the next shift must know; kept as a file on request."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.export import export_folder, write_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import trouble_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import TextPane
from v2g_console.contract.handover import HandoverView
from v2g_console.contract.handover_text import handover_lines
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Handover
from v2g_console.domain.units import counted


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
        self.run_worker(self.do_ask_again(), group="handover")

    async def do_ask_again(self) -> None:
        """The report of now."""
        self._say(line(("Handover", "bold"), ("  asking the engine", "$muted")))
        reply: Reply | OSError
        try:
            reply = await self.model.request(Handover())
        except OSError as error:
            reply = error
        if isinstance(reply, Accepted) and isinstance(reply.result, HandoverView):
            self._lines = handover_lines(reply.result)
            self._say(line(("Handover", "bold"), "  the last 8 h, as of the time it says; `v2g-console handover` prints it"))
            self.query_one(TextPane).show([line((row, _style(row))) for row in self._lines])
        else:
            self._say(line((f"{self.glyphs.warn} {trouble_text(reply)}", "bold $warning")))

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


def _style(row: str) -> str:
    return "bold" if row.startswith("#") else "bold $warning" if row.startswith("**") else ""
