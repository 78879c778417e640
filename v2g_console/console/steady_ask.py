"""Asking the engine from a screen: one question under way at a time, and none that nobody waits for any more."""

import time
from collections.abc import Callable
from typing import Final

from textual.widget import Widget

from v2g_console.console.background import start_work, still_there
from v2g_console.console.model import ConsoleModel
from v2g_console.contract.replies import Accepted, Reply
from v2g_console.contract.requests import Request

EVERY_S: Final = 1.0

Heard = Callable[[Reply | OSError], None]
"""Takes the answer, or the error if the engine is gone."""


class SteadyAsk:
    """Repeats a question for a screen, at most once in `every_s` and never while the last one is under way. Ends with the screen."""

    def __init__(
        self,
        owner: Widget,
        model: ConsoleModel,
        heard: Heard,
        monotonic_s: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
    ) -> None:
        self._owner = owner
        self._model = model
        self._heard = heard
        self._monotonic_s = monotonic_s
        self._every_s = every_s
        self._asked_at_s = float("-inf")
        self._under_way = False

    def ask(self, request: Request) -> None:
        """Ask if it is time. Called at each refresh tick."""
        now = self._monotonic_s()
        if self._under_way or now - self._asked_at_s < self._every_s:
            return
        self._asked_at_s, self._under_way = now, True
        start_work(self._owner, "steady-ask", self._run, request)

    async def _run(self, request: Request) -> None:
        try:
            reply: Reply | OSError = await self._model.request(request)
        except OSError as error:  # ConnectionError and TimeoutError are among them
            reply = error
        finally:
            self._under_way = False
        if still_there(self._owner):
            self._heard(reply)


def trouble_text(reply: Reply | OSError) -> str:
    """Why there is no answer, with what to do: `message (hint)`; "" for an accepted request."""
    if isinstance(reply, OSError):
        return f"the engine does not answer: {reply}"
    if isinstance(reply, Accepted):
        return ""
    return f"{reply.message} ({reply.hint})" if reply.hint else reply.message
