"""All that is known of one vehicle, with exact ages and reasons in words."""

import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.steady_ask import SteadyAsk, trouble_text
from v2g_console.console.vehicle_text import vehicle_head, vehicle_rows
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import TextPane
from v2g_console.contract.replies import Accepted, Reply, VehicleView
from v2g_console.contract.requests import Fleet
from v2g_console.contract.snapshot import Snapshot

LATE_S: Final = 3.0


class VehicleDetailScreen(ConsoleScreen):
    """One vehicle, asked for once a second. Stays on its vehicle whatever happens to the fleet."""

    scope: ClassVar[Scope] = Scope.VEHICLE
    CSS_PATH = "../styles/vehicle_detail.tcss"
    AUTO_FOCUS = "TextPane"

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, vehicle_id: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(model, glyphs)
        self.vehicle_id = vehicle_id
        self._monotonic_s = monotonic_s
        self._ask = SteadyAsk(self, model, self._heard, monotonic_s=monotonic_s)
        self._vehicle: VehicleView | None = None
        self._heard_at_s = 0.0
        self._trouble = ""

    @property
    def crumb(self) -> str:
        """Which one."""
        return safe_text(self.vehicle_id, 40)

    def compose_body(self) -> Iterable[Widget]:
        """Head and everything below it."""
        yield Lines(id="vehicle-head")
        yield TextPane(id="vehicle-all")

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Ask again; show what is known with its age of now."""
        self._ask.ask(Fleet(vehicle_id=self.vehicle_id))
        self._draw(snapshot)

    def on_resize(self) -> None:
        """Draw for the new width."""
        if self.model.snapshot is not None and self.is_mounted:
            self._draw(self.model.snapshot)

    def _heard(self, reply: Reply | OSError) -> None:
        if isinstance(reply, Accepted) and isinstance(reply.result, VehicleView):
            self._vehicle, self._heard_at_s, self._trouble = reply.result, self._monotonic_s(), ""
        else:
            self._trouble = trouble_text(reply)
        if self.model.snapshot is not None:
            self._draw(self.model.snapshot)

    def _draw(self, snapshot: Snapshot) -> None:
        since_s = self._monotonic_s() - self._heard_at_s
        rows: list[Content] = []
        if self._vehicle is None:
            head = line((self.vehicle_id, "bold"), "  ", ("asking the engine" if not self._trouble else "not known", "$muted"))
        else:
            head = vehicle_head(self._vehicle, since_s, self.glyphs)
            rows = vehicle_rows(self._vehicle, snapshot.utc_ms, since_s, self.size.width - 3, self.glyphs)
        says = self._trouble or (f"this picture is {since_s:.0f} s old" if self._vehicle is not None and since_s > LATE_S else "")
        self.query_one("#vehicle-head", Lines).show([head, line((says, "$warning"))])
        self.query_one(TextPane).show(rows)
