"""Sending that the engine does on the side: each piece is a task on its loop, and what fails is told in the log."""

import asyncio
import logging
from collections.abc import Coroutine

from v2g_console.engine.refusal import RefusalError
from v2g_console.journal.port import JournalError

log = logging.getLogger(__name__)


class Errands:
    """The tasks under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do it on the side."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def send(self, sending: Coroutine[None, None, None]) -> None:
        """Send something on the side, unless an interlock or the journal says no."""
        self.run(guarded(sending))

    async def close(self) -> None:
        """Leave off whatever is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def guarded(sending: Coroutine[None, None, None]) -> None:
    """Send something; a refusal and a failing journal are told in the log: whoever looks next finds it again."""
    try:
        await sending
    except RefusalError as error:
        log.warning("not sent: %s", error.message)
    except JournalError as error:
        log.error("the journal did not take a round, so it was not sent: %s", error)
