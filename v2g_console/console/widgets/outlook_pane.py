"""What comes next, on the overview where there is room; with the headroom of the next day where there is more."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from v2g_console.console.actions import shown_key
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.outlook_text import brief_rows
from v2g_console.console.steady_ask import SteadyAsk
from v2g_console.console.widgets.pane import Pane, age_mark
from v2g_console.contract.forecast import ForecastView
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Forecast
from v2g_console.contract.snapshot import Snapshot

ASK_EVERY_S: Final = 30.0
PLOTS_FROM_LINES: Final = 9


class OutlookPane(Pane):
    """Asks for a forecast only where it is drawn. Without one the commitments stand alone."""

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(model, glyphs, id)
        self._ask = SteadyAsk(self, model, self._heard, every_s=ASK_EVERY_S)
        self._forecast: ForecastView | None = None

    def title(self, snapshot: Snapshot | None) -> str:
        """The name, and where there is more."""
        return f"Outlook  {shown_key('go.outlook', self.model)} shows all{age_mark(self.model, snapshot)}"

    def draw(self, snapshot: Snapshot, width_cells: int, height_lines: int) -> Sequence[Content]:
        """Commitments, then headroom."""
        if height_lines >= PLOTS_FROM_LINES:
            self._ask.ask(Forecast())
        return brief_rows(snapshot, self._forecast, width_cells, height_lines, self.glyphs)

    def _heard(self, reply: Reply | OSError) -> None:
        self._forecast = reply.result if isinstance(reply, Accepted) and isinstance(reply.result, ForecastView) else None
        if self.is_mounted:
            self.apply_snapshot(self.model.snapshot)
