"""The first screen: four live panes. Down to 40x10 the link, the active dispatches and the alarm count stay visible."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Container, Vertical
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.screens.base import ConsoleScreen
from v2g_console.console.widgets.ack_pane import AckPane
from v2g_console.console.widgets.dispatches_pane import DispatchesPane
from v2g_console.console.widgets.fleet_pane import FleetPane
from v2g_console.console.widgets.fleet_table import FleetTable
from v2g_console.console.widgets.link_pane import LinkPane
from v2g_console.console.widgets.outlook_pane import OutlookPane
from v2g_console.contract.snapshot import Snapshot


class OverviewScreen(ConsoleScreen):
    """Wide: fleet on the left, the others on the right. Narrow: stacked. Tiny: dispatches and link only, without borders."""

    scope: ClassVar[Scope] = Scope.OVERVIEW
    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (100, "-beside")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (16, "-flat"), (22, "-low"), (30, "-high"), (45, "-tall")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "DispatchesPane"

    DEFAULT_CSS = """
    OverviewScreen {
        #panes { height: 1fr; width: 1fr; }
        #rest { height: 1fr; width: 1fr; }
        #dispatches { height: 1fr; }
        #acks { height: 6; }
        #link { height: 6; }
        #outlook { display: none; }
    }
    OverviewScreen.-beside #panes { layout: horizontal; }
    OverviewScreen.-beside #fleet { width: 5fr; height: 1fr; }
    OverviewScreen.-beside #rest { width: 6fr; }
    OverviewScreen.-stacked #panes { layout: vertical; }
    OverviewScreen.-stacked #fleet { height: 8; width: 1fr; }
    OverviewScreen.-stacked.-low #fleet { height: 7; }
    OverviewScreen.-stacked.-high #fleet { height: 12; }
    OverviewScreen.-stacked.-tall #fleet { height: 20; }
    OverviewScreen.-stacked.-flat #fleet { height: 5; }
    OverviewScreen.-stacked.-flat #acks { display: none; }
    OverviewScreen.-flat #acks { height: 4; }
    OverviewScreen.-flat #link { height: 4; }
    OverviewScreen.-low #acks { height: 4; }
    OverviewScreen.-low #link { height: 5; }
    OverviewScreen.-beside.-high #acks { height: 7; }
    OverviewScreen.-tall #acks { height: 8; }
    OverviewScreen.-tall #link { height: 8; }
    OverviewScreen.-beside.-high #outlook { display: block; height: 6; }
    OverviewScreen.-beside.-tall #outlook { display: block; height: 20; }
    OverviewScreen.-tiny #acks { display: none; }
    OverviewScreen.-tiny #link { border: none; height: 3; }
    OverviewScreen.-tiny #dispatches { border: none; }
    OverviewScreen.-tiny #fleet { border: none; }
    OverviewScreen.-tiny.-stacked #fleet { display: none; }
    """

    def compose_body(self) -> Iterable[Widget]:
        """Four panes, and what comes next where there is room."""
        with Container(id="panes"):
            yield FleetPane(self.model, self.glyphs, id="fleet")
            with Vertical(id="rest"):
                yield DispatchesPane(self.model, self.glyphs, id="dispatches")
                yield AckPane(self.model, self.glyphs, id="acks")
                yield LinkPane(self.model, self.glyphs, id="link")
                yield OutlookPane(self.model, self.glyphs, id="outlook")

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Every pane that is on screen."""
        self.query_one(DispatchesPane).apply_snapshot(snapshot)
        self.query_one(AckPane).apply_snapshot(snapshot)
        self.query_one(LinkPane).apply_snapshot(snapshot)
        outlook = self.query_one(OutlookPane)
        if outlook.display:
            outlook.apply_snapshot(snapshot)
        fleet = self.query_one(FleetPane)
        if fleet.display:
            fleet.apply_snapshot(snapshot)

    @on(DispatchesPane.Selected)
    def selection_changed(self) -> None:
        """The acknowledgements follow the selection at once, and so do the keys that are possible."""
        self.refresh_from_model()

    @on(FleetTable.CursorMoved)
    def vehicle_selected(self, message: FleetTable.CursorMoved) -> None:
        """Remember the vehicle, by id."""
        self.model.selected_vehicle_id = message.row_id

    @on(FleetTable.RowChosen)
    async def vehicle_chosen(self, message: FleetTable.RowChosen) -> None:
        """Open it."""
        message.stop()
        self.model.selected_vehicle_id = message.row_id
        await self.run_action("app.invoke('vehicle.open')")
