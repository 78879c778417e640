"""Look-ups in the databases of users and groups, each in a thread of its own: a directory server that hangs holds up nobody else."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

T = TypeVar("T")
MOST: Final = 8


class Lookups:
    """So many at once. Threads are daemons, since asyncio's own would keep the process from ending while a directory hangs."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._under_way = 0

    async def run(self, look: Callable[[], T]) -> T:
        """What `look` returns or raises. Raises OSError while too many are under way already."""
        if self._under_way >= self._most:
            raise OSError(f"{self._most} look-ups of users and groups are under way: the directory server is slow or hangs")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[T] = loop.create_future()
        self._under_way += 1

        def beside() -> None:
            try:
                answer = partial(found.set_result, look())
            except Exception as error:  # whatever it is, who waits gets it
                answer = partial(found.set_exception, error)
            with suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits
                loop.call_soon_threadsafe(self._settle, found, answer)

        threading.Thread(target=beside, name="users and groups", daemon=True).start()
        return await found

    def _settle(self, found: asyncio.Future[T], answer: Callable[[], None]) -> None:
        self._under_way -= 1
        if not found.done():  # who waited may have given up
            answer()
