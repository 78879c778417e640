"""STOP and its silent list: who has not confirmed the release, and what to do by hand, asked for at each refresh."""

from collections.abc import Iterable
from typing import ClassVar, Final

from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.exporting import Listed, export_listed
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.listed_rows import SILENT_FIELDS, rows_of
from v2g_console.console.model import ConsoleModel
from v2g_console.console.operating import OperatingApp
from v2g_console.console.safe_text import line, pad_text, safe_text
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.screens.listing import HEAD_FROM_LINES
from v2g_console.console.steady_ask import SteadyAsk, trouble_text
from v2g_console.console.times import clock_of, span_text
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.text_pane import TextPane, folded
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import StopList
from v2g_console.contract.snapshot import Snapshot
from v2g_console.contract.stop import SilentVehicle, StopView, lease_ended_text
from v2g_console.domain.units import grouped, power_text

_HEAD_LINES: Final = 3
_NAME_CELLS: Final = 12
_INDENT_CELLS: Final = 4


class StopListScreen(ConsoleScreen):
    """How far STOP has come, then the silent vehicles: those that hold their setpoint until told come first."""

    scope: ClassVar[Scope] = Scope.STOP_LIST
    AUTO_FOCUS = "TextPane"
    DEFAULT_CSS = """
    StopListScreen #stop-head { height: 1; padding: 0 1; }
    StopListScreen TextPane { padding: 0 1; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__(model, glyphs)
        self._ask = SteadyAsk(self, model, self._heard)
        self._trouble = ""
        self._view: StopView | None = None

    def compose_body(self) -> Iterable[Widget]:
        """Counts, then the list."""
        yield Lines(id="stop-head")
        yield TextPane(id="stop-silent")

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Ask again; show the newest that is known."""
        self._ask.ask(StopList())
        self._view = self._view or snapshot.stop
        self._draw()

    async def do_export(self) -> None:
        """Write the silent vehicles and their next step to a file."""
        who = () if self._view is None else self._view.who
        assert isinstance(self.app, OperatingApp)
        if not who or self._view is None:
            self.app.say("no vehicle is silent: there is nothing to export")
            return
        more = f"the engine lists the first {len(who)} of {grouped(self._view.silent)}" if len(who) < self._view.silent else ""
        listed = Listed("stop-silent", "vehicle", "vehicles", len(who), SILENT_FIELDS, lambda: rows_of(who, SILENT_FIELDS), more=more)
        await export_listed(self.app, listed)

    def _heard(self, reply: Reply | OSError) -> None:
        if isinstance(reply, Accepted) and isinstance(reply.result, StopView):
            self._view, self._trouble = reply.result, ""
        else:
            self._trouble = trouble_text(reply)
        self._draw()

    def on_resize(self) -> None:
        """Where there are few lines the vehicles need them, and the counts say most of the head."""
        if self.is_mounted:
            self.query_one("#stop-head").styles.height = _HEAD_LINES if self._roomy else 1
            self._draw()

    @property
    def _roomy(self) -> bool:
        return self.size.height >= HEAD_FROM_LINES

    def _draw(self) -> None:
        if self._view is None:
            self.query_one("#stop-head", Lines).show([line((self._trouble or "asking the engine", "$muted"))])
            return
        head = head_lines(self._view, self.size.width - 2)
        head[-1] = line((self._trouble, "$warning")) if self._trouble else head[-1]
        self.query_one("#stop-head", Lines).show(head if self._roomy else head[1:2])
        pane = self.query_one(TextPane)
        pane.show(silent_rows(self._view, self.glyphs, pane.scrollable_content_region.width or self.size.width))


def head_lines(view: StopView, width_cells: int) -> list[Content]:
    """Who pressed it and how far it has come: three lines. Where it is narrow the silent come first, so that they are not cut."""
    at = "" if view.at_ms is None else f" at {clock_of(view.at_ms)}"
    reason = f": {safe_text(view.reason, 80)}" if view.reason else ""
    latched = f"STOP is latched by {safe_text(view.by, 20)}{at}{reason}" if view.stopped else "STOP is not latched"
    settled = f"{grouped(view.confirmed)} of {grouped(view.vehicles)} vehicles confirmed{lease_ended_text(view.lease_ended)}"
    waiting = f"{grouped(view.waiting)} waited for"
    silent = (f"{grouped(view.silent)} silent", "bold $warning" if view.silent else "")
    counts = line(f"{settled}, {waiting}, ", silent)
    if counts.cell_length > width_cells:
        counts = line(silent, f", {waiting}, {settled}")
    down = "the link is down: releases go out when it is back" if view.link_down else ""
    return [line((latched, "bold")), counts, line((down, "bold $warning"))]


def silent_rows(view: StopView, glyphs: Glyphs, width_cells: int) -> list[Content]:
    """What is known of each vehicle, and the next step by hand: on as many lines as they need, since a step that is cut can't be done."""
    if not view.who:
        return [line(("no vehicle is silent" if not view.waiting else "no vehicle is silent so far", "$muted"))]
    rows: list[Content] = []
    for silent in view.who:
        rows += folded(_known(silent, glyphs), width_cells, _INDENT_CELLS)
        rows += [line(" " * _INDENT_CELLS) + row for row in folded(line(safe_text(silent.next_step, 240)), width_cells - _INDENT_CELLS, 0)]
    more = view.silent - len(view.who)
    return [*rows, line((f"and {grouped(more)} more", "$muted"))] if more > 0 else rows


def _known(silent: SilentVehicle, glyphs: Glyphs) -> Content:
    heard = "never heard" if silent.silent_s is None else f"heard {span_text(silent.silent_s)} ago"
    told = "" if silent.setpoint_kw is None else f"told {glyphs.draw(power_text(silent.setpoint_kw))}, "
    measured = "not measured" if silent.measured_kw is None else f"measured {glyphs.draw(power_text(silent.measured_kw))}"
    return line(
        (pad_text(safe_text(silent.vehicle_id, 64), _NAME_CELLS), "bold"),
        f" {safe_text(silent.site, 24) or '-'}  {safe_text(silent.dispatch, 8)}  v{silent.protocol}  {told}{measured}, {heard}",
    )
