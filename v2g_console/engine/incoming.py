"""What comes in from the link, but for acks (`acks`): measurements, descriptions, and news of the link itself."""

import math
from typing import Final

import numpy as np

from v2g_console.contract.events import LinkChanged
from v2g_console.contract.link import LinkHealth, LinkState
from v2g_console.domain.states import CommandState
from v2g_console.engine.core import Core
from v2g_console.engine.discovery import Discovery
from v2g_console.engine.dispatch import Rows, Running
from v2g_console.engine.errands import Errands, guarded
from v2g_console.engine.owed import Owed
from v2g_console.engine.rounds import send_round
from v2g_console.engine.setpoint_gate import pass_again
from v2g_console.transport.refused import Cause, RefusedMessageError
from v2g_console.transport.wire import Description, Telemetry

_USABLE: Final = (LinkState.UP, LinkState.SUSPECT)


class Incoming:
    """Takes it on the engine's loop."""

    def __init__(self, core: Core, owed: Owed, discovery: Discovery, errands: Errands) -> None:
        self._core, self._owed, self._discovery, self._errands = core, owed, discovery, errands
        self._link_state = LinkState.CONNECTING

    def telemetry(self, vehicle_id: str, told: Telemetry) -> None:
        """A measurement. Raises RefusedMessageError if the fleet is full."""
        core = self._core
        row = core.fleet.row(vehicle_id)
        if row < 0:
            raise RefusedMessageError(Cause.FLEET_FULL)
        if core.fleet.measure(row, told, core.clock.monotonic(), core.clock.utc()):
            self._discovery.news()
            if not core.fleet.described[row]:
                self._discovery.undescribed()
        if core.fleet.owed[row]:
            self._owed.sign_of_life(row, told.ts_s)

    def description(self, vehicle_id: str, told: Description) -> None:
        """A vehicle says what it is. Raises RefusedMessageError if the fleet is full."""
        core = self._core
        row = core.fleet.row(vehicle_id)
        if row < 0:
            raise RefusedMessageError(Cause.FLEET_FULL)
        if core.fleet.describe(row, told, core.clock.monotonic(), core.clock.utc()):
            self._discovery.news()
        if core.fleet.owed[row]:
            self._owed.sign_of_life(row)

    def gone(self, vehicle_id: str) -> None:
        """The broker says that a vehicle's connection is dead (its last will). A vehicle that is not known yet isn't made by it."""
        core = self._core
        row = core.fleet.row_of.get(vehicle_id)
        if row is not None:
            core.fleet.lose(row, core.clock.monotonic())

    def link(self, health: LinkHealth) -> None:
        """The state of the link changed, or its cause."""
        core, before = self._core, self._link_state
        self._link_state = health.state
        if health.state is not before:
            core.emit(
                LinkChanged(ts=core.ts(), state=health.state.value, cause=health.cause.value, text=health.cause_text, broker=health.broker)
            )
        if (health.state in _USABLE) is not (before in _USABLE):
            core.link_up_since = core.clock.monotonic() if health.state in _USABLE else math.inf
        if health.state is LinkState.UP and before is not LinkState.SUSPECT:
            self._errands.run(self._reconnected())

    async def _reconnected(self) -> None:
        """The link is up (again): ask the fleet; what a running dispatch could not send before is decided and sent anew."""
        await self._discovery.ask()
        for running in list(self._core.running.values()):
            if running.sends:
                await self._resend_unsent(running)

    async def _resend_unsent(self, running: Running) -> None:
        unsent = np.isin(running.command_state, (CommandState.FAILED, CommandState.DROPPED))
        failed = np.flatnonzero(unsent & running.held(self._core.fleet.owner))
        if len(failed):
            await guarded(self._send_again(running, failed))

    async def _send_again(self, running: Running, positions: Rows) -> None:
        await send_round(self._core, running, pass_again(self._core, running, positions), "retry")
