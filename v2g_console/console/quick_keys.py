"""Keys that come faster than screens: what is typed after a key that opens a field or a dialog belongs in there."""

import asyncio
from collections import deque
from typing import Any, Final

from textual import events
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker

from v2g_console.console.background import start_work
from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleExit
from v2g_console.console.textual_private import Bound, QuietCrashApp, bound_first

LONGEST_HOLD_S: Final = 0.5
"""Keys wait no longer than this for what an action opens: an engine that takes its time must not make the console look dead."""
_LOOK_EVERY_S: Final = 0.005
_MOST_HELD: Final = 64
_STOP: Final = Bound("app.invoke('dispatch.stop')", priority=True)


class QuickKeysApp(QuietCrashApp[ConsoleExit]):
    """Takes one key at a time: the next one goes where the focus is once the action of the one before has opened what it opens.

    STOP never waits.
    """

    model: ConsoleModel

    def __init__(self, ansi_color: bool | None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._held_keys: deque[events.Key] = deque(maxlen=_MOST_HELD)
        self._opening = 0
        self._releasing = False

    async def on_event(self, event: events.Event) -> None:
        """Hold a key while something opens; carry out one that leads to the registry before the next is looked at."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif (self._opening or self._releasing) and bound_first(self, event) != _STOP:
            self._held_keys.append(event)
        else:
            await self._take(event)

    async def _take(self, event: events.Key) -> None:
        """Textual takes text at once and other keys later: what was typed before and after an erasing key would change places."""
        found = bound_first(self, event)
        in_field = isinstance(self.focused, Input)
        if not found.action or found.priority or not (in_field or found.action.startswith("app.invoke(")):
            await super().on_event(event)
            return
        if in_field and self.focused is not None:
            await self._turn_of(self.focused)
        await self.run_action(found.action, found.owner)

    async def _turn_of(self, node: MessagePump) -> None:
        """Until `node` has seen to what it was handed so far."""
        reached = asyncio.Event()
        if node.call_later(reached.set):
            try:
                await asyncio.wait_for(reached.wait(), LONGEST_HOLD_S)
            except TimeoutError:
                self.log.warning("keys are held no longer: the console is busy")

    def hold_keys(self, worker: Worker[Any] | None, before: Screen[Any]) -> None:
        """An action has begun: the next keys are for what it opens. `worker`: carries it out; `before`: the screen it was asked on."""
        self._opening += 1
        start_work(self, "keys", self._until_open, worker, before)

    async def _until_open(self, worker: Worker[Any] | None, before: Screen[Any]) -> None:
        ends_s = asyncio.get_running_loop().time() + LONGEST_HOLD_S
        try:
            while self._still_opens(worker, before) and asyncio.get_running_loop().time() < ends_s:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(_LOOK_EVERY_S)
            await self._turn_of(self)  # behind what gives the focus
        finally:
            self._opening -= 1
        await self._let_keys_go()

    def _still_opens(self, worker: Worker[Any] | None, before: Screen[Any]) -> bool:
        screen = self.screen
        if screen is before:
            return worker is not None and not worker.is_finished
        return not screen.is_running or (screen.focused is None and bool(screen.focus_chain))

    async def _let_keys_go(self) -> None:
        """In the order in which they came; the next action among them holds the rest again."""
        if self._releasing:
            return
        self._releasing = True
        try:
            while self._held_keys and not self._opening:
                await self._take(self._held_keys.popleft())
        finally:
            self._releasing = False
