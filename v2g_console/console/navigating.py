"""From screen to screen: a stack that Esc leads back through, in which no kind of screen of the second level stands twice."""

import asyncio
from typing import ClassVar

from textual.command import CommandPalette
from textual.screen import ModalScreen

from v2g_console.console.composer_fields import FieldTexts
from v2g_console.console.deciding import DecidingApp
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.screens.base import ConsoleScreen


class NavigatingApp(DecidingApp):
    """The part of the console that changes screens. One change at a time: keys may come faster than screens."""

    glyphs: Glyphs
    options: ConsoleOptions
    _OVERVIEW_PLACE: ClassVar[int] = 0

    def __init__(self, model: ConsoleModel, ansi_color: bool | None) -> None:
        super().__init__(model, ansi_color)
        self._navigation = asyncio.Lock()

    def _busy_with_a_question(self) -> bool:
        """True while a dialog is open: a screen that was asked for before it came up must not take it away."""
        return isinstance(self.screen, ModalScreen) and not isinstance(self.screen, CommandPalette)

    async def _back_to(self, place: int) -> None:
        while len(self.screen_stack) > place + 1:
            await self.pop_screen()

    async def do_go_overview(self) -> None:
        """Back to the first screen."""
        async with self._navigation:
            if not self._busy_with_a_question():
                await self._back_to(self._OVERVIEW_PLACE)

    async def _go(self, kind: type[ConsoleScreen]) -> None:
        """A screen of the second level: back to it if it is on the way, else over where one is, so that Esc leads back there."""
        from v2g_console.console.screens.help import HelpScreen

        async with self._navigation:
            if self._busy_with_a_question():
                return
            place = next((at for at, screen in enumerate(self.screen_stack) if isinstance(screen, kind)), None)
            if place is not None:
                await self._back_to(place)
                return
            if isinstance(self.screen, HelpScreen):
                await self.pop_screen()
            await self.push_screen(kind(self.model, self.glyphs))

    async def _open(self, screen: ConsoleScreen) -> None:
        """All of one thing, over where one is; nothing happens where it is on screen already."""
        async with self._navigation:
            top = self.screen
            there = isinstance(top, ConsoleScreen) and type(top) is type(screen) and top.crumb == screen.crumb
            if not there and not self._busy_with_a_question():
                await self.push_screen(screen)

    async def do_go_fleet(self) -> None:
        """Every vehicle."""
        from v2g_console.console.screens.fleet import FleetScreen

        await self._go(FleetScreen)

    async def do_go_dispatches(self) -> None:
        """Active and past dispatches."""
        from v2g_console.console.screens.dispatches import DispatchesScreen

        await self._go(DispatchesScreen)

    async def do_go_alarms(self) -> None:
        """What wants an answer."""
        from v2g_console.console.screens.alarms import AlarmsScreen

        await self._go(AlarmsScreen)

    async def do_go_link(self) -> None:
        """The MQTT link in full."""
        from v2g_console.console.screens.link import LinkScreen

        await self._go(LinkScreen)

    async def do_go_journal(self) -> None:
        """The record of decisions."""
        from v2g_console.console.screens.journal import JournalScreen

        await self._go(JournalScreen)

    async def do_go_outlook(self) -> None:
        """What is to come."""
        from v2g_console.console.screens.outlook import OutlookScreen

        await self._go(OutlookScreen)

    async def do_go_handover(self) -> None:
        """What the next shift must know."""
        from v2g_console.console.screens.handover import HandoverScreen

        await self._go(HandoverScreen)

    async def do_go_diagnostics(self) -> None:
        """The program itself."""
        from v2g_console.console.screens.diagnostics import DiagnosticsScreen

        await self._go(DiagnosticsScreen)

    async def do_stop_list(self) -> None:
        """Who has not confirmed the release, and what to do by hand."""
        from v2g_console.console.screens.stop_list import StopListScreen

        await self._go(StopListScreen)

    async def do_compose_dispatch(self) -> None:
        """A new dispatch."""
        await self.open_composer()

    async def open_composer(self, start: FieldTexts | None = None) -> None:
        """A new dispatch; `start` is what stands in its fields at first, if not what always does."""
        from v2g_console.console.screens.composer import ComposerScreen

        async with self._navigation:
            if not self._busy_with_a_question():
                vehicles = self.screen.dispatch_scope if isinstance(self.screen, ConsoleScreen) else ()
                delay_s = self.options.send_delay_s
                await self.push_screen(ComposerScreen(self.model, self.glyphs, send_delay_s=delay_s, vehicles=vehicles, start=start))

    async def do_decide_proposal(self) -> None:
        """What EcoWatt proposes."""
        from v2g_console.console.proposing import decide_proposal

        await decide_proposal(self)

    async def do_open_dispatch(self) -> None:
        """All of the selected dispatch."""
        from v2g_console.console.screens.dispatch_detail import DispatchDetailScreen

        view = self.model.selected_dispatch()
        if view is not None:
            self.model.selected_dispatch_id = view.dispatch_id
            await self._open(DispatchDetailScreen(self.model, self.glyphs, view.dispatch_id))

    async def do_open_vehicle(self) -> None:
        """All of the selected vehicle."""
        from v2g_console.console.screens.vehicle_detail import VehicleDetailScreen

        if self.model.selected_vehicle_id is not None:
            await self._open(VehicleDetailScreen(self.model, self.glyphs, self.model.selected_vehicle_id))
