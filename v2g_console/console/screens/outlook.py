"""What is to come: commitments, headroom and vehicles of the next day, state of charge."""

import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.outlook_text import outlook_rows
from v2g_console.console.safe_text import line
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import SteadyAsk, trouble_text
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.pane import age_mark
from v2g_console.console.widgets.text_pane import TextPane
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Forecast
from v2g_console.contract.snapshot import Snapshot

ASK_EVERY_S: Final = 30.0


class OutlookScreen(ConsoleScreen):
    """Pictures of the hours to come; scrolls where they do not fit."""

    scope: ClassVar[Scope] = Scope.OUTLOOK
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = "OutlookScreen TextPane { padding: 0 1; }"

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(model, glyphs)
        self._ask = SteadyAsk(self, model, self._heard, monotonic_s, ASK_EVERY_S)
        self._forecast: ForecastView | None = None
        self._trouble = ""

    def compose_body(self) -> Iterable[Widget]:
        """One text."""
        yield TextPane()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.refresh_from_model()

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Ask for a newer forecast if it is time; draw."""
        self._ask.ask(Forecast())
        width, height = max(16, self.size.width - 3), self.size.height - 3
        rows = outlook_rows(snapshot, self._forecast, self._trouble, width, height, self.glyphs)
        old = age_mark(self.model, snapshot)
        if old:
            rows[0] = line(rows[0], (f" {old}: what is called now is of {clock_of(snapshot.utc_ms)}", "bold $warning"))
        self.query_one(TextPane).show(rows)

    def _heard(self, reply: Reply | OSError) -> None:
        if isinstance(reply, Accepted) and isinstance(reply.result, ForecastView):
            self._forecast, self._trouble = reply.result, ""
        else:
            self._trouble = trouble_text(reply)
        if self.is_mounted and self.model.snapshot is not None:
            self.apply_snapshot(self.model.snapshot)
