"""All of one dispatch: powers, answers, limits, latencies, power over time, and every vehicle of it."""

import re
import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from v2g_console.console.actions import Scope
from v2g_console.console.dispatch_text import HEAD_LINES, head_rows, more_rows, note_rows, why_rows
from v2g_console.console.exporting import Listed
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.listed_rows import COMMAND_FIELDS, rows_of
from v2g_console.console.model import ConsoleModel, is_active
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.screens.copying import CopyingScreen
from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen
from v2g_console.console.steady_ask import SteadyAsk, trouble_text
from v2g_console.console.trace_plot import latency_rows, trace_rows
from v2g_console.console.widgets.command_table import CommandTable
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import beside
from v2g_console.contract.events import Strategy
from v2g_console.contract.replies import Accepted, DispatchDetailView, Reply
from v2g_console.contract.requests import DispatchDetail
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.units import grouped

LEAST_TABLE_LINES: Final = 6
LATENCY_CELLS: Final = 57
NARROW_LATENCY_CELLS: Final = 34
_NOT_IN_NAMES: Final = re.compile(r"[^0-9A-Za-z]")
_NAME_CHARS: Final = 8


class DispatchDetailScreen(CopyingScreen):
    """One dispatch, its vehicles asked for once a second. While it is on top, retry and cancel are about this dispatch."""

    scope: ClassVar[Scope] = Scope.DISPATCH
    CSS_PATH = "../styles/dispatch_detail.tcss"
    AUTO_FOCUS = "CommandTable"

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, dispatch_id: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(model, glyphs)
        self.dispatch_id = dispatch_id
        self._ask = SteadyAsk(self, model, self._heard, monotonic_s)
        self._detail: DispatchDetailView | None = None
        self._trouble = ""

    @property
    def crumb(self) -> str:
        """Which one."""
        view = self._view()
        return safe_text(f"#{self.dispatch_id[:4]}" if view is None else view.short_id, 12)

    def compose_body(self) -> Iterable[Widget]:
        """Head, charts, causes, vehicles."""
        yield Lines(id="dispatch-head")
        yield Lines(id="dispatch-more")
        yield Lines(id="dispatch-charts")
        yield Lines(id="dispatch-why")
        with Horizontal(id="dispatch-list-line"):
            yield Lines(id="dispatch-counts")
            yield Static(Content("/"), id="dispatch-filter-sign")
            yield Input(id="dispatch-filter", compact=True, max_length=64, placeholder="id, state or reason")
        yield CommandTable(self.glyphs, id="dispatch-vehicles")

    def on_screen_resume(self) -> None:
        """Actions are about this dispatch while it is on screen."""
        self.model.selected_dispatch_id = self.dispatch_id

    def on_resize(self) -> None:
        """Draw for the new size."""
        if self.is_mounted:
            self._draw()

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Ask for the vehicles again; the rest is in the snapshot."""
        self._ask.ask(DispatchDetail(dispatch_id=self.dispatch_id))
        self._draw()

    @on(Input.Changed, "#dispatch-filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Narrow the list at each keystroke."""
        self.query_one(CommandTable).set_word(event.value)
        self._draw_counts()

    @on(Input.Submitted, "#dispatch-filter")
    def filter_done(self) -> None:
        """Go on in the list."""
        self._enter_list()

    @on(CommandTable.RowChosen)
    def vehicle_chosen(self, event: CommandTable.RowChosen) -> None:
        """Open it."""
        self.model.selected_vehicle_id = event.row_id
        self.app.push_screen(VehicleDetailScreen(self.model, self.glyphs, event.row_id))

    def do_filter(self) -> None:
        """Write a filter."""
        self.query_one("#dispatch-filter", Input).focus()

    def do_open_vehicle(self) -> None:
        """Open the vehicle under the cursor."""
        self.query_one(CommandTable).action_choose()

    def listed(self) -> Listed:
        """Its vehicles that the filter lets through."""
        rows = self.query_one(CommandTable).listed
        known, total = (0, 0) if self._detail is None else (len(self._detail.rows), self._detail.total)
        more = f"the engine lists the worst {grouped(known)} of {grouped(total)}" if known < total else ""
        name = f"dispatch-{_NOT_IN_NAMES.sub('', self.dispatch_id)[:_NAME_CHARS]}"
        return Listed(name, "vehicle", "vehicles", len(rows), COMMAND_FIELDS, lambda: rows_of(rows, COMMAND_FIELDS), more=more)

    def do_back(self) -> None:
        """Clear the filter if there is one; else leave."""
        written = self.query_one("#dispatch-filter", Input)
        if written.value or written.has_focus:
            written.value = ""
            self._enter_list()
        else:
            super().do_back()

    def _enter_list(self) -> None:
        table = self.query_one(CommandTable)
        table.focus()
        if table.cursor_place is None:
            table.move_cursor_to(0)

    def _heard(self, reply: Reply | OSError) -> None:
        if isinstance(reply, Accepted) and isinstance(reply.result, DispatchDetailView):
            self._detail, self._trouble = reply.result, ""
            self.query_one(CommandTable).show(reply.result.rows)
        else:
            self._trouble = trouble_text(reply)
        self._draw()

    def _view(self) -> DispatchView | None:
        """The newest of what the snapshot and the last answer say; the snapshot forgets dispatches that are long over."""
        known = self.model.dispatch(self.dispatch_id)
        return known if known is not None or self._detail is None else self._detail.dispatch

    def _draw(self) -> None:
        view, width = self._view(), self.size.width - 2
        head = self.query_one("#dispatch-head", Lines)
        if view is None:
            head.show([line((self._trouble or "asking the engine", "bold"))])
            return
        rows = head_rows(view, width, self.glyphs)
        if self._trouble:
            rows[-1] = line((f"{self.glyphs.warn} {self._trouble}", "bold $warning"))
        head.show(rows)
        more = [*note_rows(view, width, rows)[: max(1, self.size.height // 4)], *more_rows(view, self._strategy(), width)]
        chart_lines, why_lines = self._shares(len(more))
        self.query_one("#dispatch-more", Lines).show(more)
        narrow = width < 100
        right = NARROW_LATENCY_CELLS if narrow else LATENCY_CELLS
        left = width - right - 1
        plot = trace_rows(view.trace, left - 2, chart_lines, self.glyphs, over=not is_active(view))
        latencies = latency_rows(view.progress, right, chart_lines, self.glyphs)
        self.query_one("#dispatch-charts", Lines).show(beside(plot, latencies, left)[:chart_lines])
        self.query_one("#dispatch-why", Lines).show(why_rows(view, width, why_lines, self.glyphs))
        self._draw_counts()

    def _strategy(self) -> str:
        """What the engine did last to meet the target, from its events: `reallocation at 14:02:07Z: 22.0 kW over 9 vehicles (balanced)`."""
        told = (event for event in reversed(self.model.events) if isinstance(event, Strategy) and event.dispatch_id == self.dispatch_id)
        newest = next(told, None)
        return "" if newest is None else f"{newest.kind.replace('_', ' ')} at {newest.ts[11:19]}Z: {newest.text}"

    def _shares(self, more_lines: int) -> tuple[int, int]:
        """Lines for the charts and for the causes; the list of vehicles always keeps a few."""
        free = self.size.height - 4 - HEAD_LINES - LEAST_TABLE_LINES - more_lines
        why = min(max(0, free), 2) if free < 14 else min(8, free // 3)
        charts = 0 if free - why < 5 else min(14, free - why - free // 4 if free > 16 else free - why)
        for name, height in (("#dispatch-more", more_lines), ("#dispatch-charts", charts), ("#dispatch-why", why)):
            part = self.query_one(name)
            part.styles.height = height
            part.display = height > 0
        return charts, why

    def _draw_counts(self) -> None:
        table = self.query_one(CommandTable)
        total = 0 if self._detail is None else self._detail.total
        some = f"{grouped(table.shown)} of " if table.shown != total else ""
        self.query_one("#dispatch-counts", Lines).show([line(("Vehicles", "bold"), f"  {some}{grouped(total)}, worst first")])
